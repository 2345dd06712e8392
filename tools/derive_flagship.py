#!/usr/bin/env python3
"""Makes the data files of the scenario flexible-employment-2022q2 from its raw facts.

Reads  scenarios/flexible-employment-2022q2/sources/*.csv   (as published, untouched)
Writes scenarios/flexible-employment-2022q2/data/*.csv      (same bytes every time)

Standard library only. Every number that is "derived" is derived here, with its arithmetic.
"""
import sys

sys.dont_write_bytecode = True

from flagship import assumed, census, common, headline, seeds, tables  # noqa: E402


def main():
    common.DATA.mkdir(exist_ok=True)
    single, by_age = census.write_census()
    assumed.write_labour(single, by_age)
    tables.write_report_tables()
    headline.write_headline()
    assumed.write_assumed(by_age)
    seeds.write_population_seeds()
    seeds.write_answer_seeds(by_age)


if __name__ == "__main__":
    main()
