#!/usr/bin/env bash
# The buckets verb from outside: every reference number of the golden tables, messages for bad
# tables, outputs.
# Usage: buckets_test.sh STEELYARD_BINARY GOLDEN_FOLDER
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
steelyard=$1 golden=$2
. "$here/expect.sh"
cd "$work" || exit 3
buckets() { "$steelyard" buckets "$@" --quiet; }
table() { printf 'case,lo,hi,weight\n'; printf '%s\n' "$@"; }

# Reference numbers.
expect 0 "" buckets "$golden/tables.csv" --meta "$golden/tables_meta.csv" --rules all --no-errors -o all.csv
out=$(/usr/bin/python3 "$here/buckets_golden.py" all.csv "$golden")
got=$?
echo "$out" | tail -5
if [ $got -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi

# Answers.
table a,0,2000,9 a,2000,5000,38 a,5000,8000,32 a,8000,20000,18 a,20000,Inf,3 >t.csv
expect 0 "for certain: mean at least 4400, median from 5000 to 8000" buckets t.csv
expect 0 "AVG_calibrated" buckets t.csv
expect 0 "infeasible: no mean" buckets t.csv --rules maxent_mean,mid_geo
expect 0 '"rule": "rpme_harm1"' buckets t.csv --json --rules rpme_harm1
printf 'case,n,known_mean\na,26252,6200\n' >meta.csv
expect 0 "n = 26252, known mean 6200" buckets t.csv --meta meta.csv --rules maxent_mean
expect 0 "written: r.html" "$steelyard" buckets t.csv --report r.html
holds "the page has densities and bounds" grep -q "polyline.*bounds" r.html
expect 0 "written: one.csv" "$steelyard" buckets t.csv --rules all -o one.csv
holds "standard errors are written" grep -q '^a,step_top2,se:gini,0' one.csv
holds "columns" grep -q '^case,method,stat,value$' one.csv
"$steelyard" buckets "$golden/tables.csv" --rules step_top2,LN -o th1.csv --threads 1 --quiet
"$steelyard" buckets "$golden/tables.csv" --rules step_top2,LN -o th2.csv --threads 2 --quiet
holds "threads do not matter" cmp th1.csv th2.csv
sed '1s/weight/share/; s/,9$/,0.09/; s/,38$/,0.38/; s/,32$/,0.32/; s/,18$/,0.18/; s/,3$/,0.03/' t.csv >share.csv
expect 0 "for certain" buckets share.csv --rules mid_geo

# Answers in brackets that overlap.
sed '1s/.*/case,lo,hi,weight/; 2,$s/^/a,/' "$golden/design/overlap.csv" | tr -d '\r' >overlap.csv
expect 0 "" buckets overlap.csv --unfold --rules turnbull,step_top2,LN -o unfolded.csv
out=$(/usr/bin/python3 - unfolded.csv "$golden/design/turnbull.csv" <<'P'
import csv, sys
rows = {(r['method'], r['stat']): r['value'] for r in csv.DictReader(open(sys.argv[1]))}
wanted, near = list(csv.DictReader(open(sys.argv[2]))), 0
for r in wanted:
    at = 'loglik' if r['lo'] == 'loglik' else 'mass:[%g,%s)' % (float(r['lo']), 'Inf' if r['hi'] == 'Inf' else '%g' % float(r['hi']))
    near += abs(float(rows['turnbull', at]) / float(r['mass']) - 1) < 1e-9
masses = {k[1]: float(v) for k, v in rows.items() if k[1].startswith('mass:')}
assert near == len(wanted) == 12 and len(masses) == 11
assert rows['turnbull', 'status'] == rows['LN', 'status'] == 'ok' and float(rows['turnbull', 'gradient']) <= 1e-12
# Overlaps leave less known than exact answers of all 400 would.
assert all(float(rows['turnbull', 'se:' + k]) > (v * (1 - v) / 400) ** .5 for k, v in masses.items())
# Shares uniform within closed intervals, the open one up to twice its start.
ends = {k: [float(x) for x in k[6:-1].split(',')] for k in masses}
mean = sum(v * (sum(ends[k]) / 2 if ends[k][1] < 9e9 else 1.5 * ends[k][0]) for k, v in masses.items())
assert abs(float(rows['step_top2', 'mean']) / mean - 1) < 1e-9
assert float(rows['step_top2', 'se:mean']) > 0
print('reference')
P
)
holds "masses are the reference optimum" test "$out" = reference
holds "parameters have no errors as if all had told their interval" bash -c "grep -q LN,par:mu unfolded.csv && ! grep -q LN,se:mu unfolded.csv"
expect 0 "answers in 16 brackets" buckets overlap.csv --unfold
expect 0 "turnbull: 11 innermost intervals, log-likelihood -467.583082" buckets overlap.csv --unfold --rules turnbull
expect 0 "where inside its interval each lies no answer tells" buckets overlap.csv --unfold --rules turnbull
expect 0 '"masses": [' buckets overlap.csv --unfold --rules turnbull --json
expect 0 "written: unfolded.html" "$steelyard" buckets overlap.csv --unfold --rules mcib_pareto2 --report unfolded.html
holds "the page has masses and a density" grep -q "Turnbull masses.*polyline" unfolded.html
expect 0 "no answer tells" buckets overlap.csv --unfold --no-errors
(sed -n 1p overlap.csv; sed 1d overlap.csv | tac) >reversed.csv
buckets reversed.csv --unfold --rules LN -o reversed_out.csv
buckets overlap.csv --unfold --rules LN -o in_order.csv
same='
import csv, sys
a, b = ({(r["method"], r["stat"]): r["value"] for r in csv.DictReader(open(f))} for f in sys.argv[1:3])
assert a.keys() == b.keys() and len(a) > 30
for k, v in a.items():
    if k[1] not in ("status", "gradient", "iterations") and v not in ("Inf", "NA"):
        assert abs(float(v) - float(b[k])) <= float(sys.argv[3]) * abs(float(v)), k'
holds "the order of answers does not matter" /usr/bin/python3 -c "$same" in_order.csv reversed_out.csv 1e-7
buckets t.csv --unfold --rules step_top2,mcib_pareto2 -o without_overlap.csv
buckets t.csv --rules step_top2,mcib_pareto2,turnbull -o plain.csv
holds "without overlaps everything is as before" /usr/bin/python3 -c "$same" plain.csv without_overlap.csv 1e-9
holds "and the errors of masses are those of shares" /usr/bin/python3 -c "
import csv
rows = {(r['method'], r['stat']): r['value'] for r in csv.DictReader(open('plain.csv'))}
assert abs(float(rows['turnbull', 'se:mass:[0,2000)']) - (.09 * .91 / 100) ** .5) < 1e-12"
table a,0,20,3 a,10,30,5 >one_common.csv
expect 0 "infeasible: the unfolded table has a single bucket" buckets one_common.csv --unfold
table a,0,10,9 a,0,20,1 a,10,30,1 a,20,30,9 >zero.csv
expect 0 "1 of 3 masses are 0, the edge of what is possible" buckets zero.csv --unfold
table a,0,20,0 a,10,30,0 >nobody.csv
expect 2 "is empty: nobody gave any answer" buckets nobody.csv --unfold
table a,-Inf,20,3 a,10,30,5 >open_bottom.csv
expect 2 "has an open bottom bucket" buckets open_bottom.csv --unfold
table a,20,10,3 a,10,30,5 >reversed_bracket.csv
expect 2 "has a bucket from 20 to 10" buckets reversed_bracket.csv --unfold
expect 2 'did you mean "turnbull"?' buckets t.csv --rules trunbull

# Bad tables.
bad() {
  local text=$1
  shift
  table "$@" >bad.csv
  expect 2 "$text" buckets bad.csv
}
bad "bad.csv:3: [case a] has the weight -1; it must be a finite number, 0 or more" a,0,1,2 a,1,2,-1
bad "has a bucket from 2 to 2; lo must be below hi" a,0,2,1 a,2,2,1
bad "has a bucket from 5 to 3" a,0,5,1 a,5,3,1
bad "has overlapping buckets: one ends at 5, the next starts at 4" a,0,5,1 a,4,9,1
bad "or pass --unfold if these are answers in brackets that overlap" a,0,5,1 a,4,9,1
bad "or pass --unfold if these are answers in brackets that overlap" a,0,5,1 a,5,Inf,1 a,3,9,1
bad "has a gap: one bucket ends at 5, the next starts at 6" a,0,5,1 a,6,9,1
bad "has an open bottom bucket" a,-Inf,5,1 a,5,9,1
bad "has a bucket above an open one" a,0,Inf,1 a,5,9,1
bad "has a single bucket" a,0,5,1
bad "is empty: all its buckets hold nothing" a,0,5,0 a,5,9,0
bad "goes on after another case" a,0,5,1 a,5,9,1 b,0,5,1 b,5,9,1 a,9,12,1
bad "is not a number" a,0,5,many a,5,9,1
printf 'case,lo,hi,weight\n' >bad.csv
expect 2 "has a header and no rows" buckets bad.csv
printf 'case,lo,hi,share\na,0,5,0.4\na,5,9,0.4\n' >bad.csv
expect 2 "has shares that sum to 0.8, which is neither 1 nor 100" buckets bad.csv
printf 'case,lo,hi,share,weight\na,0,5,0.4,1\na,5,9,0.6,1\n' >bad.csv
expect 2 "has both columns weight and share" buckets bad.csv
printf 'case,low,hi,weight\na,0,5,1\na,5,9,1\n' >bad.csv
expect 2 "bad.csv" buckets bad.csv
expect 2 "cannot read" buckets nothing.csv
printf 'case,n\nb,100\n' >bad_meta.csv
expect 2 '[case "b"] is not among the tables' buckets t.csv --meta bad_meta.csv
printf 'case,n\na,-5\n' >bad_meta.csv
expect 2 "= -5 is no number of observations" buckets t.csv --meta bad_meta.csv
printf 'case,n\na,5\na,6\n' >bad_meta.csv
expect 2 "stands twice" buckets t.csv --meta bad_meta.csv
printf 'case,size\na,5\n' >bad_meta.csv
expect 2 "has neither a column n nor known_mean" buckets t.csv --meta bad_meta.csv
expect 2 'names "rpme_harm3", which is no bucket rule' buckets t.csv --rules rpme_harm3
expect 1 "infeasible: no mean" buckets t.csv --rules maxent_mean
expect 2 "one.csv: exists" buckets t.csv -o one.csv
holds "no partial output is left" test -z "$(find . -name '.*partial*')"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
