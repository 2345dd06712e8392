#!/usr/bin/env bash
# The real binary, from outside: answers, messages, exit codes, nothing half-written.
# Usage: cli_test.sh STEELYARD_BINARY SCENARIOS_FOLDER
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
steelyard=$1 scenarios=$2
. "$here/expect.sh"
trap 'umount "$work/small" 2>/dev/null; rm -rf "$work"' EXIT
copy() { rm -rf "$work/world"; cp -r "$scenarios/two-by-two" "$work/world"; }

# Wrong use.
expect 2 "is required" "$steelyard" run
expect 2 "Run with --help" "$steelyard" frobnicate
expect 2 'no scenario "two-by-to"; did you mean "two-by-two"?' "$steelyard" check two-by-to
expect 2 "pass --seed N, so that the run can be repeated" "$steelyard" run two-by-two -o "$work/a"
expect 2 "did you mean \"weightings\"?" "$steelyard" list weighting
expect 2 'nothing is named "rakin"; did you mean "raking"?' "$steelyard" describe rakin
expect 0 "0.1.0" "$steelyard" --version
expect 0 "Exit codes" "$steelyard" --help
holds "wrong use leaves nothing" test ! -e "$work/a"

# Answers.
expect 0 "maximum_entropy" "$steelyard" list designs
expect 0 "Sampford (1967)" "$steelyard" describe sampford
expect 0 "raking" "$steelyard" list weightings
expect 0 "pareto_tail" "$steelyard" list value-rules
expect 0 "diffusion_index" "$steelyard" list functionals
expect 0 '"name": "linearization"' "$steelyard" list intervals --json
expect 0 "tolerance" "$steelyard" describe raking
expect 0 "superpopulation" "$steelyard" describe two-by-two
expect 0 "every number that is not excluded lies within its interval" "$steelyard" check two-by-two
expect 0 '"ok": true' "$steelyard" check two-by-two --json

# A run, its files, and what is not overwritten.
expect 0 "failed estimates: none" "$steelyard" run two-by-two --replicates 50 --seed 1 -o "$work/run" --quiet
for file in results.h5 performance.csv contrasts.csv reproduction.csv report.html; do holds "run writes $file" test -s "$work/run/$file"; done
expect 2 "exists; choose another name, go on with --resume, or pass --force" "$steelyard" run two-by-two --replicates 50 --seed 1 -o "$work/run" --quiet
expect 0 "written to" "$steelyard" run two-by-two --replicates 60 --seed 1 -o "$work/run" --quiet --force
expect 2 "exists" "$steelyard" report "$work/run"
expect 0 "written:" "$steelyard" report "$work/run" -o "$work/zh.html" --lang zh
expect 2 "has no results.h5" "$steelyard" report "$work"
printf 'not a store' >"$work/foreign.h5"
mkdir "$work/foreign" && mv "$work/foreign.h5" "$work/foreign/results.h5"
expect 2 "foreign/results.h5" "$steelyard" report "$work/foreign"

# Samples and populations.
expect 0 "2 samples of 2000 respondents" "$steelyard" draw two-by-two --replicates 2 --seed 1 -o "$work/draw" --quiet
holds "a sample has a row a respondent" test "$(wc -l <"$work/draw/sample_000001.csv")" -eq 2001
holds "margins hold the population" grep -q '^region,north,500$' "$work/draw/margins.csv"
expect 0 "samples" "$steelyard" draw two-by-two --seed 1 --format h5 -o "$work/draw5" --quiet
expect 2 "is a superpopulation, without persons" "$steelyard" synthesize two-by-two --seed 1 --tally-only
expect 0 "100000 persons, 3 variables" "$steelyard" synthesize two-by-two --size 100000 --seed 1 -o "$work/pop.h5" --quiet
expect 0 "region,north,50000,0.50000000" "$steelyard" synthesize two-by-two --size 100000 --seed 1 --tally-only --quiet
expect 0 "70000 persons, 3 variables" "$steelyard" synthesize two-by-two --size 100000 --seed 1 --slice 20000:90000 -o "$work/slice.h5" --quiet
expect 2 '"90000:20000" holds nobody' "$steelyard" synthesize two-by-two --size 100000 --seed 1 --slice 90000:20000 -o "$work/no.h5"
expect 2 '"0:100001" is out of range' "$steelyard" synthesize two-by-two --size 100000 --seed 1 --slice 0:100001 -o "$work/no.h5"
expect 2 '"5" is not a:b' "$steelyard" synthesize two-by-two --size 100000 --seed 1 --slice 5 -o "$work/no.h5"
expect 2 '"a:b" is not two whole numbers' "$steelyard" synthesize two-by-two --size 100000 --seed 1 --slice a:b -o "$work/no.h5"
expect 2 "no output is named" "$steelyard" synthesize two-by-two --size 10000 --seed 1
expect 2 "is out of range" "$steelyard" synthesize two-by-two --size 0 --seed 1 --tally-only

