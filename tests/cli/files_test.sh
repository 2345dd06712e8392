#!/usr/bin/env bash
# weigh and estimate on small files, from outside: answers, messages, exit codes, nothing
# half-written.
# Usage: files_test.sh STEELYARD_BINARY
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
steelyard=$1
. "$here/expect.sh"
cd "$work" || exit 3
weigh() { "$steelyard" weigh "$@" --threads 1; }
estimate() { "$steelyard" estimate "$@" --threads 1; }

python3 - <<'P'
with open("data.csv", "w") as f:
    f.write("id,sex,region,income,base,stratum,psu,N,one\n")
    for i in range(40):
        f.write(f"p{i:02},{'male' if i % 3 else 'female'},{'north' if i % 4 < 2 else 'south'},"
                f"{1000 + 37 * i % 500},{1 + i % 5},{i // 20},{i // 5},10,{'a' if i < 5 else 'b'}\n")
P
printf 'variable,level,target\nsex,male,480\nsex,female,520\nregion,north,450\nregion,south,550\n' >margins.csv

# Answers.
expect 0 "written: w.csv" weigh data.csv --margins margins.csv -o w.csv
holds "a row has a weight" test "$(wc -l <w.csv)" -eq 41
holds "weights meet the margins" python3 -c "
import csv
rows = [dict(d, **w) for d, w in zip(csv.DictReader(open('data.csv')), csv.DictReader(open('w.csv')))]
for column, level, target in (('sex', 'male', 480), ('sex', 'female', 520), ('region', 'north', 450), ('region', 'south', 550)):
    got = sum(float(r['weight']) for r in rows if r[column] == level)
    assert abs(got - target) < 1e-6 * target, (level, got)"
gzip -k data.csv
expect 0 "written: wz.csv" weigh data.csv.gz --margins margins.csv -o wz.csv
holds "gzip is the same" cmp w.csv wz.csv
expect 0 "written: wi.csv" weigh data.csv --margins margins.csv -o wi.csv --id id
holds "rows have their names" grep -q '^p07,' wi.csv
expect 0 "written: wa.csv" weigh data.csv --margins margins.csv -o wa.csv --append --weight-column w2
holds "columns are kept" grep -q '^id,sex,region,income,base,stratum,psu,N,one,w2$' wa.csv
expect 0 '"method": "raking"' weigh data.csv --margins margins.csv --json
expect 0 "written:" weigh data.csv --margins margins.csv --report page.html
holds "the report is a page" grep -q '</html>' page.html
expect 0 "mean" estimate data.csv --margins margins.csv --mean income
expect 0 '"functional": "mean"' estimate data.csv --weights base --mean income --by sex --json
expect 0 "written: e.csv" estimate data.csv --weights w.csv --mean income --proportion region -o e.csv
holds "estimates are a table" test "$(wc -l <e.csv)" -eq 4

