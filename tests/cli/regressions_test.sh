#!/usr/bin/env bash
# estimate for interval regression, imputation inside buckets and known means, from outside:
# reference numbers, messages.
# Usage: regressions_test.sh STEELYARD_BINARY GOLDEN_FOLDER
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
steelyard=$1 golden=$2/design
. "$here/expect.sh"
cd "$work" || exit 3
estimate() { "$steelyard" estimate "$@" --threads 1; }
edges=(--edges bucket=0,2000,5000,8000,20000,inf --levels bucket=1,2,3,4,5)
micro() { estimate "$golden/micro.csv" --weights weight --strata stratum --cluster psu "${edges[@]}" "$@"; }
regress() { micro --interval-regression bucket "$@"; }
impute() { micro --impute bucket --seed 1 "$@"; }

# Reference numbers: R's survreg with weights, errors of the design by linearization in numpy.
expect 0 "written" regress --covariates group=0,x -o regression.csv
expect 0 "written" impute --covariates group=0,x --imputations 3000 -o many.csv
expect 0 "written" impute --covariates group=0,x --impute-statistics mean,median,gini,q10 -o imputed.csv
impute --covariates group=0,x --impute-statistics mean,median,gini,q10 --json >imputed.json 2>/dev/null
out=$(/usr/bin/python3 - "$golden/micro_results.csv" <<'P'
import csv, json, sys
wanted = {(r['block'], r['stat']): float(r['value']) for r in csv.DictReader(open(sys.argv[1]))}
rows = {(r['functional'], r['level']): r for r in csv.DictReader(open('regression.csv'))}
near = lambda a, b, e: abs(float(a) - b) <= e * abs(b)
names = {'(constant)': '(Intercept)', 'group=1': 'factor(group)1', 'group=2': 'factor(group)2', 'x': 'x'}
for j, (here, there) in enumerate(names.items()):
    row = rows['interval regression', here]
    assert near(row['estimate'], wanted['intreg', there], 1e-9), here
    assert near(row['se'], wanted['intreg', f'design_se{j + 1}'], 1e-6), here
    assert near(row['t'], float(row['estimate']) / float(row['se']), 1e-12) and row['df'] == '18' and row['n'] == '350'
    assert 0 <= float(row['p']) < (1e-3 if here != 'group=2' else .06)
sigma = rows['interval regression', 'sigma']
assert near(sigma['estimate'], wanted['intreg', 'sigma'], 1e-9)
assert near(sigma['se'], wanted['intreg', 'sigma'] * wanted['intreg', 'design_se5'], 1e-6) and sigma['t'] == ''
assert near(rows['interval regression', 'log-likelihood']['estimate'], wanted['intreg', 'loglik'], 1e-9)
# The mean over imputations is that of the conditional means, up to draws (se of the mean: 2) and
# the curvature in the parameters' error.
many = next(csv.DictReader(open('many.csv')))
assert abs(float(many['estimate']) - wanted['intreg', 'mean_of_condmeans']) < 4.5 * (float(many['between']) / 3000) ** .5
# Rubin's rules, with Barnard and Rubin's degrees of freedom for the design's 18.
imputed = list(csv.DictReader(open('imputed.csv')))
assert [(r['functional'], r['level']) for r in imputed] == [
    ('imputed mean', ''), ('imputed quantile', '0.5'), ('imputed gini', ''), ('imputed quantile', '0.1')]
for r, j in zip(imputed, json.load(open('imputed.json'))['estimates']):
    within, between, total, share, df, fmi = (float(r[k]) for k in ('within', 'between', 'total', 'lambda', 'df', 'fmi'))
    added = between * (1 + 1 / 20)
    assert near(total, within + added, 1e-12) and near(float(r['se']) ** 2, total, 1e-12) and near(share, added / total, 1e-12)
    assert near(df, 1 / (share ** 2 / 19 + 1 / (19 / 21 * 18 * (1 - share))), 1e-12)
    ratio = added / within
    assert near(fmi, (ratio + 2 / (df + 3)) / (ratio + 1), 1e-12)
    assert all(near(r[k], j[k], 1e-12) for k in ('within', 'between', 'total', 'lambda', 'fmi', 'df', 'estimate', 'se'))
    assert within > 0 and between > 0 and float(r['lower']) < float(r['estimate']) < float(r['upper'])
assert 5000 < float(imputed[1]['estimate']) < 8000 and .25 < float(imputed[2]['estimate']) < .45
print('reference')
P
)
holds "reference numbers" test "$out" = reference

