"""Read a results.h5 and its CSV the way a user does. Arguments: results.h5, all.csv."""
import json
import sys

try:
    import h5py
    import numpy as np
    import pandas as pd
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

f = h5py.File(sys.argv[1], "r")
n = 5000
attributes = dict(f.attrs)
assert attributes["format"] == "cimdse-results", attributes
assert attributes["format_version"] == 1
assert attributes["spec"] == '{"name": "sample \u00b5"}', attributes["spec"]
assert attributes["seed"] == "18446744073709551615"
assert attributes["complete"] == np.True_ and attributes["complete"].dtype == bool
pd.Timestamp(attributes["created_utc"])
assert attributes["tool_version"]

metrics = pd.DataFrame({k: f["metrics"][k][:] for k in f["metrics"]})
assert list(metrics.columns) == ["latency_s", "energy_j", "area_mm2", "throughput_ips"]
assert (metrics.dtypes == np.float64).all() and len(metrics) == n
assert f["metrics"]["energy_j"].attrs["unit"] == "J"

points = pd.DataFrame({k: f["points"][k][:] for k in f["points"]})
assert list(points.columns) == ["id", "state", "reason", "chip.cores", "clock_mhz", "schedule.level",
                                "schedule.pipeline", "device.cells%2Funit%25"], list(points.columns)
assert f["points"]["id"].dtype == np.uint64 and (points["id"] == np.arange(n)).all()
assert points["chip.cores"].dtype == np.int64 and points["clock_mhz"].dtype == np.float64
assert points["schedule.pipeline"].dtype == bool
assert set(points["state"].str.decode("utf-8")) == {"ok", "infeasible", "failed"}
assert set(f["points"]["schedule.level"].asstr()[:]) == {"cg", "mvm", 'vvm, "deep"', ""}
ok = points["state"] == b"ok"
assert metrics[~ok].isna().all().all() and not metrics[ok].isna().any().any()
assert (points["reason"][ok] == b"").all() and (points["reason"][~ok] != b"").all()

for group in ("points", "metrics"):
    for name, column in f[group].items():
        assert column.shape == (n,) and column.chunks == (4096,), (name, column.chunks)
        assert column.compression == "gzip" and column.compression_opts == 1 and column.shuffle

row = f["pareto"]["row"][:]
assert row.dtype == np.uint64 and (np.diff(row.astype(int)) > 0).all()
objectives = list(f["pareto"].attrs["objectives"])
senses = list(f["pareto"].attrs["senses"])
assert objectives == ["latency_s", "energy_j", "throughput_ips"] and senses == ["min", "min", "max"]
usable = metrics[ok & np.isfinite(metrics["latency_s"])]
values = usable[objectives].to_numpy() * np.where(np.array(senses) == "max", -1, 1)
front = []
for i, v in zip(usable.index, values):
    no_worse = (values <= v).all(axis=1)
    if not (no_worse & (values < v).any(axis=1)).any():
        if not ((values == v).all(axis=1) & (usable.index < i)).any():
            front.append(i)
assert list(row) == front, (list(row), front)
plans = f["pareto"]["plans"].asstr()[:]
assert json.loads(f["pareto"]["plans"][0])["row"] == row[0]
assert [p for p in plans] == ['{"tool": "cimdse", "row": %d}' % r for r in row]
history = f["pareto"]["history"]
assert (np.diff(history["hypervolume"][:]) >= 0).all() and history["evaluations"][-1] == n
assert history.attrs["method"] == "exact"

csv = pd.read_csv(sys.argv[2], float_precision="round_trip")
assert len(csv) == n
for name in metrics.columns:  # round-trip digits: equal bit for bit
    a, b = metrics[name].to_numpy(), csv[name].astype(float).to_numpy()
    assert ((a == b) | (np.isnan(a) & np.isnan(b))).all(), name
assert (csv["clock_mhz"].to_numpy() == points["clock_mhz"].to_numpy()).all()
assert csv["schedule.pipeline"].dtype == bool
assert (csv["schedule.level"].fillna("") == points["schedule.level"].str.decode("utf-8")).all()
assert (csv["reason"].fillna("") == points["reason"].str.decode("utf-8")).all()
