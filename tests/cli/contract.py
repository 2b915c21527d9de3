#!/usr/bin/env python3
"""The names other programs rely on: commands, JSON keys, files of a result, columns."""
import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import pandas

CIMDSE = os.environ.get("CIMDSE", "cimdse")
METRICS = {"latency_s", "throughput_ips", "energy_j", "avg_power_w", "peak_power_w", "area_mm2",
           "edp_js", "sqnr_db", "utilization", "tops", "tops_per_w", "tops_per_mm2",
           "lifetime_inferences"}


def cimdse(*arguments, status=0, cwd=None):
    run = subprocess.run([CIMDSE, *arguments], capture_output=True, text=True, cwd=cwd)
    assert run.returncode == status, (arguments, run.returncode, run.stderr)
    return run.stdout


def need(found, wanted, where):
    missing = set(wanted) - set(found)
    assert not missing, f"{where}: missing {sorted(missing)}"


def check_show():
    model = json.loads(cimdse("model", "show", "resnet18", "--json"))
    need(model, ["name", "inputs", "macs", "weights", "operators"], "model show")
    for o in model["operators"]:
        need(o, ["id", "name", "type", "unit", "output_shape", "macs", "weights", "matrix_rows",
                 "matrix_cols", "groups", "mvms"], "model show operator")
        assert o["unit"] in ("crossbar", "digital", "none")
    assert model["macs"] == sum(o["macs"] for o in model["operators"])
    arch = json.loads(cimdse("arch", "show", "isaac", "--json"))
    need(arch, ["arch", "weight_capacity_bits", "peak_tops", "area_mm2", "area_breakdown_mm2",
                "peak_power_w", "peak_power_breakdown_w", "tops_per_w", "tops_per_mm2", "crossbar"],
         "arch show")
    need(arch["crossbar"], ["mvm_s", "mvm_energy_j", "energy_breakdown_j", "area_mm2",
                            "area_breakdown_mm2"], "arch show crossbar")
    need(arch["arch"], ["name", "computing_mode", "technology_nm", "supply_v", "clock_mhz", "chip",
                        "core", "crossbar", "device", "workload", "schedule"], "resolved arch")
    for word in ("model", "arch"):
        assert len(cimdse(word, "list").splitlines()) >= 5


def check_compile(folder):
    path = os.path.join(folder, "plan.json")
    cimdse("compile", "vgg8", "isaac", "--detail", "--json", path)
    with open(path) as f:
        plan = json.load(f)
    need(plan, ["tool", "model", "arch", "schedule", "state", "reason", "metrics",
                "energy_breakdown_j", "area_breakdown_mm2", "peak_power_breakdown_w", "segments",
                "operators"], "compile")
    assert set(plan["metrics"]) == METRICS
    for s in plan["segments"]:
        need(s, ["operators", "units_used", "reload_s", "budget_units"], "segment")
    for o in plan["operators"]:
        need(o, ["id", "name", "type", "mvms", "matrix_rows", "matrix_cols", "crossbars_per_copy",
                 "cores_per_copy", "copies", "stage_s", "start_s", "end_s"], "operator")
        if o["unit"] == "crossbar":
            need(o, ["candidates"], "operator detail")
    on_stdout = json.loads(cimdse("compile", "vgg8", "isaac", "--json", "-"))
    assert on_stdout["metrics"] == plan["metrics"]


SPEC = {
    "name": "contract", "model": "vgg8", "arch": "isaac",
    "parameters": {"chip.cores": {"values": [2, 64, 128]}, "crossbar.rows": {"log2": [64, 256]},
                   "crossbar.adc_bits": {"range": [5, 8]}, "clock_mhz": {"real": [800, 1600]},
                   "schedule.level": {"choice": ["cg", "mvm"]},
                   "crossbar.parallel_rows": {"expr": "crossbar.rows"},
                   "schedule.pipeline": {"choice": [True, False]}},
    "constraints": ["crossbar.parallel_rows <= crossbar.rows", "area_mm2 <= 80"],
    "objectives": {"latency_s": "min", "energy_j": "min", "tops_per_mm2": "max"},
    "strategy": {"name": "nsga2", "population": 20, "seed": "7"},
    "budget": {"evaluations": 200},
}


def dominated(points):
    worse = (points[None] <= points[:, None]).all(2) & (points[None] < points[:, None]).any(2)
    return worse.any(1)