# Seeds, domains, replicates.
impute --covariates group=0,x -o again.csv --quiet
impute --covariates group=0,x --impute-statistics mean -o default.csv --quiet
holds "the same seed gives the same numbers" cmp again.csv default.csv
micro --impute bucket --seed 2 --covariates group=0,x -o other.csv --quiet
holds "another seed gives others" bash -c '! cmp -s again.csv other.csv'
expect 0 "20 with seed 1, inside the buckets by ln(bucket) = constant + group + x + normal error" impute --covariates group=0,x
expect 0 "of the information is missing; results vary less between seeds with --imputations" impute --covariates x --imputations 5
expect 0 "their model does not know group" impute --covariates x --by group
expect 0 "interval regressions and imputed statistics are not compared" regress --covariates x --by group --contrasts first
regress --covariates x --by group -o domains.csv --quiet
awk -F, 'NR == 1 || $5 == 1' "$golden/micro.csv" >one.csv
# Standard errors of the domain know the design of the whole file; coefficients are those of its rows.
estimate one.csv --weights weight "${edges[@]}" --interval-regression bucket --covariates x -o alone.csv --quiet
holds "a domain's coefficients are those of its rows" /usr/bin/python3 -c "
import csv
rows = {r['level']: r for r in csv.DictReader(open('domains.csv')) if r['domain'] == 'group=1'}
alone = {r['level']: r for r in csv.DictReader(open('alone.csv'))}
assert rows.keys() == alone.keys() and len(rows) == 4
for level, r in rows.items():
    assert abs(float(r['estimate']) / float(alone[level]['estimate']) - 1) < 1e-9 and r['n'] == alone[level]['n'], level"
regress --covariates group=0,x --interval jkn --mse -o jackknife.csv --quiet
impute --covariates group=0,x --interval jkn --mse -o imputed_jackknife.csv --quiet
# The same jackknife as replicate weights in the file.
/usr/bin/python3 - "$golden/micro.csv" <<'P'
import csv, json, sys
rows = list(csv.DictReader(open(sys.argv[1])))
units = sorted({(r['stratum'], r['psu']) for r in rows})
size = {h: sum(u[0] == h for u in units) for h, _ in units}
with open('rep.csv', 'w') as f:
    f.write(','.join(list(rows[0]) + [f'rep{k + 1}' for k in range(len(units))]) + '\n')
    for r in rows:
        weights = [0 if (r['stratum'], r['psu']) == u else float(r['weight']) * (size[u[0]] / (size[u[0]] - 1) if r['stratum'] == u[0] else 1) for u in units]
        f.write(','.join(list(r.values()) + [repr(w) for w in weights]) + '\n')
json.dump({'scale': 1, 'rscales': [(size[h] - 1) / size[h] for h, _ in units], 'mse': True, 'df': 18, 'factors': False}, open('rep.json', 'w'))
P
expect 0 "written" estimate rep.csv --weights weight "${edges[@]}" --interval-regression bucket --covariates group=0,x \
  --replicate-weights 'rep*' --replicate-constants rep.json -o given.csv
holds "replicate weights of the file do the same" /usr/bin/python3 -c "
import csv
a, b = ({r['level']: r for r in csv.DictReader(open(f))} for f in ('jackknife.csv', 'given.csv'))
assert a.keys() == b.keys() and len(a) == 6
for level in ('(constant)', 'group=1', 'group=2', 'x', 'sigma'):
    assert abs(float(a[level]['se']) / float(b[level]['se']) - 1) < 1e-9, level"
holds "a jackknife agrees with linearization" /usr/bin/python3 -c "
import csv
a, b = ({r['level']: r for r in csv.DictReader(open(f))} for f in ('regression.csv', 'jackknife.csv'))
for level in ('(constant)', 'group=1', 'group=2', 'x', 'sigma'):
    assert a[level]['estimate'] == b[level]['estimate']
    assert .9 < float(a[level]['se']) / float(b[level]['se']) < 1.1 and a[level]['se'] != b[level]['se'], level
a, b = (next(csv.DictReader(open(f))) for f in ('again.csv', 'imputed_jackknife.csv'))
assert .9 < float(a['within']) / float(b['within']) < 1.1 and a['within'] != b['within']"

# Columns.
holds "t is there for regressions" grep -q '^functional,.*,n,p,df2,t$' regression.csv
holds "variance parts are there for imputations" grep -q '^functional,.*,n,within,between,total,lambda,fmi$' again.csv
expect 0 '"fmi": 0.' impute --covariates x --json
expect 0 '"t": ' regress --covariates x --json

