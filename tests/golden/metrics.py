#!/usr/bin/env python3
"""Metrics that must not move unnoticed: every built-in network on every preset and level, compared
with tests/golden/metrics.json. A change that is meant is recorded with --update and explained in the
commit that makes it."""
import json
import os
import subprocess
import sys

CIMDSE = os.environ.get("CIMDSE", "cimdse")
HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "metrics.json")
MODELS = ["vgg8", "resnet18", "resnet50", "mobilenet_v2", "vit_b_16", "bert_base"]
CHIPS = {"isaac": ["cg", "mvm"], "puma": ["cg", "mvm"], "baseline": ["mvm"], "jia2021": ["cg"],
         "jain2021": ["mvm"]}
TOLERANCE = 1e-9  # the arithmetic is the same everywhere; libm may differ in the last bits


def metrics(model, chip, level):
    run = subprocess.run([CIMDSE, "compile", model, chip, "--level", level, "--json", "-"],
                         capture_output=True, text=True)
    assert run.returncode == 0, (model, chip, run.stderr)
    plan = json.loads(run.stdout)
    return {"segments": len(plan["segments"]), **plan["metrics"]}


def moved(old, new):
    return [f"{k}: {old.get(k)} -> {new[k]}" for k in new
            if k not in old or abs(old[k] - new[k]) > TOLERANCE * max(abs(old[k]), abs(new[k]))]


def main():
    now = {f"{m} {c} {l}": metrics(m, c, l) for m in MODELS for c in CHIPS for l in CHIPS[c]}
    if "--update" in sys.argv[1:]:
        with open(GOLDEN, "w") as f:
            json.dump(now, f, indent=1)
            f.write("\n")
        return 0
    with open(GOLDEN) as f:
        golden = json.load(f)
    bad = 0
    for name in sorted(set(golden) | set(now)):
        changes = moved(golden.get(name, {}), now.get(name, {})) or (name not in now and ["gone"])
        if changes:
            bad += 1
            print(f"{name}: {'; '.join(changes)}")
    print(f"{len(now)} points, {bad} moved")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
