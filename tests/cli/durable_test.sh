#!/usr/bin/env bash
# Studies that are cut, killed, extended and put together again have the same bytes as one that was
# run at once; what cannot go on says why. Usage: durable_test.sh STEELYARD [STEELYARD_WITH_MPI]
set -uo pipefail
steelyard=$(realpath "$1") mpi=${2:-}
[ -z "$mpi" ] || mpi=$(realpath "$mpi")
. "$(dirname "$0")/expect.sh"
. "$(dirname "$0")/durable.sh"
cd "$work" || exit 1

# Threads, shards, ranks.
run --replicates 100 --threads 1 -o whole
for threads in 2 8; do
  run --replicates 100 --threads $threads -o threads$threads
  same "$threads threads" whole threads$threads
done
run --replicates 101 -o more
different "another number of replicates is seen" whole more
for shards in 1 3 16; do
  folders=()
  for ((i = 1; i <= shards; ++i)); do
    run --replicates 100 --shard $i/$shards -o part$shards-$i
    folders+=("part$shards-$i")
  done
  expect 0 "written to merged$shards" "$steelyard" merge "${folders[@]}" -o merged$shards --quiet
  same "$shards shards" whole merged$shards
done
if [ -n "$mpi" ] && command -v mpirun >/dev/null; then
  for ranks in 1 2 4; do
    expect 0 "written to ranks$ranks" mpirun --allow-run-as-root --oversubscribe -n $ranks "$mpi" run two-by-two \
      --seed 1 --replicates 100 --threads 1 -o ranks$ranks --quiet
    same "$ranks ranks" whole ranks$ranks
  done
  # A rank that is lost ends the run; its blocks are made when it goes on, by however many.
  at_work lost mpirun --allow-run-as-root --oversubscribe -n 3 "$mpi" run two-by-two --seed 1 --replicates 12000 --quiet
  kill -9 "$(ps -o pid= --ppid "$pid" | tail -n 1)"
  wait "$pid" 2>/dev/null
  holds "a lost rank leaves no result" test ! -e lost
  expect 0 "written to lost" mpirun --allow-run-as-root --oversubscribe -n 2 "$mpi" run two-by-two --resume --quiet -o lost
  run --replicates 12000 -o long
  same "a lost rank" long lost
  # A signal to mpirun: USR1 is passed on at once, TERM a second before the end. Both leave a result.
  for signal in USR1 TERM; do
    at_work soft$signal mpirun --allow-run-as-root --oversubscribe -n 3 "$mpi" run two-by-two --seed 1 --replicates 200000 --threads 1 --quiet
    kill -$signal "$pid"
    wait "$pid" 2>/dev/null
    expect 0 "go on with --resume" grep "interrupted: .* of 200000 replicates" soft$signal.txt
    holds "a result is left after $signal" test -e soft$signal/results.h5
  done
  expect 0 "nothing to do" timeout 60 mpirun --allow-run-as-root --oversubscribe -n 2 "$mpi" run two-by-two --resume --quiet -o ranks2
  expect 2 "is no part of" mpirun --allow-run-as-root --oversubscribe -n 2 "$mpi" run two-by-two --seed 1 --shard 3/2 -o no
fi
expect 2 "built without MPI; build it with cmake --preset mpi" env OMPI_COMM_WORLD_SIZE=4 "$steelyard" run two-by-two --seed 1 -o no

# Killed at any moment, and gone on with.
[ -e long ] || run --replicates 12000 -o long
kill_and_resume 8 0.5 killed "$steelyard" run two-by-two --seed 1 --quiet --replicates 12000
same "killed and gone on with" long killed
holds "no blocks are left" test ! -e killed.parts

