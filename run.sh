#!/usr/bin/env bash
# Installs what is missing, builds, and runs the flagship study: out/flexible-employment-2022q2/.
# REPLICATES=n changes the number of replicates (default 200).
set -euo pipefail
cd "$(dirname "$0")"
cmake/install-packages.sh run
cmake --preset release -DSTEELYARD_TESTS=OFF -DSTEELYARD_BENCH=OFF >/dev/null
cmake --build --preset release --target steelyard
out=out/flexible-employment-2022q2
build/release/bin/steelyard run flexible-employment-2022q2 --replicates "${REPLICATES:-200}" --seed 1 -o "$out" --force
echo "open $out/report.html"
