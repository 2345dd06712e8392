#!/usr/bin/env python3
"""Data of the scenario `households`: seed households (assumed), zones and controls of the 2020 census.

Run from anywhere; writes scenarios/households/data. The census counts are the flagship scenario's
sources. Deterministic: the seed households come from one fixed random stream.
"""
import csv
import math
import random
from collections import defaultdict
from pathlib import Path

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
CENSUS = SCENARIOS / "flexible-employment-2022q2" / "sources" / "province_residence_sex_age.csv"
DATA = SCENARIOS / "households" / "data"

# Communique No. 2 of the census: family households, and the persons in them; the rest of the
# 1,411,778,724 live in collective households.
HOUSEHOLDS, IN_HOUSEHOLDS, PERSONS = 494_157_423, 1_292_809_300, 1_411_778_724
# Census yearbook 2020, shares of family households in percent. One person: 25.39, as published in
# the press. The others, and the generations, are set here as assumptions.
SIZE_SHARES = {"1": 25.39, "2": 29.68, "3": 20.99, "4": 13.17, "5_plus": 10.77}
GENERATION_SHARES = {"1": 49.5, "2": 36.7, "3_plus": 13.8}
LARGE_MEAN = 5.7  # persons of a household of five and more: what the mean of 2.62 leaves them
AGES = [("0_14", 0, 14), ("15_29", 15, 29), ("30_44", 30, 44), ("45_59", 45, 59), ("60_74", 60, 74),
        ("75_plus", 75, 200)]
SEEDS = 1500  # of each residence


