"""Prints the table of compare.sh: table.py FOLDER VERSION LOADS PEERS, medians of the repetitions in FOLDER."""
import csv
import glob
import json
import statistics
import sys

# Task of time_survey.R, benchmark of ours, what it is.
TASKS = [
    ("rake", "BM_Weigh/rake", "rake to four margins, to 1e-10"),
    ("linear", "BM_Weigh/linear", "linear calibration"),
    ("logit", "BM_Weigh/logit", "logit calibration within (.05, 30)"),
    ("means_raked", "BM_Means/raked", "40 raked means, linearized errors"),
    ("means_greg", "BM_Means/greg", "40 GREG means, linearized errors"),
    ("deff8", "BM_Means/raked", "8 raked means with design effects (ours: 40)"),
    ("by_region", "BM_MeansByRegion", "the 40 means in 31 regions"),
    ("medians", "BM_Medians", "6 medians with Woodruff intervals"),
    ("bootstrap200", "BM_Replicates/bootstrap200", "200 bootstrap replicates re-raked, 40 means"),
    ("jk1", "BM_Replicates/jk1", "JK1 on 100 groups re-raked, 40 means"),
]


def duration(seconds):
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms"


def main(folder, version, loads, peers):
    theirs, ours = {}, {}
    with open(f"{folder}/r.csv") as lines:
        for task, seconds in csv.reader(lines):
            theirs.setdefault(task, []).append(float(seconds))
    for path in sorted(glob.glob(f"{folder}/ours_*.json")):
        with open(path) as file:
            result = json.load(file)
        for run in result["benchmarks"]:
            if run.get("error_occurred"):
                sys.exit(f"{run['name']}: {run['error_message']}")
            to_seconds = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}[run["time_unit"]]
            ours.setdefault(run["name"], []).append(run["cpu_time"] * to_seconds)
    print(f"R {version}, and ours, in turn on one core; medians of processor time. Ours starts from rows in memory and includes the cell")
    print("index and the raking; R's from a design that is ready (raked where the task is to estimate, not where it has replicates).\n")
    print("| task | R survey | times | ours | times | R / ours |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for task, name, what in TASKS:
        if task not in theirs:
            continue
        r, o = statistics.median(theirs[task]), statistics.median(ours[name])
        print(f"| {what} | {duration(r)} | {len(theirs[task])} | {duration(o)} | {len(ours[name])} | {r / o:,.0f} |")
    print(f"\nLoad of the machine before each round and at the end: {loads}.")
    print("\nOther programs on the same workload: medians handed down in `peers.csv`, not measured in this run, wall clock:\n")
    print("| program | task | median |\n| --- | --- | ---: |")
    wanted = ("rak", "calibr", "harvest", "40")
    with open(peers) as lines:
        for row in csv.DictReader(lines):
            if row["program"] != "R survey" and any(w in row["task"] for w in wanted):
                print(f"| {row['program']} {row['version']} | {row['task']} | {duration(float(row['median_s']))} |")


main(*sys.argv[1:])
