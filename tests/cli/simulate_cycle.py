#!/usr/bin/env python3
"""`cimdse simulate` without numbers: what it prints adds up, the trace is one that Perfetto opens, the power
curve integrates to the energy, a flow from a file is the compiled point, and flows that cannot run are refused."""
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

CIMDSE = os.environ.get("CIMDSE", "cimdse")


def cimdse(*args):
    return subprocess.run([CIMDSE, *args], capture_output=True, text=True, timeout=120)


def simulate(*args):
    run = cimdse("simulate", *args, "--json", "-")
    assert run.returncode == 0, (args, run.stderr)
    return json.loads(run.stdout)


def near(a, b, tolerance=1e-6):
    return abs(a - b) <= tolerance * max(abs(a), abs(b))


def check_numbers(r, clock_mhz):
    m = r["metrics"]
    assert near(m["cycles"], m["latency_s"] * clock_mhz * 1e6)
    assert near(m["energy_j"], sum(r["energy_breakdown_j"].values()))
    assert near(m["peak_power_w"], sum(r["peak_power_breakdown_w"].values()))
    assert near(m["avg_power_w"], m["energy_j"] / m["latency_s"])
    assert m["avg_power_w"] <= m["peak_power_w"] <= m["instant_peak_power_w"] * (1 + 1e-9)
    assert all(0 <= u <= 1 + 1e-9 for u in r["utilization"].values())
    for op in r["operators"]:
        assert 0 <= op["start_s"] <= op["end_s"] <= m["latency_s"] * (1 + 1e-9), op
        assert op["busy_s"] <= m["latency_s"] * r["inferences"]
    for key, ratio in (("latency_s", "latency"), ("energy_j", "energy"),
                       ("peak_power_w", "peak_power"), ("interval_s", "interval")):
        assert near(r["ratio"][ratio], r["analytical"][key] / m[key])


