"""Estimates of indices and buckets that the program wrote, against R's and against formulas.

Usage: indices_golden.py FOLDER_OF_OUTPUTS GOLDEN_DESIGN_FOLDER
Reads index.csv, domains.csv, rates.csv, buckets.csv and jackknife.csv (see indices_test.sh).
"""

import csv
import math
import sys
from collections import defaultdict
from statistics import NormalDist

outputs, golden = sys.argv[1:]
normal = NormalDist()
checked = 0
wrong = []


def rows(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def estimates(name):
    """{(functional, variable, level, domain): row}"""
    return {tuple(r[k] for k in ("functional", "variable", "level", "domain")): r
            for r in rows(f"{outputs}/{name}.csv")}


def check(what, got, expected, tolerance=1e-9):
    global checked
    checked += 1
    if got == "" or abs(float(got) - expected) > tolerance * abs(expected):
        wrong.append(f"{what}: {got}, expected {expected}")


reference = defaultdict(dict)
for r in rows(f"{golden}/micro_results.csv"):
    reference[r["block"]][r["stat"]] = float(r["value"])
people = rows(f"{golden}/micro.csv")
DF = 18
SCORES = {"1": 1, "2": .5, "3": 0, "4": -.5, "5": -1}


def t_cdf(x):
    """Student's distribution function by Simpson's rule."""
    constant = math.exp(math.lgamma((DF + 1) / 2) - math.lgamma(DF / 2)) / math.sqrt(DF * math.pi)
    steps = 2000
    h = x / steps
    density = [constant * (1 + (k * h) ** 2 / DF) ** (-(DF + 1) / 2) for k in range(steps + 1)]
    return .5 + h / 3 * (density[0] + density[-1] + 4 * sum(density[1:-1:2]) + 2 * sum(density[2:-1:2]))


low, high = 0.0, 10.0
for _ in range(200):
    middle = (low + high) / 2
    low, high = (middle, high) if t_cdf(middle) < .975 else (low, middle)
T = (low + high) / 2


def means(values, inside):
    """Weighted means of columns over the rows inside, and their covariance: primary units within
    strata, with replacement. values: row -> numbers."""
    keep = [r for r in people if inside(r)]
    total = sum(float(r["weight"]) for r in keep)
    size = len(values(keep[0]))
    mean = [sum(float(r["weight"]) * values(r)[k] for r in keep) / total for k in range(size)]
    unit = {(r["stratum"], r["psu"]): [0.0] * size for r in people}
    for r in keep:
        for k in range(size):
            unit[r["stratum"], r["psu"]][k] += float(r["weight"]) * (values(r)[k] - mean[k]) / total
    strata = defaultdict(list)
    for (stratum, _), u in unit.items():
        strata[stratum].append(u)
    v = [[0.0] * size for _ in range(size)]
    for units in strata.values():
        n = len(units)
        centre = [sum(u[k] for u in units) / n for k in range(size)]
        for a in range(size):
            for b in range(size):
                v[a][b] += n / (n - 1) * sum((u[a] - centre[a]) * (u[b] - centre[b]) for u in units)
    return mean, v


# Indices of R's survey, their limits, probability and power.
index = estimates("index")
diffusion = reference["diffusion"]
for q in ("q1", "q2"):
    row = index["index", f"answer_{q}", "", ""]
    check(f"{q} index", row["estimate"], diffusion[f"{q}_index"])
    check(f"{q} se", row["se"], diffusion[f"{q}_se"])
    estimate, se = diffusion[f"{q}_index"], diffusion[f"{q}_se"]
    share = estimate / 100
    half = T * se / 100 / (share * (1 - share))
    for side, sign in (("lower", -1), ("upper", 1)):
        logit = math.log(share / (1 - share)) + sign * half
        check(f"{q} {side}", row[side], 100 / (1 + math.exp(-logit)))
    check(f"{q} p_above", row["p_above"], t_cdf((estimate - 50) / se))
    change_se = se * math.sqrt(2 * (1 - .25))
    z = normal.inv_cdf(.975)
    power = normal.cdf(3 / change_se - z) + normal.cdf(-3 / change_se - z)
    check(f"{q} power", index["power", f"answer_{q}", "3", ""]["estimate"], power)
    found = float(index["detectable change", f"answer_{q}", "0.8", ""]["estimate"])
    check(f"{q} detectable", normal.cdf(found / change_se - z) + normal.cdf(-found / change_se - z), .8)
change = index["index difference", "answer_q2 - answer_q1", "", ""]
check("change", change["estimate"], diffusion["change"])
check("change_se", change["se"], diffusion["change_se"])
check("change p", change["p"], 2 * (1 - t_cdf(diffusion["change"] / diffusion["change_se"])), 1e-8)

# Net balances of groups and their differences.
domains = estimates("domains")
of_group = {}
for g in "012":
    mean, v = means(lambda r: [100 * SCORES[r["answer_q1"]]],
                    lambda r: r["group"] == g and r["answer_q1"])
    of_group[g] = mean[0]
    row = domains["index", "answer_q1", "", f"group={g}"]
    check(f"balance of {g}", row["estimate"], mean[0])
    check(f"balance se of {g}", row["se"], math.sqrt(v[0][0]))
    check(f"p_above of {g}", row["p_above"], t_cdf(mean[0] / math.sqrt(v[0][0])))
    if g != "0":
        difference = domains["index difference", "answer_q1", "", f"group={g} - group=0"]
        check(f"difference {g}", difference["estimate"], of_group[g] - of_group["0"])
earlier = domains["index change", "answer_q1", "", "group=0"]
check("change to the same wave", earlier["estimate"], 0)
check("its se", earlier["se"], math.sqrt(2) * float(domains["index", "answer_q1", "", "group=0"]["se"]))

# Carlson-Parkin under the normal law, threshold 0.5.
rates = estimates("rates")
share, v = means(lambda r: [float(SCORES[r["answer_q1"]] > 0), float(SCORES[r["answer_q1"]] < 0)],
                 lambda r: r["answer_q1"])
a, b = normal.inv_cdf(share[1]), normal.inv_cdf(1 - share[0])
check("rate", rates["carlson-parkin mean", "answer_q1", "", ""]["estimate"], -.5 * (a + b) / (b - a))
check("spread", rates["carlson-parkin sd", "answer_q1", "", ""]["estimate"], 1 / (b - a))
by_a, by_b = -.5 * 2 * b / (b - a) ** 2, .5 * 2 * a / (b - a) ** 2
slope = [by_b * -1 / normal.pdf(b), by_a / normal.pdf(a)]
variance = sum(slope[i] * slope[j] * v[i][j] for i in range(2) for j in range(2))
check("rate se", rates["carlson-parkin mean", "answer_q1", "", ""]["se"], math.sqrt(variance))
slope = [1 / (b - a) ** 2 / normal.pdf(b), 1 / (b - a) ** 2 / normal.pdf(a)]
variance = sum(slope[i] * slope[j] * v[i][j] for i in range(2) for j in range(2))
check("spread se", rates["carlson-parkin sd", "answer_q1", "", ""]["se"], math.sqrt(variance))

# Buckets of R's survey.
buckets, jackknife = estimates("buckets"), estimates("jackknife")
name = "bucket:step_top2"
for functional in ("gini", "theil"):
    row = buckets[functional, name, "", ""]
    check(functional, row["estimate"], reference[functional]["est"])
    check(functional + " se", row["se"], reference[functional]["se_delta"], 1e-6)
    check(functional + " jackknife", jackknife[functional, name, "", ""]["se"],
          reference[functional]["se_jkn_mse"])
check("median jackknife", jackknife["quantile", name, "0.5", ""]["se"],
      reference["median_jkn"]["se_jkn_mse"])
check("mean", buckets["mean", name, "", ""]["estimate"], reference["midpoint_mean"]["mean"])
check("mean se", buckets["mean", name, "", ""]["se"], reference["midpoint_mean"]["se"])
check("mean deff", buckets["mean", name, "", ""]["deff"], reference["midpoint_mean"]["deff"])
for p in (10, 25, 50, 75, 90):
    row = buckets["quantile", name, str(p / 100), ""]
    q = f"q{p}"
    check(q, row["estimate"], reference["quantile"][q])
    check(q + " se", row["se"], reference["quantile"][q + "_woodruff_se"])
    check(q + " lower", row["lower"], reference["quantile"][q + "_woodruff_lo"])
    check(q + " upper", row["upper"], reference["quantile"][q + "_woodruff_hi"])

print("\n".join(wrong))
print(f"{checked} numbers, {len(wrong)} wrong")
sys.exit(bool(wrong))
