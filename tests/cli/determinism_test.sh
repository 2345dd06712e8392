#!/usr/bin/env bash
# One thread and two: every dataset outside /provenance is equal bit for bit, and so are the CSV
# files apart from times. Usage: determinism_test.sh STEELYARD_BINARY SCENARIO REPLICATES
set -euo pipefail
steelyard=$1 scenario=$2 replicates=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for threads in 1 2; do "$steelyard" run "$scenario" --replicates "$replicates" --seed 1 --threads $threads -o "$work/$threads" --quiet >/dev/null; done
cut -d, -f1-19,21- "$work/1/performance.csv" >"$work/a"
cut -d, -f1-19,21- "$work/2/performance.csv" | cmp - "$work/a"
cmp "$work/1/reproduction.csv" "$work/2/reproduction.csv"
cmp "$work/1/contrasts.csv" "$work/2/contrasts.csv"
/usr/bin/python3 - "$work/1/results.h5" "$work/2/results.h5" <<'P'
import sys
import h5py
import numpy
a, b = (h5py.File(p, "r") for p in sys.argv[1:])
names = {}
for which, f in (("a", a), ("b", b)):
    names[which] = []
    f.visititems(lambda name, item: names[which].append(name) if isinstance(item, h5py.Dataset) and not name.startswith("provenance") else None)
assert names["a"] == names["b"] and len(names["a"]) > 20, "datasets differ"
for name in names["a"]:
    x, y = a[name][()], b[name][()]
    same = x.tobytes() == y.tobytes() if getattr(x, "dtype", None) is not None and x.dtype.kind in "fiub" else numpy.array_equal(x, y)
    assert same, name
assert "provenance" in a
print(len(names["a"]), "datasets are equal")
P
