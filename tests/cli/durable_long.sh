#!/usr/bin/env bash
# The long form of durable_test.sh: 100 kills at random moments, and 200 replicates extended to 1,000
# and to another estimator, on two-by-two and the flagship. Minutes.
# Usage: durable_long.sh STEELYARD [KILLS]
set -uo pipefail
steelyard=$(realpath "$1") kills=${2:-100}
. "$(dirname "$0")/expect.sh"
. "$(dirname "$0")/durable.sh"
cd "$work" || exit 1

# Long enough that the last kill still meets it at work.
replicates=$((kills * 1600))
run --replicates "$replicates" -o whole
kill_and_resume "$kills" 0.8 killed "$steelyard" run two-by-two --seed 1 --quiet --replicates "$replicates"
same "$kills kills" whole killed
holds "no partial output is left" test -z "$(find "$work" -name '.*partial*')"

flagship() { "$steelyard" run flexible-employment-2022q2 --seed 1 --quiet "$@" >/dev/null 2>&1; }
flagship --replicates 200 -o extended
flagship --replicates 1000 -o straight
kill_and_resume 5 15 extended-again "$steelyard" run flexible-employment-2022q2 --seed 1 --quiet --replicates 1000
flagship --replicates 1000 --resume -o extended
same "flagship, 200 replicates extended to 1,000" straight extended
same "flagship, killed" straight extended-again

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