# A ratio is a share of its levels; a number that a table of counts settles otherwise is named.
copy
printf '\n[[numbers]]\nfile = "data/numbers.csv"\n' >>"$work/world/scenario.toml"
head -1 "$scenarios/flexible-employment-2022q2/data/report_tables.csv" >"$work/world/data/numbers.csv"
echo 'r,population,,sex,male/female,ratio,67,=,,,per_100,fit,,assumed,60,70,made' >>"$work/world/data/numbers.csv"
expect 0 "every number that is not excluded lies within its interval" "$steelyard" check "$work/world" --quiet
sed -i 's/,67,=/,100,=/' "$work/world/data/numbers.csv"
expect 1 'numbers.csv:2: [r] sex male/female = 50.00 allows 49.8747 to 50.1247, but table "population" has 40' "$steelyard" check "$work/world" --quiet

# Families of latent values.
expect 0 "singh_maddala" "$steelyard" check flexible-employment-2022q2 --quiet
expect 0 '"se_log_sigma"' "$steelyard" check flexible-employment-2022q2 --json --set variable.hours.latent.family=best
expect 2 "is not one of" "$steelyard" check flexible-employment-2022q2 --set variable.income.latent.family=gb3
expect 2 "fits the tail index that tail_index gives" "$steelyard" check flexible-employment-2022q2 --set variable.income.latent.tail=pareto --set variable.income.latent.tail_index=2
expect 2 "has no mean in the open bucket" "$steelyard" check flexible-employment-2022q2 --quiet --set variable.search_duration.latent.family=gb2

# Households with their persons.
expect 0 "every control is met within 1e-06 of its count" "$steelyard" check households
expect 0 "households.csv (20000), persons.csv" "$steelyard" synthesize households --size 20000 --seed 1 -o "$work/homes" --quiet
holds "a household has a row" test "$(wc -l <"$work/homes/households.csv")" -eq 20001
for file in persons.csv controls.csv; do holds "synthesize writes $file" test -s "$work/homes/$file"; done
expect 2 "exists; choose another name, or pass --force" "$steelyard" synthesize households --size 20000 --seed 1 -o "$work/homes" --quiet
expect 0 "written to" "$steelyard" synthesize households --size 20000 --seed 1 --threads 1 -o "$work/homes1" --quiet
holds "households do not depend on threads" diff -r "$work/homes" "$work/homes1"
expect 0 "weights.csv, controls.csv" "$steelyard" synthesize households --set households.integerise=false -o "$work/weights" --quiet
expect 0 '"not_met": []' "$steelyard" check households --json
expect 2 "do not go with household scenarios" "$steelyard" check households --as-printed
expect 2 "pass --seed N" "$steelyard" synthesize households -o "$work/no"
expect 2 "--tally-only, --exact and --slice do not go with household scenarios" "$steelyard" synthesize households --seed 1 --tally-only
expect 2 "this is a household scenario, which has no survey" "$steelyard" draw households --seed 1 -o "$work/no"
expect 2 "it goes with: steelyard check, steelyard synthesize" "$steelyard" run households --seed 1 -o "$work/no"
expect 0 "3000 households with" "$steelyard" describe households
cp -r "$scenarios/households" "$work/homes-world"
sed -i 's/^beijing.urban,female,75_plus,.*/beijing.urban,female,75_plus,9000000/' "$work/homes-world/data/sex_age.csv"
expect 1 "zone beijing.urban" "$steelyard" check "$work/homes-world"
expect 1 "cannot be met together with the others" "$steelyard" synthesize "$work/homes-world" --seed 1 -o "$work/no" --quiet
holds "refused households leave nothing" test ! -e "$work/no"
expect 0 "written to" "$steelyard" synthesize "$work/homes-world" --seed 1 -o "$work/unmet" --quiet --accept
sed -i 's/^u0001,/u9001,/' "$work/homes-world/data/seed_persons.csv"
expect 2 'person of unknown household "u9001"' "$steelyard" check "$work/homes-world"

