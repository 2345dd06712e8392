#!/usr/bin/env bash
# estimate for indices and columns of buckets, from outside: reference numbers, messages.
# Usage: indices_test.sh STEELYARD_BINARY GOLDEN_FOLDER
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
steelyard=$1 golden=$2/design
. "$here/expect.sh"
cd "$work" || exit 3
estimate() { "$steelyard" estimate "$@" --threads 1; }
micro() { estimate "$golden/micro.csv" --weights weight --strata stratum --cluster psu "$@"; }
five='1=1,2=.5,3=0,4=-.5,5=-1'
edges=(--edges bucket=0,2000,5000,8000,20000,30000 --levels bucket=1,2,3,4,5)

# Reference numbers.
expect 0 "written" micro --index "answer_q1:$five" --index "answer_q2:$five" --index-change answer_q1,answer_q2 \
  --power-of 3 --overlap .25 -o index.csv
expect 0 "written" micro --index "answer_q1:$five" --index-form balance --by group --contrasts first \
  --against "$golden/micro.csv" -o domains.csv
expect 0 "written" micro --carlson-parkin 'answer_q1:up=1|2,same=3,down=4|5' --delta .5 -o rates.csv
expect 0 "written" micro --bucketed bucket:step_top2 "${edges[@]}" --probs .1,.25,.5,.75,.9 --deff -o buckets.csv
expect 0 "written" micro --bucketed bucket:step_top2 "${edges[@]}" --interval jkn --mse -o jackknife.csv
out=$(/usr/bin/python3 "$here/indices_golden.py" . "$golden")
got=$?
echo "$out" | tail -5
if [ $got -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi

# The outputs in the documentation are those of the program.
(cd "$golden" && /usr/bin/python3 - "$steelyard" "$here/../../docs/your-own-file.md") <<'P'
import shlex, subprocess, sys
steelyard, page = sys.argv[1:]
lines = [line[4:] for line in open(page).read().split("\n") if line.startswith("    ") or not line]
text, shown, wrong = "\n".join(lines).replace("\\\n", ""), 0, 0
for block in text.split("$ steelyard ")[1:]:
    command, _, output = block.partition("\n")
    if not command.startswith("estimate micro.csv"):
        continue
    real = subprocess.run([steelyard, *shlex.split(command)], capture_output=True, text=True)
    same = real.stderr + real.stdout == output.split("\n\n")[0].rstrip("\n") + "\n"
    shown, wrong = shown + 1, wrong + (not same)
    if not same:
        print("docs/your-own-file.md differs from:", command, real.stderr + real.stdout, sep="\n")
sys.exit(shown < 4 or wrong > 0)
P
got=$?
holds "the documentation shows real outputs" test $got -eq 0

# Columns of the output.
holds "p_above is the last column" grep -q '^functional,.*,n,p,df2,p_above$' index.csv
holds "no p_above without indices" grep -q '^functional,.*,deff,n$' buckets.csv
expect 0 '"p_above": 0.4' micro --index "answer_q1:$five" --json
expect 0 "p_above" micro --index "answer_q1:$five"

# A paired change is that of the two questions; contrasts of buckets; a bootstrap.
expect 0 "index change" micro --index "answer_q1:$five" --against "$golden/micro.csv" --unit psu
micro --index "answer_q1:$five" --against "$golden/micro.csv" --unit psu -o paired.csv --quiet
holds "a wave against itself does not change" grep -q '^index change,answer_q1,,,0,0,' paired.csv
expect 0 "gini difference" micro --bucketed bucket:AVG_calibrated "${edges[@]}" --by group --contrasts pairwise
expect 0 "theil change" micro --bucketed bucket:step_top2 "${edges[@]}" --against "$golden/micro.csv"
expect 0 "so their differences have no standard error" micro --bucketed bucket:mid_geo "${edges[@]}" --by group --contrasts first
expect 0 "index" micro --index "answer_q1:$five" --interval bootstrap --replicates 50 --seed 3
expect 0 "are not compared" micro --carlson-parkin 'answer_q1:up=1|2,same=3,down=4|5' --by group --contrasts first

# Under calibration: indices are means of scores, whatever the weighting.
python3 - <<'P'
levels = ["under 2000", "2,000-4,999", "5000–7999", "8000 to 19999", "20000 or more"]
views = ["better", "same", "worse, much", "no idea", "better"]
score = {"better": 1, "same": 0, "worse, much": -1}
with open("data.csv", "w") as f, open("plain.csv", "w") as plain:
    f.write("id,g,income,view,score,odd,one,ask\n")
    plain.write("id,bucket\n")
    for i in range(60):
        v, l = views[i * 7 % 5 if i % 4 else 1], (i * i + i // 7) % 5
        f.write(f'{i},{"ab"[i % 3 > 0]},"{levels[l]}","{v}",{score.get(v, "")},'
                f'{["0-9", "5-20", "20+"][i % 3]},yes,{"good" if i % 3 else "none"}\n')
        plain.write(f"{i},{l + 1}\n")
P
printf 'variable,level,target\ng,a,400\ng,b,600\n' >margins.csv
printf 'variable,level,target\ng,a,500\ng,b,500\n' >other.csv
view='view:better=1,same=0,"worse, much"=-1'
expect 0 "have no score and are left out" estimate data.csv --index "$view"
expect 0 "written" estimate data.csv --index "$view" --mean score --margins margins.csv --versus-margins other.csv \
  --index-interval t -o cal.csv
holds "an index is 50 + 50 × the mean score" python3 -c "
import csv
rows = {(r['functional'], r['variable']): r for r in csv.DictReader(open('cal.csv'))}
for kind in ('', ' difference'):
    index, mean = rows['index' + kind, 'view'], rows['mean' + kind, 'score']
    shift = 0 if kind else 50
    for column in ('estimate', 'lower', 'upper'):
        assert abs(float(index[column]) - shift - 50 * float(mean[column])) < 1e-9, column
    assert abs(float(index['se']) - 50 * float(mean['se'])) < 1e-9
    assert index['n'] == mean['n']"

# Levels that say their buckets are the same buckets as edges given.
expect 0 "are whole numbers" estimate data.csv --bucketed income:AVG_calibrated
estimate data.csv --bucketed income:AVG_calibrated -o said.csv --quiet
estimate plain.csv --bucketed bucket:AVG_calibrated --edges bucket=0,2000,5000,8000,20000,inf --levels bucket=1,2,3,4,5 \
  -o given.csv --quiet
holds "levels say their edges" cmp <(sed 's/income:/bucket:/' said.csv) given.csv
expect 0 "are none of its --levels and are left out" estimate plain.csv --bucketed bucket:step_top2 \
  --levels bucket=1,2,3 --edges bucket=0,2,4,6

# One answer only, and nobody's answer.
expect 0 "all answers to one are the same in the file" estimate data.csv --index 'one:yes=1,no=-1'
expect 0 'nobody gave the answer "no" of one' estimate data.csv --index 'one:yes=1,no=-1'
estimate data.csv --index 'one:yes=1,no=-1' -o one.csv --quiet
holds "its limits stay in the range and are not the estimate" grep -Eq '^index,one,,,100,0,(9[0-9]|8[0-9])\.[0-9]+,(9[0-9]\.[0-9]+|100),' one.csv
expect 0 "power of one: the standard error of the index is 0" estimate data.csv --index 'one:yes=1,no=-1' --power-of 2
expect 1 "carlson-parkin mean of one: nobody answers \"down\"" estimate data.csv --carlson-parkin 'one:up=yes,same=eh,down=no'

expect 0 "all answers to one are in one bucket in the file" estimate data.csv --bucketed one:step_top2 --levels one=yes,no --edges one=0,1,2

# Messages.
expect 2 'column view has no level "beter"; did you mean "better"?' estimate data.csv --index 'view:beter=1,same=0,"worse, much"=-1,no idea=none'
expect 2 'the score "high" of level "better" is not a number' estimate data.csv --index 'view:better=high,same=0'
expect 2 'the score "nan" of level "better" is not a number' estimate data.csv --index 'view:better=nan,same=0'
expect 2 "no row has an answer to ask that has a score" estimate data.csv --index 'ask:good=none,none=none,bad=1,worse=0'
expect 2 "view has no two levels with different scores" estimate data.csv --index 'view:better=1'
expect 2 "view has no two levels with different scores" estimate data.csv --index 'view:better=1,same=1'
expect 2 'level "same" of view is given twice' estimate data.csv --index 'view:same=1,same=0'
expect 2 '"view" is not column:level=score,level=score,...' estimate data.csv --index view
expect 2 "view has two indices" estimate data.csv --index "$view" --index "$view"
expect 2 'has no column "veiw"; did you mean "view"?' estimate data.csv --index 'veiw:better=1,same=0'
expect 2 '"vieww" has no --index; did you mean "view"?' estimate data.csv --index "$view" --index-change view,vieww
expect 2 '"view" is not two columns a,b' estimate data.csv --index "$view" --index-change view
expect 2 "--power-of requires --index" estimate data.csv --power-of 2
expect 2 "so it is not 0" estimate data.csv --index "$view" --power-of 0
expect 2 "view has no level for same" estimate data.csv --carlson-parkin 'view:up=better,down=same'
expect 2 '"rise" is not one of up, same, down' estimate data.csv --carlson-parkin 'view:rise=better'
expect 2 'level "better" of view is given twice' estimate data.csv --carlson-parkin 'view:up=better,same=better,down=same'
expect 2 'level "no idea" of view cannot be read as a bucket' estimate data.csv --bucketed view:step_top2 --levels 'view=no idea,same'
expect 2 'levels "0-9" and "5-20" of odd overlap' estimate data.csv --bucketed odd:step_top2
expect 2 'levels "0-9" and "20+" of odd leave a gap' estimate data.csv --bucketed odd:step_top2 --levels odd=0-9,20+
expect 2 '"step_topp" is no bucket rule; did you mean "step_top2"?' estimate data.csv --bucketed income:step_topp
expect 2 '"maxent_mean" needs the overall mean' estimate data.csv --bucketed income:maxent_mean
expect 2 "bucket has 5 edges for 5 levels; give 6" estimate plain.csv --bucketed bucket:step_top2 --levels bucket=1,2,3,4,5 --edges bucket=0,1,2,3,4
expect 2 "bucket has edges that do not increase: 2 is followed by 1" estimate plain.csv --bucketed bucket:step_top2 \
  --levels bucket=1,2,3,4,5 --edges bucket=0,2,1,3,4,5
expect 2 '"income" is not a column of --bucketed' estimate data.csv --bucketed odd:step_top2 --levels income=a,b
expect 2 'column bucket has no level "7"' estimate plain.csv --bucketed bucket:step_top2 --levels bucket=1,2,7 --edges bucket=0,2,4,6
expect 2 "buckets have no quantile of 1" estimate data.csv --bucketed income:step_top2 --probs 0.5,1
expect 2 "does not compare statistics of buckets" estimate data.csv --bucketed income:step_top2 --margins margins.csv --versus-margins other.csv
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
