"""Tables of buckets for compare_buckets.sh, and its result.

buckets_table.py tables COUNTIES.csv N FOLDER             tables.csv and meta.csv of the first N counties
buckets_table.py table FOLDER VERSION LOADS PEERS.csv     the table of medians of the repetitions in FOLDER
"""
import csv
import statistics
import sys

EDGES = [1000 * e for e in (0, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 75, 100, 125, 150, 200)] + ["Inf"]
# Task of ours and of R (None: R has none), what it is, goal in seconds for 1,000 tables.
TASKS = [
    ("lognormal", "lognormal", "lognormal, all statistics (R: the fit alone)", None),
    ("weibull", "weibull", "Weibull, all statistics (R: the fit alone)", None),
    ("loglogistic", "loglogistic", "log-logistic, all statistics (R: the fit alone)", None),
    ("families", None, "ten families, AVG_aic and AVG_bic", 5),
    ("families_errors", None, "the same with standard errors of all ten statistics", None),
    ("calibrated", None, "AVG_calibrated, AVG_calibrated_mean", None),
    ("direct", None, "all rules without a family but ems and pclm, with bounds", 0.2),
    ("smooth", None, "ems, pclm", None),
    ("read", None, "one rule of points: reading and writing, bounds", None),
]
PEERS = ("binequality", "binsmooth", "smicd", "survival", "fitdistrplus", "R optim", "numpy", "Python")


def make_tables(counties, n, folder):
    with open(counties) as file:
        rows = list(csv.DictReader(file))[: int(n)]
    with open(f"{folder}/tables.csv", "w") as tables, open(f"{folder}/meta.csv", "w") as meta:
        tables.write("case,lo,hi,weight\n")
        meta.write("case,known_mean\n")
        for row in rows:
            meta.write(f"{row['fips']},{row['mean_true']}\n")
            for k in range(16):
                tables.write(f"{row['fips']},{EDGES[k]},{EDGES[k + 1]},{row[f'n{k + 1}']}\n")


def duration(seconds):
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def read_times(path):
    times = {}
    with open(path) as lines:
        for task, seconds in csv.reader(lines):
            times.setdefault(task, []).append(float(seconds))
    return times


def make_table(folder, version, loads, peers):
    theirs, ours = read_times(f"{folder}/r.csv"), read_times(f"{folder}/ours.csv")
    print(f"1,000 tables of 16 buckets (US counties). R {version}, and `steelyard buckets`, in turn on one core; medians of")
    print("processor time. Ours includes reading and writing of files, ten statistics and the bounds.\n")
    print("| task | R | ours | times each | R / ours | goal |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for task, r_task, what, goal in TASKS:
        o = statistics.median(ours[task])
        r = statistics.median(theirs[r_task]) if r_task else None
        cells = [what, duration(r) if r else "", duration(o), str(len(ours[task])), f"{r / o:,.0f}" if r else "", duration(goal) if goal else ""]
        print("| " + " | ".join(cells) + " |")
    print(f"\nLoad of the machine before each round and at the end: {loads}.")
    print("\nOther programs, a table: handed down in `peers.csv`, not measured in this run:\n")
    print("| program | task | a table |\n| --- | --- | ---: |")
    with open(peers) as lines:
        for row in csv.DictReader(lines):
            if row["program"] in PEERS and "bucket" in row["note"]:
                print(f"| {row['program']} {row['version']} | {row['task']} | {duration(float(row['median_s']))} |")


{"tables": make_tables, "table": make_table}[sys.argv[1]](*sys.argv[2:])