# Interrupted: a valid result that says so, and it can be gone on with.
for signal in INT:130 TERM:143; do
  at_work cut "$steelyard" run two-by-two --seed 1 --replicates 200000 --quiet
  kill -${signal%:*} $pid
  wait $pid
  holds "exit code after ${signal%:*}" test $? -eq "${signal#*:}"
  holds "says that it ends softly" grep -q "ending after the blocks under way" cut.txt
  holds "says how far it came" grep -Eq "^interrupted: [0-9]+ of 200000 replicates; go on with --resume" cut.txt
  holds "the report says so as well" grep -q "interrupted: [0-9]* of 200000" cut/report.html
  done_at=$(sed -n 's/^interrupted: \([0-9]*\) of.*resume/\1/p' cut.txt)
  run --replicates "$((done_at + 40))" --resume -o cut
  run --replicates "$((done_at + 40))" -o straight
  same "interrupted by ${signal%:*} and gone on with" straight cut
  rm -rf cut straight
done

# Extended.
run --replicates 20 -o extended
run --replicates 100 --resume -o extended
same "20 replicates extended to 100" whole extended
expect 0 "nothing to do: extended has all 100 replicates" "$steelyard" run two-by-two --resume -o extended --quiet
expect 2 "= 50, but 100 replicates are done" "$steelyard" run two-by-two --resume --replicates 50 -o extended

# An estimator, an estimand and cells added later, on a finished study and on one that was killed.
folder=$here/../../scenarios/two-by-two
cp -r "$folder" full
added='[[estimand]]\nid = "men"\nfunctional = "proportion"\nvariable = "sex"\nlevels = ["male"]\n'
printf "\n$added" >>full/scenario.toml
cp -r "$folder" first
/usr/bin/python3 - first/scenario.toml <<'P'
import sys
text = open(sys.argv[1]).read()
raking = '[[weighting]]\nname = "raking"\nmethod = "raking"\nmargins = ["region", "sex"]\n'
assert raking in text
cross = '[[weighting]]\nname = "cross"\nmethod = "poststratification"\ncross = ["region", "sex"]\n'
open(sys.argv[1], "w").write(text.replace(raking, cross))
full = sys.argv[1].replace("first", "full")
text = open(full).read()
open(full, "w").write(text.replace(raking, cross + "\n" + raking))
P
"$steelyard" run full --seed 1 --replicates 100 -o full-run --quiet >/dev/null
"$steelyard" run first --seed 1 --replicates 100 -o first-run --quiet >/dev/null
cp full/scenario.toml first/scenario.toml
expect 0 "100 lack the estimators that the scenario got since" "$steelyard" run first --resume -o first-run
same "an estimator and an estimand added later" full-run first-run
cp -r "$folder" narrow
/usr/bin/python3 - narrow/scenario.toml <<'P'
import sys
text = open(sys.argv[1]).read()
raking = '[[weighting]]\nname = "raking"\nmethod = "raking"\nmargins = ["region", "sex"]\n'
open(sys.argv[1], "w").write(text.replace(raking, ""))
P
"$steelyard" run narrow --seed 1 --replicates 50 -o narrow-run --quiet >/dev/null
cp "$folder/scenario.toml" narrow/scenario.toml
expect 0 "a new weighting changes the cells" "$steelyard" run narrow --resume --replicates 100 -o narrow-run --quiet
same "a weighting that makes the cells finer" whole narrow-run

# What is another study is refused, and named.
cp -r "$folder" other
sed -i 's/^size = 2000/size = 2500/' other/scenario.toml
line=$(grep -n '^size = 2500' other/scenario.toml | cut -d: -f1)
expect 2 "other/scenario.toml:$line:8: [sample.size] is 2500 now and was 2000 when whole ran" "$steelyard" run other --resume --replicates 120 -o whole
expect 2 "[sample.size] is 300 now and was 2000" "$steelyard" run two-by-two --set sample.size=300 --resume --replicates 120 -o whole
cp "$folder/scenario.toml" other/scenario.toml
sed -i 's/^male,.*/male,7/' other/data/selection_sex.csv
expect 2 "[file data/selection_sex.csv] has another content" "$steelyard" run other --resume --replicates 120 -o whole
sed -i '/^name = "raking"/,/^margins/d' narrow/scenario.toml && sed -i '/^\[\[weighting\]\]$/{N;/\n$/d}' narrow/scenario.toml
expect 2 "[weighting.raking.margins] was [\"region\", \"sex\"] when whole ran and has gone" "$steelyard" run narrow --resume --replicates 120 -o whole
expect 2 "[--seed] = 2, but it ran with seed 1" "$steelyard" run two-by-two --seed 2 --resume -o whole
expect 2 "goes on, and --force starts afresh" "$steelyard" run two-by-two --seed 1 --resume --force -o whole
expect 2 "exists; choose another name, go on with --resume, or pass --force" "$steelyard" run two-by-two --seed 1 -o whole

