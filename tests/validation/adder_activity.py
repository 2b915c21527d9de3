#!/usr/bin/env python3
"""How often the nodes of an adder tree toggle while the weights stand still (Monte Carlo).

The constants gate_activity and adder_activity of library/periphery.json, the latter before spurious
transitions: random input bits on words of random weight bits, added pairwise. Printed: toggles per
cycle of a product bit, and of the operands, carries and sums of the adders. Fails when the library
says something else.
"""
import json
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.environ.get("CIM_SOURCE", os.path.join(HERE, "..", ".."))
SPURIOUS = 1.3  # factor in adder_activity
CYCLES = 300


def tree(rows, bits, inputs_on, weights_on):
    words = [sum((random.random() < weights_on) << b for b in range(bits)) for _ in range(rows)]
    previous, toggled, nodes, product_toggled = None, 0, 0, 0
    for _ in range(CYCLES):
        products = level = [w if random.random() < inputs_on else 0 for w in words]
        state, width = [], bits
        while len(level) > 1:
            sums = []
            for a, b in zip(level[0::2], level[1::2]):
                state += [a, b, a ^ b ^ (a + b), a + b]
                nodes += 4 * width if previous else 0
                sums.append(a + b)
            level, width = sums, width + 1
        if previous:
            toggled += sum(bin(x ^ y).count("1") for x, y in zip(state, previous[0]))
            product_toggled += sum(bin(x ^ y).count("1") for x, y in zip(products, previous[1]))
        previous = state, products
    return product_toggled / (rows * bits * (CYCLES - 1)), toggled / nodes


def main():
    random.seed(1)
    print("rows bits inputs weights | product 2p(1-p)w | adder")
    for rows, bits in ((16, 8), (64, 4), (64, 8), (256, 1)):
        for p, w in ((.5, .5), (.25, .5), (.125, .5), (.9, .5), (.5, .25)):
            product, adder = tree(rows, bits, p, w)
            print("%4d %4d %6.3f %7.3f | %7.3f %8.3f | %.3f" % (
                rows, bits, p, w, product, 2 * p * (1 - p) * w, adder))
    with open(os.path.join(ROOT, "costmodel", "library", "periphery.json")) as f:
        said = json.load(f)["periphery"]["digital_cell"]
    found = [tree(64, 8, .5, .5) for _ in range(8)]
    product, adder = (sum(f[i] for f in found) / len(found) for i in (0, 1))
    close = (abs(product - said["gate_activity"]["value"]) < .02
             and abs(adder * SPURIOUS - said["adder_activity"]["value"]) < .03)
    print("mean of 8 trees: product %.3f, adder %.3f" % (product, adder))
    return 0 if close else 1


if __name__ == "__main__":
    sys.exit(main())
