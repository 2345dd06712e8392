"""Compares the rows that `buckets` wrote with the reference files: buckets_golden.py OUT GOLDEN."""
import csv
import math
import sys

out, golden = sys.argv[1:]


def number(text):
    return {"Inf": math.inf, "-Inf": -math.inf, "NA": math.nan}.get(text) or float(text)


ours = {}
with open(out) as file:
    for row in csv.DictReader(file):
        ours[row["case"], row["method"], row["stat"]] = row["value"]

compared = statuses = 0
wrong = []


def compare(case, method, stat, expected, tolerance):
    global compared
    value = ours.get((case, method, stat))
    if value is None:
        wrong.append(f"{case},{method},{stat}: missing")
        return
    compared += 1
    a, b = number(value), number(expected)
    same = (math.isnan(a) and math.isnan(b)) or a == b or abs(a - b) <= tolerance * abs(b)
    # A rate of zero that the reference has as rounding noise.
    if not same and not abs(b) < 1e-20:
        wrong.append(f"{case},{method},{stat}: {value}, wanted {expected}")


SOLVED = ("_mean", "par16", "exp16")
with open(f"{golden}/nonparametric.csv") as file:
    for row in csv.DictReader(file):
        if row["stat"] == "status":
            statuses += 1
            if ours.get((row["case"], row["method"], "status")) != row["value"]:
                wrong.append(f"{row}: status {ours.get((row['case'], row['method'], 'status'))}")
            continue
        solved = any(part in row["method"] for part in SOLVED)
        compare(row["case"], row["method"], row["stat"], row["value"], 1e-9 if solved else 1e-10)
boundary = set()
with open(f"{golden}/ml.csv") as file:
    for row in csv.DictReader(file):
        key = row["case"], row["family"]
        if row["stat"] == "status" and row["value"] != "ok":
            boundary.add(key)
        if row["stat"] in ("status", "members", "family", "loglik_sup", "G2") or key in boundary:
            continue
        if row["stat"].startswith(("w:", "se")):
            continue
        tolerance = 1e-11 if row["stat"] == "loglik" else 1e-7
        compare(row["case"], row["family"], row["stat"], row["value"], tolerance)
bounds = 0
with open(f"{golden}/bounds.csv") as file:
    for row in csv.DictReader(file):
        if row["cap_multiple"] == "none" and row["stat"] != "status":
            bounds += 1
            compare(row["case"], "bounds", row["stat"], row["value"], 1e-12)
for line in wrong[:20]:
    print(line)
print(f"{compared} numbers and {statuses} statuses compared, {len(wrong)} wrong")
if compared < 15000 or statuses < 1400 or bounds < 800:
    sys.exit("too little was compared")
sys.exit(1 if wrong else 0)