# What is in the files, read by another program.
/usr/bin/python3 - "$work" <<'P' && passed=$((passed + 1)) || { failed=$((failed + 1)); echo "FAILED: samples and populations in HDF5"; }
import csv
import sys
import h5py
work = sys.argv[1]
sample = h5py.File(work + "/draw5/sample_000000.h5")
rows = list(csv.DictReader(open(work + "/draw/sample_000000.csv")))
for name in ("region", "sex", "outcome"):
    levels = [x.decode() if isinstance(x, bytes) else x for x in sample["variables"][name].attrs["levels"]]
    assert [levels[c] for c in sample["variables"][name][:]] == [r[name] for r in rows], name
population = h5py.File(work + "/pop.h5")
part = h5py.File(work + "/slice.h5")
for name in ("region", "sex", "outcome"):
    assert (population["variables"][name][20000:90000] == part["variables"][name][:]).all(), name
assert population["variables/region"].shape == (100000,)
yes = (population["variables/outcome"][:] == 0).mean()
assert abs(yes - 0.47) < 1e-4, yes
P

# Bad input, each with its place.
copy; sed -i 's/^\[study\]/[studdy]/' "$work/world/scenario.toml"
expect 2 'unknown key "studdy"; did you mean "study"?' "$steelyard" check "$work/world"
copy; sed -i 's/^north,male,no/north,mael,no/' "$work/world/data/population.csv"
expect 2 'population.csv:3: unknown level "mael" of variable "sex"; did you mean "male"?' "$steelyard" check "$work/world"
copy; sed -i 's/^region,sex,outcome,persons/region,gender,outcome,persons/' "$work/world/data/population.csv"
expect 2 'population.csv:1: has no column "sex"' "$steelyard" check "$work/world"
copy; sed -i 's/,240$/,-240/' "$work/world/data/population.csv"
expect 2 'negative or infinite count -240' "$steelyard" check "$work/world"
copy; rm "$work/world/data/population.csv"
expect 2 'does not exist' "$steelyard" check "$work/world"
copy; sed -i 's/,240$/,240,1/' "$work/world/data/population.csv"
expect 2 'population.csv:3: 5 columns, the header has 4' "$steelyard" check "$work/world"
copy; printf 'n\xC1\xE9,male,yes,3\n' >>"$work/world/data/population.csv"
expect 2 'population.csv:10: is not UTF-8' "$steelyard" check "$work/world"
copy; : >"$work/world/data/population.csv"
expect 2 'population.csv: is empty' "$steelyard" check "$work/world"
copy; printf '[[table]]\nid = "again"\nfile = "data/population.csv"\nvariables = ["sex", "region", "outcome"]\nvalue = "persons"\nprovenance = "assumed"\nsource = "x"\n' >>"$work/world/scenario.toml"
expect 2 'duplicate margin' "$steelyard" check "$work/world"
copy; printf '[[table]]\nid = "zero"\nfile = "data/zero.csv"\nvariables = ["region", "sex", "outcome"]\nvalue = "weight"\nrole = "seed"\nprovenance = "assumed"\nsource = "x"\n' >>"$work/world/scenario.toml"
printf 'region,sex,outcome,weight\nnorth,male,yes,0\nnorth,male,no,1\n' >"$work/world/data/zero.csv"
expect 2 'zero cell against positive margin' "$steelyard" check "$work/world"
copy; printf '[[variable]]\nname = "a"\nkind = "yes_no"\nuniverse = { sex = ["male"] }\n[[variable]]\nname = "b"\nkind = "yes_no"\nuniverse = { a = ["yes"], sex = ["female"] }\n' >>"$work/world/scenario.toml"
expect 2 'contradictory universes' "$steelyard" check "$work/world"
header='id,view,scope,quantity,level,statistic,value,relation,lower,upper,unit,use,status_note,provenance,range_lower,range_upper,source'
copy; printf '[[numbers]]\nfile = "data/numbers.csv"\n' >>"$work/world/scenario.toml"
printf '%s\nn1,population,region=north,outcome,yes,share,30,=,,,pct,fit,,assumed,0,100,x\nn2,population,region=north,outcome,no,share,60,=,,,pct,fit,,assumed,0,100,x\n' "$header" >"$work/world/data/numbers.csv"
expect 1 'shares that do not sum' "$steelyard" check "$work/world"
printf '%s\nn1,population,region=north,outcome,yes,share,60,=,,,pct,fit,,assumed,0,100,x\n' "$header" >"$work/world/data/numbers.csv"
expect 1 'table "population" cannot be met together with the numbers' "$steelyard" check "$work/world"
expect 0 'table "population" cannot be met together with the numbers' "$steelyard" check "$work/world" --accept
expect 1 'the published numbers cannot all be met' "$steelyard" run "$work/world" --seed 1 -o "$work/no" --quiet
holds "a refused run leaves nothing" test ! -e "$work/no"
expect 0 'written to' "$steelyard" run "$work/world" --seed 1 --replicates 5 -o "$work/yes" --quiet --accept