# Every block and the manifest is flushed before it gets its name, where system calls can be seen.
if command -v strace >/dev/null; then
  strace -f -e trace=openat,fsync,rename -o calls.txt "$steelyard" run two-by-two --seed 1 --replicates 100 --threads 1 --quiet -o traced >/dev/null 2>&1
  holds "files are flushed before they are renamed, and folders after" /usr/bin/python3 - <<'P'
import re

opened, flushed, renamed = {}, set(), 0
calls = [line.split(None, 1)[1] for line in open("calls.txt")]
for at, call in enumerate(calls):
    if m := re.match(r'openat\(AT_FDCWD, "([^"]+)".*\) = (\d+)', call):
        opened[m[2]] = m[1]
    elif m := re.match(r"fsync\((\d+)\)\s+= 0", call):
        flushed.add(opened[m[1]])
        last = opened[m[1]]
    elif m := re.match(r'rename\("([^"]+/\.(?:block|blocks)[^"]*)", "([^"]+)/[^"/]+"\) = 0', call):
        assert m[1] in flushed, call
        flushed.discard(m[1])
        after = [c for c in calls[at + 1 :] if c.startswith(("fsync", "openat"))][:2]
        assert f'"{m[2]}"' in after[0] and after[1].startswith("fsync"), (call, after)
        renamed += 1
assert renamed >= 8, renamed  # seven blocks and the manifest
P
fi

# Blocks that are not whole, or not of this study; results of another version.
killed_at_work broken "$steelyard" run two-by-two --seed 1 --quiet --replicates 200000
expect 2 "broken.parts: has finished replicates of an earlier run; go on with --resume" "$steelyard" run two-by-two --seed 1 -o broken
cp -r broken.parts hollow.parts
rm hollow.parts/block-*
expect 0 "written to hollow" "$steelyard" run two-by-two --seed 1 --replicates 20 --quiet -o hollow
block=broken.parts/block-00000002
truncate -s 1000 $block
head -c 3 /dev/zero >broken.parts/block-00000003
expect 0 "block-00000002: is truncated or damaged: its checksum does not fit; its replicates are made again" \
  "$steelyard" run two-by-two --resume --replicates 200 -o broken
run --replicates 200 -o sound
same "damaged blocks are made again" sound broken
killed_at_work mine "$steelyard" run two-by-two --seed 1 --quiet --replicates 200000
killed_at_work foreign "$steelyard" run two-by-two --seed 2 --quiet --replicates 200000
cp foreign.parts/block-00000001 mine.parts/
expect 2 "block-00000001: is a block of another study; remove the file" "$steelyard" run two-by-two --resume -o mine
holds "finished work is kept" test -e mine.parts/block-00000002
rm mine.parts/block-00000001
expect 0 "written to mine" "$steelyard" run two-by-two --resume --replicates 200 -o mine
same "after the foreign block was removed" sound mine
sed -i 's/"format": 2/"format": 9/' foreign.parts/blocks.json
expect 2 "has format version 9, of another steelyard" "$steelyard" run two-by-two --resume -o foreign
# The same version, built from other sources: its numbers are neither gone on with nor merged.
killed_at_work changed "$steelyard" run two-by-two --seed 1 --quiet --replicates 200000
sed -i 's/"program_sources": "[0-9a-f]*"/"program_sources": "0123456789ab"/' changed.parts/blocks.json
expect 2 "(sources 0123456789ab); this is" "$steelyard" run two-by-two --resume -o changed
expect 2 "its numbers may differ, and would be mixed; go on with a program built from those sources" \
  "$steelyard" run two-by-two --resume -o changed
