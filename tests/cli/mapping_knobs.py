#!/usr/bin/env python3
"""How matrices lie on crossbars, recomputed from `compile --json --detail`: signed weights, binding,
packing, tiling, sharing of cores; and products of two activations on crossbars. Counts of events are
added up from their definitions, places of tiles are enumerated."""
import json
import math
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compile_detail import (CIMDSE, ceil_div, check_candidates, check_pipeline, check_sums, close,
                            compile_point, crossbar_operators, optimum_sum)


def show(arch, *sets):
    command = [CIMDSE, "arch", "show", arch, "--json"]
    for s in sets:
        command += ["--set", s]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


class Matrix:
    """An operator's matrices on crossbars, from the numbers of the architecture alone."""

    def __init__(self, o, arch):
        x, s, w = arch["crossbar"], arch["schedule"], arch["workload"]
        self.o, self.arch = o, arch
        self.signs = 2 if x["signed_weights"] == "differential" else 1
        self.slices = ceil_div(w["weight_bits"] - self.signs + 1, arch["device"]["bits_per_cell"])
        self.columns = s["binding"] == "columns"
        self.wide = o["matrix_cols"] * self.signs * (self.slices if self.columns else 1)
        rows, self.pack = o["matrix_rows"], 1
        if s["packing"] and o["groups"] > 1 and rows <= x["rows"] and self.wide <= x["cols"]:
            self.pack = min(x["rows"] // rows, x["cols"] // self.wide, o["groups"])
        self.row_tiles = ceil_div(rows, x["rows"])
        self.col_tiles = ceil_div(self.wide, x["cols"])
        self.piece = 1 if self.columns else self.slices
        self.sets = ceil_div(o["groups"], self.pack)
        self.crossbars = self.sets * self.row_tiles * self.col_tiles * self.piece
        self.phases = ceil_div(w["activation_bits"], x["dac_bits"])
        self.row_groups = sum(ceil_div(min(x["rows"], rows - t * x["rows"]), x["parallel_rows"])
                              for t in range(self.row_tiles))

    def cores_of_sums(self, by_columns):
        """Mean number of cores that hold partial sums of one column of tiles, by enumeration."""
        per_core, total = self.arch["core"]["crossbars"], 0
        for s in range(self.sets):
            for c in range(self.col_tiles):
                cores = set()
                for r in range(self.row_tiles):
                    tile = c * self.row_tiles + r if by_columns else r * self.col_tiles + c
                    at = (s * self.row_tiles * self.col_tiles + tile) * self.piece
                    cores |= {(at + k) // per_core for k in range(self.piece)}
                total += len(cores)
        return total / (self.sets * self.col_tiles)

    def check(self):
        o = self.o
        m = o["mapping"]
        assert m["slices"] == self.slices and m["polarities"] == self.signs, o["name"]
        assert m["row_tiles"] == self.row_tiles and m["col_tiles"] == self.col_tiles, o["name"]
        assert m["pack"] == self.pack, o["name"]
        assert m["column_major"] == ("parts" in o or self.arch["schedule"]["tiling"] == "columns")
        if "parts" not in o:
            assert o["crossbars_per_copy"] == self.crossbars, (o["name"], self.crossbars)
        self.check_events()

    def check_events(self):
        o, e = self.o, self.o["events"]
        n, groups, rows, cols = o["mvms"], o["groups"], o["matrix_rows"], o["matrix_cols"]
        bits = self.arch["workload"]["activation_bits"]
        per_weight = self.slices * self.signs
        cells = rows * cols * groups * per_weight
        converted = cols * groups * per_weight * self.row_groups * self.phases * n
        digital = self.arch["crossbar"]["adcs"] == 0
        written = any(i["written"] for i in o["inputs"])
        correction = 0 if self.signs == 2 else rows * groups * self.phases * n
        operand = rows * cols * groups * bits * o["copies"] if written else 0
        want = {"cell_read": cells * self.phases * n, "adc": 0 if digital else converted,
                "sample_hold": 0 if digital else converted, "shift_add": converted + correction,
                "dac": rows * self.col_tiles * self.piece * groups * self.phases * n,
                "cell_write": cells * o["copies"] if written else 0}
        if "parts" in o:
            want.pop("cell_write") # copies of each part
        for name, value in want.items():
            assert close(e[name], value), (o["name"], name, e[name], value)
        if self.arch["schedule"]["tiling"] == "rows" and "parts" not in o:
            assert close(e["l1_read_bit"], rows * groups * n * bits + operand), o["name"]


def check_places(plan):
    checked = 0
    for o in crossbar_operators(plan):
        Matrix(o, plan["arch"]).check()
        checked += 1
    return checked


def check_tiling(model, arch, *sets):
    """Sums that stay in a core and inputs that go to more of them, against tiling by rows."""
    rows = compile_point(model, arch, "schedule.tiling=rows", *sets)
    cols = compile_point(model, arch, "schedule.tiling=columns", *sets)
    saved, buffered = 0, rows["arch"]["chip"]["buffer_kib"] is not None
    read = {i["producer"] for o in rows["operators"] for i in o["inputs"]}
    for a, b in zip(crossbar_operators(rows), crossbar_operators(cols)):
        if "parts" in a or a["type"] == "ConvTranspose":
            continue
        m = Matrix(b, cols["arch"])
        bits = rows["arch"]["workload"]["activation_bits"]
        outputs = a["matrix_cols"] * a["groups"] * a["mvms"] * 2 * bits
        cores = ceil_div(m.crossbars, rows["arch"]["core"]["crossbars"])
        by_rows = max(min(cores, m.row_tiles) - 1, 0)
        by_cols = m.cores_of_sums(True) - 1
        inputs = b["events"]["l1_write_bit"] - a["events"]["l1_write_bit"]
        assert inputs >= -1e-6
        for o, spread, more in ((a, by_rows, 0), (b, by_cols, inputs)):
            assert close(o["partial_sum_bits"], spread * outputs), (o["name"], spread)
            ported = buffered or o["id"] not in read # to the buffer, or over the border
            moved = bits * (o["traffic_in"] * o["in_hops"] + ported * o["traffic_out"] * o["out_hops"])
            moved += (spread * outputs + more) * o["partial_sum_hops"]
            assert close(o["events"]["noc_bit_hop"], moved, 1e-6), (o["name"], moved, o["events"])
        sums = by_cols - by_rows
        if a["events"]["l1_read_bit"] > 0 and inputs == 0:
            assert close(a["events"]["l1_read_bit"], b["events"]["l1_read_bit"])
        saved += sums < 0
        for name in ("adc", "cell_read", "shift_add", "dac", "alu_add"):
            assert a["events"][name] == b["events"][name]
    check_places(rows)
    check_places(cols)
    check_sums(cols)
    return saved


def check_written(plan):
    """Products of two activations: complete, written, then streamed; written once per copy."""
    ops = {o["id"]: o for o in plan["operators"]}
    segment = {i: k for k, s in enumerate(plan["segments"]) for i in s["operators"]}
    unit = show(plan["arch"]["name"])["unit_energy_j"]["cell_write"]
    written, cells = 0, 0.0
    for o in plan["operators"]:
        if not any(i["written"] for i in o["inputs"]):
            continue
        written += 1
        assert o["unit"] == "crossbar" and o["type"] in ("MatMul", "Gemm"), o["name"]
        cells += o["events"]["cell_write"]
        if "parts" in o:
            continue
        rounds = ceil_div(o["mvms"], o["copies"])
        least = o["operand_write_s"] + rounds * o["product_s"] + o["fill_s"]
        assert o["stage_s"] >= least * (1 - 1e-9), (o["name"], o["stage_s"], least)
        for i in o["inputs"]:
            p = i["producer"]
            if i["written"] and p >= 0 and segment[p] == segment[o["id"]] and "parts" not in ops[p]:
                done = ops[p]["end_s"]
                first = o["operand_write_s"] + o["product_s"] + o["fill_s"]
                assert o["end_s"] >= (done + first) * (1 - 1e-9), (o["name"], ops[p]["name"])
        assert o["events"]["alu_mul"] == 0
    batch = plan["arch"]["workload"]["batch"]
    single = len(plan["segments"]) == 1
    paid = plan["energy_breakdown_j"]["crossbar_write"]
    assert paid >= batch * cells * unit * (1 - 1e-9), (paid, cells, unit)
    if single:
        assert close(paid, batch * cells * unit), (paid, batch * cells * unit)
        spent = batch * sum(o["energy_j"] for o in plan["operators"])
        assert close(spent + plan["energy_breakdown_j"]["leakage"], plan["metrics"]["energy_j"])
    return written


def check_frugal():
    """One after another, least energy: leakage while a stage runs against writing one copy more."""
    sets = ["schedule.dynamic_products=crossbar", "chip.cores=1200", "schedule.pipeline=false"]
    plan = compile_point("bert_base", "isaac", *sets, objective="energy")
    fast = compile_point("bert_base", "isaac", *sets)
    unit = show("isaac", *sets)["unit_energy_j"]
    leakage = plan["energy_breakdown_j"]["leakage"] / plan["metrics"]["latency_s"]
    bits, classes, got = plan["arch"]["workload"]["activation_bits"], [], 0.0
    for o in crossbar_operators(plan):
        elements = o["matrix_rows"] * o["matrix_cols"] * o["groups"]
        copy = 0.0
        if any(i["written"] for i in o["inputs"]):
            copy = o["events"]["cell_write"] / o["copies"] * unit["cell_write"] + elements * bits * (
                unit["l1_read_bit"] + unit["l1_write_bit"] + unit["noc_bit_hop"])
        costs = [(k, u, leakage * stage + k * copy) for k, u, stage in o["candidates"]]
        classes.append(costs)
        got += next(c for k, _, c in costs if k == o["copies"])
    assert close(got, optimum_sum(classes, plan["schedule"]["budget_units"])), got
    copies = [sum(o["copies"] for o in crossbar_operators(p)) for p in (plan, fast)]
    assert copies[0] <= copies[1] and plan["metrics"]["energy_j"] <= fast["metrics"]["energy_j"] * (1 + 1e-9), copies


def check_knobs():
    points = 0
    for sets in (["crossbar.signed_weights=differential"],
                 ["crossbar.signed_weights=differential", "schedule.binding=crossbars"],
                 ["crossbar.signed_weights=differential", "device.bits_per_cell=1", "workload.weight_bits=6"],
                 ["schedule.packing=false"], ["schedule.binding=crossbars", "schedule.tiling=columns"],
                 ["crossbar.parallel_rows=50"]):
        for model, arch in (("mobilenet_v2", "isaac"), ("resnet18", "puma"), ("vgg8", "baseline")):
            plan = compile_point(model, arch, *sets)
            points += check_places(plan) > 0
            check_sums(plan)
            check_candidates(plan)
    depthwise = [o for o in crossbar_operators(compile_point("mobilenet_v2", "isaac", "schedule.packing=false"))
                 if o["groups"] > 1]
    assert depthwise and all(o["crossbars_per_copy"] == o["groups"] for o in depthwise)
    saved = sum(check_tiling("resnet50", "isaac", "schedule.level=" + level) for level in ("cg", "mvm"))
    saved += check_tiling("vgg16", "puma") + check_tiling("mobilenet_v2", "puma", "core.crossbars=7")
    assert saved > 50, saved
    return points


def check_sharing():
    """At level mvm operators share cores: more operators than cores fit, and their crossbars add up to
    no more than the chip has."""
    sets = ["chip.cores=40"]
    whole = compile_point("mobilenet_v2", "isaac", *sets, "schedule.level=cg")
    shared = compile_point("mobilenet_v2", "isaac", *sets, "schedule.level=mvm")
    ops = crossbar_operators(shared)
    assert len(whole["segments"]) > 1 and len(shared["segments"]) == 1
    assert len(ops) > 40 and sum(o["cores_per_copy"] for o in ops) > 40
    used = sum(o["copies"] * o["crossbars_per_copy"] for o in ops)
    assert used == shared["segments"][0]["units_used"] <= 40 * 96


def check_dynamic():
    found = pipelines = 0
    for model in ("vit_b_16", "bert_base"):
        for arch in ("isaac", "jia2021", "baseline"):
            for sets in ([], ["schedule.pipeline=false"], ["workload.batch=3"]):
                sets = sets + ["schedule.dynamic_products=crossbar"]
                plan = compile_point(model, arch, *sets)
                assert plan["state"] == "ok", (model, arch, plan["reason"])
                found += check_written(plan)
                check_places(plan)
                check_sums(plan) if "workload.batch=3" not in sets else None
    for objective in ("latency", "energy", "throughput", "edp"):
        sets = ["schedule.dynamic_products=crossbar", "chip.cores=2000", "schedule.stagger=false",
                "chip.offchip_gb_per_s=null"]
        plan = compile_point("bert_base", "isaac", *sets, objective=objective)
        assert len(plan["segments"]) == 1
        found += check_written(plan)
        check_candidates(plan)
        pipelines += check_pipeline(plan)
    assert pipelines == 4
    # without the knob nothing is written and the products are the ALUs'
    plan = compile_point("bert_base", "isaac", "chip.cores=2000")
    assert not any(i["written"] for o in plan["operators"] for i in o["inputs"])
    assert plan["energy_breakdown_j"]["crossbar_write"] == 0
    assert found == 24 * 22, found
    return found


def main():
    points = check_knobs()
    check_sharing()
    check_frugal()
    print(f"{points} points, {check_dynamic()} products of two activations")


if __name__ == "__main__":
    sys.exit(main())
