#!/usr/bin/env bash
# Sweeps and tipping points of the real binary: what is written, what is refused, what survives.
# Usage: sweep_test.sh STEELYARD_BINARY SOURCE_DIR
set -uo pipefail
steelyard=$1 source=$2
. "$source/tests/cli/expect.sh"
cd "$work"

# A population by formulas whose spread is a dial: no law has a spread of 0 or less.
mkdir line
cat >line/scenario.toml <<'T'
seed = 3
[scenario]
name = "line"
title = "Line"
[population]
kind = "model"
size = 500
[parameters]
shift = 1
spread = 1
[[variable]]
name = "x"
distribution = { name = "normal", mean = 0, sd = "spread" }
[[variable]]
name = "y"
formula = "3 + 2*shift + x"
[sample]
design = "simple_random"
n = 50
[study]
replicates = 20
[[interval]]
name = "linearization"
method = "linearization"
[[weighting]]
name = "none"
method = "none"
[[estimand]]
id = "mean_y"
functional = "mean"
variable = "y"
headline = true
[sweep]
design = "one_at_a_time"
replicates = 20
[[sweep.dial]]
key = "parameters.shift"
range = [0, 2]
source = "made for the test"
T

# Sixty conditions, three of which have no result.
expect 0 "58 of 61 conditions have results; 3 do not:" "$steelyard" sweep line --dial parameters.spread=-0.25:5.65:60 -o sixty --quiet
expect 0 "condition 3:" "$steelyard" sweep line --dial parameters.spread=-0.25:5.65:60 -o sixty --quiet --force
holds "57 designed conditions and the base have rows, 3 their reason" /usr/bin/python3 - <<'P'
import csv
rows = list(csv.DictReader(open("sixty/conditions.csv")))
ok = {r["condition"] for r in rows if r["status"] == "ok"}
bad = [r for r in rows if r["status"] != "ok"]
assert len(ok) == 58 and len(bad) == 3, (len(ok), len(bad))
assert all("sd" in r["status"] and r["truth"] == "" for r in bad), bad
P
expect 1 "no condition has a result" "$steelyard" sweep line --set parameters.spread=-1 -o none --quiet

# What is written; every dataset is documented, and every documented one is there.
expect 0 "written to grid: sweep.h5, conditions.csv, effects.csv, surfaces.csv, report.html" "$steelyard" sweep line --design grid --dial parameters.shift=0:2:3 --dial parameters.spread=1:2:3 -o grid --quiet
holds "the file and its document agree" /usr/bin/python3 - "$source/docs/sweep-format.md" <<'P'
import re, sys, h5py
f = h5py.File("grid/sweep.h5", "r")
have = []
f.visititems(lambda name, item: have.append("/" + name) if isinstance(item, h5py.Dataset) else None)
said = re.findall(r"^\| `(/[a-z0-9_/]+)`", open(sys.argv[1]).read(), re.M)
assert sorted(have) == sorted(said), set(have) ^ set(said)
assert f.attrs["filetype"] in ("steelyard sweep", b"steelyard sweep")
v = f["conditions/values"][()]
assert v.shape == (10, 2) and v[1].tolist() == [0, 1] and v[9].tolist() == [2, 2]
P
holds "a shift moves truth and estimate alike: paired, its bias does not move at all" /usr/bin/python3 - <<'P'
import csv
rows = [r for r in csv.DictReader(open("grid/effects.csv")) if r["dial"] == "parameters.shift"]
by = {r["measure"]: r for r in rows}
assert abs(float(by["truth"]["change"]) - 4) < 1e-9
assert abs(float(by["mean_estimate"]["change"]) - 4) < 1e-9
assert abs(float(by["bias"]["change"])) < 1e-9 and float(by["bias"]["change_mcse"]) < 1e-9
P
expect 2 "exists; choose another name, pass --resume to go on, or --force to begin anew" "$steelyard" sweep line -o grid --quiet

