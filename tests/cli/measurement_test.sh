#!/usr/bin/env bash
# Measurement errors and stale benchmarks through the real binary. Usage: measurement_test.sh STEELYARD SCENARIOS
set -u
steelyard=$1
scenarios=$2
source "$(dirname "$0")/expect.sh"

# add NAME TEXT: two-by-two with more sections.
add() {
  cp -r "$scenarios/two-by-two" "$work/$1"
  printf '\n%s\n' "$2" >>"$work/$1/scenario.toml"
}
# run NAME OUT ...: 40 replicates into out-OUT.
run() { "$steelyard" run "$work/$1" --replicates 40 --seed 7 -o "$work/out-$2" --quiet "${@:3}"; }
# field NAME COLUMN WEIGHTING: of the estimand over everybody.
field() {
  awk -F, -v c="$2" -v w="$3" 'NR == 1 { for (i = 1; i <= NF; ++i) at[$i] = i; next }
    $1 == "outcome" && $2 == "all" && $3 == w { print $at[c] }' "$work/out-$1/performance.csv"
}

expect 0 "item_nonresponse" "$steelyard" list measurement-models
expect 0 "Heitjan & Rubin (1990)" "$steelyard" describe heaping
expect 0 "log odds ratio of no answer" "$steelyard" describe item_nonresponse

misreport='[[measurement]]
name = "hidden"
kind = "misclassification"
source = "test"
variable = "outcome"
matrix = { yes = [0.6, 0.4] }'
cp -r "$scenarios/two-by-two" "$work/plain"
add misreport "$misreport"
run plain plain >/dev/null
run misreport misreport >/dev/null
run misreport one --threads 1 >/dev/null
holds "threads change nothing" diff <(cut -d, -f1-19,21- "$work/out-misreport/performance.csv") <(cut -d, -f1-19,21- "$work/out-one/performance.csv")
# Six of ten who have the outcome report it: the mean estimate falls to 0.6 of what it was, within five standard
# errors (sd of a sample 0.011, 40 samples); the truth stays.
holds "the truth is that of true answers" test "$(field misreport truth raking)" = "$(field plain truth raking)"
holds "estimates are of reported answers" awk -v a="$(field misreport mean_estimate none)" -v b="$(field plain mean_estimate none)" \
  'BEGIN { d = a - 0.6 * b; exit !(d < 0.009 && d > -0.009 && b > 0.4) }'
run misreport off --set measurement.hidden.active=false >/dev/null
holds "switched off it is as if not there" diff <(cut -d, -f1-19,21- "$work/out-off/performance.csv") <(cut -d, -f1-19,21- "$work/out-plain/performance.csv")

add silent '[[measurement]]
name = "refusal"
kind = "item_nonresponse"
source = "test"
questions = ["sex"]
rate = 0.1'
run silent silent >/dev/null
holds "a weighting on the question fails in every replicate" test "$(field silent failures raking)" = 40
holds "others do not" test "$(field silent failures region_only)" = 0
expect 0 'left &quot;sex&quot; unanswered, which the weighting needs' cat "$work/out-silent/report.html"
expect 0 "1 samples of 2000 respondents" "$steelyard" draw "$work/silent" --seed 1 -o "$work/drawn-silent" --quiet
expect 0 ",,yes" cat "$work/drawn-silent/sample_000000.csv"
expect 0 "written to" "$steelyard" draw "$work/silent" --seed 1 --format h5 -o "$work/drawn-h5" --quiet
grep -E "^(variable|region)," "$work/drawn-h5/margins.csv" >"$work/region.csv"
expect 0 "w.csv" "$steelyard" weigh "$work/drawn-h5/sample_000000.h5" --margins "$work/region.csv" -o "$work/w.csv"

add stale '[[stale_benchmark]]
name = "old"
source = "test"
variable = "region"
relative_errors = [0.5, 0]'
run stale stale >/dev/null
holds "stale benchmarks move what uses them" awk -v a="$(field stale bias region_only)" -v b="$(field plain bias region_only)" \
  'BEGIN { exit !(b - a > 0.01 || a - b > 0.01) }'
holds "and nothing else" test "$(field stale bias none)" = "$(field plain bias none)"

# Tables stay as they were reported: misreported income (also of people of an income) and straight lines over three
# indices, with the truth fitted behind them, give the published numbers as often as no error does.
cp -r "$scenarios/flexible-employment-2022q2" "$work/kept"
cat >>"$work/kept/scenario.toml" <<'TOML'