def check_trace(path, r):
    """Complete events and counters in order of time, within the run; metadata names every track."""
    assert os.path.getsize(path) < 50e6
    with open(path) as f:
        events = json.load(f)["traceEvents"]
    end = r["metrics"]["latency_s"] * 1e6 * (1 + 1e-6) + 1e-3
    named = {e["tid"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    slices = [e for e in events if e["ph"] == "X"]
    counters = [e for e in events if e["ph"] == "C"]
    assert len(slices) + len(counters) + sum(e["ph"] == "M" for e in events) == len(events)
    assert slices and all(a["ts"] <= b["ts"] for a, b in zip(slices, slices[1:]))
    last = {}
    for e in slices:
        assert e["tid"] in named and e["dur"] >= 0 and 0 <= e["ts"] and e["ts"] + e["dur"] <= end, e
        assert e["ts"] >= last.get(e["tid"], 0) - 1e-3, e  # slices of a track do not overlap
        last[e["tid"]] = e["ts"] + e["dur"]
    busy = {op["id"] for op in r["operators"] if op["busy_s"] > 0}
    assert busy == {e["tid"] - 1 for e in slices if e["tid"] > 0}
    power = [e for e in counters if e["name"] == "power W"]
    assert len(power) > 10 and all(a["ts"] < b["ts"] for a, b in zip(power, power[1:]))


def check_power(path, r):
    with open(path) as f:
        rows = list(csv.reader(f))
    assert rows[0] == ["time_s", "power_w"]
    t, w = zip(*[(float(a), float(b)) for a, b in rows[1:]])
    energy = sum(p * (b - a) for a, b, p in zip(t, t[1:], w))
    assert near(energy, r["metrics"]["energy_j"], 1e-4), (energy, r["metrics"]["energy_j"])
    assert max(w) <= r["metrics"]["instant_peak_power_w"] * (1 + 1e-9)


def files_add_up(tmp):
    for model, chip, clock, sets in (("vgg8", "isaac", 1200, []), ("resnet18", "puma", 1000, []),
                                     ("vgg8", "jain2021", 100, []),
                                     ("resnet18", "isaac", 1200, ["--level", "mvm"]),
                                     ("vgg8", "isaac", 1200, ["--set", "workload.batch=3"])):
        trace, power = os.path.join(tmp, "trace.json"), os.path.join(tmp, "power.csv")
        r = simulate(model, chip, *sets, "--trace", trace, "--power", power)
        assert r["inferences"] == r["inferences_simulated"] and not r["extrapolated"]
        check_numbers(r, clock)
        check_trace(trace, r)
        check_power(power, r)


def weights_come_once():
    """Two columns of a differential weight are one weight on the off-chip link."""
    r = simulate("resnet18", "jia2021", "--set", "crossbar.signed_weights=differential")
    assert near(r["ratio"]["latency"], 1, 0.02) and near(r["ratio"]["energy"], 1, 0.02), r["ratio"]


def batches():
    r = simulate("vgg8", "isaac", "--set", "workload.batch=500")
    assert r["extrapolated"] and r["inferences"] == 500 and r["inferences_simulated"] < 500
    assert near(r["ratio"]["latency"], 1, 0.05)
    text = cimdse("simulate", "vgg8", "isaac", "--set", "workload.batch=500").stdout
    assert re.search(r"500 inferences \(\d+ simulated, the rest at the interval", text), text


def flows(tmp):
    path = os.path.join(tmp, "point.flow")
    assert cimdse("compile", "vgg8", "puma", "--emit", path, "--json",
                  os.path.join(tmp, "plan.json")).returncode == 0
    own, given = simulate("vgg8", "puma"), simulate("vgg8", "puma", "--flow", path)
    assert own["metrics"] == given["metrics"] and own["operators"] == given["operators"]
    with open(path) as f:
        text = f.read()
    broken = os.path.join(tmp, "broken.flow")
    with open(broken, "w") as f:
        f.write(text.replace("wait", "want", 1))
    run = cimdse("simulate", "vgg8", "puma", "--flow", broken)
    assert run.returncode == 2 and "broken.flow" in run.stderr, run.stderr


def deadlock(tmp):
    """Operators that wait for each other: legal text, no end."""
    path = os.path.join(tmp, "point.flow")
    assert cimdse("compile", "vgg8", "isaac", "--emit", path, "--json",
                  os.path.join(tmp, "plan.json")).returncode == 0
    with open(path) as f:
        text, n = re.subn(r"^( *)(wait on=t1 .*)$", r"\1\2\n\1wait on=t3 rows=1", f.read(), count=1,
                          flags=re.MULTILINE)
    assert n == 1
    with open(path, "w") as f:
        f.write(text)
    run = cimdse("simulate", "vgg8", "isaac", "--flow", path)
    assert run.returncode == 2 and not run.stdout, run
    assert re.search(r"features\.2/Conv: waits for ever before its row 1: \S*features\.3/Relu",
                     run.stderr), run.stderr


def side_by_side():
    """Windows whose products are written run together: their rows are all kept in the global buffer."""
    for sets in ((), ("schedule.stagger=false", "schedule.max_copies=1")):
        r = simulate("swin_t", "puma", "--level", "mvm", *(
            word for s in ("schedule.dynamic_products=crossbar", "chip.buffer_kib=512", *sets)
            for word in ("--set", s)))
        assert abs(r["ratio"]["latency"] - 1) < 0.2, r["ratio"]


def caps(tmp):
    """Traffic that draws more where operators are placed than was expected: a cap that a slower schedule keeps."""
    plan, slower = os.path.join(tmp, "capped.json"), 0
    for cap in (8, 6, 5):
        sets = ("schedule.duplication=none", "schedule.dynamic_products=crossbar",
                "chip.noc_bits_per_cycle=null", "chip.alu_ops_per_cycle=1",
                "chip.offchip_gb_per_s=null", "crossbar.adc_bits=5", "workload.weight_bits=3",
                f"schedule.peak_power_cap_w={cap}")
        run = cimdse("compile", "vit_b_16", "isaac", "--level", "mvm", "--json", plan,
                     *(word for s in sets for word in ("--set", s)))
        assert run.returncode == 0, run.stderr
        with open(plan) as f:
            d = json.load(f)
        assert d["state"] == "ok", (cap, d["reason"])
        assert d["metrics"]["peak_power_w"] <= cap * (1 + 1e-9)
        assert d["metrics"]["latency_s"] >= slower
        slower = d["metrics"]["latency_s"]


def refused():
    for args, words in ((["vgg8", "isaac", "--output", "y.npy"], ["--output", "--input"]),
                        (["vgg8", "isaac", "--reference"], ["--reference", "--input"]),
                        (["vgg8", "isaac", "--set", "schedule.peak_power_cap_w=0.001"],
                         ["isaac", "infeasible"])):
        run = cimdse("simulate", *args)
        assert run.returncode == 2 and not run.stdout, (args, run)
        assert all(w in run.stderr for w in words), run.stderr


def main():
    with tempfile.TemporaryDirectory() as tmp:
        files_add_up(tmp)
        weights_come_once()
        batches()
        flows(tmp)
        deadlock(tmp)
        side_by_side()
        caps(tmp)
        refused()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
