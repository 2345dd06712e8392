"""Census 2020: persons aged 16 and over."""
from collections import defaultdict

from flagship.common import (AGES, EDUCATIONS, RESIDENCES, SEXES, read, write, age_group, largest_remainder,
                             urban)


def single_years():
    """(residence, sex, age) -> persons: mean population November 2019 to October 2020, table 6-4.
    Used only to split five-year groups. Age 100 stands for 100 and over."""
    persons = defaultdict(int)
    for row in read("national_single_year_midperiod"):
        if row["residence"] == "total":
            continue
        for sex in SEXES:
            persons[urban(row["residence"]), sex,
                    int(row["age"])] += int(row[f"{sex}_mean_population_persons"])
    return persons


def census_by_age(single):
    """(province, residence, sex, age group) -> persons aged 16 and over, whole numbers.

    Table 1-5 a/b/c has five-year groups. Urban is city + town. Of the groups that a report bucket
    cuts, the first year is split off with the national share of that year in its five-year group,
    by residence and sex: 15 of 15-19 (dropped), 20 of 20-24 to 16_20, 30 of 30-34 to 21_30, 40 of
    40-44 to 31_40, 50 of 50-54 to 41_50, 60 of 60-64 to 51_60. The persons aged 15 are scaled so
    that the nation has 15 323 224 of them: 1 409 778 724 persons less 1 141 071 562 aged 16 and over
    (census2020_labour_totals.csv) less those aged 0-14."""
    five = defaultdict(int)
    for row in read("province_residence_sex_age"):
        start, persons = int(row["age_min"]), int(row["persons"])
        if row["residence"] != "total" and start >= 15:
            five[row["province"], urban(row["residence"]), row["sex"], start] += persons
    aged_16 = int(next(r["value"] for r in read("census2020_labour_totals")
                       if r["item"] == "short_form_population_16_plus"))
    aged_15 = sum(five.values()) - aged_16

    def first_year_share(residence, sex, start):
        group = [single[residence, sex, start + k] for k in range(5)]
        return group[0] / sum(group)

    keys15 = [key for key in five if key[3] == 15]
    raw = [five[key] * first_year_share(key[1], key[2], 15) for key in keys15]
    dropped = dict(zip(keys15, largest_remainder([r * aged_15 / sum(raw) for r in raw], aged_15)))

    persons = defaultdict(int)
    for (province, residence, sex, start), count in five.items():
        first = 0
        if start == 15:
            count -= dropped[province, residence, sex, 15]
        elif start in (20, 30, 40, 50, 60):
            first = round(count * first_year_share(residence, sex, start))
            persons[province, residence, sex, age_group(start)] += first
        persons[province, residence, sex, age_group(start + 1)] += count - first
    assert sum(persons.values()) == aged_16
    return persons


def under_18_by_level():
    """Persons under 18 at each level of education: table 1-6 (ages 3+) less table 4-1 (ages 18+)."""
    total = defaultdict(int)
    for row in read("province_residence_sex_education"):
        total[row["education"]] += int(row["persons_age_3_plus"])
    adult = defaultdict(int)
    for row in read("national_education_by_age"):
        for level in ("senior_secondary", "junior_college", "bachelor"):
            adult[level] += int(row[f"{level}_persons"])
        adult["graduate"] += int(row["master_persons"]) + int(row["doctor_persons"])
    return {level: total[level] - adult[level] for level in adult}, total


def census_by_education(by_age):
    """(province, residence, sex, education) -> persons aged 16 and over, whole numbers.

    Table 1-6 covers ages 3 and over. Nobody under 16 is counted above senior secondary. Of senior
    secondary, a national share is removed as under 16: of the 28 948 782 persons aged 16-17, the
    share with at most junior secondary is taken as at age 18 (2 724 812 / 14 043 179 = 19.40 %);
    with the 2 093 868 under 18 who are above senior secondary this leaves 21.24 million aged 16-17 in
    senior secondary, of 31.26 million under 18: 10.02 million, 4.72 % of all 212.21 million, are
    under 16. Junior high or below is the rest of the persons of census_by_age, so that both tables
    have the same province x residence x sex totals."""
    under_18, total = under_18_by_level()
    rows = read("national_education_by_age")
    aged_18, aged_19 = rows[0], rows[1]
    aged_15_19 = sum(int(r["persons"]) for r in read("province_residence_sex_age")
                     if r["age_group"] == "15-19" and r["residence"] != "total")
    aged_16_19 = aged_15_19 - (sum(int(r["persons"]) for r in read("province_residence_sex_age")
                                   if r["residence"] != "total" and int(r["age_min"]) >= 15) - sum(by_age.values()))
    aged_16_17 = aged_16_19 - int(aged_18["total_persons"]) - int(aged_19["total_persons"])
    low_16_17 = aged_16_17 * int(aged_18["junior_secondary_or_below_persons"]) / int(aged_18["total_persons"])
    higher = under_18["junior_college"] + under_18["bachelor"] + under_18["graduate"]
    senior_16_17 = aged_16_17 - low_16_17 - higher
    removed = (under_18["senior_secondary"] - senior_16_17) / total["senior_secondary"]

    target = {"senior_secondary": "senior_high_or_vocational", "junior_college": "junior_college",
              "bachelor": "bachelor", "graduate": "master_or_above"}
    persons = defaultdict(int)
    for row in read("province_residence_sex_education"):
        if row["residence"] != "total" and row["education"] in target:
            persons[row["province"], urban(row["residence"]), row["sex"],
                    target[row["education"]]] += int(row["persons_age_3_plus"])
    for key in persons:
        if key[3] == "senior_high_or_vocational":
            persons[key] = round(persons[key] * (1 - removed))
    cells = defaultdict(int)
    for (province, residence, sex, _), count in by_age.items():
        cells[province, residence, sex] += count
    for (province, residence, sex), count in cells.items():
        rest = count - sum(persons[province, residence, sex, level] for level in EDUCATIONS[1:])
        assert rest >= 0
        persons[province, residence, sex, EDUCATIONS[0]] = rest
    return persons, removed


