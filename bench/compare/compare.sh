#!/usr/bin/env bash
# Side by side with R's survey on the timing workload: both in turn, several times, each on one core; the table of
# medians goes to the screen and to bench/compare/latest.md.
#
#   bench/compare/compare.sh [REPEATS=5] [HEAVY=1] [CORE=0]
#
# HEAVY: how often R's tasks of minutes are run (0: not at all). Needs a release build (cmake --preset release), R and
# its survey, which are installed from Debian if missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
repeats=${1:-5} heavy=${2:-1} core=${3:-0}
. "$here/common.sh"
need r-base-core r-cran-survey r-cran-mass
cmake --build "$root/build/release" --target workload_bench >/dev/null || {
  echo "no release build; run: cmake --preset release" >&2; exit 2; }
Rscript "$here/make_sample.R" "$work" 26252 20240601 >/dev/null
gzip -dc "$root/tests/golden/workload/sample.csv.gz" | cmp - "$work/sample.csv" || {
  echo "this R does not make the sample of tests/golden/workload" >&2; exit 1; }
loads=$(cut -d' ' -f1 /proc/loadavg)
for i in $(seq "$repeats"); do
  echo "round $i of $repeats" >&2
  pinned Rscript "$here/time_survey.R" "$work" "$work/r.csv" light
  pinned "$root/build/release/bin/workload_bench" --benchmark_format=json --benchmark_min_time=0.2 >"$work/ours_$i.json" 2>"$work/errors"
  loads="$loads $(cut -d' ' -f1 /proc/loadavg)"
done
[ "$heavy" -eq 0 ] || pinned Rscript "$here/time_survey.R" "$work" "$work/r.csv" heavy "$heavy"
version=$(Rscript -e 'cat(R.version$major, ".", R.version$minor, ", survey ", as.character(packageVersion("survey")), sep = "")')
python3 "$here/table.py" "$work" "$version" "$loads" "$here/peers.csv" | tee "$work/latest.md"
mv "$work/latest.md" "$here/latest.md"
