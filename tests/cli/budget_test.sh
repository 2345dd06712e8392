#!/usr/bin/env bash
# The error budget through the real binary. Usage: budget_test.sh STEELYARD SCENARIOS
set -u
steelyard=$1
scenarios=$2
source "$(dirname "$0")/expect.sh"

budget() { "$steelyard" budget "$@" --seed 3 --quiet; }

expect 0 "Bucket rule" budget flexible-employment-2022q2 --replicates 3 -o "$work/flagship"
holds "a report" grep -q "<svg class=chart" "$work/flagship/report.html"
# Of each of the six headline numbers under the report's own procedure the parts sum to the total.
sums() { awk -F, '
  NR == 1 { for (i = 1; i <= NF; ++i) at[$i] = i; next }
  $at["reference"] != 1 { next }
  $at["source"] == "total" { ++n
    if ((b - $at["bias"]) ^ 2 > 1e-18 * (1 + b * b) || (m - $at["mse"]) ^ 2 > 1e-18 * (1 + m * m)) bad = 1
    b = m = 0; next }
  { b += $at["bias"]; m += $at["mse"] }
  END { exit bad || n != 6 }' "$1"; }
holds "parts sum to bias and MSE" sums "$work/flagship/budget.csv"
expect 2 "exists; choose another name, or pass --force" budget two-by-two --replicates 3 -o "$work/flagship"
expect 0 '"source": "selection_benchmarked"' budget two-by-two --replicates 3 -o "$work/json" --json
budget two-by-two --replicates 9 -o "$work/one" --threads 1 >/dev/null
budget two-by-two --replicates 9 -o "$work/three" --threads 3 >/dev/null
holds "threads change nothing" diff -r "$work/one" "$work/three"
expect 0 "" budget two-by-two --replicates 3 -o "$work/zh" --lang zh --json
expect 0 "误差分解" cat "$work/zh/report.html"

expect 0 "Stale benchmarks" budget flexible-employment-errors --replicates 2 -o "$work/errors"
holds "with all sources the parts sum as well" sums "$work/errors/budget.csv"
holds "all ten sources" test "$(grep -c '^mean_income,status=flexible,region_only,report_midpoints,' "$work/errors/budget.csv")" = 11

# Selection on the answers: with people of high incomes likelier to take part the truth is lower.
cp -r "$scenarios/flexible-employment-2022q2" "$work/dial"
printf '\n[budget]\nreplicates = 3\nselection_on_answers = 0.5\nestimands = ["mean_income"]\n' >>"$work/dial/scenario.toml"
expect 0 "Selection on the answers" budget "$work/dial" -o "$work/out-dial"
expect 0 "3 replicates of 26252" budget "$work/dial" -o "$work/out-dial" --force

expect 2 "is of one condition, and the scenario has" budget chen-li-wu-2020 --replicates 3 -o "$work/model"
expect 2 "--condition" budget two-by-two --condition x --replicates 3 -o "$work/model"
expect 2 'no seed is given' "$steelyard" budget two-by-two -o "$work/noseed" --quiet
expect 2 "Value 1 not in range" budget two-by-two --replicates 1 -o "$work/few"
expect 2 'did you mean "two-by-two"?' budget two-by-tow --replicates 3 -o "$work/typo"
expect 2 '"estimands" names "mean_incom", which is not declared; did you mean "mean_income"?' \
  budget "$work/dial" --set 'budget.estimands=["mean_incom"]' -o "$work/bad"
expect 2 'unknown key "replicate"; did you mean "replicates"?' budget "$work/dial" --set budget.replicate=3 -o "$work/bad"
expect 2 '"selection_on_answers" = 50 is out of range' budget "$work/dial" --set budget.selection_on_answers=50 -o "$work/bad"
holds "nothing half-made is left" test ! -e "$work/bad"
# Weightings with a reference sample have a budget as well.
cp -r "$scenarios/two-by-two" "$work/reference"
printf '\n[[weighting]]\nname = "ipw"\nmethod = "ipw"\ncovariates = ["region"]\n\n[reference]\ndesign = "simple_random"\nn = 200\n' >>"$work/reference/scenario.toml"
expect 0 "error budget of two-by-two" budget "$work/reference" --replicates 3 -o "$work/out-reference"
holds "with its parts" grep -q ",ipw,-,0,.*,weighting," "$work/out-reference/budget.csv"

echo "$passed checks passed, $failed failed"
[ "$failed" -eq 0 ]
