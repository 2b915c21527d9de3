#!/usr/bin/env python3
"""Wrong input on the command line: exit 2, one line on stderr that says where and what is allowed,
nothing on stdout, nothing written. One mistake per case."""
import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile

CIMDSE = os.environ.get("CIMDSE", "cimdse")

SPEC = {
    "name": "small", "model": "vgg8", "arch": "isaac",
    "parameters": {"chip.cores": {"values": [64, 128]}, "crossbar.adc_bits": {"range": [6, 8]}},
    "objectives": {"latency_s": "min", "energy_j": "min"},
    "strategy": {"name": "grid"}, "budget": {"evaluations": 10},
}


def spec_with(**changes):
    spec = json.loads(json.dumps(SPEC))
    for key, value in changes.items():
        if value is None:
            del spec[key]
        else:
            spec[key] = value
    return spec


INFEASIBLE = ["--set", "schedule.peak_power_cap_w=1e-9"]

# (arguments, words that must be in the message); SPEC:{...} becomes a file, RESULT a finished run,
# COSTS2 (3) a chip of 3 cores with a cost matrix for 2 (3)
CASES = [
    ([], ["command"]),
    (["modle", "show"], ["unknown command", "model"]),
    (["model"], ["model: needs", '"model list"', '"model show"']),
    (["arch", "shw", "isaac"], ["arch shw", 'did you mean "arch show"', '"arch list"']),
    (["arch", "isaac"], ["arch isaac: unknown command", '"arch list"', '"arch show"']),
    (["space"], ["space: needs", '"space show"']),
    (["space", "list"], ["space list", '"space show"']),
    (["help", "arch", "shw"], ["arch shw", '"arch show"']),
    (["help", "arch", "show", "x"], ["x: ", "too many"]),
    (["help", "run", "x"], ["x: ", "too many"]),
    (["model", "show"], ["too few", "MODEL"]),
    (["model", "show", ""], ["arguments", "empty"]),
    (["arch", "show", ""], ["arguments", "empty"]),
    (["digest", ""], ["arguments", "empty"]),
    (["model", "show", "resnet1800"], ["resnet1800", "resnet18"]),
    (["model", "show", "missing.onnx"], ["missing.onnx"]),
    (["model", "show", "."], ["file"]),
    (["model", "show", "resnet18", "extra"], ["extra", "too many"]),
    (["model", "show", "resnet18", "--jsn"], ["--jsn", "--json"]),
    (["model", "show", "resnet18", "--input"], ["--input", "value"]),
    (["model", "show", "resnet18", "--input", "nothere=1x3x224x224"], ["nothere"]),
    (["model", "show", "resnet18", "--input", "1x3xabc"], ["1x3xabc"]),
    (["model", "show", "TRUNCATED"], ["truncated.onnx"]),
    (["arch", "show", "isac"], ["isac", "isaac"]),
    (["arch", "show", "isaac", "--set", "chip.core=3"], ["chip.core", "chip.cores"]),
    (["arch", "show", "isaac", "--set", "chip.cores=0"], ["chip.cores", "0"]),
    (["arch", "show", "isaac", "--set", "chip.cores=many"], ["chip.cores", "many"]),
    (["arch", "show", "isaac", "--set", "chip.cores"], ["chip.cores", "="]),
    (["arch", "show", "isaac", "--set", "crossbar.adc_bits=17"], ["crossbar.adc_bits", "16"]),
    (["arch", "show", "isaac", "--set", "crossbar.parallel_rows=129"], ["parallel_rows", "128"]),
    (["arch", "show", "isaac", "--set", "technology_nm=200"],
     ["isaac:/technology_nm", "3 to 180 nm", "Stillmaker"]),
    (["arch", "show", "isaac", "--set", "crossbar.adc_bits=11"],
     ["isaac:/crossbar/adc_bits", "4 to 10 bits", "adc_models/isaac"]),
    (["arch", "show", "isaac", "--set", "crossbar.adcs=128"],
     ["isaac:/crossbar/adcs", "converter needs 4 F", "periphery/adc_pitch"]),
    (["arch", "show", "isaac", "--set", "crossbar.domain=charge"],
     ["isaac:/crossbar/domain", "reram", "current"]),
    (["arch", "show", "isaac", "--set", "crossbar.domain=digital"],
     ["isaac:/crossbar/domain", "adcs must be 0"]),
    (["arch", "show", "isaac", "--set", "crossbar.merge_cols=2"],
     ["isaac:/crossbar/merge_cols", "SRAM"]),
    (["arch", "show", "jia2021", "--set", "device.access=transistor"],
     ["jia2021:/device/access", "sram"]),
    (["arch", "show", "jia2021", "--set", "crossbar.merge_cols=2"],
     ["jia2021:/crossbar/adcs", "256"]),
    (["arch", "show", "isaac", "--set", "device.read_v=0.2"],
     ["isaac:/device/read_pulse_ns", "missing", "both"]),
    (["arch", "show", "isaac", "--set", "device.on_ohm=9e5", "--set", "device.off_ohm=1e4"],
     ["isaac:/device/on_ohm", "off_ohm"]),
    (["arch", "show", "isaac", "--set", "device.on_ohm=9e5"],
     ["isaac:/device/on_ohm", "20000 ohm"]),
    (["arch", "show", "jain2021", "--set", "device.on_ohm=9e5"],
     ["jain2021:/device/on_ohm", "resistor"]),
    (["arch", "show", "isaac", "--set", "device.cell_f2=0"], ["device.cell_f2", "1 to 100000"]),
    (["arch", "show", "isaac", "--set", "workload.input_density=1.5"],
     ["workload.input_density", "0 to 1"]),
    (["arch", "show", "isaac", "--set", "chip.offchip_memory=ddr9"], ["hbm2"]),
    (["arch", "show", "COSTS2"], ["costs.json:/noc_cost", "2 cores", "3"]),
    (["arch", "show", "COSTS3", "--set", "chip.cores=2"], ["t:/noc_cost", "3 cores", "2"]),
    (["compile", "resnet18"], ["too few"]),
    (["compile", "vgg8", "isaac", "--json", ""], ["--json", "empty", "FILE"]),
    (["compile", "vgg8", "isaac", "--emit="], ["--emit", "empty", "FILE"]),
    (["compile", "vgg8", "isaac", "--json", "x", "--emit", "./x"], ["--emit", "./x", "--json"]),
    (["compile", "vgg8", "isaac", "--json", "FILE", "--emit", "FILE"], ["--emit", "FILE", "--json"]),
    (["compile", "vgg8", "isaac", "--json", "."], [".: is a directory"]),
    (["compile", "vgg8", "isaac", "--emit", "x.flow", "--json", "/dev/full"], ["/dev/full"]),
    (["compile", "vgg8", "isaac", "--emit", "x.flow", "--json", "/no/such/x"], ["/no/such/x"]),
    (["compile", "vgg8", "isaac", "--explain", "latency_s", "--emit", "-"], ["--emit", "--explain"]),
    (["compile", "vgg8", "isaac", "--emit", "x.flow", "--json", "x", *INFEASIBLE],
     ["isaac", "no flow", "infeasible"]),
    (["compile", "resnet18", "isaac", "--level", "deep"], ["deep", "cg"]),
    (["compile", "resnet18", "isaac", "--level", "vvm"], ["vvm"]),
    (["compile", "resnet18", "jia2021", "--level", "mvm"], ["mvm", "core"]),
    (["compile", "resnet18", "isaac", "--objective", "speed"], ["speed", "latency"]),
    (["compile", "resnet18", "isaac", "--set", "schedule.stagger=yes"], ["schedule.stagger"]),
    (["compile", "resnet18", "isaac", "--emit", "no/such/dir/x.flow"],
     ["no/such/dir"]),
    (["compile", "resnet18", "isaac", "--set", "workload.sequence_length=5"],
     ["sequence_length", "resnet18"]),
    (["compile", "resnet18", "isaac", "--json", "no/such/dir/x.json"], ["no/such/dir/x.json"]),
    (["run", "missing.json", "-o", "out"], ["missing.json"]),
    (["run", "SPEC:{}"], ["-o"]),
    (["run", ("spec", "{"), "-o", "out"], ["line 1"]),
    (["run", ("spec", "[]"), "-o", "out"], ["object"]),
    (["run", spec_with(parameter={}), "-o", "out"], ["parameter", "parameters"]),
    (["run", spec_with(parameters={}), "-o", "out"], ["/parameters"]),
    (["run", spec_with(parameters={"chip.cors": {"values": [1]}}), "-o", "out"],
     ["chip.cors", "chip.cores"]),
    (["run", spec_with(parameters={"chip.cores": {"values": []}}), "-o", "out"],
     ["/parameters/chip.cores"]),
    (["run", spec_with(parameters={"chip.cores": {"range": [9, 3]}}), "-o", "out"],
     ["/parameters/chip.cores"]),
    (["run", spec_with(parameters={"chip.cores": {"log2": [3, 9]}}), "-o", "out"],
     ["/parameters/chip.cores"]),
    (["run", spec_with(parameters={"crossbar.adc_bits": {"range": [4, 40]}}), "-o", "out"],
     ["/parameters/crossbar.adc_bits", "16"]),
    (["run", spec_with(parameters={"schedule.level": {"choice": ["cg", "fast"]}}), "-o", "out"],
     ["/parameters/schedule.level", "fast"]),
    (["run", spec_with(constraints=["area_mm <= 3"]), "-o", "out"], ["/constraints/0", "area_mm"]),
    (["run", spec_with(constraints=["area_mm2 <= "]), "-o", "out"], ["/constraints/0"]),
    (["run", spec_with(objectives={"latency": "min"}), "-o", "out"], ["/objectives", "latency_s"]),
    (["run", spec_with(objectives={"latency_s": "least"}), "-o", "out"],
     ["/objectives/latency_s", "min"]),
    (["run", spec_with(objectives={}), "-o", "out"], ["/objectives"]),
    (["run", spec_with(model="nonet"), "-o", "out"], ["nonet"]),
    (["run", spec_with(model=7), "-o", "out"], ["/model", "number"]),
    (["run", spec_with(arch="nochip"), "-o", "out"], ["nochip"]),
    (["run", spec_with(strategy={"name": "nsga3000"}), "-o", "out"], ["/strategy", "nsga2"]),
    (["run", spec_with(strategy={"name": "nsga2", "popluation": 4}), "-o", "out"],
     ["popluation", "population"]),
    (["run", spec_with(budget={"evaluations": -5}), "-o", "out"], ["/budget/evaluations", "-5"]),
    (["run", spec_with(budget={"evaluations": "ten"}), "-o", "out"], ["/budget/evaluations"]),
    (["run", spec_with(format_version=99), "-o", "out"], ["format_version", "99"]),
    (["run", SPEC, "-o", "FILE"], ["FILE"]),
    (["run", SPEC, "-o", "/proc/nothing/here"], ["/proc/nothing"]),
    (["run", SPEC, "-o", "out", "--evaluations", "0"], ["--evaluations"]),
    (["run", SPEC, "-o", "out", "--max-seconds", "0"], ["--max-seconds", "0.001"]),
    (["run", SPEC, "-o", "out", "--seed", "x"], ["x"]),
    (["run", SPEC, "-o", "out", "--checkpoint-seconds", "0"], ["--checkpoint-seconds", "0.01"]),
    (["run", SPEC, "-o", "out", "--checkpoint-seconds", "nan"], ["--checkpoint-seconds", "nan"]),
    (["space", "show", spec_with(parameters={"chip.cores": {"expr": "chip.cores"},
                                              "crossbar.adc_bits": {"range": [4, 6]}})],
     ["/parameters/chip.cores"]),
    (["pareto", "nowhere"], ["nowhere"]),
    (["pareto", "FILE"], ["FILE"]),
    (["pareto", "RESULT", "--objectives", "latency_s,"], ["--objectives", "empty name"]),
    (["pareto", "RESULT", "--objectives", ",latency_s"], ["--objectives", "empty name"]),
    (["pareto", "RESULT", "--json", "-", "--csv", "-"], ["stdout", "--json", "--csv"]),
    (["pareto", "RESULT", "--json", "x", "--csv", "x"], ["x", "--json", "--csv"]),
    (["pareto", "RESULT", "--csv", "x", "--json", "/dev/full"], ["/dev/full"]),
    (["export", "RESULT", "--csv", "no/such/x.csv"], ["no/such/x.csv"]),
    (["plot", "RESULT", "-o", "no/such/x.svg"], ["no/such/x.svg"]),
    (["plot", "RESULT", "-o", "x.pdf"], ["x.pdf", ".svg"]),
    (["plot", "RESULT"], ["-o", ".svg"]),
    (["digest", "TRUNCATED"], ["truncated.onnx"]),
    (["compile", "vgg8", "isaac", "--json", "--detail"], ["--json", "FILE", "--detail"]),
    (["compile", "vgg8", "isaac", "--emit", "--level=cg"], ["--emit", "FILE", "--level=cg"]),
    (["compile", "vgg8", "isaac", "--explain", "latency_s", "--detail"], ["--detail", "--explain"]),
    (["compile", "vgg8", "isaac", "--explain", "latency", "--emit", "f"], ["latency_s"]),
    (["compile", "vgg8", "isaac", "--json", "-", "--emit", "-"], ["--emit", "--json"]),
    (["compile", "vgg8", "nochip", "--level", "cg"], ["nochip"]),
    (["compile", "vgg8", "isaac", "--level", "deep"], ["schedule.level", "cg"]),
    (["simulate", "vgg8", "nochip"], ["nochip"]),
    (["simulate", "vgg8", "isaac", "--trace", "t", "--power", "t"], ["--power", "--trace"]),
    (["simulate", "vgg8", "isaac", "--power", "-", "--json", "-"], ["--power", "--json", "stdout"]),
    (["simulate", "vgg8", "isaac", "--trace", "t", "--power", "/no/such/x"], ["/no/such/x"]),
    (["simulate", "vgg8", "isaac", "--level", "none", "--trace", "t", "--power", "/dev/full"],
     ["/dev/full"]),
    (["simulate", "vgg8", "isaac", "--level", "deep"], ["schedule.level", "cg"]),
    (["simulate", "vgg8", "isaac", "--library", "nowhere.json"], ["nowhere.json"]),
    (["simulate", "vgg8", "isaac", "--set", "crossbar.parallel_rows=4096"],
     ["isaac:/crossbar/parallel_rows"]),
    (["simulate", "vgg8", "isaac", "--seed", "1"], ["--seed", "--input"]),
    (["simulate", "vgg8", "isaac", "--input", "x.npy", "--reference", "--trace", "t.json"],
     ["--trace", "--reference"]),
    (["simulate", "vgg8", "isaac", "--set", "schedule.peak_power_cap_w=0.001", "--power", "p.csv"],
     ["infeasible"]),
    (["plot", "nowhere", "-o", "x.svg"], ["nowhere"]),
    (["status", "nowhere"], ["nowhere"]),
    (["export", "nowhere", "--csv", "x"], ["nowhere"]),
    (["submit", "missing.json", "-o", "out", "--nodes", "1", "--ntasks", "2", "--time", "5"],
     ["missing.json"]),
]


