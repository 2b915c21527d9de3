#!/usr/bin/env python3
"""The analytical model against the cycle simulator: every built-in network, preset and level.

    CIMDSE=build/cimdse tests/bench/cycle_agreement.py [--points] [--check] [--models A,B] [--chips A,B]

Prints a Markdown table of deviations (model over simulator - 1) of latency and peak power, and of interval
and energy; --points also every point; --check fails unless no point is off by more than 5 % and the mean
is at most 2 %."""
import argparse
import json
import os
import subprocess
import sys
import time

CIMDSE = os.environ.get("CIMDSE", "cimdse")
LEVELS = {"core": ["none", "cg"], "crossbar": ["none", "cg", "mvm"],
          "wordline": ["none", "cg", "mvm", "vvm"]}
MOST, MEAN = 0.05, 0.02
METRICS = ["latency", "peak_power", "interval", "energy"]


def output(*command):
    run = subprocess.run([CIMDSE, *command], capture_output=True, text=True)
    assert run.returncode == 0, (command, run.stderr)
    return json.loads(run.stdout)


def names(what):
    return [entry["name"] for entry in output(what, "list", "--json")]


def levels(chip):
    return LEVELS[output("arch", "show", chip, "--json")["arch"]["computing_mode"]]


def point(model, chip, level, *sets):
    """Deviations of one point, and the simulator's seconds."""
    start = time.monotonic()
    r = output("simulate", model, chip, "--level", level, "--json", "-",
               *[word for s in sets for word in ("--set", s)])
    return {**{m: r["ratio"][m] - 1.0 for m in METRICS}, "seconds": time.monotonic() - start,
            "events": r["events"]}


def measure(models, chips):
    return {(m, c, l): point(m, c, l) for c in chips for l in levels(c) for m in models}


def summary(points, metric):
    """Mean and largest deviation, and where that is."""
    values = {k: abs(p[metric]) for k, p in points.items()}
    worst = max(values, key=values.get)
    return sum(values.values()) / len(values), points[worst][metric], worst


def row(label, points):
    cells = [label]
    for metric in ("latency", "peak_power"):
        mean, most, worst = summary(points, metric)
        cells += [f"{100 * mean:.2f} %", f"{100 * most:+.1f} % {worst[0]}"]
    for metric in ("interval", "energy"):
        cells.append(f"{100 * summary(points, metric)[0]:.2f} %")
    print("| " + " | ".join(cells) + " |")


def table(points):
    print("| chip, level | latency: mean | largest | peak power: mean | largest | interval: mean | "
          "energy: mean |\n|---|---|---|---|---|---|---|")
    groups = {}
    for key, p in points.items():
        groups.setdefault(key[1:], {})[key] = p
    for group, members in groups.items():
        row(f"{group[0]} {group[1]}", members)
    row(f"all {len(points)}", points)


def failures(points, metrics=("latency", "peak_power")):
    bad = [f"{' '.join(k)}: {m} {100 * p[m]:+.2f} %" for k, p in points.items()
           for m in metrics if abs(p[m]) > MOST]
    for m in metrics:
        mean = summary(points, m)[0]
        if mean > MEAN:
            bad.append(f"mean of {m}: {100 * mean:.2f} %")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--models")
    parser.add_argument("--chips")
    args = parser.parse_args()
    models = args.models.split(",") if args.models else names("model")
    chips = args.chips.split(",") if args.chips else names("arch")
    points = measure(models, chips)
    if args.points:
        print("| network | chip | level | latency | peak power | interval | energy | seconds |\n"
              "|---|---|---|---|---|---|---|---|")
        for key, p in points.items():
            print(f"| {' | '.join(key)} | " + " | ".join(f"{100 * p[m]:+.2f} %" for m in METRICS) +
                  f" | {p['seconds']:.2f} |")
        print()
    table(points)
    bad = failures(points)
    print(f"\n{len(bad)} beyond {100 * MOST:.0f} % each and {100 * MEAN:.0f} % on average; "
          f"{sum(p['events'] for p in points.values()) / 1e6:.0f} M events, "
          f"{sum(p['seconds'] for p in points.values()):.0f} s")
    return 1 if args.check and bad else 0


if __name__ == "__main__":
    sys.exit(main())
