"""Levels, files and rounding that all parts share."""
import csv
import math
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "scenarios" / "flexible-employment-2022q2"
SOURCES, DATA = FOLDER / "sources", FOLDER / "data"

AGES = ["16_20", "21_30", "31_40", "41_50", "51_60", "over_60"]
AGE_FROM = [16, 21, 31, 41, 51, 61]
EDUCATIONS = ["junior_high_or_below", "senior_high_or_vocational", "junior_college", "bachelor",
              "master_or_above"]
RESIDENCES, SEXES = ["urban", "rural"], ["male", "female"]
STATUSES = ["flexible", "full_time", "business_owner", "unemployed", "inactive"]
EMPLOYED = "flexible|full_time|business_owner"
OCCUPATIONS = ["online_service", "offline_life_service", "finance_clerk", "manufacturing", "sales",
               "platform_orders", "self_employed_managers", "other", "construction", "logistics",
               "farming"]
INDUSTRIES = ["agriculture", "mining", "manufacturing", "construction", "services"]
HOURS = ["under_30", "30_40", "40_50", "50_60", "over_60"]
INCOMES = ["under_2000", "2000_5000", "5000_8000", "8000_20000", "over_20000"]
CHANGES = ["much_better", "better", "same", "worse", "much_worse"]


def read(name):
    with open(SOURCES / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(name, header, rows):
    with open(DATA / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def age_group(age):
    return AGES[max(k for k, start in enumerate(AGE_FROM) if age >= start)]


def largest_remainder(values, total):
    """Whole numbers that sum to `total`, each less than one away from its value."""
    whole = [math.floor(v) for v in values]
    order = sorted(range(len(values)), key=lambda k: (whole[k] - values[k], k))
    for k in order[:total - sum(whole)]:
        whole[k] += 1
    assert sum(whole) == total
    return whole


def urban(residence):
    return "rural" if residence == "rural" else "urban"


HEADER = ["id", "view", "scope", "quantity", "level", "statistic", "value", "relation", "lower", "upper",
          "unit",
          "use", "status_note", "provenance", "range_lower", "range_upper", "source"]


def number(id, scope, quantity, level, statistic, value, source, view="sample:weighted", relation="=",
           interval=("", ""),
           unit="pct", use="fit", note="", provenance="reported", range=("", "")):
    return dict(zip(HEADER, [id, view, scope, quantity, level, statistic, value, relation, *interval, unit,
                             use, note,
                             provenance, *range, source]))


def write_numbers(name, rows):
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len(ids)
    write(name, HEADER, [[row[key] for key in HEADER] for row in rows])


def plain(value):
    """A float without noise: at most ten significant digits."""
    return f"{value:.10g}"


def around(value, half):
    return plain(value - half), plain(value + half)


def mean_interval(shares, values):
    """Smallest and largest mean over shares that lie within half a point of the printed ones and
    within 0 to 100, and sum to 100: start at the lowest shares, then fill from one end."""
    lowest = [max(0.0, s - 0.5) for s in shares]
    highest = [min(100.0, s + 0.5) for s in shares]
    assert sum(lowest) <= 100 <= sum(highest)
    bounds = []
    for order in (range(len(shares)), reversed(range(len(shares)))):   # values increase
        x, rest = lowest[:], 100 - sum(lowest)
        for k in order:
            step = min(rest, highest[k] - lowest[k])
            x[k] += step
            rest -= step
        bounds.append(sum(a * b for a, b in zip(x, values)) / 100)
    return bounds