# Samples in HDF5.
"$steelyard" draw two-by-two --seed 1 --format h5 -o draw --quiet >/dev/null
sample=$(ls draw/*.h5 | head -1)
expect 0 "written: wh.csv" weigh "$sample" --margins draw/margins.csv -o wh.csv
expect 0 "proportion" estimate "$sample" --margins draw/margins.csv --proportion outcome
expect 2 "is HDF5, so its rows have numbers only" weigh "$sample" --margins draw/margins.csv -o no.csv --append

# Replicate weights, written and read back.
expect 0 "replicate weights" weigh data.csv --margins margins.csv --base base --strata stratum --cluster psu \
  --replicate-weights bootstrap --replicates 20 --seed 7 --append -o rep.csv
holds "their constants are written" test -s rep.replicates.json
estimate rep.csv --weights weight --replicate-weights 'rep*' --replicate-constants rep.replicates.json --mean income --json --quiet >a.json
estimate data.csv --margins margins.csv --weights base --strata stratum --cluster psu --interval bootstrap --replicates 20 \
  --seed 7 --mean income --json --quiet >b.json
holds "estimates from them are those that weigh anew" python3 -c "
import json
a, b = (json.load(open(n))['estimates'][0] for n in ('a.json', 'b.json'))
assert a['se'] > 0
for key in ('estimate', 'se'):
    assert abs(a[key] / b[key] - 1) < 1e-9, (key, a[key], b[key])"

# Levels of the one file that the other lacks.
sed 's/,male,/,mael,/' data.csv >other.csv
expect 2 'column sex has levels that no margin has: "mael" (26 rows); did you mean "male"?' weigh other.csv --margins margins.csv -o no.csv
sed 's/^sex,female,520/sex,female,500\nsex,other,20/' margins.csv >more.csv
expect 1 "sex=other" weigh data.csv --margins more.csv -o no.csv

# No answers, under each rule.
sed '2s/,female,/,,/' data.csv >gap.csv
expect 2 "1 rows have no answer in column sex, the first is row 1; choose --missing drop, category or impute" weigh gap.csv --margins margins.csv -o no.csv
expect 0 "1 of 40 rows lack an answer" weigh gap.csv --margins margins.csv --missing drop -o drop.csv
holds "a row that is left out has no weight" grep -q '^1,0$' drop.csv
expect 0 "keep that share" weigh gap.csv --margins margins.csv --missing category
expect 0 "1 answers to sex were imputed" weigh gap.csv --margins margins.csv --missing impute --seed 3
expect 2 "pass --seed N, so that it can be repeated" weigh gap.csv --margins margins.csv --missing impute

# Base weights.
for bad in -1 0 NA x; do sed "3s/,2,0,0,10,a\$/,$bad,0,0,10,a/" data.csv >"base$bad.csv"; done
expect 2 "row 2 has the base weight -1 in column base" weigh base-1.csv --margins margins.csv --base base -o no.csv
expect 2 "row 2 has the base weight 0 in column base" weigh base0.csv --margins margins.csv --base base -o no.csv
expect 2 "row 2 has no base weight in column base" weigh baseNA.csv --margins margins.csv --base base -o no.csv
expect 2 'basex.csv:3: column base has "x", which is not a number' weigh basex.csv --margins margins.csv --base base -o no.csv

# Names.
expect 2 'did you mean "raking"?' weigh data.csv --margins margins.csv --method rakin -o no.csv
expect 2 'did you mean "base"?' weigh data.csv --margins margins.csv --base bse -o no.csv
expect 2 'did you mean "tolerance"?' weigh data.csv --margins margins.csv -O tolerence=1e-9 -o no.csv
expect 2 '"tolerance" is not key=value' weigh data.csv --margins margins.csv -O tolerance -o no.csv
expect 2 'did you mean "income"?' estimate data.csv --mean incme
expect 2 'did you mean "bootstrap"?' estimate data.csv --mean income --interval bootstrp
sed 's/^region/regoin/' margins.csv >typo.csv
expect 2 'typo.csv:4: "regoin" is not a column of data.csv; did you mean "region"?' weigh data.csv --margins typo.csv
expect 2 "nothing to estimate" estimate data.csv
expect 2 "No such file" weigh none.csv --margins margins.csv
expect 2 "none.csv" weigh data.csv --margins none.csv

# Margins that contradict each other, bounds that are too tight.
sed 's/south,550/south,551/' margins.csv >differ.csv
expect 1 "differ.csv:4: region sums to 1001, but the sum of sex is 1000" weigh data.csv --margins differ.csv -o no.csv
expect 0 "was brought to the population 1000" weigh data.csv --margins differ.csv --rescale
sed 's/male,480/male,900/; s/female,520/female,100/; s/female,900/female,100/' margins.csv >far.csv
expect 1 "sex" weigh data.csv --margins far.csv --method raking --bounds 0.99,1.01 -o no.csv
# 14 of 40 are women and should be 52 %: their g is 1.4857, that of men 0.7385.
printf 'variable,level,target\nsex,male,480\nsex,female,520\n' >sex.csv
expect 1 "With the lower bound 0.2 the upper one must be at least 1.486" weigh data.csv --margins sex.csv --bounds 0.2,1.3
expect 1 "With the upper bound 4 the lower one must be at most 0.7385" weigh data.csv --margins sex.csv --bounds 0.9,4
expect 0 "at a bound: none" weigh data.csv --margins sex.csv --bounds 0.73,1.49
expect 1 "widen both, or merge levels" weigh data.csv --margins far.csv --method raking --bounds 0.99,1.01 -o no.csv

expect 2 "[--trim-at] is an option of a weighting, and there are no --margins" estimate data.csv --mean income --trim-at 1,5
expect 2 "[--missing] is an option of a weighting" estimate data.csv --mean income --missing drop
sed 's/^p07,male,/p07,,/; s/,10,\([ab]\)$/,,\1/' data.csv >holes.csv
expect 2 "row 1 has no positive population size in column N" estimate holes.csv --margins sex.csv --missing drop --mean income --strata stratum --cluster psu --fpc N
sed '21s/,10,/,,/; s/^p07,male,/p07,,/' data.csv >hole.csv
expect 2 "row 20 has no positive population size in column N" estimate hole.csv --margins sex.csv --missing drop --mean income --strata stratum --cluster psu --fpc N
sed '3s/,2,0,/,-2,0,/' data.csv >negative.csv
expect 0 "1 of 40 rows have a negative weight" estimate negative.csv --weights base --mean income
printf 'y,w,g\n1,2,a\n3,-5,a\n2,1,b\n4,1,b\n' >below.csv
expect 0 "mean of y in g=a: the weights of the domain's respondents sum to -3; an estimate needs a sum above zero" \
  estimate below.csv --weights w --mean y --by g
expect 2 "which is not a finite number" estimate <(sed '3s/,2,0,/,inf,0,/' data.csv) --weights base --mean income

# Designs.
expect 1 "stratum" estimate data.csv --mean income --strata one --cluster stratum
sed 's/,10,\([ab]\)$/,3,\1/' data.csv >fpc.csv
expect 1 "population" estimate fpc.csv --mean income --strata stratum --cluster psu --fpc N

# Outputs.
cp w.csv kept.csv
expect 2 "w.csv: exists; choose another name, or pass --force" weigh data.csv --margins margins.csv -o w.csv
holds "what exists stays" cmp w.csv kept.csv
expect 0 "written: w.csv" weigh data.csv --margins margins.csv --base base -o w.csv --force
expect 2 "e.csv: exists" estimate data.csv --mean income -o e.csv
expect 3 "data.csv/sub" weigh data.csv --margins margins.csv -o data.csv/sub/w.csv
expect 2 "pass -o weights.csv" weigh data.csv --margins margins.csv --append
expect 2 "has a column \"base\" already" weigh data.csv --margins margins.csv --append --weight-column base -o no.csv
holds "refused work leaves nothing" test ! -e no.csv
holds "no partial output is left" test -z "$(find . -name '.*partial*')"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
