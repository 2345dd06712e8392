"""Reference results of R's survey through the command line: data file in, numbers out.

Usage: golden_files_test.py STEELYARD_BINARY GOLDEN_FOLDER
Every case is written as a user would have it (data and margins as CSV), weighed and estimated by
the program, and compared at the tolerances of tests/golden/README.md.
"""

import csv
import json
import math
import pathlib
import subprocess
import sys
import tempfile

BINARY, GOLDEN = sys.argv[1], pathlib.Path(sys.argv[2])
FILES = ["apisrs", "apistrat", "apiclus1", "nhanes", "scd", "textbook"]
failures, compared, commands = [], 0, 0


def relative(a, b):
    return abs(a - b) if abs(b) < 1e-8 else abs(a - b) / abs(b)


def check(what, ours, reference, tolerance):
    global compared
    compared += 1
    if ours is None or math.isnan(ours) or not relative(ours, reference) <= tolerance:
        failures.append(f"{what}: {ours!r}, reference {reference!r}, tolerance {tolerance}")


def run(arguments):
    global commands
    commands += 1
    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        failures.append(f"{' '.join(arguments)}: exit {done.returncode}: {done.stderr.strip()}")
        return None
    return done.stdout


def first_word(text):
    return text.split(" ")[0]


def as_list(value):
    return [first_word(value)] if isinstance(value, str) else list(value or [])