# Structural zeros, support, importance, cliques too large.
flagship() { rm -rf "$work/flag"; cp -r "$scenarios/flexible-employment-2022q2" "$work/flag"; }
flagship
sed -i 's/^16_20,\(.*\),.*/16_20,\1,0/' "$work/flag/data/seed_age_status.csv"
expect 1 "has persons where the seeds' structural zeros leave nobody" "$steelyard" check "$work/flag" --quiet
expect 1 "zeros = \"sampling\"" "$steelyard" check "$work/flag" --quiet
flagship
sed -i 's/^\([a-z_]*\),own,.*/\1,own,0/' "$work/flag/data/seed_status_pension.csv"
sed -i 's/^\([a-z_]*\),employer,.*/\1,employer,0/' "$work/flag/data/seed_status_pension.csv"
expect 1 "nobody can have what it counts, by universes and structural zeros" "$steelyard" run "$work/flag" --seed 1 -o "$work/none" --quiet
copy
printf '\n[[numbers]]\nfile = "data/numbers.csv"\n' >>"$work/world/scenario.toml"
printf '%s\n' "id,view,scope,quantity,level,statistic,value,relation,lower,upper,unit,use,status_note,provenance,range_lower,range_upper,source,importance" \
  "soft,population,,outcome,yes,share,90,=,,,pct,fit,,assumed,80,95,made,0.001" >"$work/world/data/numbers.csv"
expect 0 "[soft] all outcome yes = 90 yields" "$steelyard" check "$work/world" --quiet
sed -i 's/0.001$/-1/' "$work/world/data/numbers.csv"
expect 2 "[importance] is not above 0" "$steelyard" check "$work/world" --quiet
flagship
python3 - "$work/flag" <<'PY'
import sys
folder = sys.argv[1]
text = open(folder + "/scenario.toml", encoding="utf-8").read()
text += """
[[table]]
id = "too_wide"
file = "data/too_wide.csv"
variables = ["occupation", "industry", "hours", "income", "contract", "pension", "province",
  "employment_change", "income_change", "consumption_change"]
value = "weight"
role = "seed"
side = "answers"
provenance = "assumed"
source = "made"
"""
text = text.replace("[worlds]", "[worlds]", 1)
open(folder + "/scenario.toml", "w", encoding="utf-8").write(text)
open(folder + "/data/too_wide.csv", "w").write(
    "occupation,industry,hours,income,contract,pension,province,employment_change,income_change,consumption_change,weight\n"
    "sales,services,30_40,2000_5000,over_1_year,own,beijing,same,same,same,1\n")
PY
expect 2 "are tied into one table of more than 2^24 cells, by table \"too_wide\"" "$steelyard" check "$work/flag" --quiet