def write(name, header, rows):
    DATA.mkdir(parents=True, exist_ok=True)
    with open(DATA / name, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def age_group(age):
    return next(name for name, lower, upper in AGES if lower <= age <= upper)


def census_persons():
    """Persons in family households by zone, sex and age: the census counts times one share."""
    persons = defaultdict(float)
    with open(CENSUS, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            residence = "rural" if row["residence"] == "rural" else "urban"
            cell = (row["province"], residence, row["sex"], age_group(int(row["age_min"])))
            persons[cell] += int(row["persons"]) * IN_HOUSEHOLDS / PERSONS
    return persons


def zone_households(persons, zones):
    """Assumed: a zone's persons a household rise with its share of children; all zones give the
    census mean."""
    size = {}
    for zone in zones:
        total = sum(n for cell, n in persons.items() if cell[:2] == zone)
        children = sum(n for cell, n in persons.items() if cell[:2] == zone and cell[3] == "0_14")
        size[zone] = (total, 1 + 1.5 * (children / total - 0.18))
    plain = sum(total / factor for total, factor in size.values())
    scale = plain / HOUSEHOLDS
    return {zone: total / factor / scale for zone, (total, factor) in size.items()}


def tilted_sizes(mean):
    """The national size shares, tilted by exp(theta size) to a mean."""
    values = {"1": 1, "2": 2, "3": 3, "4": 4, "5_plus": LARGE_MEAN}
    lower, upper = -5.0, 5.0
    for _ in range(200):
        theta = (lower + upper) / 2
        shares = {k: s * math.exp(theta * values[k]) for k, s in SIZE_SHARES.items()}
        total = sum(shares.values())
        shares = {k: s / total for k, s in shares.items()}
        if sum(shares[k] * values[k] for k in shares) < mean:
            lower = theta
        else:
            upper = theta
    return shares


def zone_sizes(persons, households):
    """Households by zone and size: tilted shares, raked to the national shares."""
    totals = {z: sum(n for cell, n in persons.items() if cell[:2] == z) for z in households}
    table = {}
    for zone, count in households.items():
        for k, share in tilted_sizes(totals[zone] / count).items():
            table[zone, k] = share * count
    for _ in range(500):
        for k, share in SIZE_SHARES.items():
            now = sum(table[z, k] for z in households)
            for z in households:
                table[z, k] *= share / 100 * HOUSEHOLDS / now
        for z, count in households.items():
            now = sum(table[z, k] for k in SIZE_SHARES)
            for k in SIZE_SHARES:
                table[z, k] *= count / now
    for z in households:  # large households must be able to hold the rest of the persons
        rest = totals[z] - sum(int(k) * table[z, k] for k in "1234")
        assert 5.02 < rest / table[z, "5_plus"] < 7.5, (z, rest / table[z, "5_plus"])
    return table


class Maker:
    """Seed households by type; ages of parents, children and grandparents fit each other."""

    def __init__(self, residence):
        self.rng = random.Random(f"steelyard households {residence}")

    def sex(self):
        return self.rng.choice(["male", "female"])

    def couple(self, young, old):
        age = self.rng.randint(young, old)
        return [(age, "male"), (max(20, age - self.rng.randint(-2, 5)), "female")]

    def children(self, parents, n):
        mother = min(age for age, _ in parents)
        first = mother - self.rng.randint(20, 32)
        ages = [max(0, min(first, 34) - 3 * k) for k in range(n)]
        return [(age, self.sex()) for age in ages]

    def household(self, size):
        """Ages and sexes of `size` persons, and the number of generations."""
        draw = self.rng.random()
        if size == 1:
            return [(self.rng.choice([self.rng.randint(18, 45), self.rng.randint(30, 92)]), self.sex())], 1
        if size == 2:
            if draw < 0.62:
                return self.couple(22, 88), 1
            if draw < 0.72:  # siblings or flatmates
                age = self.rng.randint(16, 40)
                return [(age, self.sex()), (age + self.rng.randint(0, 6), self.sex())], 1
            if draw < 0.94:
                parent = [(self.rng.randint(24, 88), self.sex())]
                return parent + [(max(0, parent[0][0] - self.rng.randint(22, 34)), self.sex())], 2
            child = self.rng.randint(0, 17)  # a grandparent with a grandchild
            return [(child + self.rng.randint(45, 62), self.sex()), (child, self.sex())], 3
        parents = self.couple(24, 62)
        if size == 3:
            if draw < 0.08:
                age = self.rng.randint(17, 40)
                return [(age + self.rng.randint(0, 5), self.sex()) for _ in range(3)], 1
            if draw < 0.85:
                return parents + self.children(parents, 1), 2
            young = self.couple(24, 45)
            old = [(young[0][0] + self.rng.randint(22, 32), self.sex())]
            if draw < 0.92:
                return young + old, 2
            return young[:1] + self.children(young[:1], 1) + old, 3
        if draw < {4: 0.55, 5: 0.2}.get(size, 0.08):
            return parents + self.children(parents, size - 2), 2
        if draw < {4: 0.6}.get(size, 0.0):
            age = self.rng.randint(17, 40)
            return [(age + self.rng.randint(0, 6), self.sex()) for _ in range(size)], 1
        young = self.couple(24, 50)
        old = [(min(95, age + self.rng.randint(22, 32)), sex) for age, sex in young]
        grandparents = old if size > 4 or draw > 0.8 else old[:1]
        return young + self.children(young, size - 2 - len(grandparents)) + grandparents, 3


def seeds():
    households, people = [], []
    for residence in ("urban", "rural"):
        maker = Maker(residence)
        for k in range(SEEDS):
            draw = maker.rng.random()
            # Large households are over-represented among the seeds, and weigh less.
            size = next(n for n, edge in ((1, 0.15), (2, 0.35), (3, 0.6), (4, 0.8), (5, 0.9), (6, 0.96),
                                          (7, 0.985), (8, 2)) if draw < edge)
            drawn = {1: 0.15, 2: 0.2, 3: 0.25, 4: 0.2}.get(size, 0.2)
            level = str(size) if size < 5 else "5_plus"
            members, generations = maker.household(size)
            assert len(members) == size
            name = f"{residence[0]}{k + 1:04}"
            households.append([name, round(SIZE_SHARES[level] / 100 / drawn, 4), residence, level,
                               "3_plus" if generations > 2 else generations])
            people += [[name, sex, age_group(age)] for age, sex in members]
    write("seed_households.csv", ["household", "weight", "residence", "size", "generations"], households)
    write("seed_persons.csv", ["household", "sex", "age"], people)


def main():
    persons = census_persons()
    zones = sorted({cell[:2] for cell in persons})
    households = zone_households(persons, zones)
    sizes = zone_sizes(persons, households)
    name = {zone: f"{zone[0]}.{zone[1]}" for zone in zones}
    write("zones.csv", ["zone", "households", "residence"],
          [[name[z], f"{households[z]:.3f}", z[1]] for z in zones])
    write("size.csv", ["zone", "size", "households"],
          [[name[z], k, f"{sizes[z, k]:.3f}"] for z in zones for k in SIZE_SHARES])
    write("sex_age.csv", ["zone", "sex", "age", "persons"],
          [[name[z], sex, age, f"{persons[z + (sex, age)]:.3f}"] for z in zones
           for sex in ("male", "female") for age, _, _ in AGES])
    write("generations.csv", ["generations", "households"],
          [[k, f"{share / 100 * HOUSEHOLDS:.3f}"] for k, share in GENERATION_SHARES.items()])
    seeds()


if __name__ == "__main__":
    main()