class Case:
    def __init__(self, file, spec, siblings, folder):
        self.spec, self.folder = spec, folder
        self.name = f"{file}.{spec['id']}"
        self.design = spec.get("design") or {}
        with open(GOLDEN / spec["data"], newline="", encoding="utf-8") as source:
            self.rows = list(csv.DictReader(source))
        if spec.get("rows"):
            assert spec["rows"] == "SDMVSTRA != 86"
            self.rows = [row for row in self.rows if row["SDMVSTRA"] != "86"]
        self.base = self.design.get("weight") if isinstance(self.design.get("weight"), str) else None
        if spec["id"] == "mu284":
            self.base = "product_weight"
            for row in self.rows:
                row[self.base] = repr(50 / 5 * float(row["n2"]) / 3)
        self.base_known = self.base is not None and self.base in self.rows[0]
        if not self.base_known:
            self.base = None
        self.weighting = self.options_of_weighting(siblings)
        self.replication = self.options_of_replicates()
        self.data = folder / f"{self.name}.csv"
        with open(self.data, "w", newline="", encoding="utf-8") as target:
            writer = csv.DictWriter(target, fieldnames=self.rows[0].keys())
            writer.writeheader()
            writer.writerows(self.rows)

    def options_of_design(self):
        options = []
        for key, flag in (("strata", "--strata"), ("cluster", "--cluster"), ("fpc", "--fpc")):
            columns = [c for c in as_list(self.design.get(key)) if c in self.rows[0]]
            if columns:
                options += [flag, ",".join(columns)]
        return options

    def levels(self, variable):
        return sorted({row[variable] for row in self.rows if row[variable] != ""})

    def options_of_weighting(self, siblings):
        weighting = self.spec.get("weighting")
        if not weighting or weighting["method"] == "none":
            return None
        options = []
        if weighting["method"] == "trim":
            mean = 6194 / len(self.rows)
            options += ["--trim-rule", "strict" if weighting["strict"] else "once"]
            if weighting["upper"] is not None:
                options += ["--trim", repr(weighting["upper"] / mean)]
            if weighting["lower"]:
                options += ["--trim-lower", repr(weighting["lower"] / mean)]
            weighting = next(s for s in siblings if s["id"] == weighting["start"])["weighting"]
        rows = []
        for margin in weighting.get("margins") or []:
            variables = margin["variables"]
            for cell in margin["cells"]:
                names = []
                for variable in variables:
                    levels = self.levels(variable)
                    value = str(cell[variable])
                    names.append(value if value in levels else levels[int(value) - 1])
                rows.append(["*".join(variables), "*".join(names), repr(cell["count"])])
        if "totals" in weighting:
            totals = {t["term"]: t["total"] for t in weighting["totals"]}
            for variable in (v.strip() for v in weighting["formula"].lstrip("~").split("+")):
                if variable in totals:
                    rows.append([variable, "", repr(totals[variable])])
                    continue
                levels = self.levels(variable)
                counts = [totals[variable + level] for level in levels[1:]]
                counts.insert(0, totals["(Intercept)"] - sum(counts))
                rows += [[variable, level, repr(c)] for level, c in zip(levels, counts)]
        margins = self.folder / f"{self.name}.margins.csv"
        with open(margins, "w", newline="", encoding="utf-8") as target:
            csv.writer(target).writerows([["variable", "level", "target"], *rows])
        method = weighting["method"]
        options += ["--margins", str(margins)]
        if method == "poststratify":
            options += ["--method", "poststratification"]
        elif method == "rake":
            options += ["--method", "raking", "-O", "tolerance=1e-13"]
        else:
            options += ["--method", "calibration", "-O", "tolerance=1e-13"]
            options += ["-O", f"distance={weighting['distance']}"]
            if isinstance(weighting.get("bounds"), list):
                options += ["--bounds", ",".join(map(repr, weighting["bounds"]))]
            if "equal_within" in weighting:
                options += ["-O", "equal_within_clusters=true"]
        return options

    def options_of_replicates(self):
        replicates = self.spec.get("replicates")
        if not replicates:
            return []
        extra = ["--df", repr(replicates["df"])] if replicates.get("df") else []
        kind = replicates["type"] if "half_samples" not in self.spec else "given"
        if kind in ("JK1", "JKn"):
            return ["--interval", kind.lower(), *extra] + (["--mse"] if replicates.get("mse") else [])
        columns = self.factor_columns(replicates)
        for row, factors in zip(self.rows, columns):
            row.update({f"factor_{r + 1}": repr(f) for r, f in enumerate(factors)})
        constants = {
            "scale": replicates["scale"],
            "mse": bool(replicates.get("mse")),
            "factors": True,
            "df": replicates.get("df") or 0,
        }
        if isinstance(replicates.get("rscales"), list):
            constants["rscales"] = replicates["rscales"]
        file = self.folder / f"{self.name}.replicates.json"
        file.write_text(json.dumps(constants), encoding="utf-8")
        return ["--replicate-weights", "factor_*", "--replicate-constants", str(file), *extra]

    def factor_columns(self, replicates):
        if "half_samples" in self.spec:
            return self.spec["half_samples"]
        name = self.design.get("factors_file") or "nhanes_brr_factors.csv"
        with open(GOLDEN / name, newline="", encoding="utf-8") as source:
            factors = list(csv.DictReader(source))
        titles = [t for t in factors[0] if t.startswith("r")]
        rho = self.design.get("rho") or 0.0
        if "SDMVPSU" in factors[0]:
            by_unit = {(f["SDMVSTRA"], f["SDMVPSU"]): f for f in factors}
            factors = [by_unit[(row["SDMVSTRA"], row["SDMVPSU"])] for row in self.rows]
        return [[rho + (1 - rho) * float(f[t]) for t in titles] for f in factors]

    def tolerances(self):
        weighting = self.spec.get("weighting") or {"method": "none"}
        method = weighting["method"]
        if method == "none":
            return 1e-12, 1e-12, 1e-10
        linear = (
            method == "calibrate"
            and weighting["distance"] == "linear"
            and not isinstance(weighting.get("bounds"), list)
        )
        if method == "poststratify" or linear:
            return 1e-11, 1e-11, 1e-10
        return 1e-9, 1e-9, 1e-9

    def check_weights(self):
        if self.weighting is None or "weights_column" not in self.spec:
            return
        out = self.folder / f"{self.name}.weights.csv"
        options = list(self.weighting)
        if self.base:
            options += ["--base", self.base]
        # Clusters only where the weighting itself needs them: weigh reads no design otherwise.
        if "equal_within_clusters=true" in options:
            options += self.options_of_design()
        if run(["weigh", str(self.data), *options, "-o", str(out), "--quiet"]) is None:
            return
        with open(out, newline="", encoding="utf-8") as source:
            ours = [float(row["weight"]) for row in csv.DictReader(source)]
        file = self.name.split(".")[0]
        with open(GOLDEN / f"{file}_weights.csv", newline="", encoding="utf-8") as source:
            reference = [float(row[self.spec["weights_column"]]) for row in csv.DictReader(source)]
        for i, (a, b) in enumerate(zip(ours, reference)):
            check(f"{self.name} weight {i + 1}", a, b, self.tolerances()[0])

    def check_estimates(self):
        groups = {}
        for estimate in self.spec["estimates"]:
            groups.setdefault(json.dumps(self.options_of(estimate)), []).append(estimate)
        for options, estimates in groups.items():
            arguments = ["estimate", str(self.data), *json.loads(options), "--json", "--quiet"]
            arguments += self.options_of_design() + self.replication
            if self.weighting is not None:
                arguments += self.weighting
            if self.base:
                arguments += ["--weights", self.base]
            answer = run(arguments)
            if answer is None:
                continue
            rows = json.loads(answer)["estimates"]
            for estimate in estimates:
                self.compare(estimate, rows)

    @staticmethod
    def options_of(estimate):
        stat, variable = estimate["stat"], estimate["variable"]
        options = ["--deff" if "deff_wr" not in estimate or "deff" in estimate else "--deff=replace"]
        if estimate.get("domain"):
            options += ["--by", ",".join(estimate["domain"])]
        if stat == "quantile":
            interval = estimate["interval"]
            options += ["--quantile", variable, "--probs", repr(estimate["p"])]
            options += ["--quantile-rule", estimate["qrule"]]
            if interval == "score":
                options += ["--quantile-interval", "score-survey"]
            elif interval == "quantile":
                options += ["--quantile-interval", "replicates"]
            else:
                options += ["--quantile-interval", "woodruff", "--quantile-scale", interval]
            return options
        if stat == "proportion_ci":
            return options + ["--proportion", variable, "--proportion-interval", estimate["method"]]
        options += ["--proportion-interval", "mean"]
        return options + [f"--{stat}", variable]

    def compare(self, estimate, rows):
        stat, what = estimate["stat"], f"{self.name} {json.dumps(estimate)[:160]}"
        domain = ", ".join(f"{k}={v}" for k, v in (estimate.get("domain") or {}).items())
        found = [
            row
            for row in rows
            if row["domain"] == domain
            and (stat not in ("proportion", "proportion_ci") or row["level"] == str(estimate["level"]))
        ]
        if len(found) != 1:
            failures.append(f"{what}: {len(found)} rows")
            return
        row = found[0]
        _, point, quantile = self.tolerances()
        interval = 1e-8
        if stat == "quantile":
            interval = point = 1e-9 if estimate["qrule"] == "hf7" else quantile
        if stat == "proportion_ci" and estimate["method"] in ("likelihood", "logit"):
            point = 1e-8  # fitted by iteration in R
            interval = 1e-4 if estimate["method"] == "likelihood" else interval
        check(f"{what} estimate", row["estimate"], estimate["estimate"], point)
        for key, ours, tolerance in (
            ("se", "se", 1e-8 if stat != "quantile" else interval * 10),
            ("ci_lo", "lower", interval),
            ("ci_hi", "upper", interval),
            ("deff", "deff", 1e-8),
        ):
            if isinstance(estimate.get(key), (int, float)):
                check(f"{what} {key}", row[ours], estimate[key], tolerance)


def main():
    with tempfile.TemporaryDirectory() as temporary:
        cases = 0
        for file in FILES:
            specs = json.loads((GOLDEN / f"{file}_cases.json").read_text(encoding="utf-8"))
            for spec in specs:
                case = Case(file, spec, specs, pathlib.Path(temporary))
                case.check_weights()
                case.check_estimates()
                cases += 1
    for failure in failures[:40]:
        print("FAILED:", failure)
    print(f"{cases} cases, {commands} commands, {compared} numbers compared, {len(failures)} failed")
    sys.exit(1 if failures or compared < 3000 else 0)


main()