[[measurement]]
name = "low_income"
kind = "misclassification"
variable = "income"
matrix = { under_2000 = [0.8, 0.2, 0, 0, 0], over_20000 = [0, 0, 0, 0.3, 0.7] }
keep_observed = true
source = "test"

[[measurement]]
name = "lines"
kind = "careless"
questions = ["employment_change", "income_change", "consumption_change"]
share = 0.03
style = "straight_line"
keep_observed = true
source = "test"
TOML
"$steelyard" run "$work/kept" --replicates 20 --seed 1 -o "$work/out-kept" --quiet >/dev/null
holds "reported numbers stay" test "$(grep -c ',reproduced,' "$work/out-kept/reproduction.csv")" = 463
holds "the truth does not" awk -F, '$1 == "mean_income" && $2 == "status=flexible" { exit !($6 < 5936) }' "$work/out-kept/performance.csv"
expect 2 '"pension" decides who is asked "pension_reason"' "$steelyard" check "$work/kept" --set measurement.low_income.variable=pension \
  --set 'measurement.low_income.matrix={own=[0.9,0,0.1]}'

# Bad input: each message with its place.
bad() {
  local text=$1
  shift
  rm -rf "$work/bad"
  add bad "$*"
  expect 2 "$text" "$steelyard" check "$work/bad"
}
bad 'did you mean "misclassification"?' "${misreport/misclass/misclas}"
bad '[measurement matrix] "yes" sums to 0.9' "${misreport/0.6/0.5}"
bad 'key "source" is missing' "${misreport/source = \"test\"/}"
bad 'did you mean "outcome"?' "${misreport/\"outcome\"/\"outcom\"}"
bad '"name" = "hidden" stands twice' "$misreport
$misreport"
bad 'which is neither a number nor bucketed' '[[measurement]]
name = "h"
kind = "heaping"
source = "test"
variable = "sex"
steps = [1]
shares = [1]'
stale='[[stale_benchmark]]
name = "old"
source = "test"
variable = "region"
relative_errors = [0.5, 0]'
bad '"relative_errors" has 1 numbers for 2 levels' "${stale/0.5, 0/0.5}"
bad 'a total stays above 0' "${stale/0.5, 0/-1, 0}"
bad '"variable" = "outcome" is in no benchmark' "${stale/\"region\"/\"outcome\"}"
cp -r "$scenarios/chen-li-wu-2020" "$work/model"
printf '\n%s\n' "$misreport" >>"$work/model/scenario.toml"
expect 2 'outcome' "$steelyard" check "$work/model"
# A population by formulas: numbers are misreported, left out and known too high.
mkdir "$work/formulas"
cat >"$work/formulas/scenario.toml" <<'T'
seed = 3
[scenario]
name = "m"
title = "Measured"
[population]
kind = "model"
size = 2000
[[variable]]
name = "x"
distribution = { name = "normal", mean = 10, sd = 2 }
[sample]
design = "simple_random"
n = 200
[study]
replicates = 10
[[interval]]
name = "linearization"
method = "linearization"
[[weighting]]
name = "none"
method = "none"
[[estimand]]
id = "x"
functional = "mean"
variable = "x"
headline = true
[[measurement]]
name = "high"
kind = "response_error"
variable = "x"
shift = 100
source = "test"
[[measurement]]
name = "silent"
kind = "item_nonresponse"
questions = ["x"]
rate = 0.3
source = "test"
T
expect 0 "measurement high: response_error" "$steelyard" check "$work/formulas"
expect 0 "written to" "$steelyard" draw "$work/formulas" -o "$work/numbers" --quiet
holds "a number that is not answered is an empty field" grep -qE '^[0-9]+,,10$' "$work/numbers/sample_000000.csv"
holds "others are reported 100 too high" grep -qE '^[0-9]+,1[01][0-9]\.' "$work/numbers/sample_000000.csv"
expect 0 "Misreport                                             +100.00 (" "$steelyard" budget "$work/formulas" --quiet -o "$work/of-formulas"
expect 0 "written to" "$steelyard" run "$work/formulas" --quiet -o "$work/truly" --set measurement.high.active=false --set measurement.silent.active=false
holds "switched off, the truth is reported" awk -F, 'NR == 2 { exit !($9 ^ 2 < 1) }' "$work/truly/performance.csv"

echo "$passed checks passed, $failed failed"
[ "$failed" -eq 0 ]