def census_age_by_education(single, by_age, by_education):
    """(age group, education) -> persons aged 16 and over in the nation, whole numbers.

    Table 4-1 has ages 18, 19 and five-year groups. Ages 20, 30, 40, 50, 60 are split off with the
    national share of that year in its group: 30 to 60 the same at every level, 20 with the levels of
    age 19, because the group 20-24 has graduates that age 20 cannot have. Ages 16-17 are the
    difference to the national level totals. Proportional fitting then makes the table meet the national totals
    of the two tables above exactly; whole numbers by rounding, the last row and column by
    difference."""
    under_18, _ = under_18_by_level()
    nation = defaultdict(int)
    for (_, _, age), count in single.items():
        nation[age] += count
    column = {"junior_high_or_below": ["junior_secondary_or_below"],
              "senior_high_or_vocational": ["senior_secondary"],
              "junior_college": ["junior_college"], "bachelor": ["bachelor"], "master_or_above": ["master",
                      "doctor"]}
    age_total, level_total = defaultdict(int), defaultdict(int)
    for (_, _, _, age), count in by_age.items():
        age_total[age] += count
    for (_, _, _, level), count in by_education.items():
        level_total[level] += count
    table = defaultdict(float)
    for row in read("national_education_by_age"):
        start, end = int(row["age_min"]), int(row["age_max"])
        persons = {level: sum(int(row[f"{name}_persons"]) for name in column[level]) for level in EDUCATIONS}
        if start == 19:
            at_19 = {level: persons[level] / sum(persons.values()) for level in EDUCATIONS}
        split = end == start + 4 and start in (20, 30, 40, 50, 60)
        share = nation[start] / sum(nation[start + k] for k in range(5)) if split else 0.0
        for level in EDUCATIONS:
            first = share * (sum(persons.values()) * at_19[level] if start == 20 else persons[level])
            table[age_group(start), level] += first
            table[age_group(start + 1 if split else start), level] += persons[level] - first
    for level in EDUCATIONS:
        table["16_20", level] += level_total[level] - sum(table[age, level] for age in AGES)
    for _ in range(200):
        for age in AGES:
            factor = age_total[age] / sum(table[age, level] for level in EDUCATIONS)
            for level in EDUCATIONS:
                table[age, level] *= factor
        for level in EDUCATIONS:
            factor = level_total[level] / sum(table[age, level] for age in AGES)
            for age in AGES:
                table[age, level] *= factor
    # The largest row (31_40) and column (junior high or below) take up the rounding.
    whole = {(age, level): round(table[age, level]) for age in AGES for level in EDUCATIONS}
    for level in EDUCATIONS[1:]:
        whole["31_40", level] = level_total[level] - sum(whole[age,
                level] for age in AGES if age != "31_40")
    for age in AGES:
        whole[age, EDUCATIONS[0]] = age_total[age] - sum(whole[age, level] for level in EDUCATIONS[1:])
    assert all(sum(whole[age, level] for age in AGES) == level_total[level] for level in EDUCATIONS)
    assert min(whole.values()) > 0
    return whole, under_18


def write_census():
    provinces = read("provinces")
    order = [row["province"] for row in provinces]
    single = single_years()
    by_age = census_by_age(single)
    by_education, _ = census_by_education(by_age)
    crossed, _ = census_age_by_education(single, by_age, by_education)
    cells = [(p, r, s) for p in order for r in RESIDENCES for s in SEXES]
    write("regions", ["province", "region"], [(row["province"], row["region"]) for row in provinces])
    write("census_province_residence_sex_age", ["province", "residence", "sex", "age", "persons"],
          [(*cell, age, by_age[(*cell, age)]) for cell in cells for age in AGES])
    write("census_province_residence_sex_education", ["province", "residence", "sex", "education",
                                                      "persons"],
          [(*cell, level, by_education[(*cell, level)]) for cell in cells for level in EDUCATIONS])
    write("census_age_education", ["age", "education", "persons"],
          [(age, level, crossed[age, level]) for age in AGES for level in EDUCATIONS])
    write("age_density", ["residence", "sex", "lower", "upper", "weight"],
          [(r, s, age, age + 1, single[r, s, age]) for r in RESIDENCES for s in SEXES for age in range(16,
                  101)])
    return single, by_age
