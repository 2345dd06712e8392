#!/usr/bin/env python3
"""Coverage of interval regression and of pooled imputations over samples of a known law, through the
binary. Usage: imputation_coverage.py STEELYARD_BINARY"""
import json
import math
import os
import random
import subprocess
import sys
import tempfile

SAMPLES, PERSONS = 600, 400
BUCKETS = [(2000, "0-2000"), (5000, "2000-5000"), (8000, "5000-8000"), (20000, "8000-20000"), (math.inf, "20000+")]
# ln y = 8 + 0.4 x + 0.5 e: lognormal with variance 0.41.
SPREAD = math.sqrt(0.41)
TRUTH = {
    "(constant)": 8, "x": 0.4, "sigma": 0.5,
    "imputed mean": math.exp(8 + SPREAD**2 / 2), "imputed quantile 0.5": math.exp(8),
    "imputed quantile 0.1": math.exp(8 - 1.2815515655446004 * SPREAD), "imputed gini": math.erf(SPREAD / 2),
}


def sample(path, rng):
    with open(path, "w") as file:
        file.write("income,x\n")
        for _ in range(PERSONS):
            x = rng.gauss(0, 1)
            y = math.exp(8 + 0.4 * x + 0.5 * rng.gauss(0, 1))
            file.write(f"{next(name for end, name in BUCKETS if y < end)},{x:.6f}\n")


def main(steelyard):
    rng = random.Random(5)
    held = {name: 0 for name in TRUTH}
    held_within = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "sample.csv")
        for seed in range(SAMPLES):
            sample(path, rng)
            out = subprocess.run(
                [steelyard, "estimate", path, "--covariates", "x", "--interval-regression", "income", "--impute", "income",
                 "--imputations", "20", "--impute-statistics", "mean,median,gini,q10", "--seed", str(seed), "--json", "--threads", "1"],
                capture_output=True, text=True, check=True)
            for row in json.loads(out.stdout)["estimates"]:
                name = row["level"] if row["functional"] == "interval regression" else f'{row["functional"]} {row["level"]}'.strip()
                if name not in TRUTH:
                    continue
                held[name] += row["lower"] <= TRUTH[name] <= row["upper"]
                if name == "imputed gini":
                    held_within += abs(row["estimate"] - TRUTH[name]) <= 1.96 * math.sqrt(row["within"])
    bound = 4.5 * math.sqrt(0.95 * 0.05 / SAMPLES)  # 0.040
    wrong = 0
    for name, count in held.items():
        coverage = count / SAMPLES
        # The law of the imputations tells more of a quantile than the sample's quantile itself, which
        # Rubin's rules do not see: their intervals may be too wide, and not too narrow.
        ok = coverage >= 0.95 - bound and ("quantile" in name or coverage <= 0.95 + bound)
        wrong += not ok
        print(f"{name:22s} {coverage:.3f}{'' if ok else '  WRONG'}")
    # As if the amounts imputed had been answers.
    naive = held_within / SAMPLES
    print(f"gini, within variance  {naive:.3f}")
    return wrong > 0 or naive >= 0.95 - bound


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
