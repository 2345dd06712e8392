#!/usr/bin/env bash
# weigh and estimate with a reference sample, from outside: reference numbers, messages.
# Usage: reference_test.sh STEELYARD_BINARY GOLDEN_FOLDER
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
steelyard=$1 golden=$2
. "$here/expect.sh"
cd "$work" || exit 3
both=("$golden/clw_A.csv" --reference "$golden/clw_B.csv" --reference-weights d --covariates x1,x2,x3,x4
      --numeric x1,x2,x3,x4 --threads 1)

# Reference numbers: the published estimators and their plug-in errors, in R (clw_cases.json, case "full").
for method in ipw "ipw -O equation=calibrated" cbps mi dr; do
  # shellcheck disable=SC2086
  "$steelyard" estimate "${both[@]}" --method $method --mean y50 -o "${method##* }.csv" >/dev/null 2>&1
done
out=$(/usr/bin/python3 - "$golden/clw_cases.json" <<'P'
import csv, json, sys
cases = json.load(open(sys.argv[1]))
full = [c for c in (cases if isinstance(cases, list) else cases['cases']) if c['id'] == 'full'][0]
wanted = {e['estimator']: e for e in full['estimates'] if e['variable'] == 'y50'}
def find(start): return [e for name, e in wanted.items() if name.startswith(start)][0]
bad = 0
for file, start in (('ipw', 'IPW2'), ('equation=calibrated', 'calibrated IPW: participation'), ('cbps', 'calibrated IPW: participation'),
                    ('mi', 'REG'), ('dr', 'DR2')):
    row, e = next(csv.DictReader(open(file + '.csv'))), find(start)
    for key in ('estimate', 'se'):
        if key in e and e[key] is not None and abs(float(row[key]) / e[key] - 1) > 1e-7:
            bad += 1
            print(file, key, row[key], e[key])
print('outside:', bad)
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
expect 2 "need a reference sample" weigh a.csv --covariates sex --method ipw
expect 2 "needs a reference sample" weigh a.csv --method ipw --margins margins.csv
expect 2 "[--margins] is missing" weigh a.csv
expect 2 "has no covariates" weigh a.csv "${reference[@]}" --method ipw
expect 2 "is not among the --covariates" weigh a.csv "${reference[@]}" --covariates sex --numeric age --method ipw
expect 2 'did you mean "ipw"?' weigh a.csv "${reference[@]}" --covariates sex --method ipww
expect 2 "run it in a study" weigh a.csv "${reference[@]}" --covariates sex --method mrp
expect 2 "which gives a file no weights" weigh a.csv "${reference[@]}" --covariates sex --method dr -O model=own
expect 2 "would lack the error of the reference sample" weigh a.csv "${reference[@]}" --covariates sex --method ipw --replicate-weights jk1 -o r.csv
expect 2 "would lack the error of the reference sample" "$steelyard" estimate a.csv "${reference[@]}" --covariates sex --method ipw --mean y --interval bootstrap --replicates 9 --seed 1
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
