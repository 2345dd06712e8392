#!/usr/bin/env bash
# Searches for bytes that the readers of users' files take wrongly, with libFuzzer under the address
# and undefined-behaviour sanitizers, from the kept corpus on. What it finds stands in the folder
# that it names; the exit code is then 1.
# Usage: run.sh SECONDS [data|margins]
set -euo pipefail
seconds=${1:?usage: run.sh SECONDS [data|margins]}
targets=${2:-data margins}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${STEELYARD_FUZZ_BUILD:-$root/build/fuzz}
clang=clang++-14

if ! command -v $clang >/dev/null || [ ! -e "$($clang -print-resource-dir)/lib/linux/libclang_rt.fuzzer-x86_64.a" ]; then
  apt-get install -y --no-install-recommends clang-14 libclang-rt-14-dev
fi
declare -A sources=(
  [data]="tests/fuzz/data_file_fuzz.cpp core/csv_fields.cpp core/data_file.cpp core/data_file_reading.cpp core/errors.cpp core/gzip.cpp core/text.cpp"
  [margins]="tests/fuzz/margins_fuzz.cpp study/margins_file.cpp core/csv.cpp core/errors.cpp core/text.cpp"
)
mkdir -p "$build"
for target in $targets; do
  # A chunk of 16 bytes: three threads divide even a small text.
  (cd "$root" && $clang -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -DSTEELYARD_CONTRACTS -DSTEELYARD_CHUNK_BYTES=16 -I. ${sources[$target]} -lfmt -lz -pthread -o "$build/$target")
done
found=0
for target in $targets; do
  mkdir -p "$build/$target-corpus" "$build/$target-found"
  echo "$target: $seconds s"
  "$build/$target" -max_total_time="$seconds" -max_len=2048 -timeout=10 -print_final_stats=1 \
    -dict="$root/tests/fuzz/$target.dict" -artifact_prefix="$build/$target-found/" \
    "$build/$target-corpus" "$root/tests/fuzz/corpus/$target" || found=1
done
[ $found -eq 0 ] || echo "found: see $build/*-found"
exit $found