# Cut anywhere, resumed, with other threads: the same bytes.
"$steelyard" sweep line --design saltelli --points 8 --dial parameters.shift=0:2 --dial parameters.spread=1:2 -o whole --quiet --keep-parts --threads 1 >whole.txt
cp -r whole cut
rm cut/parts/0003.h5 cut/parts/002*.h5 cut/*.csv cut/sweep.h5 cut/report.html
: >cut/parts/.0003.h5.partial-1
expect 0 "written to cut" "$steelyard" sweep line --design saltelli --points 8 --dial parameters.shift=0:2 --dial parameters.spread=1:2 -o cut --quiet --keep-parts --threads 2 --resume
expect 0 " to " grep "total index .* (.* to .*)" whole.txt
for file in sweep.h5 conditions.csv effects.csv surfaces.csv report.html plan.txt; do holds "$file is the same after a resumption" cmp whole/$file cut/$file; done
holds "the truth is that of the shift alone" /usr/bin/python3 - <<'P'
import csv
rows = [r for r in csv.DictReader(open("whole/effects.csv")) if r["dial"] == "parameters.shift"]
by = {r["measure"]: r for r in rows}
assert by["truth"]["indices_from"] == "saltelli" and 0.9 < float(by["truth"]["first_order"]) < 1.1, by["truth"]
P
expect 2 'the sweep there has "replicates = 20", this one has "replicates = 30"' "$steelyard" sweep line --design saltelli --points 8 --dial parameters.shift=0:2 --dial parameters.spread=1:2 -o cut --replicates 30 --quiet --resume
expect 2 'holds no unfinished sweep' "$steelyard" sweep line -o grid --quiet --resume
# A part that is not whole is made again; one of another sweep is refused, by name.
again=(sweep line --design saltelli --points 8 --dial parameters.shift=0:2 --dial parameters.spread=1:2 -o cut --quiet --keep-parts --resume)
printf x >cut/parts/0001.h5
truncate -s 1000 cut/parts/0002.h5
expect 0 "its condition is made again" "$steelyard" "${again[@]}"
holds "damaged parts are made again" cmp whole/sweep.h5 cut/sweep.h5
cp cut/parts/0004.h5 cut/parts/0003.h5
expect 2 "parts/0003.h5: is not condition 3 of this sweep, but a study of other numbers; remove the file" "$steelyard" "${again[@]}"
"$steelyard" "${again[@]:0:10}" --seed 4 -o seed4 --quiet --keep-parts >/dev/null
cp seed4/parts/0003.h5 cut/parts/0003.h5
expect 2 "but a study with another seed" "$steelyard" "${again[@]}"
rm cut/parts/0003.h5
expect 0 "written to cut" "$steelyard" "${again[@]}"
holds "and without them the sweep is whole" cmp whole/sweep.h5 cut/sweep.h5

# Killed in the middle, resumed.
ask=(sweep line --design grid --dial parameters.shift=0:2:12 --dial parameters.spread=1:2:10 --replicates 400)
"$steelyard" "${ask[@]}" -o unbroken --quiet --keep-parts >/dev/null
for signal in KILL TERM; do
  rm -rf broken
  "$steelyard" "${ask[@]}" -o broken --quiet --keep-parts >/dev/null 2>told &
  while [ "$(ls broken/parts 2>/dev/null | wc -l)" -lt 3 ] && kill -0 $! 2>/dev/null; do sleep 0.01; done
  kill -$signal $! 2>/dev/null
  wait $! 2>/dev/null
  holds "some conditions are done after SIG$signal" test -d broken/parts
  expect 0 "121 of 121 conditions have results" "$steelyard" "${ask[@]}" -o broken --quiet --keep-parts --resume
  holds "the file is the same after SIG$signal" cmp unbroken/sweep.h5 broken/sweep.h5
done
expect 0 "go on with --resume" grep resume told

# Its folder goes while it runs.
rm -rf broken
"$steelyard" "${ask[@]}" -o broken --quiet >/dev/null 2>told &
while [ "$(ls broken/parts 2>/dev/null | wc -l)" -lt 3 ] && kill -0 $! 2>/dev/null; do sleep 0.01; done
mv broken away
wait $!
holds "a removed folder ends the sweep" test $? -eq 3
expect 0 "broken/parts" cat told
holds "nothing half-true is left" test ! -e broken

# A sweep of fitted populations, with its time told beforehand.
expect 0 "conditions x 20 replicates: about" "$steelyard" sweep two-by-two --seed 1 --dial sample.size=500:2000 --replicates 20 --estimate
expect 0 "2 conditions (one_at_a_time) x 20 replicates, seed 1" "$steelyard" sweep two-by-two --seed 1 --dial sample.size=500:2000 --design one_at_a_time --replicates 20 -o two --quiet

# A sweep too small for effects says so before it runs.
expect 0 "3 conditions are too few to tell effects of 2 dials: they need 5" "$steelyard" sweep line --design sobol --points 3 --dial parameters.shift=0:2 --dial parameters.spread=1:2 --estimate

# Wrong input.
expect 2 'did you mean "parameters.shift"?' "$steelyard" sweep line --dial parameter.shift=0:1 -o x
expect 2 'did you mean "number.assumed.sex.male"?' "$steelyard" sweep flexible-employment-2022q2 --seed 1 --dial number.assumed.sex.mael=70:80 -o x
expect 2 "the range 70:150 leaves what a share can be" "$steelyard" sweep flexible-employment-2022q2 --seed 1 --dial number.assumed.sex.male=70:150 -o x
expect 2 "the scenario refuses 0 at an end of its range" "$steelyard" sweep two-by-two --seed 1 --dial sample.size=0:500 -o x
expect 2 "the range 2:1 is empty" "$steelyard" sweep line --dial parameters.shift=2:1 -o x
expect 2 "the range 1:1 is empty" "$steelyard" sweep line --dial parameters.shift=1:1 -o x
expect 2 "is not KEY=LOW:HIGH" "$steelyard" sweep line --dial parameters.shift=2 -o x
expect 2 "has ends that are no numbers" "$steelyard" sweep line --dial parameters.shift=a:b -o x
expect 2 "a number of levels that is not 2 to 1000" "$steelyard" sweep line --dial parameters.shift=0:1:1 -o x
expect 2 "has no range" "$steelyard" sweep line --dial parameters.spread -o x
expect 2 "stands twice" "$steelyard" sweep line --dial parameters.shift=0:1 --dial parameters.shift=0:2 -o x
expect 2 "there is no dial to turn" "$steelyard" sweep two-by-two --seed 1 -o x
expect 2 'is set by the scenario'"'"'s [[condition]]' "$steelyard" sweep chen-li-wu-2020 --dial participation.expected_size=300:600 -o x
expect 2 "no seed is given" "$steelyard" sweep two-by-two --dial sample.size=500:2000 -o x
expect 2 "--replicates: Value 0 not in range" "$steelyard" sweep line --replicates 0 -o x
expect 2 "would have 1000000 conditions, more than 100000" "$steelyard" sweep line --design grid --dial parameters.shift=0:1:1000 --dial parameters.spread=1:2:1000 -o x
expect 2 "is missing; name the folder to write" "$steelyard" sweep line
expect 2 "--design" "$steelyard" sweep line --design sobl -o x
sed 's/design = "one_at_a_time"/design = "sobl"/' line/scenario.toml >bad.toml && mkdir bad && mv bad.toml bad/scenario.toml
expect 2 'did you mean "sobol"?' "$steelyard" sweep bad -o x
sed 's/range = \[0, 2\]/rang = [0, 2]/' line/scenario.toml >bad/scenario.toml
expect 2 'unknown key "rang"; did you mean "range"?' "$steelyard" sweep bad -o x

# Tipping points.
expect 0 "parameters.shift                           turns at" "$steelyard" tip line --conclusion "truth[mean_y] < 6" --quiet
expect 0 "never within the range" "$steelyard" tip line --conclusion "mean_y < 60" --quiet
expect 0 "holds in the scenario as it stands" "$steelyard" tip line --conclusion "coverage[mean_y,none] >= 50%" --quiet
expect 0 "written: tip.csv" "$steelyard" tip line --conclusion "mean_y < 6" --quiet -o tip.csv
expect 2 "exists" "$steelyard" tip line --conclusion "mean_y < 6" --quiet -o tip.csv
holds "the truth 5 + x turns 6 where 3 + 2 shift does" /usr/bin/python3 - <<'P'
import csv
row = next(csv.DictReader(open("tip.csv")))
assert row["answer"] == "turns" and abs(float(row["value"]) - 1.5) < 0.1, row
P
expect 0 "written to tipped: tip.csv, tip.html" "$steelyard" tip line --conclusion "mean_y < 6" --quiet -o tipped
expect 2 "exists" "$steelyard" tip line --conclusion "mean_y < 6" --quiet -o tipped
expect 0 "written to tipped" "$steelyard" tip line --conclusion "mean_y < 6" --quiet -o tipped --force --lang zh
holds "the same table" cmp tip.csv tipped/tip.csv
expect 0 "转折点" cat tipped/tip.html
# A key that the scenario leaves at its default starts at the base that [sweep] gives.
default=(--conclusion "coverage[mean_y,none] >= 75%" --replicates 100 --error 0.2 --quiet)
expect 0 "cannot be told" "$steelyard" tip line "${default[@]}" --dial interval.linearization.level=0.5:0.99
expect 0 "or with base in its [[sweep.dial]]" "$steelyard" tip line "${default[@]}" --dial interval.linearization.level=0.5:0.99
cp -r line based
cat >>based/scenario.toml <<'T'
[[sweep.dial]]
key = "interval.linearization.level"
range = [0.5, 0.99]
base = 0.95
source = "made for the test"
T
expect 0 ", from 0.95: -" "$steelyard" tip based "${default[@]}" --dial interval.linearization.level=0.6:0.99
expect 0 ", from 0.95: -" "$steelyard" tip based "${default[@]}" --dial interval.linearization.level
# As JSON, and every column of the document.
expect 0 '"answer": "turns"' "$steelyard" tip line --conclusion "mean_y < 6" --quiet --json
"$steelyard" tip line --conclusion "mean_y < 6" --dial parameters.shift=0:2 --dial parameters.spread=0.5:2 --json -o tip.j >tip.json 2>/dev/null
holds "the JSON, the table and the document agree" /usr/bin/python3 - "$source/docs/data-files.md" <<'P'
import csv, json, re, sys
said = json.load(open("tip.json"))
rows = list(csv.DictReader(open("tip.j/tip.csv")))
text = open(sys.argv[1]).read()
table = text[text.index("column of `tip.csv`"):text.index("JSON: `scenario`")]
named = [n for line in re.findall(r"^\| (`.*?) \|", table, re.M) for n in re.findall(r"`(\w+)`", line)]
assert named == list(rows[0]), (named, list(rows[0]))
assert said["holds"] and said["scenario"] == "line" and said["seed"] == 3
assert [p["dial"] for p in said["points"]] == ["parameters.shift", "parameters.spread", None]
number = lambda x: None if x == "" else float(x)
for p, row in zip(said["points"], rows):
    assert p["answer"] == row["answer"] and p["replicates"] == int(row["replicates"])
    for key in ("value", "se", "change_in_ranges", "base"):
        assert p[key] == number(row[key]), (key, p, row)
    assert p["lower_margin"] == {"value": number(row["lower_margin"]), "mcse": number(row["lower_mcse"])}
    assert p["looked"] and all(set(l) == {"at", "margin", "holds"} for l in p["looked"])
shift, spread, both = said["points"]
assert shift["answer"] == "turns" and spread["answer"] == "never within the range" and spread["value"] is None
assert rows[2]["values"].split(" ")[0] == "parameters.shift=" + repr(both["values"]["parameters.shift"]), (rows[2], both)
P
expect 2 "--lang" "$steelyard" tip line --conclusion "mean_y < 6" --quiet -o no --lang fr
expect 2 'position 15 of "truth[mean_y] = 6": a relation belongs here (one of: > >= < <=)' "$steelyard" tip line --conclusion "truth[mean_y] = 6"
expect 2 'did you mean "coverage"?' "$steelyard" tip line --conclusion "coverge[mean_y,none] > 0.9"
expect 2 'there is no estimand "mean_z"' "$steelyard" tip line --conclusion "truth[mean_z] > 1" --quiet
expect 2 "--replicates: Value 0 not in range" "$steelyard" tip line --conclusion "mean_y < 6" --replicates 0

# Plans.
cp -r line planned
cat >>planned/scenario.toml <<'T'
[plan]
replicates = 20
[[plan.design]]
name = "as it stands"
cost = 50
[[plan.design]]
name = "twice the sample"
set = ["sample.n=100"]
cost = 100
[[plan.design]]
name = "wide"
set = ["parameters.spread=4"]
[plan.change]
overlaps = [0, 0.5]
correlation = 0.5
T
expect 0 "written to plan: designs.csv, plan.html" "$steelyard" plan planned --quiet -o plan
expect 2 "exists" "$steelyard" plan planned --quiet -o plan
expect 0 "Cost against RMSE" cat plan/plan.html
expect 0 "written to plan" "$steelyard" plan planned --quiet -o plan --force --lang zh
expect 0 "下一期问卷" cat plan/plan.html
"$steelyard" plan planned --json -o plan.j >plan.json 2>/dev/null
holds "a plan's JSON, its table and the document agree" /usr/bin/python3 - "$source/docs/data-files.md" <<'P'
import csv, json, re, sys
said = json.load(open("plan.json"))
rows = list(csv.DictReader(open("plan.j/designs.csv")))
text = open(sys.argv[1]).read()
table = text[text.index("column of `designs.csv`"):text.index("column of `edges.csv`")]
named = [n for line in re.findall(r"^\| (`.*?) \|", table, re.M) for n in re.findall(r"`(\w+)`", line)]
named = [n for name in named for n in ([name] if "_X" not in name else [])] + \
        [name.replace("X", x) for x in ("0", "0.5") for name in named if "_X" in name]
assert sorted(named) == sorted(rows[0]), set(named) ^ set(rows[0])
assert said["edges"] is None and said["change"] == {"power": 0.8, "level": 0.95, "overlaps": [0, 0.5], "correlation": 0.5}
assert [d["name"] for d in said["designs"]] == ["as it stands", "twice the sample", "wide"]
assert [d["cost"] for d in said["designs"]] == [50, 100, None] and [d["sample_size"] for d in said["designs"]] == [50, 100, 50]
number = lambda x: None if x == "" else float(x)
for d, row in zip(said["designs"], rows):
    (e,) = d["estimators"]
    for key in ("bias", "rmse", "coverage", "bias_change", "rmse_change", "coverage_change"):
        assert e[key] == {"value": number(row[key]), "mcse": number(row[key + "_mcse"])}, key
    assert [c["overlap"] for c in e["smallest_changes"]] == [0, 0.5]
    assert e["smallest_changes"][1]["value"] == number(row["smallest_change_overlap_0.5"])
assert said["designs"][0]["estimators"][0]["rmse_change"]["value"] is None
P
expect 0 "written to full: designs.csv, edges.csv, plan.html" "$steelyard" plan flexible-employment-2022q2 --seed 1 --replicates 2 --quiet -o full
holds "the best edges of each number of buckets are in the page and the table" /usr/bin/python3 - "$source/docs/data-files.md" <<'P'
import csv, re, sys
rows = {r["choice"]: r for r in csv.DictReader(open("full/edges.csv"))}
text = open(sys.argv[1]).read()
table = text[text.index("column of `edges.csv`"):text.index("`--json` prints `scenario`")]
named = [n for line in re.findall(r"^\| (`.*?) \|", table, re.M) for n in re.findall(r"`(\w+)`", line)]
assert named == list(rows["best"]), named
assert rows["best"]["edges"] == rows["best of 5 buckets"]["edges"], rows
page = open("full/plan.html").read()
assert all(f"best of {n} buckets" in page for n in range(2, 9)), "numbers of buckets"
assert page.count("<svg") == 6 * 3 + 2, page.count("<svg")
P

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
