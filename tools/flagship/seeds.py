"""Relative prior weights where no published number ties two answers. All are assumed."""
import math

from flagship.common import (AGES, EDUCATIONS, RESIDENCES, SEXES, STATUSES, OCCUPATIONS, INDUSTRIES, HOURS,
                             INCOMES, CHANGES, read, write, urban, plain)
from flagship.tables import assumed_values


def write_seed(name, variables, rows):
    assert all(row[-1] > 0 for row in rows)
    write(f"seed_{name}", [*variables, "weight"], [(*row[:-1], plain(round(row[-1], 6))) for row in rows])


def write_matrix(first, second, first_levels, second_levels, matrix, name=None):
    write_seed(name or f"{first}_{second}", [first, second],
               [(a, b, matrix[a][k]) for a in first_levels for k, b in enumerate(second_levels)])


def write_population_seeds():
    # Students at 16-20, retirement over 60; young people search more.
    write_matrix("age", "status", AGES, STATUSES, {
        "16_20": [0.10, 0.07, 0.005, 0.035, 0.79],
        "21_30": [0.20, 0.47, 0.05, 0.05, 0.23],
        "31_40": [0.22, 0.50, 0.10, 0.03, 0.15],
        "41_50": [0.25, 0.42, 0.11, 0.025, 0.195],
        "51_60": [0.24, 0.26, 0.08, 0.02, 0.40],
        "over_60": [0.17, 0.03, 0.03, 0.003, 0.767]})
    # 64 % of migrant workers are men (2021).
    write_matrix("sex", "status", SEXES, STATUSES, {
        "male": [1.15, 1.05, 1.25, 1.0, 0.75],
        "female": [0.85, 0.95, 0.75, 1.0, 1.25]})
    # 70.5 % of migrant workers have at most junior secondary education, 12.6 % a university level (2021).
    write_matrix("education", "status", EDUCATIONS, STATUSES, {
        "junior_high_or_below": [1.00, 0.75, 0.90, 0.90, 1.10],
        "senior_high_or_vocational": [1.15, 1.10, 1.20, 1.10, 1.00],
        "junior_college": [0.95, 1.50, 1.20, 1.20, 0.80],
        "bachelor": [0.50, 1.60, 0.90, 1.10, 0.70],
        "master_or_above": [0.20, 1.60, 0.60, 0.60, 0.60]})
    write_matrix("residence", "status", RESIDENCES, STATUSES, {
        "urban": [0.95, 1.25, 1.10, 1.20, 1.00],
        "rural": [1.10, 0.60, 0.85, 0.70, 1.00]})


def income_tilt(shift):
    """Weights of the income buckets that move the mean of log income by about `shift`: a normal
    density with variance 0.5 (sd 0.7 of log income) shifted by s changes by the factor exp(s x / 0.5).
    Buckets stand at the report's points."""
    return [(point / 6500) ** (shift / 0.5) for point in assumed_values("income")]


def neutral(matrix, shares):
    """Scales each column so that groups with these shares leave the whole as it was."""
    total = sum(shares.values())
    columns = range(len(next(iter(matrix.values()))))
    mean = [sum(shares[g] * matrix[g][k] for g in matrix) / total for k in columns]
    return {g: [matrix[g][k] / mean[k] for k in columns] for g in matrix}


# Of the flexibly employed, in per cent. Six are figure 5; the other five and the 15.1 inside
# "about 15" are the middle of what tables 1-4 and 7 allow together with the headline shares
# (tools/flagship_bounds.py).
FLEXIBLE_OCCUPATIONS = {
    "online_service": 2.7, "offline_life_service": 15.9, "finance_clerk": 2.05, "manufacturing": 20.4, "sales": 2.8,
    "platform_orders": 4.1, "self_employed_managers": 15.1, "other": 7.65, "construction": 15.6, "logistics": 11.65, "farming": 2.05}