def check_result(folder):
    spec, out = os.path.join(folder, "spec.json"), os.path.join(folder, "out dir")
    with open(spec, "w") as f:
        json.dump(SPEC, f)
    space = json.loads(cimdse("space", "show", spec, "--sample", "3", "--json"))
    assert space
    cimdse("run", spec, "-o", out)
    need(os.listdir(out), ["results.h5", "front.csv", "spec.json", "log.txt"], "result directory")
    with h5py.File(os.path.join(out, "results.h5")) as f:
        need(f.attrs, ["format", "format_version", "tool_version", "spec", "seed", "created_utc",
                       "complete"], "attributes")
        kind = f.attrs["format"]
        assert (kind.decode() if isinstance(kind, bytes) else kind) == "cimdse-results"
        points = pandas.DataFrame({k: f["points"][k][:] for k in f["points"]})
        metrics = pandas.DataFrame({k: f["metrics"][k][:] for k in f["metrics"]})
        assert set(metrics.columns) == METRICS and len(metrics) == len(points) == 200
        assert all(f["metrics"][k].attrs["unit"] is not None for k in f["metrics"])
        need(points.columns, ["id", "state", *SPEC["parameters"]], "points")
        assert list(points["id"]) == sorted(points["id"])
        assert (points["crossbar.parallel_rows"] == points["crossbar.rows"]).all()
        rows = f["pareto"]["row"][:]
        need(f["pareto"], ["row", "history", "plans"], "pareto")
        plans = f["pareto"]["plans"][:]
    values = metrics[["latency_s", "energy_j", "tops_per_mm2"]].to_numpy() * [1, 1, -1]
    ok = np.isfinite(values).all(1)
    assert (metrics["area_mm2"][ok] <= 80).all()
    front = set(np.flatnonzero(ok)[~dominated(values[ok])])
    got = set(int(r) for r in rows)
    assert got <= front
    assert {tuple(values[r]) for r in front} == {tuple(values[r]) for r in got}
    for row, text in list(zip(rows, plans))[:5]:
        plan = json.loads(text)
        assert plan["metrics"]["latency_s"] == metrics["latency_s"][row]
        assert plan["arch"]["chip"]["cores"] == points["chip.cores"][row]
    csv = pandas.read_csv(os.path.join(out, "front.csv"), float_precision="round_trip")
    assert len(csv) == len(rows)
    every = os.path.join(folder, "all.csv")
    cimdse("export", out, "--csv", every)
    table = pandas.read_csv(every, float_precision="round_trip")
    assert len(table) == 200
    assert np.array_equal(table["energy_j"].to_numpy(), metrics["energy_j"].to_numpy(), equal_nan=True)
    digest = cimdse("digest", out).strip()
    assert len(digest) >= 16 and digest == cimdse("digest", os.path.join(out, "results.h5")).strip()
    assert "done" in cimdse("status", out)
    cimdse("pareto", out)
    other = json.loads(cimdse("pareto", out, "--objectives", "area_mm2,throughput_ips", "--json", "-"))
    assert other
    for kind in ("svg", "png"):
        drawing = os.path.join(folder, "front." + kind)
        cimdse("plot", out, "-o", drawing)
        assert os.path.getsize(drawing) > 1000
    check_reruns(folder, spec, out, digest)


def check_reruns(folder, spec, out, digest):
    cimdse("run", spec, "-o", out, status=2)  # never overwritten
    assert cimdse("digest", out).strip() == digest
    again = os.path.join(folder, "again")
    cimdse("run", spec, "-o", again, "--quiet")
    assert cimdse("digest", again).strip() == digest
    resolved = os.path.join(folder, "resolved")
    cimdse("run", os.path.join(out, "spec.json"), "-o", resolved)
    assert cimdse("digest", resolved).strip() == digest, "the resolved spec is the same run"
    other = os.path.join(folder, "other")
    cimdse("run", spec, "-o", other, "--seed", "8")
    assert cimdse("digest", other).strip() != digest
    stopped = os.path.join(folder, "stopped")
    cimdse("run", spec, "-o", stopped, "--max-seconds", "0.02", "--evaluations", "20000", status=3)
    short = cimdse("status", stopped)
    assert "resume" in short


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_show()
        check_compile(folder)
        check_result(folder)
    print("all names are there")


if __name__ == "__main__":
    sys.exit(main())