holds "finished work is kept" test -e changed.parts/block-00000001
cp -r whole rebuilt
/usr/bin/python3 -c 'import h5py; f = h5py.File("rebuilt/results.h5", "a"); f.attrs.modify("program_sources", "0123456789ab")'
expect 2 "its numbers may differ, and would be mixed" "$steelyard" run two-by-two --resume --replicates 120 -o rebuilt
cp -r whole aged
/usr/bin/python3 -c 'import h5py; f = h5py.File("aged/results.h5", "a"); f.attrs.modify("program_version", "0.0.9")'
expect 2 "was made by steelyard 0.0.9; this is" "$steelyard" run two-by-two --resume --replicates 120 -o aged
/usr/bin/python3 -c 'import h5py, numpy; f = h5py.File("aged/results.h5", "a"); f.attrs["version"] = numpy.array([9, 0], "uint32")'
expect 2 "has format version 9.0" "$steelyard" run two-by-two --resume --replicates 120 -o aged
mkdir empty
expect 2 "has no results.h5 to go on with" "$steelyard" run two-by-two --seed 1 --resume -o empty

# Two at once.
at_work busy "$steelyard" run two-by-two --seed 1 --quiet --replicates 2000000
expect 2 "another steelyard is at work there" "$steelyard" run two-by-two --seed 1 --resume -o busy
# The folder goes while it runs.
while [ -e busy.parts ]; do rm -rf busy.parts 2>/dev/null; done
wait $pid
holds "a removed folder ends the run" test $? -eq 3
holds "nothing half-true is left" test ! -e busy

# A disk that fills up, and one that cannot be written to; where such can be made.
mkdir disk
if mount -t tmpfs -o size=600k tmpfs disk 2>/dev/null; then
  trap 'umount "$work/disk" 2>/dev/null; rm -rf "$work"' EXIT
  expect 3 "No space left on device; the blocks that were finished are kept in disk/run.parts" \
    "$steelyard" run two-by-two --seed 1 --quiet --replicates 12000 -o disk/run
  holds "blocks are kept on the full disk" test -e disk/run.parts/block-00000000
  holds "no result is claimed" test ! -e disk/run
  mount -o remount,size=80m disk
  expect 0 "written to disk/run" "$steelyard" run two-by-two --resume --quiet -o disk/run
  same "a full disk, and room made" long disk/run
  mount -o remount,ro disk
  expect 3 "cannot create folder disk/next.parts: Read-only file system" "$steelyard" run two-by-two --seed 1 --quiet -o disk/next
  umount disk
else
  echo "not tested: a full disk (no right to mount one)"
fi

# Shards that do not make a whole.
expect 2 '--replicates: "0" is not a number above 0' "$steelyard" run two-by-two --seed 1 --replicates 0 -o no
expect 2 '--threads: "two" is not a number above 0' "$steelyard" run two-by-two --seed 1 --threads two -o no
expect 2 "17 is no part of 16; number the shards 1/16 to 16/16" "$steelyard" run two-by-two --seed 1 --shard 17/16 -o no
expect 2 "\"3\" is not i/k" "$steelyard" run two-by-two --seed 1 --shard 3 -o no
expect 2 "2 of 3 shards are missing: 2/3, 3/3" "$steelyard" merge part3-1 -o no
expect 2 "part3-1 is the same one" "$steelyard" merge part3-1 part3-1 part3-2 part3-3 -o no
"$steelyard" run two-by-two --seed 2 --quiet --replicates 100 --shard 2/3 -o seed2 >/dev/null 2>&1
expect 2 "seed2: has seed 2, and part3-1 has 1" "$steelyard" merge part3-1 seed2 part3-3 -o no
"$steelyard" run two-by-two --seed 1 --set sample.size=300 --quiet --replicates 100 --shard 2/3 -o size300 >/dev/null
expect 2 "[sample.size] is 300 now and was 2000 when part3-1 ran" "$steelyard" merge part3-1 size300 part3-3 -o no
cp -r part3-2 othersources
sed -i 's/"program_sources": "[0-9a-f]*"/"program_sources": "0123456789ab"/' othersources/blocks.json
expect 2 "othersources: has numbers of steelyard" "$steelyard" merge part3-1 othersources part3-3 -o no
expect 2 "is a shard, not a whole study; put the shards together" "$steelyard" report part3-1
expect 2 "is a finished study, not a shard" "$steelyard" merge whole part3-1 -o no
truncate -s 500 part3-2/block-00000001
expect 2 "its checksum does not fit; run the shard again with --resume" "$steelyard" merge part3-1 part3-2 part3-3 -o no
expect 0 "shard 2/3: 2 blocks" "$steelyard" run two-by-two --resume --shard 2/3 -o part3-2
expect 0 "written to mended" "$steelyard" merge part3-1 part3-2 part3-3 -o mended
same "a damaged shard that was run again" whole mended
for i in 1 2 3; do "$steelyard" run two-by-two --resume --replicates 200 --shard $i/3 -o part3-$i --quiet >/dev/null; done
expect 0 "written to grown" "$steelyard" merge part3-1 part3-2 part3-3 -o grown
same "shards extended from 100 to 200" sound grown

