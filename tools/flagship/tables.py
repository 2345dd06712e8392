"""Every number of the report's tables 1 to 8."""
from flagship.common import AGES, EDUCATIONS, HOURS, INCOMES, read, number, write_numbers, plain, around, mean_interval

TABLES = [
    # number, file, variable, levels in the printed order, column of the means, unit of the means
    (1, "table1_age_by_occupation", "age", AGES, "reported_mean_years", "years"),
    # As printed; the scenario reads columns 2 and 3 exchanged ([[exchange]] in scenario.toml).
    (2, "table2_education_by_occupation", "education", EDUCATIONS, "reported_higher_education_pct", "pct"),
    (3, "table3_hours_by_occupation", "hours", HOURS, "reported_mean_hours_per_week", "hours per week"),
    (4, "table4_income_by_occupation", "income", INCOMES,
     "reported_mean_yuan_per_month", "CNY per month"),
]


def assumed_values(variable):
    """The report's points of a variable's buckets, in increasing order."""
    return [float(row["reported_assumed_value"]) for row in read("assumed_bucket_values") if row["variable"] == variable]


HIGHER = "junior_college|bachelor|master_or_above"


def write_report_tables():
    rows = []
    for table, file, variable, levels, mean_column, unit in TABLES:
        values = assumed_values(variable)
        for printed in read(file):
            occupation = printed["occupation"]
            scope = f"status=flexible & occupation={occupation}"
            prefix, source = f"table{table}.{occupation}", f"report, table {table}"
            columns = [c for c in printed if c != "occupation" and c != mean_column]
            assert len(columns) == len(levels)
            for level, column in zip(levels, columns):
                rows.append(number(f"{prefix}.{variable}_{level}", scope, variable, level, "share",
                                   printed[column], source))
            reported = printed[mean_column]
            if table == 2:
                rows.append(number(f"{prefix}.higher_education", scope, variable, HIGHER, "share",
                                   reported, source))
                continue
            low, high = mean_interval([float(printed[c]) for c in columns], values)
            inside = low <= float(reported) <= high
            rows.append(number(f"{prefix}.{variable}_mean", scope, variable, "", "mean", reported, source,
                               unit=unit,
                               interval=(plain(low), plain(high)), use="check" if inside else "excluded",
                               note="" if inside else f"the shares of table {table} allow {low:.2f} to {high:.2f}"))
    changes = ["employment", "income", "consumption"]
    for printed in read("table5_diffusion_indices"):
        for change in changes:
            this = printed["quarter"] == "2022q2"
            rows.append(number(f"table5.{printed['quarter']}.{change}", "status=flexible",
                               f"{change}_change", "", "index",
                               printed[f"{change}_pct"], "report, table 5", use="fit" if this else "not_modelled",
                               note="" if this else "the first quarter's sample is another sample"))
    for printed in read("table6_diffusion_by_industry"):
        for change in changes:
            rows.append(number(f"table6.{printed['industry']}.{change}",
                               f"status=flexible & industry={printed['industry']}",
                               f"{change}_change", "", "index", printed[f"{change}_pct"], "report, table 6"))
    for printed in read("table7_diffusion_by_occupation"):
        for change in changes:
            rows.append(number(f"table7.{printed['occupation']}.{change}",
                               f"status=flexible & occupation={printed['occupation']}",
                               f"{change}_change", "", "index", printed[f"{change}_pct"], "report, table 7"))
    for printed in read("table8_consumption_expectation"):
        industry = printed["industry"]
        scope = "status=flexible" + ("" if industry == "all_flexible" else f" & industry={industry}")
        expected, current, difference = (printed[c] for c in ("expected_2022q3_pct", "current_2022q2_pct",
                "reported_difference_pct"))
        rows.append(number(f"table8.{industry}.expected", scope, "expected_consumption", "", "index",
                           expected, "report, table 8"))
        rows.append(number(f"table8.{industry}.current", scope, "consumption_change", "", "index", current,
                           "report, table 8", use="check"))
        # Both indices are rounded by up to 0.05: their difference may lie up to 0.1 from the printed one.
        rows.append(number(f"table8.{industry}.difference", scope,
                           "expected_consumption-consumption_change", "", "difference",
                           difference, "report, table 8", use="check", interval=around(float(difference),
                                   0.1)))
    write_numbers("report_tables", rows)
