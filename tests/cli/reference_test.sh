#!/usr/bin/env bash
# weigh and estimate with a reference sample, from outside: reference numbers, messages.
# Usage: reference_test.sh STEELYARD_BINARY GOLDEN_FOLDER
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
steelyard=$1 golden=$2
. "$here/expect.sh"
cd "$work" || exit 3

# Reference numbers: the published estimators and their plug-in errors, in R (clw_cases.json). A line is
# case | the estimator's name there (its beginning) | answer | covariates of the weighting | method and options.
all=x1,x2,x3,x4 less=x1,x2,x3
without_x4='outcome_covariates=["x1","x2","x3"]' with_x4='outcome_covariates=["x1","x2","x3","x4"]'
cat >runs <<E
full|IPW2|y50|$all|ipw
full|IPW2|yb|$all|ipw
full|calibrated IPW: participation|y50|$all|ipw -O equation=calibrated
full|calibrated IPW: participation|y50|$all|cbps
full|C2|y50|$all|ipw -O equation=pooled
full|REG (|y50|$all|mi
full|DR2:|y50|$all|dr
participation-without-x4|IPW2|y50|$less|ipw
participation-without-x4|IPW2|yb|$less|ipw
participation-without-x4|calibrated IPW: participation|y50|$less|ipw -O equation=calibrated
participation-without-x4|C2|y50|$less|ipw -O equation=pooled
participation-without-x4|DR2:|y50|$all|dr -O covariates=["x1","x2","x3"] -O $with_x4
full|REG with a logistic|yb|$all|mi -O model=own
full|DR2 with a logistic|yb|$all|dr -O model=own
full|mass imputation, 5 nearest|y50|$all|mi -O model=nearest -O distance=euclidean
full|predictive mean matching, 5 donors, |yhat_j|y50|$all|mi -O model=predictive_mean
full|predictive mean matching, 5 donors, |y_j|y50|$all|mi -O model=predictive_mean -O matching=observed
participation-without-x4|DR2 with a logistic|yb|$all|dr -O model=own -O covariates=["x1","x2","x3"] -O $with_x4
outcome-without-x4|REG with a logistic|yb|$less|mi -O model=own
outcome-without-x4|DR2 with a logistic|yb|$all|dr -O model=own -O $without_x4
outcome-without-x4|IPW2|y50|$all|ipw
outcome-without-x4|REG (|y50|$less|mi
outcome-without-x4|DR2:|y50|$all|dr -O $without_x4
E
out=$(/usr/bin/python3 - "$golden" "$steelyard" <<'P'
import csv, json, subprocess, sys
golden, steelyard = sys.argv[1:]
cases = json.load(open(golden + '/clw_cases.json'))
cases = {c['id']: c['estimates'] for c in (cases if isinstance(cases, list) else cases['cases'])}
bad = compared = 0
for line in open('runs').read().splitlines():
    case, rest = line.split('|', 1)
    start, answer, covariates, method = rest.rsplit('|', 3)
    name, *options = method.split(' ')
    call = [steelyard, 'estimate', golden + '/clw_A.csv', '--reference', golden + '/clw_B.csv', '--reference-weights', 'd',
            '--covariates', covariates, '--numeric', covariates, '--threads', '1', '--method', name, *options,
            '--proportion' if 'model=own' in method else '--mean', answer, '--json']
    done = subprocess.run(call, capture_output=True, text=True)
    if done.returncode != 0:
        bad += 1
        print(line, done.stderr)
        continue
    ours = json.loads(done.stdout)['estimates'][-1]  # of a proportion the share of answer 1
    e = [x for x in cases[case] if x['variable'] == answer and x['estimator'].startswith(start)][0]
    for key in ('estimate', 'se'):
        if e.get(key) is not None:
            compared += 1
            if not abs(ours[key] / e[key] - 1) <= 1e-7:
                bad += 1
                print(line, key, ours[key], e[key])
print('compared:', compared, 'outside:', bad)
P
)
expect 0 "outside: 0" echo "$out"

cat >a.csv <<'E'
sex,age,y
m,young,1
m,young,0
m,old,1
f,young,1
f,old,0
f,old,1
m,young,1
f,young,0
E
cat >b.csv <<'E'
sex,age,w,stratum
m,young,100,1
m,old,150,1
f,young,100,2
f,old,150,2
f,old,100,1
m,young,120,2
E
printf 'variable,level,target\nsex,m,400\nsex,f,320\n' >margins.csv
awk -F, -v OFS=, 'NR == 1 {print $0, "x"; next} {print $0, 5 + NR}' a.csv >apart.csv
awk -F, -v OFS=, 'NR == 1 {print $0, "x"; next} {print $0, -NR}' b.csv >bapart.csv
reference=(--reference b.csv --reference-weights w)
weigh() { "$steelyard" weigh "$@"; }
expect 0 "written: w.csv" weigh a.csv "${reference[@]}" --covariates sex,age --method ipw -o w.csv
expect 0 "8 respondents" weigh a.csv "${reference[@]}" --reference-strata stratum --covariates sex,age --method kw
expect 0 "sex=m" weigh a.csv "${reference[@]}" --covariates age --method ipw --margins margins.csv
expect 0 "population 720" weigh a.csv "${reference[@]}" --covariates age --method ipw --margins margins.csv
expect 0 "mean" "$steelyard" estimate a.csv "${reference[@]}" --covariates sex,age --method dr --mean y --by sex

expect 2 'has no column "agee"; did you mean "age"?' weigh a.csv "${reference[@]}" --covariates sex,agee --method ipw
expect 2 'has no column "y"' weigh a.csv "${reference[@]}" --covariates sex,y --method ipw
expect 2 'has no column "q"' weigh a.csv --reference b.csv --reference-weights q --covariates sex --method ipw
expect 2 "needs margins" weigh a.csv "${reference[@]}" --covariates sex
est() { "$steelyard" estimate "$@"; }
# Models of each answer: shares sum to 1; what does not go with them is refused by name.
expect 0 "proportion  y         1" est a.csv "${reference[@]}" --covariates sex,age --method mrp --proportion y --mean y
sums=$(est a.csv "${reference[@]}" --covariates sex --method mi -O model=own --proportion y --by sex --json |
  /usr/bin/python3 -c 'import json, sys
e = json.load(sys.stdin)["estimates"]
print(*sorted(round(sum(x["estimate"] for x in e if x["domain"] == d), 12) for d in {x["domain"] for x in e}), all(x["se"] > 0 for x in e))')
expect 0 "1.0 1.0 True" echo "$sums"
expect 1 "name the columns of --by among the --covariates" est a.csv "${reference[@]}" --covariates sex --method mi -O model=own --mean y --by age
expect 2 "leave --quantile out" est a.csv "${reference[@]}" --covariates sex --method mi -O model=own --quantile y
expect 2 "does not go with --contrasts" est a.csv "${reference[@]}" --covariates sex --method mrp --mean y --by sex --contrasts first
expect 2 "does not go with --bias-indices" est a.csv "${reference[@]}" --covariates sex --method mrp --mean y --bias-indices
expect 2 "gives no weights that could be raked" est a.csv "${reference[@]}" --covariates age --method mrp --mean y --margins margins.csv
expect 2 "takes categories, no numbers" est apart.csv --reference bapart.csv --reference-weights w --covariates sex,x --numeric x --method mrp --mean y
printf 'variable,level,target\nsex*age,m*young,200\nsex*age,m*old,200\nsex*age,f*young,160\nsex*age,f*old,160\n' >cross.csv
expect 0 "mean        y" est a.csv --margins cross.csv --method mrp --mean y
printf 'variable,level,target\nsex,m,400\nsex,f,320\nage,young,300\nage,old,420\n' >apart_margins.csv
expect 1 "no benchmark holds the cross of the model's variables, sex * age" est a.csv --margins apart_margins.csv --method mrp --mean y

# How bad it could be.
expect 0 "smub        y         phi=0.5" est a.csv "${reference[@]}" --covariates sex,age --method ipw --mean y --bias-indices
expect 0 "mub         y         phi=1" est a.csv --margins margins.csv --mean y --bias-indices
expect 0 "mubp" est a.csv "${reference[@]}" --covariates sex,age --method ipw --proportion y --bias-indices
expect 0 "how the proxy varies in the population is not known from totals" est a.csv --margins margins.csv --proportion y --bias-indices
expect 0 "turns at 0.5" est a.csv "${reference[@]}" --covariates sex,age --method ipw --mean y --turns-at y=0.5
expect 0 "answers are from 0 to 1" est a.csv "${reference[@]}" --covariates sex,age --method ipw --mean y --turns-at y=7
expect 2 "is not name=number" est a.csv "${reference[@]}" --covariates sex --method ipw --mean y --turns-at y
expect 2 'is not estimated' est a.csv "${reference[@]}" --covariates sex --method ipw --mean y --turns-at yy=3
expect 2 "none is given; pass --reference FILE" est a.csv --mean y --bias-indices
expect 2 "is about means and proportions, and none is asked" est a.csv --margins margins.csv --quantile y --bias-indices

# Balance, overlap and representativity.
expect 0 "coefficient of variation" weigh a.csv "${reference[@]}" --covariates sex,age --method ipw
expect 0 '"r_indicator_se"' weigh a.csv "${reference[@]}" --covariates sex,age --method kw --json
expect 0 "smd is" weigh a.csv "${reference[@]}" --covariates sex,age --method matching
expect 0 "written: page.html" weigh a.csv "${reference[@]}" --covariates sex,age --method ipw --report page.html
expect 0 "R-indicator" cat page.html

# What stands in the way.
expect 1 "x separates the respondents from the reference sample" \
  weigh apart.csv --reference bapart.csv --reference-weights w --covariates x --numeric x --method ipw
awk -F, -v OFS=, 'NR == 1 {print $0, "sex2"; next} {print $0, $1}' a.csv >twice.csv
awk -F, -v OFS=, 'NR == 1 {print $0, "sex2"; next} {print $0, $1}' b.csv >btwice.csv
expect 0 "the covariates sex2 follow from those before them" \
  weigh twice.csv --reference btwice.csv --reference-weights w --covariates sex,sex2 --method ipw
awk -F, -v OFS=, 'NR > 1 {$3 = 1} {print}' b.csv >unscaled.csv
expect 1 "scale the design weights to the population" weigh a.csv --reference unscaled.csv --reference-weights w --covariates sex --method ipw
head -1 b.csv >empty.csv
expect 2 "empty.csv" weigh a.csv --reference empty.csv --reference-weights w --covariates sex --method ipw
printf 'variable,level,target\n1,,720\nx,,5000\n' >total.csv
expect 2 'has a total in the margins, so it is a number' \
  weigh apart.csv --reference bapart.csv --reference-weights w --covariates x --margins total.csv --method ipw
expect 2 'has levels in the margins, so it is not a number' \
  weigh a.csv "${reference[@]}" --covariates sex --numeric sex --margins margins.csv --method ipw

expect 2 "need a reference sample" weigh a.csv --covariates sex --method ipw
expect 2 "needs a reference sample" weigh a.csv --method ipw --margins margins.csv
expect 2 "[--margins] is missing" weigh a.csv
expect 2 "has no covariates" weigh a.csv "${reference[@]}" --method ipw
expect 2 "is not among the --covariates" weigh a.csv "${reference[@]}" --covariates sex --numeric age --method ipw
expect 2 'did you mean "ipw"?' weigh a.csv "${reference[@]}" --covariates sex --method ipww
expect 2 "which gives a file no weights; estimate takes it" weigh a.csv "${reference[@]}" --covariates sex --method mrp
expect 2 "which gives a file no weights" weigh a.csv "${reference[@]}" --covariates sex --method dr -O model=own
# Replicates draw both samples again. With one covariate of two levels every method gives the respondents' means
# by level, weighted by the reference sample's totals, so that a delete-one jackknife can be worked out by itself:
# 8 respondents, 3 persons in each of two strata.
jackknife() {
  /usr/bin/python3 - "$@" <<'P'
import csv, json, subprocess, sys
a = [(r['sex'], float(r['y'])) for r in csv.DictReader(open('a.csv'))]
b = [(r['sex'], float(r['w']), r['stratum']) for r in csv.DictReader(open('b.csv'))]
def theta(a, b):  # rows with their factors
    mean = {s: sum(f * y for (t, y), f in a if t == s) / sum(f for (t, y), f in a if t == s) for s in 'mf'}
    size = {s: sum(f * w for (t, w, h), f in b if t == s) for s in 'mf'}
    return sum(size[s] * mean[s] for s in 'mf') / sum(size.values())
whole, ones = theta([(r, 1) for r in a], [(r, 1) for r in b]), lambda rows: [(r, 1) for r in rows]
variance = 0
for i in range(len(a)):
    again = [(r, len(a) / (len(a) - 1)) for k, r in enumerate(a) if k != i]
    variance += (len(a) - 1) / len(a) * (theta(again, ones(b)) - whole) ** 2
for j in range(len(b)):
    n = sum(h == b[j][2] for _, _, h in b)
    again = [(r, n / (n - 1) if r[2] == b[j][2] else 1) for k, r in enumerate(b) if k != j]
    variance += (n - 1) / n * (theta(ones(a), again) - whole) ** 2
ours = json.loads(subprocess.run(sys.argv[1:], capture_output=True, text=True).stdout)
line = ours['estimates'][-1]
print(abs(line['estimate'] / whole - 1) < 1e-9, abs(line['se'] / variance ** .5 - 1) < 1e-9, round(line['df']), ours['replicates'])
P
}
strata=(--reference-strata stratum --covariates sex --interval jk1 --json)
for method in ipw "ipw -O equation=calibrated" mi dr "mi -O model=own" "dr -O model=own"; do
  # shellcheck disable=SC2086
  expect 0 "True True 4 14" jackknife "$steelyard" estimate a.csv "${reference[@]}" "${strata[@]}" --mean y --method $method
done
expect 1 "of 14 cannot be modelled" est a.csv "${reference[@]}" "${strata[@]}" --method dr -O model=own --proportion y
# The same as replicate weights of the reference file: the factors of its strata.
awk -F, -v OFS=, 'NR == 1 {print $0, "rep1", "rep2", "rep3", "rep4", "rep5", "rep6"; next}
  {line = $0; for (r = 1; r <= 6; r++) line = line OFS (r == NR - 1 ? 0 : s[r] == $4 ? 1.5 * $3 : $3); print line}
  BEGIN {split("1 1 2 2 1 2", s, " ")}' b.csv >breps.csv
given=(--reference breps.csv --reference-weights w --reference-replicate-weights 'rep*' --reference-replicate-constants)
third=scale=0.66666666666666663
expect 0 "True True 4 14" jackknife "$steelyard" estimate a.csv "${given[@]}" $third,df=4,mse=true --covariates sex --interval jk1 --json --method ipw --mean y
expect 0 "True True 4 14" jackknife "$steelyard" estimate a.csv "${given[@]}" $third,mse=true --covariates sex --interval jk1 --json --method ipw --mean y
# Written replicate weights hold both samples' error: the estimate from them is the one made in one go.
expect 0 "with 14 replicate weights" weigh a.csv "${reference[@]}" --reference-strata stratum --covariates sex --method ipw --replicate-weights jk1 --append -o wa.csv
expect 0 "True True 4 14" jackknife "$steelyard" estimate wa.csv --weights weight --replicate-weights 'rep*' --replicate-constants wa.replicates.json --json --mean y
for file in a b; do (head -1 $file.csv && for _ in {1..20}; do tail -n +2 $file.csv; done) >many_$file.csv; done
many=(many_a.csv --reference many_b.csv --reference-weights w --covariates sex,age)
for interval in bootstrap preston bayesian delete-a-group; do  # both samples drawn again, side by side
  expect 0 '"replicates": 20' est "${many[@]}" --method ipw --mean y --interval $interval --replicates 20 --seed 2 --json
done
expect 0 '"replicates": 40' est "${many[@]}" --method ipw --mean y --interval canty-davison --replicates 20 --seed 2 --json
expect 0 '"replicates": 4' est "${many[@]}" --method ipw --mean y --interval random-groups --replicates 4 --seed 2 --json
for method in mrp "mi -O model=nearest"; do
  # shellcheck disable=SC2086
  expect 0 "6 True" echo "$(est "${many[@]}" --method $method --mean y --proportion y --by sex --interval bootstrap --replicates 30 --seed 2 --json |
    /usr/bin/python3 -c 'import json, sys
e = json.load(sys.stdin)["estimates"]
print(len(e), all(0.01 < x["se"] < 0.2 and x["lower"] < x["estimate"] < x["upper"] and x["df"] == 29 for x in e))')"
done
printf 'variable,level,target\nsex,m,8000\nsex,f,6400\n' >many.csv
weigh "${many[@]}" --method ipw --margins many.csv --replicate-weights bootstrap --replicates 9 --seed 3 -o r.csv >/dev/null
expect 0 "10 columns, 0 off" echo "$(awk -F, 'NR > 1 {for (k = 2; k <= NF; k++) s[k] += $k}
  END {for (k = 2; k <= NF; k++) off += s[k] < 14399.99 || s[k] > 14400.01; print NF - 1 " columns, " off + 0 " off"}' r.csv)"

# Replicates against the papers' plug-in errors: the bootstrap within 15 % (its own error at 400 replicates is 3.5 %), the
# jackknife, which has none, within 6 %.
compare_errors() {
  /usr/bin/python3 - "$golden" "$steelyard" <<'P'
import json, subprocess, sys
golden, steelyard = sys.argv[1:]
worst = {'bootstrap': 0, 'delete-a-group': 0}
for method in ('ipw', 'ipw -O equation=calibrated', 'cbps', 'kw', 'mi', 'dr', 'mi -O model=own', 'dr -O model=own'):
    for interval, more in (('bootstrap', ['--replicates', '400', '--seed', '11']), ('delete-a-group', ['--replicates', '400', '--seed', '11'])):
        se = []
        for how in ([], ['--interval', interval, *more]):
            call = [steelyard, 'estimate', golden + '/clw_A.csv', '--reference', golden + '/clw_B.csv', '--reference-weights', 'd',
                    '--covariates', 'x1,x2,x3,x4', '--numeric', 'x1,x2,x3,x4', '--threads', '1', '--method', *method.split(' '),
                    '--mean', 'y50', '--json', *how]
            done = subprocess.run(call, capture_output=True, text=True)
            if done.returncode != 0: print(method, interval, done.stderr)
            se.append(json.loads(done.stdout)['estimates'][0]['se'])
        print(method, interval, round(se[1] / se[0], 3))
        worst[interval] = max(worst[interval], abs(se[1] / se[0] - 1))
print('bootstrap', worst['bootstrap'] < 0.15, 'jackknife', worst['delete-a-group'] < 0.06)
P
}
expect 0 "bootstrap True jackknife True" compare_errors

expect 2 "do not say how the reference sample is drawn again" \
  est wa.csv "${reference[@]}" --covariates sex --method ipw --mean y --replicate-weights 'rep*' --replicate-constants scale=1,factors=true
expect 2 "go without --margins and --reference" \
  est wa.csv "${reference[@]}" --covariates sex --method ipw --mean y --replicate-weights 'rep*' --replicate-constants scale=1
expect 2 "are read for replication only" est a.csv "${given[@]}" $third --covariates sex --method ipw --mean y
expect 2 "are read for replicate weights only" weigh a.csv "${given[@]}" $third --covariates sex --method ipw
echo '{"scale": 1, "rscales": [1, 1]}' >two.json
expect 2 "has 2 rscales for 6 replicate columns" est a.csv "${given[@]}" two.json --covariates sex --method ipw --mean y --interval jk1
awk -F, -v OFS=, 'NR == 2 {$5 = -3} {print}' breps.csv >below.csv
expect 2 "row 1 has the replicate weight -3 in column rep1" \
  est a.csv --reference below.csv --reference-weights w --reference-replicate-weights 'rep*' --reference-replicate-constants $third --covariates sex --method ipw --mean y --interval jk1
awk -F, -v OFS=, 'NR == 3 {$6 = ""} {print}' breps.csv >gap.csv
expect 2 "row 2 has no replicate weight in column rep2" \
  est a.csv --reference gap.csv --reference-weights w --reference-replicate-weights 'rep*' --reference-replicate-constants $third --covariates sex --method ipw --mean y --interval jk1
awk -F, -v OFS=, 'NR == 1 {print $0, "half"; next} {print $0, int(NR / 2)}' a.csv >ahalf.csv
expect 1 "reference sample: balanced half samples need two primary units in every stratum; stratum 1 has 3" \
  est ahalf.csv "${reference[@]}" --strata half --reference-strata stratum --covariates sex --method ipw --mean y --interval brr
expect 1 "gives rows of the reference sample weights below zero" \
  est "${many[@]}" --method ipw --mean y --interval generalized --replicates 50 --seed 1
expect 1 "cannot be weighted: no overlap" est a.csv "${reference[@]}" --covariates sex,age --method ipw --mean y --interval canty-davison --replicates 500 --seed 1
sed '3s/150/0/' b.csv >zero.csv
expect 2 "row 2 has the design weight 0 in column w" weigh a.csv --reference zero.csv --reference-weights w --covariates sex --method ipw
sed '3s/150//' b.csv >none.csv
expect 2 "row 2 has no design weight in column w" weigh a.csv --reference none.csv --reference-weights w --covariates sex --method ipw
sed '4s/^f/NA/' b.csv >missing.csv
expect 2 "row 3 has no answer in column sex" weigh a.csv --reference missing.csv --reference-weights w --covariates sex --method ipw
sed '4s/^f/x/' b.csv >more.csv
expect 1 "no overlap: no respondent has sex=x" weigh a.csv --reference more.csv --reference-weights w --covariates sex --method ipw
grep -v old b.csv >fewer.csv
expect 1 "no overlap: 3 of the respondents have age=old" weigh a.csv --reference fewer.csv --reference-weights w --covariates sex,age --method ipw

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