# Covariates: levels, numbers, what is missing.
/usr/bin/python3 - <<'P'
buckets = ["under 2000", "2000-4999", "5000-7999", "8000-19999", "20000+"]
with open("data.csv", "w") as f:
    f.write("income,age,region,lonely,flat,word,split,one,two,low,half,part,twice\n")
    for i in range(120):
        b = (i * i + i // 7) % 5
        f.write(f'{buckets[b]},{20 + i * 13 % 50 if i % 10 else ""},{["South", "North", "East"][i % 3]},'
                f'{"yes" if i == 5 else "no"},3,same,{int(b == 4)},0-10,{["0-10", "10+"][i % 2]},{["-5-10", "10-20", "20+"][i % 3]},{i % 2},{["ab", "bc"][i % 2][i % 3 > 0]},{2 * (20 + i * 13 % 50)}\n')
P
data() { estimate data.csv --interval-regression income "$@"; }
expect 0 "region=North" data --covariates region
expect 0 "region=South" data --covariates region=North
holds "the reference has no coefficient" bash -c '! "$0" estimate data.csv --interval-regression income --covariates region=North --quiet 2>/dev/null | grep -q region=North' "$steelyard"
expect 0 "12 rows with an answer lack a covariate and are left out" data --covariates age
expect 0 "each is taken to reach up to the next one's start" data
expect 0 "nobody used has part=c (half=0)" data --covariates part --by half
expect 0 "in half=1: nobody used has the reference level part=a; choose another with --covariates part=LEVEL" data --covariates part --by half
expect 2 'column region has no level "Nroth" to be the reference; did you mean "North"?' data --covariates region=Nroth
expect 2 'has no column "agee"; did you mean "age"?' data --covariates agee
expect 2 'has no column "incme"; did you mean "income"?' estimate data.csv --interval-regression incme
expect 1 "the covariate flat is 3 in every row used" data --covariates flat,age
expect 1 'the covariate word is "same" in every row used' data --covariates word
expect 1 'the coefficient "twice" is not determined: its column is a combination of others' data --covariates age,twice
expect 1 'the coefficient "split"' data --covariates split
expect 1 "everybody is in the one bucket [0, 10)" estimate data.csv --interval-regression one --levels one=0-10,10-20 --edges one=0,10,20
expect 1 "a single boundary" estimate data.csv --interval-regression two
expect 1 "has no logarithm; pass --regression-scale identity" estimate data.csv --interval-regression low
expect 0 "log-likelihood" estimate data.csv --interval-regression low --regression-scale identity
expect 2 "has an open bottom bucket" micro --interval-regression bucket --edges bucket=-inf,2000,5000,8000,20000,inf
expect 2 "[--interval-regression] level \"better\" of view cannot be read as a bucket" \
  estimate <(printf 'view\nbetter\nworse\n') --interval-regression view
expect 1 "the covariate flat is 3 in every row used" estimate data.csv --impute income --covariates flat --seed 1
printf 'income,w\n0-10,1\n10-20,-1\n20+,2\n0-10,3\n10-20,2\n' >negative.csv
expect 1 "some weights are negative" estimate negative.csv --interval-regression income --weights w
expect 0 "has a single primary unit" estimate "$golden/micro.csv" "${edges[@]}" --interval-regression bucket --strata psu --cluster psu

# Messages of the options.
expect 2 "draws random numbers, and there is no seed" micro --impute bucket --covariates x
expect 2 "has no variance between imputations" impute --imputations 1
expect 2 '"mode" is not a statistic' impute --impute-statistics mode
expect 2 '"q100" is not a statistic' impute --impute-statistics q100
expect 2 "--imputations requires --impute" estimate data.csv --mean age --imputations 5
expect 2 "are of a regression, and there is none" estimate data.csv --mean age --covariates age
expect 2 "x is given twice" regress --covariates x,x
expect 2 "bucket would explain itself" regress --covariates bucket
expect 2 "bucket is given twice" regress --interval-regression bucket
expect 2 '"x=" is not column or column=reference level' regress --covariates x=
expect 2 '"income" is not a column of --bucketed, --interval-regression or --impute' regress --levels income=a,b

# Known means.
rule() { micro --bucketed "bucket:$1" "${@:2}"; }
rule maxent_mean --known-mean bucket=6800 -o known.csv --quiet
holds "the mean is the known one, without error" grep -q '^mean,bucket:maxent_mean,,,6800,0,6800,6800,' known.csv
expect 0 "the mean 6800 is taken as known, without error" rule AVG_calibrated_mean --known-mean bucket=6800
expect 0 "gini" rule maxent_mean --known-mean bucket=6800 --bucketed bucket:step_top2
expect 1 "known mean outside the bucket bounds" rule maxent_mean --known-mean bucket=1
expect 2 '"maxent_mean" needs the overall mean' rule maxent_mean
expect 2 "pass --known-mean bucket=MEAN" rule maxent_mean
expect 2 "no rule of --bucketed uses a mean of bucket" rule step_top2 --known-mean bucket=6800
expect 2 "no rule of --bucketed uses a mean of x" rule maxent_mean --known-mean x=6800
expect 2 "bucket has two means" rule maxent_mean --known-mean bucket=6800 --known-mean bucket=6900
expect 2 '"bucket=much" is not column=mean' rule maxent_mean --known-mean bucket=much
expect 2 "is that of everybody, and --by has domains" rule maxent_mean --known-mean bucket=6800 --by group
expect 2 "is that of one wave" rule maxent_mean --known-mean bucket=6800 --against "$golden/micro.csv"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