def write_answer_seeds(by_age):
    # Full-time: the census has 6.95 % clerical, 10.4 % professional, 33.9 % services, 25.8 %
    # production and transport; owners are mostly self-employed.
    working = STATUSES[:3]
    full_time = {"online_service": 3, "offline_life_service": 12, "finance_clerk": 22, "manufacturing": 24,
                 "sales": 10, "platform_orders": 1.5,
                 "self_employed_managers": 6, "other": 12.5, "construction": 4, "logistics": 4.5, "farming": 0.5}
    owners = {"online_service": 3, "offline_life_service": 8, "finance_clerk": 0.5, "manufacturing": 4,
              "sales": 5, "platform_orders": 0.5,
              "self_employed_managers": 70, "other": 4, "construction": 2, "logistics": 2, "farming": 1}
    write_matrix("occupation", "status", OCCUPATIONS, working,
                 {o: [FLEXIBLE_OCCUPATIONS[o], full_time[o], owners[o]] for o in OCCUPATIONS})
    write_matrix("occupation", "sex", OCCUPATIONS, SEXES, {
        "online_service": [1, 1], "offline_life_service": [0.85, 1.15], "finance_clerk": [0.5,
                1.5], "manufacturing": [1.1, 0.9],
        "sales": [0.95, 1.05], "platform_orders": [1.75, 0.25], "self_employed_managers": [1.15,
                0.85], "other": [1, 1],
        "construction": [1.85, 0.15], "logistics": [1.75, 0.25], "farming": [1.05, 0.95]})
    # Rows sum to one: where people of an occupation work. The indices of tables 5 and 6 need about
    # 9 % of the flexibly employed in agriculture, 1 % in mining, 23 % in manufacturing, 26 % in
    # construction and 41 % in services (three equations for five shares), hence the workers of all
    # occupations in construction and agriculture.
    write_matrix("occupation", "industry", OCCUPATIONS, INDUSTRIES, {
        "online_service": [0.02, 0.005, 0.05, 0.015, 0.91],
        "offline_life_service": [0.05, 0.005, 0.05, 0.06, 0.835],
        "finance_clerk": [0.03, 0.015, 0.20, 0.08, 0.675],
        "manufacturing": [0.06, 0.02, 0.74, 0.13, 0.05],
        "sales": [0.05, 0.01, 0.17, 0.07, 0.70],
        "platform_orders": [0.02, 0.005, 0.035, 0.04, 0.90],
        "self_employed_managers": [0.17, 0.01, 0.13, 0.20, 0.49],
        "other": [0.10, 0.015, 0.19, 0.20, 0.495],
        "construction": [0.01, 0.01, 0.02, 0.93, 0.03],
        "logistics": [0.08, 0.015, 0.12, 0.22, 0.565],
        "farming": [0.93, 0.005, 0.015, 0.02, 0.03]})
    # Flexible: figure 10, with 37.5 and 1.5 in place of the two shares that contradict table 4.
    # Full-time work has fewer at both ends, owners earn more.
    write_matrix("status", "income", working, INCOMES, {
        "flexible": [7.6, 30.8, 37.5, 22.6, 1.5], "full_time": [3, 30, 43, 22.8, 1.2], "business_owner": [4,
                16, 32, 38, 10]})
    # Mean wages of private urban units in 2021: east 69 706, central 52 698, west 54 278, north-east
    # 48 106; all 62 884 CNY. A region's share is that of the persons aged 16 and over.
    wages = {row["category"]: int(row["mean_annual_wage_yuan"]) for row in read("wages_urban_units")
             if row["ownership"] == "private" and row["year"] == "2021"}
    region_of = {row["province"]: row["region"] for row in read("provinces")}
    population = dict.fromkeys(["east", "central", "west", "northeast"], 0)
    for (province, _, _, _), count in by_age.items():
        population[region_of[province]] += count
    write_matrix("region", "income", list(population), INCOMES,
                 neutral({region: income_tilt(math.log(wages[f"region_{region}"] / wages["all"])) for region in population}, population))
    # Women earn about a fifth less. The sample has 71 % men.
    in_sample = {"male": 71, "female": 29}
    write_matrix("sex", "income", SEXES, INCOMES, neutral({"male": income_tilt(0.06),
                                                           "female": income_tilt(-0.16)}, in_sample))
    # About 15 % a step from level to level, more for a degree. Shares: figure 7.
    write_matrix("education", "income", EDUCATIONS, INCOMES, neutral(
        {level: income_tilt(shift) for level, shift in zip(EDUCATIONS, (-0.15, -0.02, 0.12, 0.32, 0.50))},
        dict(zip(EDUCATIONS, (37.7, 42.4, 15.0, 4.5, 0.4)))))
    # Full-time: 22.7 % over 60 hours, about a third 40-50, about 20 % in 30-40 and 50-60 (section
    # 4(1)4); flexible: table 3 averaged.
    write_matrix("status", "hours", working, HOURS, {
        "flexible": [5.7, 10, 18.5, 25.3, 40.5], "full_time": [4.3, 20, 33, 20, 22.7], "business_owner": [8,
                12, 20, 22, 38]})
    # Women work fewer paid hours.
    write_matrix("sex", "hours", SEXES, HOURS, neutral({"male": [1.0] * 5,
                                                        "female": [1.6, 1.3, 1.0, 0.9, 0.78]}, in_sample))
    # Figure 12: flexible workers mostly pay themselves, full-time workers' employers pay.
    pensions = ["own", "employer", "not_insured"]
    write_matrix("status", "pension", working[:2], pensions,
                 {"flexible": [34, 12.5, 53.5], "full_time": [8, 62.3, 29.7]})
    write_matrix("residence", "pension", RESIDENCES, pensions,
                 neutral({"urban": [1.05, 1.15, 0.90], "rural": [0.95, 0.75, 1.15]},
                         {"urban": 75, "rural": 25}))
    write_matrix("age", "pension", AGES, pensions, neutral({
        "16_20": [0.3, 0.6, 1.6], "21_30": [0.7, 1.0, 1.15], "31_40": [1.0, 1.05, 0.97], "41_50": [1.2, 1.0,
                0.9],
        "51_60": [1.4, 0.9, 0.85], "over_60": [1.5, 0.4, 1.2]}, dict(zip(AGES, (6, 36, 37, 15, 5, 1)))))
    write_seed("pension_reason", ["pension_reason"],
               [("employer_too_small_or_unregistered", 45), ("does_not_want_to", 38),
                ("employer_unwilling", 11), ("other", 6)])
    contracts = ["none_or_under_1_year", "over_1_year", "other_or_unsure"]
    write_matrix("status", "contract", working[:2], contracts,
                 {"flexible": [47.3, 39.2, 13.5], "full_time": [10.5, 86.9, 2.6]})
    # Without a contract dismissal is feared about twice as often.
    write_matrix("contract", "fears_dismissal", contracts, ["yes", "no"],
                 {"none_or_under_1_year": [0.36, 0.64], "over_1_year": [0.20, 0.80],
                  "other_or_unsure": [0.30, 0.70]})
    write_matrix("status", "training_attended", ["flexible", "unemployed"], ["yes", "no"],
                 {"flexible": [28, 72], "unemployed": [20.9, 79.1]})
    # "Over 45 %", "over 15 %", "over 30 %", "over 60 %" are taken as a little over.
    write_seed("uses_online_job_platform", ["uses_online_job_platform"], [("yes", 47), ("no", 53)])
    write_seed("uses_online_skill_certification", ["uses_online_skill_certification"],
               [("yes", 17), ("no", 83)])
    write_seed("certified_skill", ["certified_skill"],
               [("mandarin", 31), ("computer_grade", 8.7), ("electrician", 7), ("vehicle_repair", 7),
                                                        ("special_operations", 7), ("other_or_none", 39.3)])
    write_seed("hiring_plan", ["hiring_plan"], [("keep_headcount", 62), ("increase", 27.2),
                                                ("decrease", 10.8)])
    # Shapes of the five-point answers, near the reported indices and shares; those who see work
    # improve see income improve, and expectations follow the present.
    employment, income = [0.13, 0.36, 0.33, 0.12, 0.06], [0.11, 0.18, 0.54, 0.10, 0.07]
    write_matrix("employment_change", "income_change", CHANGES, CHANGES,
                 {a: [employment[i] * income[j] * math.exp(-0.5 * abs(i - j)) for j in range(5)] for i,
                  a in enumerate(CHANGES)})
    write_seed("consumption_change", ["consumption_change"],
               list(zip(CHANGES, [0.22, 0.23, 0.42, 0.08, 0.05])))
    expected = {"employment": [0.20, 0.38, 0.34, 0.06, 0.02], "income": [0.20, 0.38, 0.34, 0.06, 0.02],
                "consumption": [0.14, 0.30, 0.42, 0.10, 0.04]}
    for topic, shape in expected.items():
        matrix = {}
        for j, current in enumerate(CHANGES):
            weights = [shape[i] * math.exp(-0.6 * abs(i - j)) for i in range(5)]
            matrix[current] = [w / sum(weights) for w in weights]
        write_matrix(f"{topic}_change", f"expected_{topic}", CHANGES, CHANGES, matrix)
