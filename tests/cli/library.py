#!/usr/bin/env python3
"""A user's component library: prices follow it, a spec carries it, its content is part of the run,
and a mistake in it is named with its JSON pointer."""
import json
import os
import subprocess
import sys
import tempfile

CIMDSE = os.environ.get("CIMDSE", "cimdse")
SOURCE = os.environ.get("CIM_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
FACTOR = 10.0


def run(*arguments, launch=()):
    return subprocess.run([*launch, CIMDSE, *arguments], capture_output=True, text=True)


def good(*arguments, launch=()):
    done = run(*arguments, launch=launch)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def write(path, content):
    with open(path, "w") as f:
        json.dump(content, f)
    return path


def library(folder, name, change):
    with open(os.path.join(SOURCE, "costmodel/library/devices.json")) as f:
        reram = json.load(f)["devices"]["reram"]
    change(reram)
    return write(os.path.join(folder, name),
                 {"format": "cimdse-library", "format_version": 1, "devices": {"reram": reram}})


def dearer(entry):
    entry["read_energy"]["value"] *= FACTOR


def breakdown(*arguments):
    return json.loads(good("compile", "vgg8", "isaac", "--json", "-", *arguments))["energy_breakdown_j"]


def check_prices(mine):
    plain, changed = breakdown(), breakdown("--library", mine)
    for kind in plain:
        factor = FACTOR if kind == "crossbar" else 1.0
        assert abs(changed[kind] - factor * plain[kind]) <= 1e-9 * abs(changed[kind]), kind
    chips = [json.loads(good("arch", "show", "isaac", "--json", *a))
             for a in ((), ("--library", mine))]
    rows = [c["peak_power_breakdown_w"]["crossbar"] for c in chips]
    assert abs(rows[1] - FACTOR * rows[0]) <= 1e-9 * rows[1]


def check_runs(folder, mine):
    spec = {"name": "library", "model": "vgg8", "arch": "isaac", "library": os.path.basename(mine),
            "parameters": {"chip.cores": {"values": [64, 128, 168]}},
            "objectives": ["latency_s", "energy_j"], "strategy": {"name": "grid"}}
    path = write(os.path.join(folder, "spec.json"), spec)
    out = {n: os.path.join(folder, n) for n in ("a", "ranks", "again", "plain")}
    good("run", path, "-o", out["a"], "--quiet")
    good("run", path, "-o", out["ranks"], "--quiet", launch=("mpirun", "--oversubscribe", "-n", "2"))
    good("run", os.path.join(out["a"], "spec.json"), "-o", out["again"], "--quiet")
    del spec["library"]
    good("run", write(os.path.join(folder, "plain.json"), spec), "-o", out["plain"], "--quiet")
    digests = {n: good("digest", d).strip() for n, d in out.items()}
    assert digests["a"] == digests["ranks"] == digests["again"] != digests["plain"], digests
    with open(mine, "a") as f:
        f.write("\n")  # other bytes: no longer the library the run was made with
    refused = run("run", os.path.join(out["a"], "spec.json"), "-o", os.path.join(folder, "b"))
    assert refused.returncode == 2 and "/library_digest" in refused.stderr, refused.stderr


def check_mistakes(folder):
    cases = [("negative.json", lambda e: e["read_energy"].update(value=-1), "/devices/reram/read_energy/value"),
             ("unitless.json", lambda e: e["read_energy"].pop("unit"), "/devices/reram/read_energy"),
             ("missing.json", lambda e: e.pop("read_energy"), "/devices/reram")]
    for name, change, pointer in cases:
        path = library(folder, name, change)
        for command in (("arch", "show", "isaac"), ("compile", "vgg8", "isaac")):
            done = run(*command, "--library", path)
            assert done.returncode == 2 and not done.stdout, (name, done)
            assert done.stderr.count("\n") == 1 and pointer in done.stderr, (name, done.stderr)
    done = run("arch", "show", "isaac", "--library", os.path.join(folder, "nothing.json"))
    assert done.returncode == 2 and "nothing.json" in done.stderr


def main():
    with tempfile.TemporaryDirectory() as folder:
        mine = library(folder, "mine.json", dearer)
        check_prices(mine)
        check_mistakes(folder)
        check_runs(folder, mine)
    print("prices follow the library")


if __name__ == "__main__":
    sys.exit(main())
