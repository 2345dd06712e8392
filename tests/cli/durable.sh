# Sourced by tests of runs that end and go on: where results are compared and programs are killed.
# Needs $steelyard, $work and expect.sh.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# same TEXT A B: the results of two folders are equal bit for bit outside /provenance.
same() { holds "$1" /usr/bin/python3 "$here/same_results.py" "$2/results.h5" "$3/results.h5"; }
# different TEXT A B: they are not, so that `same` would see it.
different() {
  holds "$1" test -e "$2/results.h5" -a -e "$3/results.h5"
  holds "$1" bash -c "! /usr/bin/python3 '$here/same_results.py' '$2/results.h5' '$3/results.h5'"
}
# run ARGUMENTS...: steelyard run two-by-two, silently.
run() { "$steelyard" run two-by-two --seed 1 --quiet "$@" >/dev/null 2>&1; }
# killed SECONDS COMMAND...: starts it, and kills it after so long.
killed() {
  local seconds=$1 pid
  shift
  "$@" >/dev/null 2>&1 &
  pid=$!
  sleep "$seconds"
  kill -9 "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
}
# at_work OUTPUT COMMAND...: starts it in the background as $pid, and waits for its fourth block.
at_work() {
  local output=$1 k
  shift
  "$@" -o "$output" >"$output.txt" 2>&1 &
  pid=$!
  for ((k = 0; k < 400; ++k)); do [ -e "$output.parts/block-00000003" ] && break; sleep 0.05; done
}
# killed_at_work OUTPUT COMMAND...: kills it then.
killed_at_work() {
  at_work "$@"
  kill -9 "$pid"
  wait "$pid" 2>/dev/null
}
# kill_and_resume KILLS LONGEST OUTPUT COMMAND...: the command is killed at random moments within
# the longest time, goes on, and at last ends. Says how many kills met it at work.
kill_and_resume() {
  local kills=$1 longest=$2 output=$3 k met=0
  shift 3
  for ((k = 0; k < kills; ++k)); do
    [ -e "$output" ] && break
    killed "$(awk -v r=$RANDOM -v l="$longest" 'BEGIN { print 0.01 + l * r / 32768 }')" "$@" --resume -o "$output"
    [ -e "$output" ] || met=$((met + 1))
  done
  "$@" --resume -o "$output" >/dev/null 2>&1
  echo "$met of $kills kills met the run at work"
}