@functools.cache
def finished_run():
    folder = tempfile.mkdtemp(prefix="cimdse-bad-input-")
    atexit.register(shutil.rmtree, folder)
    spec, out = os.path.join(folder, "spec.json"), os.path.join(folder, "out")
    with open(spec, "w") as f:
        json.dump(SPEC, f)
    subprocess.run([CIMDSE, "run", spec, "-o", out, "--quiet"], check=True)
    return out


def chip_with_costs(folder, n):
    shown = subprocess.run([CIMDSE, "arch", "show", "isaac", "--json"], capture_output=True, check=True)
    chip = json.loads(shown.stdout)["arch"]
    chip["name"], chip["chip"]["cores"] = "t", 3
    chip["noc_cost"] = [[float(i != j) for j in range(n)] for i in range(n)]
    path = os.path.join(folder, "costs.json")
    with open(path, "w") as f:
        json.dump(chip, f)
    return path


def materialise(argument, folder, index):
    if isinstance(argument, dict):
        path = os.path.join(folder, f"spec{index}.json")
        with open(path, "w") as f:
            json.dump(argument, f)
        return path
    if isinstance(argument, tuple):
        path = os.path.join(folder, f"raw{index}.json")
        with open(path, "w") as f:
            f.write(argument[1])
        return path
    if argument == "SPEC:{}":
        return materialise(SPEC, folder, index)
    if argument == "TRUNCATED":
        path = os.path.join(folder, "truncated.onnx")
        with open(path, "wb") as f:
            f.write(b"\x08\x07\x12\x07pytorch:\xff\xff")
        return path
    if argument == "RESULT":
        return finished_run()
    if argument in ("COSTS2", "COSTS3"):
        return chip_with_costs(folder, int(argument[-1]))
    if argument == "FILE":
        path = os.path.join(folder, "FILE")
        with open(path, "w") as f:
            f.write("not a directory\n")
        return path
    return argument


def check(index, arguments, words):
    with tempfile.TemporaryDirectory() as folder:
        command = [CIMDSE] + [materialise(a, folder, index) for a in arguments]
        before = sorted(os.listdir(folder))
        run = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60)
        problems = []
        if run.returncode != 2:
            problems.append(f"exit {run.returncode} instead of 2")
        if run.stdout:
            problems.append("wrote to stdout: " + run.stdout[:80])
        if run.stderr.count("\n") != 1:
            problems.append("message is not one line")
        problems += [f"message lacks \"{w}\"" for w in words if w not in run.stderr]
        if sorted(os.listdir(folder)) != before:
            problems.append(f"left files: {sorted(set(os.listdir(folder)) - set(before))}")
        if problems:
            print(f"case {index} {arguments}: {'; '.join(problems)}\n   said: {run.stderr.strip()}")
        return not problems


def main():
    bad = sum(not check(i, a, w) for i, (a, w) in enumerate(CASES))
    print(f"{len(CASES) - bad} of {len(CASES)} wrong inputs refused as they should be")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
