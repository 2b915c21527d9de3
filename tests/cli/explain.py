#!/usr/bin/env python3
"""`--explain METRIC`: the lines make the metric, each unit cost names its entry of the library and that
entry's source; wrong metrics are refused. Also what compile says of wear and of uncertain physics."""
import json
import math
import os
import subprocess
import tempfile

CIMDSE = os.environ.get("CIMDSE", "cimdse")
SOURCE = os.environ.get("CIM_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))


def cimdse(*arguments, status=0):
    run = subprocess.run([CIMDSE, *arguments], capture_output=True, text=True)
    assert run.returncode == status, (arguments, run.returncode, run.stderr)
    return run.stdout if status == 0 else run.stderr


def combined(x):
    values = [line["value"] for line in x["lines"]]
    if x["combine"] == "sum":
        return math.fsum(values)
    if x["combine"] == "product":
        return math.prod(values)
    return -10 * math.log10(math.fsum(values))


def library():
    entries = {}
    folder = os.path.join(SOURCE, "costmodel", "library")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name)) as f:
            for section, content in json.load(f).items():
                if isinstance(content, dict):
                    for key, entry in content.items():
                        if isinstance(entry, dict) and "source" in entry:
                            entries[f"{section}/{key}"] = entry["source"]
    return entries


def check_lines(x, entries, what):
    assert x["lines"], what
    for line in x["lines"]:
        if "unit_cost" in line and x["metric"] in ("energy_j", "avg_power_w", "peak_power_w",
                                                   "area_mm2", "leakage_w"):
            assert line["sources"], (what, line)
            scale = line["value"] / (line["count"] * line["unit_cost"])
            assert math.isfinite(scale) and scale > 0, (what, line)
        for s in line["sources"]:
            assert entries[s["entry"]] == s["source"], (what, s)
    if x["combine"] != "product":
        sizes = [abs(line["value"]) for line in x["lines"]]
        assert sizes == sorted(sizes, reverse=True), what


def check_plans(entries):
    points = [("resnet18", "isaac"), ("resnet18", "puma"),
              ("vgg8", "jia2021"), ("vgg16", "jain2021"),
              ("resnet18", "baseline", "--set", "schedule.pipeline=false"),
              ("resnet18", "isaac", "--set", "crossbar.adcs=0", "--set", "device.bits_per_cell=1"),
              ("vit_b_16", "isaac", "--set", "schedule.dynamic_products=crossbar", "--set",
               "device.type=sram", "--set", "device.bits_per_cell=1", "--set", "chip.cores=900",
               "--set", "crossbar.adcs=1"),
              ("vgg8", "isaac", "--set", "chip.cores=2", "--set", "device.variation=null",
               "--set", "workload.batch=3")]
    for point in points:
        plan = json.loads(cimdse("compile", *point, "--json", "-"))
        assert plan["state"] == "ok", (point, plan["reason"])
        for metric, value in plan["metrics"].items():
            x = json.loads(cimdse("compile", *point, "--explain", metric, "--json", "-"))
            what = (point, metric)
            assert x["metric"] == metric and x["value"] == value, what
            assert math.isclose(combined(x), value, rel_tol=1e-9, abs_tol=1e-15), \
                (what, combined(x), value)
            check_lines(x, entries, what)
        check_wear(plan)


def check_wear(plan):
    wear, segments = plan["lifetime"], len(plan["segments"])
    overlapped = plan["arch"]["schedule"].get("write_overlap")
    if plan["arch"]["schedule"]["dynamic_products"] == "crossbar":
        assert wear["writes_per_inference"] == 1 and wear["inferences"] == wear["endurance_cycles"]
    elif segments == 1:
        assert wear["writes_per_inference"] == 0 and wear["inferences"] == 1e18
    else:
        batch = plan["arch"]["workload"]["batch"]
        assert wear["writes_per_inference"] <= segments / batch
        if not overlapped:
            assert wear["writes_per_inference"] == segments / batch
        assert math.isclose(wear["inferences"],
                            min(1e18, wear["endurance_cycles"] / wear["writes_per_inference"]))
        assert wear["cells_written"] > 0 and wear["write_energy_j"] > 0 and wear["reload_s"] > 0
    assert wear["inferences"] == plan["metrics"]["lifetime_inferences"]


def check_chips(entries):
    for arch in ("isaac", "puma", "jia2021", "jain2021", "baseline"):
        shown = json.loads(cimdse("arch", "show", arch, "--json"))
        for metric in ("area_mm2", "peak_power_w", "leakage_w"):
            x = json.loads(cimdse("arch", "show", arch, "--explain", metric, "--json"))
            assert math.isclose(combined(x), shown[metric], rel_tol=1e-9), (arch, metric)
            check_lines(x, entries, (arch, metric))


def check_text():
    text = cimdse("compile", "resnet18", "isaac", "--explain", "energy_j")
    assert "adc_models/isaac [" in text and "]: adc_models" not in text
    assert "\n[1] " in text and "x 1.4" in text
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mine.json")
        with open(os.path.join(SOURCE, "costmodel", "library", "devices.json")) as f:
            devices = json.load(f)
        devices["devices"] = {"reram": dict(devices["devices"]["reram"], source="my bench")}
        with open(path, "w") as f:
            json.dump(devices, f)
        text = cimdse("compile", "resnet18", "isaac", "--explain", "energy_j", "--library", path)
        assert "devices/reram: my bench" in text


def check_refused():
    for command in (["compile", "vgg8", "isaac", "--explain", "speed"],
                    ["arch", "show", "isaac", "--explain", "energy_j"],
                    ["compile", "vgg8", "isaac", "--set", "crossbar.adc_bits=16", "--set",
                     "adc.model=isaac", "--explain", "area_mm2"]):
        message = cimdse(*command, status=2)
        assert len(message.splitlines()) == 1, message
    message = cimdse("compile", "vgg8", "isaac", "--explain", "speed", status=2)
    assert "latency_s" in message and "lifetime_inferences" in message
    assert "leakage_w" in cimdse("arch", "show", "isaac", "--explain", "x", status=2)


def check_warnings():
    plan = json.loads(cimdse("compile", "vgg8", "isaac", "--json", "-"))
    assert plan["warnings"] == []
    plan = json.loads(cimdse("compile", "vgg8", "isaac", "--set", "supply_v=0.4", "--set",
                             "device.bits_per_cell=8", "--json", "-"))
    assert len(plan["warnings"]) == 2 and "supply_v" in plan["warnings"][0]
    text = cimdse("compile", "vgg8", "isaac", "--set", "supply_v=0.4")
    assert "note: supply_v 0.4" in text
    assert all("sqnr_db" in o for o in plan["operators"] if o["unit"] == "crossbar")


def main():
    entries = library()
    check_plans(entries)
    check_chips(entries)
    check_text()
    check_refused()
    check_warnings()
    print("explanations add up")


main()
