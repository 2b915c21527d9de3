#!/usr/bin/env python3
"""The analytical model agrees with the cycle simulator: within 5 % for every built-in network and level
of a chip, 2 % on average. tests/bench/cycle_agreement.py prints the numbers."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
import cycle_agreement as agreement

CHIPS = ["jia2021", "jain2021"]


def main():
    bad = agreement.failures(agreement.measure(agreement.names("model"), CHIPS))
    for line in bad:
        print(line)
    return len(bad) > 0


if __name__ == "__main__":
    sys.exit(main())