# An interrupted write leaves nothing, and says so.
"$steelyard" synthesize flexible-employment-2022q2 --seed 1 -o "$work/cut.h5" --quiet >/dev/null 2>"$work/cut.err" &
cut=$!
for _ in $(seq 100); do [ -e "$work/.cut.h5.partial-$cut" ] && break; sleep 0.1; done
kill -TERM "$cut"
wait "$cut"
holds "an interrupted write ends in 143" test $? -eq 143
holds "it says so" grep -q "interrupted; nothing is written to $work/cut.h5" "$work/cut.err"
holds "it leaves nothing" test -z "$(find "$work" -maxdepth 1 -name '*cut.h5*')"

# Integer-exact populations.
expect 0 "met to the person" "$steelyard" synthesize flexible-employment-2022q2 --exact --seed 1 --tally-only --size 60000 -o "$work/exact.csv"
holds "a margin is whole" python3 -c "
import csv
rows = {(r['variable'], r['level']): r for r in csv.DictReader(open('$work/exact.csv'))}
for sex in ('male', 'female'):
    r = rows['sex', sex]
    assert abs(int(r['persons']) - float(r['expected_share']) * 60000) < 1"
expect 2 "= 0" "$steelyard" synthesize two-by-two --seed 1 --tally-only --size 0
expect 2 "1099511627777" "$steelyard" synthesize two-by-two --seed 1 --tally-only --size 1099511627777

# Worlds.
copy
expect 2 "[worlds] is missing" "$steelyard" worlds two-by-two --seed 1 -o "$work/worlds"
printf '\n[worlds.selection]\nvalues = [1]\nsource = "s"\nscore = { outcome = [1] }\n' >>"$work/world/scenario.toml"
expect 2 "has 1 numbers for 2 levels" "$steelyard" worlds "$work/world" --seed 1 -o "$work/worlds"
expect 2 "has 1 numbers for 2 levels" "$steelyard" check "$work/world"
sed -i 's/score = .*/score = { outcome = [1, 0] }/' "$work/world/scenario.toml"
expect 2 "is in population.root" "$steelyard" worlds "$work/world" --seed 1 -o "$work/worlds"
copy
printf '\n[[worlds.tail]]\nvariable = "outcome"\nvalues = [0.5]\nsource = "s"\n' >>"$work/world/scenario.toml"
expect 2 "a tail index is above 1" "$steelyard" worlds "$work/world" --seed 1 -o "$work/worlds"
sed -i 's/values = .0.5./values = [2]/' "$work/world/scenario.toml"
expect 2 '"outcome" has no latent law' "$steelyard" worlds "$work/world" --seed 1 -o "$work/worlds"
holds "refused worlds leave nothing" test ! -e "$work/worlds"
expect 0 "written to" "$steelyard" worlds flexible-employment-2022q2 --seed 1 --replicates 2 -o "$work/worlds" --quiet
holds "worlds draw a report" grep -q "<svg class=chart" "$work/worlds/report.html"
# Every published number's expectation is the same to 1e-9 in every selection world.
holds "the tables stay" python3 -c "
import csv, sys
rows = [r for r in csv.DictReader(open('$work/worlds/worlds.csv')) if r['dial'] == 'selection']
truth = {float(r['value']): float(r['truth']) for r in rows
         if r['estimand'] == 'mean_income' and r['domain'] == 'status=flexible'}
assert len(truth) == 4 and max(float(r['largest_change']) for r in rows) < 1e-9
assert truth[-1] - truth[1] > 2000"

# A full disk: exit 3, the file is named, nothing half-written remains (but blocks of a run; see durable_test.sh).
mkdir "$work/small"
if mount -t tmpfs -o size=64k tmpfs "$work/small" 2>/dev/null; then
  expect 3 "No space left on device" "$steelyard" run two-by-two --replicates 2000 --seed 1 -o "$work/small/out" --quiet
  holds "a full disk leaves finished blocks only" test "$(ls -A "$work/small")" = out.parts
  rm -r "$work/small/out.parts"
  expect 3 "cannot write" "$steelyard" synthesize flexible-employment-2022q2 --size 200000 --seed 1 -o "$work/small/pop.h5" --quiet
  holds "a full disk leaves no population" test -z "$(ls -A "$work/small")"
else
  echo "skipped: the full-disk cases need the right to mount a tmpfs"
fi
holds "no partial output is left" test -z "$(find "$work" -name '.*partial*')"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