# Stopping rules.
rule="mcse(bias[outcome, raking]) < 0.001 and rmse[outcome@region=north, none] > 0"
for threads in 1 8; do run --until "$rule" --threads $threads --replicates 20000 -o until$threads; done
same "where it stops does not depend on threads" until1 until8
kill_and_resume 2 0.2 until-killed "$steelyard" run two-by-two --seed 1 --quiet --replicates 20000 --until "$rule"
same "nor on being killed" until1 until-killed
expect 0 "replicates: mcse(bias[outcome, raking]) = 0.000" grep -a "stopped after" until1/report.html
expect 2 "character 6: \"bais\" is no measure; did you mean \"bias\"?" "$steelyard" run two-by-two --seed 1 -o no --until "mcse(bais[outcome, raking]) < 1"
expect 2 "character 24: <, <=, > or >= is wanted here" "$steelyard" run two-by-two --seed 1 -o no --until "bias[outcome, raking]  = 1"
expect 2 "character 1: there is no weighting \"rakin\" here; did you mean \"raking\"?" "$steelyard" run two-by-two --seed 1 -o no --until "bias[outcome, rakin] < 1"
holds "a rule that is refused leaves nothing" test ! -e no.parts
expect 2 "needs all replicates" "$steelyard" run two-by-two --seed 1 --shard 1/2 --until "$rule" -o no

# One replicate, and what a run would cost.
expect 0 "replicate 47 of seed 1" "$steelyard" run two-by-two --seed 1 --replicate 47 -o one.csv --quiet
holds "a replayed replicate is the study's" /usr/bin/python3 - <<'P'
import csv, h5py
rows = list(csv.DictReader(open("one.csv")))
f = h5py.File("whole/results.h5")
for name in ("estimate", "se", "lower", "upper"):
    assert [float(r[name]) for r in rows] == list(f["estimates"][name][:, 47]), name
P
expect 0 "20000 replicates of 15 estimators" "$steelyard" run two-by-two --seed 1 --estimate --quiet
expect 2 "runs no study" "$steelyard" run two-by-two --seed 1 --estimate --resume

# A population by formulas, drawn once or anew, with several conditions.
for case in "chen-li-wu-2020 --condition nA=500,nB=500,rho=0.3 --condition nA=500,nB=500,rho=0.5" kang-schafer-2007; do
  model() { "$steelyard" run $case --seed 1 --quiet "$@" >/dev/null 2>&1; }
  model --replicates 40 --threads 1 -o model
  model --replicates 20 -o longer
  model --replicates 40 --resume -o longer
  same "${case%% *}, extended" model longer
  for i in 1 2; do model --replicates 40 --shard $i/2 -o model-$i; done
  "$steelyard" merge model-1 model-2 -o model-merged --quiet >/dev/null
  same "${case%% *}, two shards" model model-merged
  rm -rf model model-1 model-2 model-merged longer
done

rm -rf foreign.parts changed.parts # killed, and never gone on with
holds "no partial output is left" test -z "$(find "$work" -name '.*partial*')"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
