#!/usr/bin/env python3
"""Every constant of the component library with its unit, source and remark, as one page.

    tests/validation/catalogue.py            is costmodel/CATALOGUE.md what the library says?
    tests/validation/catalogue.py --write    write it
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.environ.get("CIM_SOURCE", os.path.join(HERE, "..", ".."))
LIBRARY = os.path.join(ROOT, "costmodel", "library")
PAGE = os.path.join(ROOT, "costmodel", "CATALOGUE.md")
TITLES = [("devices", "Devices"), ("adc_models", "Converters"), ("periphery", "Periphery, links, memories"),
          ("buffers", "Buffers"), ("components", "Named components"), ("defaults", "Defaults"),
          ("scaling", "Technology scaling")]


def is_quantity(x):
    return isinstance(x, dict) and "unit" in x and ("value" in x or "values" in x)


def short(x):
    return "%.6g" % x if isinstance(x, (int, float)) else str(x)


def quantity(q):
    numbers = q["values"] if "values" in q else [q["value"]]
    unit = "" if q["unit"] == "1" else " " + q["unit"]
    return ", ".join(short(v) for v in numbers) + unit


def rows(entry, prefix=""):
    """(key, value, remark) of every quantity and word below an entry, but its source."""
    for key, value in entry.items():
        name = prefix + key
        if is_quantity(value):
            yield name, quantity(value), value.get("note", "")
        elif isinstance(value, dict):
            if value.get("source"):
                yield name, "", "source: " + value["source"]
            yield from rows(value, name + ".")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for i, item in enumerate(value):
                yield from rows(item, "%s.%d." % (name, i))
        elif isinstance(value, list):
            yield name, ", ".join(short(v) for v in value), ""
        elif key != "source":
            yield name, short(value), ""


def sections():
    found = {}
    for name in sorted(os.listdir(LIBRARY)):
        with open(os.path.join(LIBRARY, name)) as f:
            for key, value in json.load(f).items():
                if isinstance(value, dict):
                    found.setdefault(key, (name, value))
    return found


def component(name, e):
    """A named component in one row of a table."""
    notes = ["holds " + quantity(e["capacity"])] if "capacity" in e else []
    notes += [e[k]["note"] for k in ("area", "power", "leakage") if "note" in e.get(k, {})]
    if "energies" in e:
        notes += [q["note"] for q in e["energies"].values() if "note" in q]
        dynamic = ", ".join("%s %s" % (k, quantity(q)) for k, q in e["energies"].items())
    else:
        dynamic = "%s at %s %s" % (quantity(e["power"]), quantity(e["rate"]), ", ".join(e["events"]))
    return "| %s | %s | %s, %s | %s | %s | %s | %s | %s |" % (
        name, e["kind"], quantity(e["technology"]), quantity(e["supply"]), quantity(e["area"]),
        quantity(e["leakage"]), dynamic, e["source"], "; ".join(notes))


def page():
    lines = ["# Component catalogue", "",
             "Written by `tests/validation/catalogue.py --write` from `costmodel/library/*.json`; checked "
             "by `ctest --test-dir", "build -L validation`. A user's file replaces entries by name: "
             "`--library FILE` (README.md, \"Library files\").", "Values marked recalled, derived or "
             "assumption deserve less trust than the others.", ""]
    found = sections()
    for key, title in TITLES:
        name, section = found[key]
        lines += ["## %s" % title, "", "`library/%s`" % name, ""]
        if key == "components":
            lines += ["| name | row | given at | area | leakage | dynamic | source | remark |",
                      "|---|---|---|---|---|---|---|---|"]
            lines += [component(n, e) for n, e in section.items()] + [""]
            continue
        entries = {key: section} if "source" in section else section
        for entry_name, entry in entries.items():
            lines += ["### %s" % entry_name, "", entry["source"].rstrip(".") + ".", "",
                      "| value | | remark |", "|---|---|---|"]
            lines += ["| %s | %s | %s |" % row for row in rows(entry)]
            lines.append("")
    return "\n".join(lines)


def main():
    text = page()
    if "--write" in sys.argv[1:]:
        with open(PAGE, "w") as f:
            f.write(text)
    if not os.path.exists(PAGE) or open(PAGE).read() != text:
        print("costmodel/CATALOGUE.md is not what the library says: run "
              "tests/validation/catalogue.py --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
