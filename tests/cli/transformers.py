#!/usr/bin/env python3
"""Transformers compile on every preset at every level its mode offers, with attention's products on
ALUs and on crossbars; what cannot be compiled says why, naming operator and resource."""
import json
import os
import subprocess
import sys

CIMDSE = os.environ.get("CIMDSE", "cimdse")
NETWORKS = {"vit_b_16": 24, "swin_t": 24, "bert_base": 24, "gpt2": 24} # products of two activations
LEVELS = {"core": ["none", "cg"], "crossbar": ["none", "cg", "mvm"], "wordline": ["none", "cg", "mvm", "vvm"]}


def run(*words, status=0):
    r = subprocess.run([CIMDSE, *words], capture_output=True, text=True)
    assert r.returncode == status, (words, r.returncode, r.stderr)
    return r


def compiled(model, arch, *flags, detail=False):
    words = ["--detail"] if detail else []
    return json.loads(run("compile", model, arch, "--json", "-", *words, *flags).stdout)


def presets():
    names = [line.split()[0] for line in run("arch", "list").stdout.splitlines() if line.strip()]
    modes = {n: json.loads(run("arch", "show", n, "--json").stdout)["arch"]["computing_mode"] for n in names}
    assert len(modes) >= 5 and set(modes.values()) == set(LEVELS)
    return modes


def check_all():
    points = 0
    for arch, mode in presets().items():
        for model, products in NETWORKS.items():
            seconds = []
            for level in LEVELS[mode]:
                for where in ("alu", "crossbar"):
                    plan = compiled(model, arch, "--level", level, "--set", "schedule.dynamic_products=" + where)
                    what = (model, arch, level, where, plan["reason"])
                    assert plan["state"] == "ok", what
                    on = sum(o["unit"] == "crossbar" for o in plan["operators"])
                    assert (on - products if where == "crossbar" else on) in (49, 50, 53, 73), (what, on)
                    units = plan["schedule"]["budget_units"]
                    assert all(s["units_used"] <= units for s in plan["segments"]), what
                    if where == "alu":
                        seconds.append(plan["metrics"]["latency_s"])
                    points += 1
            # a pipeline is never slower than one operator after another
            assert min(seconds[1:]) <= seconds[0] * (1 + 1e-9), (model, arch, seconds)
    return points


def check_sequences():
    """Sequence length is an input: products with weights grow with it, attention with its square."""
    for model in ("bert_base", "gpt2"):
        found = {}
        for n in (64, 128, 256):
            plan = compiled(model, "isaac", "--set", f"workload.sequence_length={n}", "--set",
                            "schedule.dynamic_products=crossbar", detail=True)
            ops = [o for o in plan["operators"] if any(i["written"] for i in o["inputs"])]
            found[n] = sum(o["mvms"] * o["matrix_rows"] * o["matrix_cols"] * o["groups"] for o in ops)
            assert {o["mvms"] for o in ops} == {n} and {o["groups"] for o in ops} == {12}
            cells = {o["matrix_rows"] * o["matrix_cols"] for o in ops}
            assert cells == {64 * n}, cells
        assert found[256] == 4 * found[128] == 16 * found[64]


def check_batch():
    """Matrices of all images work side by side; no image is done before all are."""
    one = compiled("vit_b_16", "isaac", "--set", "schedule.dynamic_products=crossbar", detail=True)
    two = compiled("vit_b_16", "isaac", "--input", "2x3x224x224", "--set", "schedule.dynamic_products=crossbar",
                   detail=True)
    for a, b in zip(one["operators"], two["operators"]):
        if any(i["written"] for i in a["inputs"]):
            assert b["groups"] == 2 * a["groups"] and b["mvms"] == a["mvms"]
            assert abs(b["events"]["cell_read"] - 2 * a["events"]["cell_read"]) < 1e-6 * a["events"]["cell_read"]


def check_refusals():
    for arch, level, most in (("jia2021", "mvm", "cg"), ("isaac", "vvm", "mvm")):
        r = run("compile", "bert_base", arch, "--level", level, status=2)
        assert f"schedule.level is {level}, computing_mode" in r.stderr and f"offers {most} at most" in r.stderr
    r = run("compile", "bert_base", "isaac", "--set", "crossbar.signed_weights=differential", "--set",
            "workload.weight_bits=1", status=2)
    assert "the sign takes one bit" in r.stderr
    r = run("compile", "bert_base", "isaac", "--set", "schedule.tiling=diagonal", status=2)
    assert "allowed is one of: rows, columns" in r.stderr
    # a tile that no segment can hold, and more chip loads than are scheduled: operator and resource
    small = ["--set", "chip.cores=1", "--set", "core.crossbars=2", "--set", "schedule.binding=crossbars"]
    plan = compiled("bert_base", "isaac", *small)
    assert plan["state"] == "infeasible"
    assert plan["reason"].startswith("operator /layers.0/") and "needs 4 crossbars, the chip has 2" in plan["reason"]
    tiny = ["crossbar.rows=4", "crossbar.parallel_rows=4", "crossbar.cols=4", "crossbar.adcs=1", "chip.cores=1",
            "core.crossbars=1"]
    plan = compiled("bert_base", "isaac", *[w for t in tiny for w in ("--set", t)])
    assert plan["state"] == "infeasible" and "operator /layers." in plan["reason"], plan["reason"]
    assert "loads of the chip's 1 crossbars" in plan["reason"], plan["reason"]


def main():
    points = check_all()
    check_sequences()
    check_batch()
    check_refusals()
    print(f"{points} points")


if __name__ == "__main__":
    sys.exit(main())
