#!/usr/bin/env python3
"""The analytical model against the cycle simulator: every built-in network, preset and level.

    CIMDSE=build/cimdse tests/bench/cycle_agreement.py [--points] [--check] [--models A,B] [--chips A,B]
    CIMDSE=build/cimdse tests/bench/cycle_agreement.py --random 200 [--seed 1]

Prints a Markdown table of deviations (model over simulator - 1) of latency and peak power, and of interval
and energy; --points also every point; --check fails unless no point is off by more than 5 % and the mean
is at most 2 %. --random measures other chips instead: presets with some of their rates, sizes and knobs
drawn at random; prints how deviations are distributed, and the worst with the command that reproduces them."""
import argparse
import json
import os
import random
import shlex
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


# What a drawn chip may change, and to what. Rates from starved to none (null: no bottleneck).
KNOBS = {
    "chip.noc_bits_per_cycle": [0.5, 4, 32, 256, "null"],
    "chip.buffer_bits_per_cycle": [16, 128, 1024, "null"],
    "chip.buffer_kib": [16, 256, "null"],
    "chip.alu_ops_per_cycle": [16, 1024, "null"],
    "chip.offchip_gb_per_s": [0.5, 25.6, "null"],
    "core.buffer_bits_per_cycle": [16, 256, 4096, "null"],
    "core.alu_ops_per_cycle": [1, 16, "null"],
    "core.crossbars": [1, 3, 16, 64],
    "crossbar.adcs": [1, 8],
    "crossbar.parallel_rows": [8, 32],
    "crossbar.signed_weights": ["offset", "differential"],
    "schedule.binding": ["columns", "crossbars"],
    "schedule.tiling": ["rows", "columns"],
    "schedule.packing": ["true", "false"],
    "schedule.pipeline": ["true", "true", "false"],
    "schedule.stagger": ["true", "false"],
    "schedule.objective": ["latency", "throughput", "energy"],
    "schedule.dynamic_products": ["alu", "crossbar"],
    "workload.batch": [1, 3],
}


def measure_random(count, seed, models, chips):
    """Points as measure's; keys hold the settings. Points that cannot be compiled are drawn again."""
    draw, points = random.Random(seed), {}
    while len(points) < count:
        model, chip = draw.choice(models), draw.choice(chips)
        level = draw.choice(levels(chip))
        paths = draw.sample(sorted(KNOBS), draw.randint(1, 5))
        sets = tuple(f"{p}={draw.choice(KNOBS[p])}" for p in paths)
        try:
            points[(model, chip, level, *sets)] = point(model, chip, level, *sets)
        except AssertionError:
            pass
    return points


def command(key):
    sets = " ".join("--set " + shlex.quote(s) for s in key[3:])
    return f"cimdse simulate {key[0]} {key[1]} --level {key[2]} {sets}"


def spread(points):
    for metric in METRICS:
        off = sorted(abs(p[metric]) for p in points.values())
        at = [off[int(q * (len(off) - 1))] for q in (0.5, 0.9, 0.95, 1.0)]
        print(f"{metric}: median {100 * at[0]:.2f} %, nine of ten within {100 * at[1]:.1f} %, "
              f"19 of 20 within {100 * at[2]:.1f} %, largest {100 * at[3]:.0f} %")
    for metric in ("latency", "peak_power"):
        for key in sorted(points, key=lambda k: -abs(points[k][metric]))[:15]:
            print(f"{metric} {100 * points[key][metric]:+.1f} %: {command(key)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--models")
    parser.add_argument("--chips")
    parser.add_argument("--random", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    models = args.models.split(",") if args.models else names("model")
    chips = args.chips.split(",") if args.chips else names("arch")
    if args.random:
        spread(measure_random(args.random, args.seed, models, chips))
        return 0
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
