#!/usr/bin/env python3
"""What the report's tables 1 to 4 and 7 allow, with its headline shares: the bounds that the scenario
flexible-employment-2022q2 quotes for numbers that contradict others, and the intervals of three means.

A linear program over the eleven occupations' shares of the flexibly employed and the cells of tables
1 to 4 (shares of all flexibly employed). Every printed share may lie half a unit of its last decimal
away, "about" 10 % away. Table 2 is read with its columns 2 and 3 exchanged. Needs glpsol (GLPK).
"""
import csv
import re
import subprocess
import tempfile
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "scenarios" / "flexible-employment-2022q2" / "sources"
TABLES = {"age": "table1_age_by_occupation", "education": "table2_education_by_occupation",
          "hours": "table3_hours_by_occupation", "income": "table4_income_by_occupation"}
VALUES = {"age": [18, 25.5, 35.5, 45.5, 55.5, 65], "hours": [25, 35, 45, 55, 65],
          "income": [1000, 3500, 6500, 14000, 25000]}
NEW_FORMS = ["online_service", "platform_orders"]
# Level numbers of education after the exchange: 0 junior high or below, 1 senior high, 2 junior
# college, 3 bachelor, 4 master. The report's "higher education" by occupation and by income is
# 1 + 3 + 4, its headline 2 + 3 + 4.
EXCHANGED, HIGHER = (1, 3, 4), (2, 3, 4)


