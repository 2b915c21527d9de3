#!/usr/bin/env python3
"""What longer search for the copies of a pipeline brings (schedule.effort), and how far the reported bound
leaves room:

    CIMDSE=build/cimdse tests/bench/effort.py [EFFORT...]

One row per network, chip and level: latency at each effort over that at effort 1, and the gap to the bound at the
largest; then geometric means."""
import json
import math
import os
import subprocess
import sys

CIMDSE = os.environ.get("CIMDSE", "cimdse")
NETWORKS = ["vgg7", "vgg8", "resnet18", "resnet34", "resnet50", "resnet101", "mobilenet_v2"]


def compiled(network, chip, level, effort):
    run = subprocess.run([CIMDSE, "compile", network, chip, "--level", level, "--set", f"schedule.effort={effort}",
                          "--json", "-"], capture_output=True, text=True, check=True)
    plan = json.loads(run.stdout)
    return plan["metrics"]["latency_s"], plan.get("objective_bound", {}).get("gap")


def main(efforts):
    print("| network | chip | level | " + " | ".join(f"effort {e}" for e in efforts) + " | gap |")
    print("|" + "---|" * (len(efforts) + 4))
    ratios = [[] for _ in efforts]
    for chip in ("isaac", "baseline"):
        for network in NETWORKS:
            for level in ("cg", "mvm"):
                found = [compiled(network, chip, level, e) for e in efforts]
                row = [f[0] / found[0][0] for f in found]
                for r, x in zip(ratios, row):
                    r.append(x)
                gap = found[-1][1]
                print(f"| {network} | {chip} | {level} | " + " | ".join(f"{x:.4f}" for x in row) +
                      (f" | {100 * gap:.1f} % |" if gap is not None else " | - |"), flush=True)
    print("| geometric mean | | | " +
          " | ".join(f"{math.exp(sum(map(math.log, r)) / len(r)):.4f}" for r in ratios) + " | |")


if __name__ == "__main__":
    main([1] + [int(a) for a in sys.argv[1:] or ("8", "64")])
