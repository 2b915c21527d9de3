#!/usr/bin/env python3
"""Speed of the search engine, as ratios of one run: evaluations per second serial, under mpirun
with one rank (what MPI itself costs) and with one rank per core; largest process in memory.

    tests/bench/engine.py [EVALUATIONS] [MODEL]      (CIMDSE names the binary)"""
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

CIMDSE = os.environ.get("CIMDSE", "cimdse")


def spec(model, evaluations):
    return {
        "name": "bench", "model": model, "arch": "isaac",
        "parameters": {"chip.cores": {"range": [168, 400]}, "crossbar.adc_bits": {"range": [6, 9]},
                       "core.crossbars": {"range": [64, 128]},
                       "schedule.level": {"choice": ["cg", "mvm"]}},
        "objectives": {"latency_s": "min", "energy_j": "min", "area_mm2": "min"},
        "strategy": {"name": "random", "seed": "1"}, "budget": {"evaluations": evaluations},
    }


def run(command, folder, name):
    out = os.path.join(folder, name)
    start = time.perf_counter()
    done = subprocess.run(command + ["-o", out, "--quiet"], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stderr
    digest = subprocess.run([CIMDSE, "digest", out], capture_output=True, text=True).stdout.strip()
    return seconds, digest


def main():
    evaluations = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    model = sys.argv[2] if len(sys.argv) > 2 else "resnet50"
    cores = os.cpu_count() or 1
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "spec.json")
        with open(path, "w") as f:
            json.dump(spec(model, evaluations), f)
        serial = [CIMDSE, "run", path]
        cases = [("serial", serial)]
        cases += [(f"mpirun -n {n}", ["mpirun", "--oversubscribe", "-n", str(n)] + serial)
                  for n in (1, cores, 2 * cores)]
        base, digests = None, set()
        for name, command in cases:
            seconds, digest = run(command, folder, name.replace(" ", ""))
            digests.add(digest)
            base = base or seconds
            print(f"{name:12s} {evaluations / seconds:9.0f} evaluations/s   {base / seconds:5.2f} x serial"
                  f"   digest {digest}")
        assert len(digests) == 1, "results differ between rank counts"
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"largest process: {peak / 1024:.0f} MiB")


if __name__ == "__main__":
    sys.exit(main())
