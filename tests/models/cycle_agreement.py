#!/usr/bin/env python3
"""The analytical model agrees with the cycle simulator: within 5 % for every built-in network, 2 % on
average, for the chips, levels and metrics below. tests/bench/cycle_agreement.py prints all numbers."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
import cycle_agreement as agreement

AGREED = {
    "baseline": {"none": ["latency", "peak_power"], "cg": ["latency", "peak_power"],
                 "mvm": ["latency"]},
    "isaac": {"none": ["latency", "peak_power"], "cg": ["latency"], "mvm": ["latency"]},
    "jain2021": {level: ["latency", "peak_power"] for level in ("none", "cg", "mvm", "vvm")},
    "jia2021": {level: ["latency", "peak_power"] for level in ("none", "cg")},
    "puma": {"none": ["latency", "peak_power"], "cg": ["latency"], "mvm": ["latency"]},
}


def main():
    models, bad = agreement.names("model"), []
    for chip, levels in AGREED.items():
        for level, metrics in levels.items():
            points = {(m, chip, level): agreement.point(m, chip, level) for m in models}
            bad += agreement.failures(points, metrics)
    for line in bad:
        print(line)
    return len(bad) > 0


if __name__ == "__main__":
    sys.exit(main())
