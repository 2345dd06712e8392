"""Employment in the population, and the sample as far as the report only shows pictures of it."""
from collections import defaultdict

from flagship.common import (AGES, SEXES, EMPLOYED, read, age_group, largest_remainder, urban, number,
                             write_numbers, plain, around)


def write_labour(single, by_age):
    """Population view, shares of persons aged 16 and over."""
    # Employed: the long form counts employed persons in a sample of 112 675 113 of the 1 141 071 562
    # aged 16 and over. The rate of a five-year group is its employed / (its persons x sampling
    # fraction), assumed the same at every age inside the group.
    totals = {row["item"]: row["value"] for row in read("census2020_labour_totals")}
    fraction = int(totals["long_form_population_16_plus"]) / int(totals["short_form_population_16_plus"])
    nation = defaultdict(int)
    for (_, _, age), count in single.items():
        nation[age] += count
    employed = defaultdict(float)
    for row in read("census2020_employed_by_age"):
        start, count = int(row["age_min"]), int(row["employed_long_form_sample_persons"]) / fraction
        if start in (20, 30, 40, 50, 60):
            share = nation[start] / sum(nation[start + k] for k in range(5))
            employed[age_group(start)] += count * share
            employed[age_group(start + 1)] += count * (1 - share)
        else:
            employed[age_group(start)] += count
    persons_age, persons_sex = defaultdict(int), defaultdict(int)
    for (_, _, sex, age), count in by_age.items():
        persons_age[age] += count
        persons_sex[sex] += count
    everybody, all_employed = sum(persons_age.values()), sum(employed.values())
    rows = []

    def add(id, scope, level, share, half, source, provenance="derived", range=("", "")):
        value = f"{share:.4f}"
        rows.append(number(f"labour.{id}", scope, "status", level, "share", value, source,
                           view="population",
                           interval=around(float(value), half), provenance=provenance, range=range))

    for age in AGES:
        add(f"employed.{age}", f"age={age}", EMPLOYED, 100 * employed[age] / persons_age[age], 0.05,
            "census 2020, employed by age (long form) over persons of table 1-5")
    margins = {row["category"]: int(row["employed_long_form_sample_persons"]) for row in read("census2020_employed_margins") if row["dimension"] == "sex"}
    for sex in SEXES:
        add(f"employed.{sex}", f"sex={sex}", EMPLOYED,
            100 * all_employed * margins[sex] / sum(margins.values()) / persons_sex[sex], 0.05,
            "census 2020, employed by sex (long form), scaled to the employed of all ages, over persons of table 1-5")
    add("flexible", "", "flexible", 100 * 200e6 / everybody, 0.5,
        "about 200 million flexibly employed (National Bureau of Statistics, quoted in report, section 2) over persons aged 16 and over")
    add("business_owner", "status=" + EMPLOYED, "business_owner", 10, 0.05,
        "assumed share of the employed; the sample has 15.0 %",
        provenance="assumed", range=("6", "16"))
    # 5.5 % of the labour force (urban surveyed rate of June 2022, here for the whole nation):
    # unemployed = employed x 5.5 / 94.5.
    rate = next(float(row["unemployment_pct"]) for row in read("urban_surveyed_unemployment_2022") if row["period"] == "2022-06" and row["group"] == "all")
    share = 100 * all_employed / everybody
    add("unemployed", "", "unemployed", share * rate / (100 - rate), 0.05,
        "urban surveyed unemployment 5.5 % of the labour force in June 2022, applied to town and country", provenance="assumed",
        range=(plain(round(share * 4 / 96, 2)), plain(round(share * 7 / 93, 2))))
    write_numbers("labour", rows)


def write_assumed(by_age):
    """The sample before weighting, where the report has only pictures or words."""
    persons = defaultdict(int)
    for (province, _, _, _), count in by_age.items():
        persons[province] += count
    total = sum(persons.values())
    order = [row["province"] for row in read("provinces")]
    census = {province: 100 * persons[province] / total for province in order}
    over, under = ("guangdong", "zhejiang", "shanghai"), ("heilongjiang", "jilin", "liaoning")

    def rest_factor(high, low):
        """What the other provinces are multiplied with, so that all sum to 100."""
        fixed = high * sum(census[p] for p in over) + low * sum(census[p] for p in under)
        return (100 - fixed) / (100 - sum(census[p] for p in over + under))

    rows = []

    def add(id, quantity, level, value, low, high, source):
        rows.append(number(f"assumed.{id}", "", quantity, level, "share", value, source, view="sample",
                           interval=(value, value),
                           provenance="assumed", range=(plain(low), plain(high))))

    add("sex.male", "sex", "male", "71", 70, 80,
        "report, section 3(3)1, figure 1: over 70 % men; the figure is a picture")
    for age, value, low, high in (("16_20", "6", 4, 9), ("21_30", "36", 32, 40), ("31_40", "37", 33, 41),
                                  ("41_50", "15", 11, 19),
                                  ("51_60", "5", 3, 7), ("over_60", "1", 0.5, 2)):
        add(f"age.{age}", "age", age, value, low, high,
            "report, section 3(3)1, figure 2: over 70 % aged 21-40, few over 50; the figure is a picture")
    factor = {**{p: 1.5 for p in over}, **{p: 0.55 for p in under}}
    ranges = {**{p: (1.2, 2.0) for p in over}, **{p: (0.4, 0.8) for p in under}}
    rest, rest_range = rest_factor(1.5, 0.55), (rest_factor(2.0, 0.8), rest_factor(1.2, 0.4))
    shares = largest_remainder([census[p] * factor.get(p, rest) * 1e6 for p in order], 100_000_000)
    for province, share in zip(order, shares):
        low, high = ranges.get(province, rest_range)
        add(f"province.{province}", "province", province, f"{share / 1e6:.6f}",
            round(census[province] * low, 6), round(census[province] * high, 6),
            "report, section 3(3)1, figure 3: " + ("over-represented, 1.5 times the census share" if province in over else
                                                  "under-represented, 0.55 times the census share" if province in under else
                                                  "the rest in proportion to the census") + "; the figure is a picture")
    add("residence.urban", "residence", "urban", "75", 65, 85,
        "not in the report; an online panel is more urban than the nation (64 % of persons aged 16 and over)")
    add("status.unemployed", "status", "unemployed", "5.5", 4, 8,
        "not in the report; its unemployed sample taken at the urban surveyed rate of June 2022")
    # The report gives 22.45 % flexible of the sample and, weighted, 24.6 % of the employed: weighting by
    # province hardly moves status, so the employed are 0.224516 / 0.246 = 91.27 % of the sample.
    add("status.employed", "status", EMPLOYED, f"{100 * 5894 / 26252 / 0.246:.2f}", 91.1, 91.4,
        "report, sections 3(3)3 and 4: 5 894 of 26 252 are flexible, 24.6 % of the employed after weighting")
    write_numbers("assumed", rows)
