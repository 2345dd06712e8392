#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test; the last line counts them.
# The fast tests run again under the address, undefined-behaviour and thread sanitizers.
set -euo pipefail
cd "$(dirname "$0")"
cmake/install-packages.sh test
passed=0 failed=0
# run_tests PRESET TARGETS [ctest options]: builds the targets, runs, adds to the counts.
run_tests() {
  local preset=$1 targets=$2 log
  shift 2
  log=$(mktemp)
  cmake --preset "$preset" >/dev/null
  # shellcheck disable=SC2086
  cmake --build --preset "$preset" --target $targets
  ctest --test-dir "build/$preset" --output-on-failure -j2 "$@" | tee "$log" || true
  local total bad
  total=$(sed -n 's/.* tests failed out of \([0-9]*\)$/\1/p' "$log")
  bad=$(sed -n 's/.*, \([0-9]*\) tests failed out of [0-9]*$/\1/p' "$log")
  rm -f "$log"
  if [ -z "$total" ] || [ "$total" -eq 0 ]; then
    echo "$preset: no test ran"
    failed=$((failed + 1))
    return
  fi
  failed=$((failed + bad))
  passed=$((passed + total - bad))
}
# The test of durable runs starts this one under mpirun.
cmake --preset mpi >/dev/null
cmake --build --preset mpi --target steelyard
run_tests release all
run_tests asan "core_test sim_test results_test estimators_test buckets_test bucket_fits_test indices_test report_test engine_test durable_test" -L "fast|engine"
run_tests tsan "engine_test durable_test" -L engine
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