def read(name):
    with open(SOURCES / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tables():
    cells, reported = {}, {}
    for variable, file in TABLES.items():
        for row in read(file):
            columns = [c for c in row if c != "occupation" and "reported" not in c]
            shares = [float(row[c]) for c in columns]
            if variable == "education":
                shares[1], shares[2] = shares[2], shares[1]
                reported[row["occupation"]] = float(row["reported_higher_education_pct"])
            cells[variable, row["occupation"]] = shares
    return cells, reported


CELLS, REPORTED_HIGHER = tables()
OCCUPATIONS = [occupation for variable, occupation in CELLS if variable == "age"]


def share(occupation):
    return f"p{OCCUPATIONS.index(occupation)}"


def total(variable, levels, occupations=OCCUPATIONS):
    """Of all flexibly employed, per cent at these levels in these occupations."""
    return [(1.0, f"{variable}{OCCUPATIONS.index(o)}_{k}") for o in occupations for k in levels]


def weighted(variable, occupations=OCCUPATIONS):
    return [(value, name) for k, value in enumerate(VALUES[variable]) for _,
            name in total(variable, [k], occupations)]


def scaled(factor, terms):
    return [(factor * c, name) for c, name in terms]


class Program:
    def __init__(self, shrink=0.0):
        """shrink: the part of each interval's half-width that is given up on both sides."""
        self.rows, self.shrink = [], shrink

    def between(self, terms, low, high, of=None, rounding=True):
        """low % <= terms <= high % of `of` (default: of everybody). Only rounding is shrunk, not words."""
        middle, half = (low + high) / 2, (high - low) / 2 * (1 - self.shrink if rounding else 1)
        for sign, bound in ((">=", middle - half), ("<=", middle + half)):
            left = terms if of is None else terms + scaled(-bound / 100, of)
            self.rows.append((left, sign, bound if of is None else 0))

    def equal(self, terms, value):
        self.rows.append((terms, "=", value))

    def best(self, sense, objective):
        def text(terms):
            sums = {}
            for c, name in terms:
                sums[name] = sums.get(name, 0) + c
            return " ".join(f"{'+' if c >= 0 else '-'} {abs(c):.12g} {name}" for name,
                            c in sums.items() if c) or "0 p0"
        with tempfile.TemporaryDirectory() as folder:
            lines = [f"c{i}: {text(left)} {sign} {right:.12g}" for i,
                     (left, sign, right) in enumerate(self.rows)]
            Path(folder,
                 "m.lp").write_text(f"{sense}\nobj: {text(objective)}\nSubject To\n" + "\n".join(lines) + "\nEnd\n")
            subprocess.run(["glpsol", "--lp", f"{folder}/m.lp", "-o", f"{folder}/m.sol"], check=True,
                           stdout=subprocess.DEVNULL)
            solution = Path(folder, "m.sol").read_text()
        if not re.search(r"Status:\s+OPTIMAL", solution):
            return None
        return float(re.search(r"obj = (\S+)", solution).group(1))

    def range(self, objective):
        return self.best("Minimize", objective), self.best("Maximize", objective)

    def ratio(self, sense, numerator, denominator, low, high):
        """Extreme of numerator / denominator (> 0) by bisection on the sign of n - r d."""
        for _ in range(40):
            middle = (low + high) / 2
            reachable = self.best(sense, numerator + scaled(-middle, denominator))
            up = reachable > 0 if sense == "Maximize" else reachable >= 0
            low, high = (middle, high) if up else (low, middle)
        return (low + high) / 2


def program(headline, shrink=0.0):
    """Tables 1 to 4 with figure 5; with `headline` also table 7 and the other headline shares."""
    p = Program(shrink)
    everybody = [(1.0, share(o)) for o in OCCUPATIONS]
    p.equal(everybody, 100)
    for (variable, occupation), shares in CELLS.items():
        of = [(1.0, share(occupation))]
        p.equal(total(variable, range(len(shares)), [occupation]) + scaled(-1, of), 0)
        for k, printed in enumerate(shares):
            p.between(total(variable, [k], [occupation]), max(0, printed - 0.5), printed + 0.5, of)
    for occupation, printed in REPORTED_HIGHER.items():
        p.between(total("education", EXCHANGED, [occupation]), printed - 0.5, printed + 0.5,
                  [(1.0, share(occupation))])
    for occupation, printed, half in (("manufacturing", 20.4, 0.05), ("offline_life_service", 15.9, 0.05),
                                      ("construction", 15.6, 0.05),
                                      ("platform_orders", 4.1, 0.05), ("online_service", 2.7,
                                              0.05), ("self_employed_managers", 15, 1.5)):
        p.between([(1.0, share(occupation))], printed - half, printed + half, rounding=half < 1)
    if not headline:
        return p
    for variable, levels, low, high in (
            ("income", [0], 7.55, 7.65), ("income", [1], 30.75, 30.85), ("income", [3], 22.55,
                    22.65), ("hours", [0], 5.65, 5.75),
            ("education", [0], 37.65, 37.75), ("education", [1], 42.35, 42.45), ("education", HIGHER, 19.85,
                    19.95), ("education", [4], 0.36, 0.44)):
        p.between(total(variable, levels), low, high)
    p.between(total("income", [2, 3, 4]), 60, 100, rounding=False)
    p.between(total("hours", [4]), 36, 44, rounding=False)
    for occupation in ("construction", "logistics"):
        p.between(total("age", [3, 4, 5], [occupation]), 27, 33, [(1.0, share(occupation))], rounding=False)
    p.between(total("income", [3, 4], ["construction"]), 29.5, 30.5, [(1.0, share("construction"))])
    for change, overall in (("employment", 61.7), ("income", 55.0), ("consumption", 63.0)):
        indices = {row["occupation"]: float(row[f"{change}_pct"]) for row in read("table7_diffusion_by_occupation")}
        half = 0.05 * (1 - shrink)
        p.rows.append(([(indices[o] - half, share(o)) for o in OCCUPATIONS], "<=", 100 * (overall + half)))
        p.rows.append(([(indices[o] + half, share(o)) for o in OCCUPATIONS], ">=", 100 * (overall - half)))
    return p


def main():
    for headline in (False, True):
        p = program(headline)
        print("tables 1-4 and 7, figure 5 and the other headline shares:" if headline else "tables 1-4 and figure 5 alone:")
        for row, name, objective, unit in (
                (26, "aged 16-20", total("age", [0]), 1), (26, "aged 21-30 (columns 1 and 2 exchanged)",
                                                           total("age", [1]), 1),
                (27, "aged 31-40", total("age", [2]), 1), (38, "mean hours", weighted("hours"), 100),
                (42, "50-60 hours", total("hours", [3]), 1), (47, "income 5000-8000", total("income", [2]),
                        1),
                (49, "income over 20000", total("income", [4]), 1),
                (36, "higher education of table 2, all", total("education", EXCHANGED), 1),
                (36, "the same from figure 8", scaled(0.382, total("income", [0, 1])) + scaled(0.484,
                        total("income", [2, 3])) + scaled(0.811, total("income", [4])), 1)):
            low, high = p.range(objective)
            print(f"  row {row:3}  {name:40} {low / unit:8.3f} to {high / unit:8.3f}")
        for row, name, occupations in ((28, "mean age, new forms", NEW_FORMS),
                                       (29, "mean age, traditional",
                                        [o for o in OCCUPATIONS if o not in NEW_FORMS])):
            of = [(1.0, share(o)) for o in occupations]
            low, high = (p.ratio(sense, weighted("age", occupations), of, 18, 65) for sense in ("Minimize",
                    "Maximize"))
            print(f"  row {row:3}  {name:40} {low:8.3f} to {high:8.3f}")
        ends = [p.ratio(sense, total("education", EXCHANGED) + scaled(-low,
                total("income", [0, 1])) + scaled(-top, total("income", [4])), total("income", [2, 3]), 0,
                1)
                for sense, low, top in (("Minimize", 0.3825, 0.8115), ("Maximize", 0.3815, 0.8105))]
        print(f"  row  36  {'figure 8, 5000-20000, beside 38.2 and 81.1':40} {100 * ends[0]:8.3f} to {100 * ends[1]:8.3f}")
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if program(True, middle).best("Minimize", []) is not None else (low,
                middle)
    print(f"all of them can be met with {100 * low:.0f} % of every half-width to spare; then the occupations' shares lie in")
    p = program(True, 0.98 * low)
    for occupation in OCCUPATIONS:
        ends = p.range([(1.0, share(occupation))])
        print(f"  {occupation:24} {ends[0]:6.2f} to {ends[1]:6.2f}")


if __name__ == "__main__":
    main()
