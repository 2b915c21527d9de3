"""One mistake per file. Arguments: a good results.h5 of 500 rows, the directory to write to."""
import os
import shutil
import sys

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

good, out = sys.argv[1:]
expected = open(os.path.join(out, "expected.txt"), "w")


def case(name, message, change):
    path = os.path.join(out, name + ".h5")
    shutil.copyfile(good, path)
    if change:
        with h5py.File(path, "r+") as f:
            change(f)
    expected.write(f"{name}.h5\t{message}\n")
    return path


def replaced(group, name, data, like=None, **options):
    """A change that replaces a column's data but keeps its attributes."""
    def change(f):
        attributes = dict(f[group][name].attrs)
        del f[group][name]
        made = f[group].create_dataset(name, data=data, **options)
        for k, v in attributes.items():
            made.attrs[k] = v
    return change


def attribute(path, name, value):
    def change(f):
        f[path].attrs[name] = value
    return change


def no_attribute(path, name):
    def change(f):
        del f[path].attrs[name]
    return change


def removed(path):
    def change(f):
        del f[path]
    return change


n = 500
with h5py.File(good, "r") as f:
    front = len(f["pareto/row"])
for part, size in (("half", 0.5), ("nearly", 0.99), ("header", 0.002)):
    path = case("truncated_" + part, "is truncated or damaged", None)
    os.truncate(path, int(os.path.getsize(path) * size))

case("other_format", 'format is "something-else", expected "cimdse-results"',
     attribute("/", "format", "something-else"))
case("no_format", 'attribute "format" is missing', no_attribute("/", "format"))
case("other_version", "format version 2 is unknown, this program reads version 1",
     attribute("/", "format_version", 2))
case("version_text", 'attribute "format_version" has another type', attribute("/", "format_version", "1"))
case("no_spec", 'attribute "spec" is missing', no_attribute("/", "spec"))
case("seed_too_long", "seed is too long", attribute("/", "seed", "9" * 60))
case("no_points", "points is missing", removed("points"))
case("no_metrics", "metrics is missing", removed("metrics"))
case("no_pareto", "pareto is missing", removed("pareto"))
case("no_id", 'column "id" is missing', removed("points/id"))
case("points_is_a_dataset", "points is not a readable group",
     lambda f: (f.__delitem__("points"), f.create_dataset("points", data=[1, 2])))
case("unequal_parameter", 'column "chip.cores" has another length',
     replaced("points", "chip.cores", np.arange(n - 1)))
case("unequal_metric", 'column "energy_j" has another length',
     replaced("metrics", "energy_j", np.zeros(n + 1)))
case("unequal_state", 'column "state" has another length',
     replaced("points", "state", np.array([b"ok"] * (n + 7))))
case("id_repeats", 'column "id" does not ascend', replaced("points", "id", np.repeat(np.arange(n // 2), 2)))
case("id_descends", 'column "id" does not ascend', replaced("points", "id", np.arange(n)[::-1].copy()))
case("id_real", 'column "id" has another type', replaced("points", "id", np.arange(n) * 1.0))
case("unknown_state", 'has "okay" in row 0', replaced("points", "state", np.array([b"okay"] * n)))
case("unknown_word", 'has "deep" in row 0',
     replaced("points", "schedule.level", np.array([b"deep"] * n)))
case("unknown_type", 'attribute "type" is "complex", which is unknown',
     attribute("points/chip.cores", "type", "complex"))
case("no_type", 'attribute "type" is missing', no_attribute("points/chip.cores", "type"))
case("type_lies", 'another type than its attribute "type" says',
     attribute("points/schedule.level", "type", "int"))
case("matrix", 'column "clock_mhz" has another shape',
     replaced("points", "clock_mhz", np.zeros((n, 2))))
case("scalar", 'column "clock_mhz" has another shape', replaced("points", "clock_mhz", 3.5))
case("metric_int", 'column "energy_j" has another type',
     replaced("metrics", "energy_j", np.arange(n)))
case("no_unit", 'attribute "unit" is missing', no_attribute("metrics/energy_j", "unit"))
case("front_out_of_range", "front row 500 is out of range, there are 500 points",
     replaced("pareto", "row", np.array([1, 500], dtype="u8")))
case("front_descends", 'column "row" does not ascend',
     replaced("pareto", "row", np.array([2, 1], dtype="u8")))
case("front_infeasible", "front row 3 is not feasible",
     replaced("pareto", "row", np.array([3], dtype="u8")))
case("plans_unequal", 'column "plans" has another length',
     replaced("pareto", "plans", np.array([b"{}"])))
case("plans_variable", 'column "plans" has another type',
     replaced("pareto", "plans", ["{}"] * front, dtype=h5py.string_dtype()))
case("history_unequal", 'column "hypervolume" has another length',
     replaced("pareto/history", "hypervolume", np.zeros(3)))
case("unknown_objective", 'objective "beauty" is not a metric',
     attribute("pareto", "objectives", ["latency_s", "energy_j", "beauty"]))
case("unknown_sense", 'sense of an objective is "less"',
     attribute("pareto", "senses", ["min", "min", "less"]))
case("senses_unequal", "objectives and senses differ in length",
     attribute("pareto", "senses", ["min", "min"]))


def external(f):
    del f["metrics/energy_j"]
    f["metrics/energy_j"] = h5py.ExternalLink(good, "/metrics/energy_j")


def soft(f):
    del f["points/chip.cores"]
    f["points/chip.cores"] = h5py.SoftLink("/points/id")


def outside(f):
    del f["metrics/energy_j"]
    f["metrics"].create_dataset("energy_j", (n,), "f8", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def sparse(f):  # a petabyte that nobody stored
    del f["points/id"]
    f["points"].create_dataset("id", (1 << 47,), "u8", chunks=(4096,), compression="gzip")


def giant_chunk(f):
    del f["metrics/energy_j"]
    made = f["metrics"].create_dataset("energy_j", (n,), "f8", maxshape=(None,), chunks=(1 << 24,),
                                       compression="gzip")
    made.attrs["unit"] = "J"


def many(f):
    for i in range(200):
        f["metrics"].create_dataset(f"m{i}", data=np.zeros(n))


case("external_link", "is a link to elsewhere", external)
case("soft_link", "is a link to elsewhere", soft)
case("external_storage", "is stored in a way that is not allowed", outside)
case("sparse_petabyte", "claims more rows than the file can hold", sparse)
case("giant_chunk", "is stored in a way that is not allowed", giant_chunk)
case("many_columns", "has more columns than allowed", many)
case("long_name", "name is", lambda f: f["metrics"].create_dataset("x" * 200, data=np.zeros(n)))
expected.close()
