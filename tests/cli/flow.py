#!/usr/bin/env python3
"""Meta-operator flows as files: what is emitted is small and accepted, what is wrong is refused with exit 2
and one line that names file and line.

tests/data/invalid/flow/mistakes.tsv makes one mistake each in a flow that the program itself wrote."""
import json
import os
import re
import subprocess
import sys
import tempfile

CIMDSE = os.environ.get("CIMDSE", "cimdse")
DATA = os.path.join(os.environ.get("CIM_SOURCE", "."), "tests/data/invalid/flow/mistakes.tsv")
failures = 0

FLOWS = {"xb": ["vgg7", "isaac", "--level", "mvm", "--set", "schedule.max_copies=9"],
         "l0": ["vgg7", "puma", "--level", "cg"],
         "core": ["vgg7", "jia2021", "--level", "cg", "--set", "workload.weight_bits=2"],
         "word": ["vgg7", "jain2021", "--level", "mvm"]}
EXTREME = {"@LONG@": "+".join(["1"] * 1001), "@DEEP@": "(" * 65 + "1" + ")" * 65,
           "@NEST@": "\n".join(["{"] * 33), "@LETS@": "\n".join(f"let v{i} = 0" for i in range(33))}


def fail(*what):
    global failures
    failures += 1
    print("FAILED", *what)


def run(*command):
    return subprocess.run([CIMDSE, *command], capture_output=True, text=True, timeout=120)


def emit(arguments):
    done = run("compile", *arguments, "--emit", "-")
    if done.returncode or not done.stdout.startswith("cimdse-flow"):
        fail("emit", arguments, done.stderr, done.stdout[:80])
    return done.stdout


def simulate(arguments, text, folder):
    file = os.path.join(folder, "x.flow")
    with open(file, "w") as f:
        f.write(text)
    return run("simulate", *arguments, "--flow", file)


def refused(what, done, message):
    first = done.stderr.splitlines()[0] if done.stderr else ""
    if done.returncode != 2 or len(done.stderr.splitlines()) != 1 or done.stdout:
        fail(what, "exit", done.returncode, done.stderr[:300], done.stdout[:80])
    elif not re.search(message, first) or "x.flow" not in first:
        fail(what, "says:", first)


def check_slow_clock(folder):
    """A flow says how slow operators are to keep a power cap: read back, it takes the same time."""
    arguments = ["vgg7", "puma", "--level", "cg", "--set", "schedule.pipeline=false", "--set",
                 "schedule.peak_power_cap_w=2"]
    text = emit(arguments)
    slow = re.findall(r"unit=(crossbar|digital) slow=(\S+) ", text)
    if {kind for kind, _ in slow} != {"crossbar", "digital"} or not all(float(s) > 1 for _, s in slow):
        fail("slow operators", slow[:9])
    full = re.sub(r" slow=\S+", "", text)
    times = []
    for flow in (None, text, full):
        with open(os.path.join(folder, "x.flow"), "w") as f:
            f.write(flow or "")
        done = run("simulate", *arguments, "--json", "-", *(["--flow", f.name] if flow else []))
        times.append(json.loads(done.stdout)["metrics"])
    if times[0] != times[1] or not times[2]["latency_s"] < times[0]["latency_s"]:
        fail("slow clock", [t["latency_s"] for t in times])
    if not times[2]["peak_power_w"] > 2 >= times[0]["peak_power_w"] * (1 - 1e-2):
        fail("slow clock", [t["peak_power_w"] for t in times])


def check_mistakes(folder):
    texts = {key: emit(arguments) for key, arguments in FLOWS.items()}
    for key, text in texts.items():
        done = simulate(FLOWS[key], text, folder)
        if "x.flow" in done.stderr:
            fail(key, "is legal:", done.stderr)
    with open(DATA) as f:
        lines = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    for key, find, replace, message in lines:
        wrong, n = re.subn(find, replace, texts[key], count=1, flags=re.MULTILINE)
        for word, long in EXTREME.items():
            wrong = wrong.replace(word, long)
        if n != 1 or wrong == texts[key]:
            fail(key, find, "changes nothing")
            continue
        refused(f"{key} {find} -> {replace}", simulate(FLOWS[key], wrong, folder), message)
    print(len(lines), "mistakes")
    return texts


def check_cut(texts, folder):
    """A file that ends early, anywhere."""
    text = texts["xb"]
    for i in range(0, len(text) - 1, len(text) // 40):
        refused(f"cut at {i}", simulate(FLOWS["xb"], text[:i], folder), r"x\.flow:\d+: ")
    for damage in ["", "\0", "\n\n", "\xff" * 50, text[:200] + "\0" + text[200:],
                   text.replace("\n", "\r"), "#" * 100]:
        refused(f"damaged {damage[:20]!r}", simulate(FLOWS["xb"], damage, folder), r"x\.flow")
    done = simulate(FLOWS["xb"], text.replace("\n", "  # comment\r\n\n"), folder)
    if "x.flow" in done.stderr:
        fail("comments and blank lines", done.stderr)
    refused("another network", simulate(["vgg8", "isaac", "--level", "mvm"], text, folder),
            r"x\.flow")


def check_sizes():
    for network, arch, level in [("resnet50", "jain2021", "vvm"), ("resnet50", "isaac", "mvm"),
                                 ("vit_b_16", "jain2021", "mvm"), ("mobilenet_v2", "puma", "cg"),
                                 ("bert_base", "jia2021", "cg")]:
        size = len(emit([network, arch, "--level", level]))
        print(f"{network} on {arch}, level {level}: {size / 1e6:.2f} MB")
        if size > 50e6:
            fail(network, arch, "flow of", size, "bytes")


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_slow_clock(folder)
        check_cut(check_mistakes(folder), folder)
    check_sizes()
    both = run("compile", "vgg7", "isaac", "--emit", "/no/such/folder/x.flow")
    if both.returncode != 2 or "/no/such/folder" not in both.stderr:
        fail("emit to nowhere", both.returncode, both.stderr)
    sys.exit(1 if failures else 0)


main()
