#!/usr/bin/env python3
"""Recompute from `compile --json --detail` what the compiler claims, independently:
candidates, the optimum of the duplication, the pipeline on the DAG, sums of breakdowns."""
import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np

CIMDSE = os.environ.get("CIMDSE", "cimdse")


def compile_point(model, arch, *sets, objective="latency"):
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "plan.json")
        command = [CIMDSE, "compile", model, arch, "--detail", "--json", path, "--objective", objective]
        for s in sets:
            command += ["--set", s]
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.returncode == 0, (command, run.stderr)
        with open(path) as f:
            return json.load(f)


def ceil_div(a, b):
    return -(-a // b)


def close(a, b, tolerance=1e-9):
    return abs(a - b) <= tolerance * max(abs(a), abs(b), 1e-300)


def crossbar_operators(plan):
    return [o for o in plan["operators"] if o["unit"] == "crossbar"]


def check_mapping(plan):
    a = plan["arch"]
    rows, cols = a["crossbar"]["rows"], a["crossbar"]["cols"]
    slices = ceil_div(a["workload"]["weight_bits"], a["device"]["bits_per_cell"])
    columns = a["schedule"]["binding"] == "columns"
    for o in crossbar_operators(plan):
        r, c, g = o["matrix_rows"], o["matrix_cols"], o["groups"]
        width = c * slices if columns else c
        pack = 1
        if g > 1 and r <= rows and width <= cols:
            pack = min(rows // r, cols // width, g)
        tiles = ceil_div(r, rows) * ceil_div(width, cols) * (1 if columns else slices)
        expected = ceil_div(g, pack) * tiles
        if "parts" in o:
            assert o["crossbars_per_copy"] >= expected, o["name"]
        else:
            assert o["crossbars_per_copy"] == expected, (o["name"], o["crossbars_per_copy"], expected)


def check_candidates(plan):
    """Every copy count between two listed ones must have the stage of the smaller."""
    limit = plan["arch"]["schedule"]["max_copies"]
    for o in crossbar_operators(plan):
        n, unit = o["mvms"], o["product_s"]
        listed = {c[0]: c for c in o["candidates"]}
        best = math.inf
        top = plan["schedule"]["budget_units"] // o["units_per_copy"]
        top = min(top, n, limit or top)
        if plan["schedule"]["level"] == "none":
            top = 1
        floor = min(c[2] for c in o["candidates"])
        for k in range(1, min(top, 400) + 1):
            once = o["fill_s"] + o.get("operand_write_s", 0.0)
            stage = max(ceil_div(n, k) * unit + once, floor)
            if stage < best * (1 - 1e-12):
                assert k in listed, (o["name"], k)
                assert close(listed[k][2], stage), (o["name"], k, listed[k], stage)
                assert listed[k][1] == k * o["units_per_copy"]
                best = stage
            else:
                assert k not in listed, (o["name"], k)


def optimum_sum(classes, budget):
    table = np.zeros(budget + 1)
    for candidates in classes:
        fresh = np.full(budget + 1, np.inf)
        for _, units, stage in candidates:
            if units <= budget:
                fresh[units:] = np.minimum(fresh[units:], table[: budget + 1 - units] + stage)
        table = fresh
    return table[budget]


def optimum_max(classes, budget):
    def units_under(limit):
        total = 0
        for candidates in classes:
            fitting = [u for _, u, s in candidates if s <= limit]
            if not fitting:
                return math.inf
            total += min(fitting)
        return total

    return min(s for c in classes for _, _, s in c
               if s >= max(min(x[2] for x in k) for k in classes) and units_under(s) <= budget)


def chosen(o):
    return next(c for c in o["candidates"] if c[0] == o["copies"])


def check_duplication(plan, goal):
    by_id = {o["id"]: o for o in plan["operators"]}
    for segment in plan["segments"]:
        ops = [by_id[i] for i in segment["operators"] if by_id[i]["unit"] == "crossbar"]
        if any("parts" in o for o in ops):
            continue
        budget = segment["budget_units"]
        used = sum(chosen(o)[1] for o in ops)
        assert used == segment["units_used"] <= budget
        classes = [o["candidates"] for o in ops]
        if goal == "sum":
            got, best = sum(chosen(o)[2] for o in ops), optimum_sum(classes, budget)
        else:
            got, best = max(chosen(o)[2] for o in ops), optimum_max(classes, budget)
        assert close(got, best), (goal, got, best)


def edge_row(e, row, producer_rows):
    if e["full"]:
        return producer_rows
    f = ceil_div(row * e["num"], e["den"]) + e["offset"]
    return min(max(f, 1), producer_rows)


def serve(ready, rows_of, products, copies, unit):
    """When every product is done: product p on copy p mod k, in order, equal service times."""
    done = []
    for p in range(products):
        start = ready[rows_of(p)]
        if p >= copies:
            start = max(start, done[p - copies])
        done.append(start + unit)
    return done


def check_pipeline(plan):
    """Every product of every operator, one by one, one segment at a time (rows as a whole wake
    their readers: not staggered; no shared buffer that limits)."""
    ops = {o["id"]: o for o in plan["operators"]}
    a = plan["arch"]
    staggered = a["schedule"]["stagger"] and a["schedule"]["level"] in ("mvm", "vvm")
    if staggered or a["chip"]["buffer_bits_per_cycle"] is not None or \
            a["chip"]["offchip_gb_per_s"] is not None:
        return False
    if any(o["images"] > 1 or o["rows"] > 1024 or "parts" in o for o in ops.values()):
        return False
    if any(s["contended"] for s in plan["segments"]):
        return False
    for segment in plan["segments"]:
        members, finish = set(segment["operators"]), {}
        latency = 0.0
        for i in segment["operators"]:
            o = ops[i]
            rows, fill = o["rows"], o.get("paced_fill_s", 0.0)
            ready = []
            for row in range(1, rows + 1):
                waits = [finish[e["producer"]][edge_row(e, row, ops[e["producer"]]["rows"]) - 1]
                         for e in o["inputs"] if e["producer"] in members]
                ready.append(max(waits, default=0.0))
            if o.get("operand_write_s"):  # a written operand is there as a whole before any product
                ready = [max(t, ready[0] + o["operand_write_s"]) for t in ready]
            if o["unit"] == "crossbar":
                n = o["mvms"]
                done = serve(ready, lambda p: p * rows // n, n, o["copies"], o["paced_product_s"])
                finish[i] = [done[-(-(r + 1) * n // rows) - 1] + fill for r in range(rows)]
            else:
                step, x, finish[i] = o["stage_s"] / rows, 0.0, []
                for t in ready:
                    x = max(x, t) + step
                    finish[i].append(x)
            latency = max(latency, finish[i][-1])
            assert close(o["end_s"], segment["start_s"] + finish[i][-1], 1e-9), (o["name"], o["end_s"])
        assert segment["latency_s"] >= latency * (1 - 1e-9)
    return True


def check_times(plan):
    """Nobody ends before it starts, or after the run; batch 1."""
    latency = plan["metrics"]["latency_s"]
    for o in plan["operators"]:
        assert 0.0 <= o["start_s"] <= o["end_s"] * (1 + 1e-12), (o["name"], o["start_s"], o["end_s"])
        assert o["end_s"] <= latency * (1 + 1e-9), (o["name"], o["end_s"], latency)


def check_kept(plan):
    """What is kept in the global buffer fits; what is read through operators that only rename is kept as a
    whole; the off-chip traffic is what waiting results and their readers move, views being what they name.
    @return results that are read through views"""
    ops, bits = {o["id"]: o for o in plan["operators"]}, plan["arch"]["workload"]["activation_bits"]
    readers = {i: [o for o in ops.values() if any(e["producer"] == i for e in o["inputs"])] for i in ops}
    waiting = {}  # share of a view's elements, by view; producers have smaller numbers

    def share(i, segment):
        o = ops[i]
        if o["segment"] != segment:
            return 0.0
        return waiting[i] if o["unit"] == "none" else float(o["offchip"])

    for i, o in sorted(ops.items()):
        if o["unit"] == "none":
            parts = [(e["elements"], share(e["producer"], o["segment"]) if e["producer"] >= 0 else 0.0)
                     for e in o["inputs"]]
            waiting[i] = sum(n * s for n, s in parts) / (sum(n for n, _ in parts) or 1)
    direct = {i: max([r["id"] for r in readers[i]], default=i) for i in ops}
    last = {}  # the last operator that reads a result, itself or through views
    for i, o in sorted(ops.items(), reverse=True):
        last[i] = max([last[r["id"]] if r["unit"] == "none" else r["id"] for r in readers[i]], default=i)
    views, room, serial = 0, [], not plan["schedule"]["pipeline"] or plan["schedule"]["level"] == "none"
    capacity = (plan["arch"]["chip"]["buffer_kib"] or float("inf")) * 8192
    for number, segment in enumerate(plan["segments"]):
        moved, lives = 0.0, []
        for i in segment["operators"]:
            o = ops[i]
            if o["segment"] != number or o["unit"] == "none":
                continue
            rows = o["rows"] * o["images"]
            if any(r["unit"] == "none" and readers[r["id"]] for r in readers[i]) and o["traffic_out"] > 0:
                views += 1
                assert o["buffered_rows"] == rows, (o["name"], o["buffered_rows"], rows)
            behind = last[i] > max(segment["operators"])  # waits at the cut
            if not o["offchip"] and not behind and any(r["id"] in segment["operators"] for r in readers[i]):
                lives.append((i, last[i], o["traffic_out"] * o["buffered_rows"] / rows * bits))
            moved += o["traffic_out"] if o["offchip"] else 0.0
            for e in o["inputs"]:
                source = e["producer"]
                if source >= 0:
                    size = e["elements"] if ops[source]["unit"] == "none" else ops[source]["traffic_out"]
                    moved += size * share(source, number)
        room.append(max([sum(b for i, j, b in lives if not serial or i <= at <= j) for at, _, _ in lives],
                        default=0.0))
        assert room[number] <= capacity * (1 + 1e-9), (number, room[number])
        cut = min(segment["operators"])
        if number and ops[cut]["segment"] == number:  # no operator in parts across it
            waits = sum(o["elements"] for i, o in ops.items() if i < cut <= direct[i]) * bits
            waits *= plan["arch"]["workload"]["batch"]
            spilled = 2 * max(0.0, waits - (capacity - max(room[number - 1], room[number])))
            assert close(segment["spilled_bits"], spilled, 1e-9), (number, segment["spilled_bits"], spilled)
        assert close(segment["offchip_bits"], moved * bits, 1e-9), (number, segment["offchip_bits"], moved * bits)
    return views


def hops_between(plan):
    """Hops from core to core and to the port (core number -1), from the README's table."""
    noc, place = plan["arch"]["chip"]["noc"], plan["placement"]
    side, rows, port = place["columns"], place["rows"], place["port_core"]
    levels = max(plan["arch"]["chip"]["cores"] - 1, 0).bit_length()

    def along(a, b, n):
        return min(abs(a - b), n - abs(a - b)) if noc == "torus" else abs(a - b)

    def hops(a, b):
        if a == b == -1 or noc == "ideal":
            return 0
        if -1 in (a, b):
            return {"bus": 1, "tree": levels}.get(noc) or 1 + hops(port, max(a, b))
        if noc in ("bus", "tree"):
            return int(a != b) if noc == "bus" else 2 * (a ^ b).bit_length()
        return along(a % side, b % side, side) + along(a // side, b // side, rows)

    return hops


def cores_of(plan, o):
    """Share of an operator's crossbars in every core it uses."""
    per_core, where = plan["arch"]["core"]["crossbars"], {}
    for part in o.get("parts", [o]):
        units, crossbars = part["units_per_copy"], part["crossbars_per_copy"]
        for c in range(part["copies"]):
            for x in range(crossbars):
                if plan["schedule"]["unit"] == "core":
                    position = part["first_unit"] + c * units + x // per_core
                else:
                    position = (part["first_unit"] + c * units + x) // per_core
                core = plan["placement"]["cores"][position]
                where[core] = where.get(core, 0) + 1 / crossbars / part["copies"] / len(o.get("parts", [o]))
    return where


def places(plan):
    ops, where = plan["operators"], []
    n = plan["arch"]["chip"]["cores"]
    chip, core = plan["arch"]["chip"]["alu_ops_per_cycle"], plan["arch"]["core"]["alu_ops_per_cycle"]
    at_port = 0 if chip is None else 1 if core is None else chip / (chip + n * core)
    for o in ops:
        if o["unit"] == "crossbar":
            where.append(cores_of(plan, o))
        elif o["unit"] == "none" or o["traffic_in"] == 0:  # renaming, or fused with its producer
            here, total = {}, sum(e["elements"] for e in o["inputs"])
            for e in o["inputs"]:
                source = where[e["producer"]] if e["producer"] >= 0 else {-1: 1}
                for c, share in source.items():
                    here[c] = here.get(c, 0) + share * e["elements"] / total
            where.append(here)
        else:
            where.append({**{c: (1 - at_port) / n for c in range(n)}, -1: at_port})
    return where


def check_hops(plan):
    """Traffic times mean hops over all pairs of cores, operator by operator."""
    where, hops, total = places(plan), hops_between(plan), 0
    table = {}

    def mean(a, b):
        def d(i, j):
            if (i, j) not in table:
                table[i, j] = hops(i, j)
            return table[i, j]
        return sum(x * y * d(i, j) for i, x in a.items() for j, y in b.items())

    bits, port = plan["arch"]["workload"]["activation_bits"], {-1: 1}
    read = {e["producer"] for o in plan["operators"] for e in o["inputs"]}
    for o in plan["operators"]:
        here, expected = where[o["id"]], 0
        if plan["arch"]["chip"]["buffer_kib"] is not None:
            expected += o["traffic_in"] * mean(port, here) + o["traffic_out"] * mean(here, port)
        else:
            for e in o["inputs"] if o["traffic_in"] else []:
                expected += e["elements"] * mean(where[e["producer"]] if e["producer"] >= 0 else port, here)
            if o["id"] not in read:  # a result of the network
                expected += o["elements"] * mean(here, port)
        expected = bits * expected + o["partial_sum_bits"] * o["partial_sum_hops"]
        assert close(o["noc_bit_hops"], expected) or expected == o["noc_bit_hops"], (o["name"], expected)
        total += o["noc_bit_hops"]
    return total


def check_placements():
    for model, arch, sets in (("resnet18", "isaac", []), ("mobilenet_v2", "isaac", ["schedule.level=mvm"]),
                              ("resnet18", "puma", []), ("vgg8", "jia2021", []),
                              ("vgg7", "baseline", ["chip.noc=tree", "chip.cores=160"]),
                              ("vgg7", "isaac", ["chip.noc=torus", "chip.alu_ops_per_cycle=64"]),
                              ("resnet18", "isaac", ["chip.noc=bus"])):
        found = {}
        for order in ("row_major", "snake", "hilbert", "optimised"):
            plan = compile_point(model, arch, *sets, "schedule.placement=" + order)
            assert sorted(plan["placement"]["cores"]) == list(range(plan["arch"]["chip"]["cores"]))
            found[order] = check_hops(plan)
            check_sums(plan)
        assert found["optimised"] <= min(found.values()) * (1 + 1e-9), (model, arch, found)


def check_sums(plan):
    m = plan["metrics"]
    for key, total in (("energy_breakdown_j", m["energy_j"]), ("area_breakdown_mm2", m["area_mm2"]),
                       ("peak_power_breakdown_w", m["peak_power_w"])):
        assert close(sum(plan[key].values()), total), key
    assert close(m["avg_power_w"], m["energy_j"] / m["latency_s"])
    assert close(m["edp_js"], m["energy_j"] * m["latency_s"])
    assert m["peak_power_w"] >= m["avg_power_w"] * (1 - 1e-9)
    total = sum(s["reload_s"] + s["latency_s"] for s in plan["segments"])
    assert close(total, m["latency_s"])
    assert 0 < m["utilization"] <= 1
    use = plan["resource_utilization"]
    assert all(0 <= share <= 1 + 1e-9 for share in use.values()), use
    assert close(use["cells"], m["utilization"])
    slots = plan["arch"]["chip"]["cores"] * plan["arch"]["core"]["crossbars"]
    steps = ceil_div(plan["arch"]["workload"]["activation_bits"], plan["arch"]["crossbar"]["dac_bits"])
    least = sum(o["mvms"] * o["crossbars_per_copy"] * o["row_groups"] for o in crossbar_operators(plan)
                if "parts" not in o)  # activations of crossbars, each a phase of at least read_ns
    if plan["arch"]["crossbar"]["read_ns"]:
        busy = least * steps * plan["arch"]["crossbar"]["read_ns"] * 1e-9
        assert use["crossbars"] >= busy / (slots * m["latency_s"]) * (1 - 1e-9)


def check_sequential(plan):
    now = 0.0
    for segment in plan["segments"]:
        now += segment["reload_s"]
        for i in segment["operators"]:
            o = plan["operators"][i]
            if "parts" in o:
                return
            assert close(o["start_s"], now, 1e-7) or abs(o["start_s"] - now) < 1e-15
            now += o["stage_s"]
    assert close(now, plan["metrics"]["latency_s"])


def main():
    points = pipelines = 0
    cases = [(m, a, l) for m in ("resnet18", "vgg8", "mobilenet_v2", "resnet50")
             for a in ("isaac", "puma", "baseline") for l in ("cg", "mvm")]
    cases += [("vgg8", "jia2021", "cg"), ("vgg8", "jain2021", "mvm"), ("resnet18", "jia2021", "cg")]
    for model, arch, level in cases:
        base = ["schedule.level=" + level]
        if arch == "jia2021":
            base.append("workload.weight_bits=4")
        plan = compile_point(model, arch, *base)
        if plan["state"] != "ok":
            print("infeasible", model, arch, plan["reason"])
            continue
        check_mapping(plan)
        check_candidates(plan)
        check_sums(plan)
        check_times(plan)
        free = ["schedule.stagger=false", "chip.offchip_gb_per_s=null", "core.alu_ops_per_cycle=null",
                "chip.alu_ops_per_cycle=null"]
        pipelines += check_pipeline(compile_point(model, arch, *base, *free))
        plan = compile_point(model, arch, *base, *free, objective="throughput")
        check_duplication(plan, "max")
        pipelines += check_pipeline(plan)
        check_sums(plan)
        plan = compile_point(model, arch, *base, "schedule.pipeline=false")
        check_duplication(plan, "sum")
        check_sequential(plan)
        check_sums(plan)
        points += 3
    for sets in (["schedule.binding=crossbars"], ["schedule.max_copies=3"], ["schedule.level=none"]):
        plan = compile_point("resnet18", "isaac", *sets)
        check_mapping(plan)
        check_candidates(plan)
        check_sums(plan)
        points += 1
    views = 0
    for model, arch, sets in (("vit_b_16", "isaac", ["schedule.level=cg", "chip.buffer_kib=4096"]),
                              ("swin_t", "puma", ["schedule.level=cg"]),
                              ("bert_base", "isaac", ["schedule.level=none", "chip.buffer_kib=256"]),
                              ("vgg8", "puma", ["schedule.level=none"]),
                              ("gpt2", "isaac", ["schedule.level=mvm", "chip.buffer_kib=1024"])):
        plan = compile_point(model, arch, *sets)
        check_times(plan)
        views += check_kept(plan)
        points += 1
    check_placements()
    assert views > 50, views
    assert points > 40 and pipelines > 10, (points, pipelines)
    print(f"{points} points recomputed, {pipelines} pipelines")


if __name__ == "__main__":
    sys.exit(main())
