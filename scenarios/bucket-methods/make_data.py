#!/usr/bin/python3
"""Writes data/ of this scenario: six laws of known form, all of mean 6,000, in fine pieces.

A law is cut into pieces (uniform inside) by its cumulative distribution; the scale is then set so
that the mean of the pieces is 6,000 to rounding. Needs numpy. Run it in this folder.
"""
import csv
import math

import numpy as np

MEAN = 6000.0
EDGES = [0, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000, 6000, 6500, 7500, 8000, 9000,
         10000, 12500, 15000, 20000, 40000, 100000, 1000000, 10000000, math.inf]
TOP = 1e9  # nothing lies above: the rest of a tail there is put into the last piece


def normal_cdf(z):
    return 0.5 * math.erfc(-z / math.sqrt(2))


def lognormal(mu, sigma):
    return lambda x: normal_cdf((math.log(x) - mu) / sigma) if x > 0 else 0.0


def dagum(a, b, p):
    return lambda x: (1 + (x / b) ** -a) ** -p if x > 0 else 0.0


def gb2(a, b, p, q):
    """By Simpson's rule for the beta integral in v = a log(x/b), on a fixed grid."""
    v = np.linspace(-60, 60, 240001)
    log_density = p * v - (p + q) * np.logaddexp(0, v)
    density = np.exp(log_density - log_density.max())
    steps = (density[:-2:2] + 4 * density[1:-1:2] + density[2::2]) / 3 * (v[1] - v[0])
    cumulated = np.concatenate([[0], np.cumsum(steps)])
    cumulated /= cumulated[-1]
    grid = v[::2]
    return lambda x: float(np.interp(a * math.log(x / b), grid, cumulated)) if x > 0 else 0.0


def pareto_tailed(mu, sigma, alpha, share):
    """Lognormal below its upper `share` quantile, Pareto above."""
    from_z = -_normal_quantile(share)
    start = math.exp(mu + sigma * from_z)
    body = lognormal(mu, sigma)
    return lambda x: body(x) if x < start else 1 - share * (x / start) ** -alpha


def _normal_quantile(u):
    low, high = -10.0, 10.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if normal_cdf(middle) < u else (low, middle)
    return low


def mixture(parts):
    laws = [(weight, lognormal(mu, sigma)) for weight, mu, sigma in parts]
    return lambda x: sum(weight * law(x) for weight, law in laws)


LAWS = {
    "lognormal": lambda s: lognormal(math.log(s), 0.7),
    "gb2": lambda s: gb2(2.4, s, 0.9, 1.3),
    "dagum": lambda s: dagum(3.0, s, 0.6),
    "pareto_tailed": lambda s: pareto_tailed(math.log(s), 0.55, 2.2, 0.15),
    "mixture": lambda s: mixture([(0.65, math.log(s), 0.4), (0.35, math.log(s) + 1.1, 0.5)]),
    # Two of five persons up to 100,000 earn a multiple of 500 (below 10,000) or 5,000, or up to 1 more.
    "heaped": lambda s: lognormal(math.log(s), 0.65),
}


def pieces(law, heaped):
    cuts = {0.0, TOP}
    for low, high in zip(EDGES, EDGES[1:]):
        if math.isinf(high):
            cuts.update(np.geomspace(low, TOP, 60))
        elif low >= 20000:
            cuts.update(np.geomspace(low, high, 81))
        else:
            cuts.update(np.linspace(low, high, 41))
    if heaped:
        multiples = [500 * k for k in range(1, 20)] + [5000 * k for k in range(2, 21)]
        for at in multiples:
            cuts.update([float(at), at + 1.0])
    cuts = sorted(cuts)
    rows = []
    for low, high in zip(cuts, cuts[1:]):
        mass = (1.0 if high == TOP else law(high)) - law(low)
        if mass > 0 or low >= 20000:  # every bucket needs a density, if nobody is in it
            rows.append([low, high, max(mass, 1e-200)])
    if not heaped:
        return rows
    original = [tuple(row) for row in rows]
    by_start = {row[0]: row for row in rows}
    for low, high, mass in original:
        middle = (low + high) / 2
        if middle > 100000:
            continue
        at = multiples[int(np.argmin([abs(m - middle) for m in multiples]))]
        by_start[low][2] -= 0.4 * mass
        by_start[at][2] += 0.4 * mass
    return rows


def mean(rows):
    return sum(mass * (low + high) / 2 for low, high, mass in rows) / sum(m for *_, m in rows)


def main():
    shares, densities = [], []
    for name, make in LAWS.items():
        low, high = 100.0, 60000.0
        for _ in range(60):  # the mean grows with the scale
            middle = math.sqrt(low * high)
            rows = pieces(make(middle), name == "heaped")
            low, high = (middle, high) if mean(rows) < MEAN else (low, middle)
        total = sum(m for *_, m in rows)
        for bottom, top in zip(EDGES, EDGES[1:]):
            inside = sum(m for l, h, m in rows if bottom <= (l + h) / 2 < top)
            shares.append([name, level(bottom, top), repr(inside / total)])
        rows.sort()
        for l, h, m in rows:
            densities.append([name, repr(float(l)), repr(float(h)), repr(m / total)])
        print(name, middle, mean(rows))
    write("data/income.csv", ["law", "income", "share"], shares)
    write("data/income_density.csv", ["law", "lower", "upper", "weight"], densities)


def level(low, high):
    return f"{low}_up" if math.isinf(high) else f"{low}_{high}"


def write(path, header, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
