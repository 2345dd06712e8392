#!/usr/bin/env bash
# Fails on an include against the direction of dependence between folders (docs/decisions.md).
# Usage: include_arrows.sh ROOT. First shows that it would see a forbidden include.
set -euo pipefail
root=$1
declare -A may=(
  [core]="core"
  [sim]="core sim"
  [estimators]="core estimators"
  [results]="core results"
  [study]="core sim estimators results study"
  [report]="core results report"
  [cli]="core sim estimators results study report cli"
)
check() {
  local top=$1 bad=0 folder
  for folder in "${!may[@]}"; do
    [ -d "$top/$folder" ] || continue
    while IFS=: read -r file line text; do
      local target
      target=$(sed -n 's/.*#include *"\([a-z]*\)\/.*/\1/p' <<<"$text")
      [ -n "$target" ] && [ -n "${may[$target]:-}" ] || continue
      case " ${may[$folder]} " in
        *" $target "*) ;;
        *) echo "$file:$line: $folder/ must not include $target/"; bad=1 ;;
      esac
    done < <(grep -rn '#include *"' "$top/$folder" --include='*.hpp' --include='*.cpp' --include='*.inc' || true)
    if [ "$folder" != results ] && grep -rn '#include *<hdf5' "$top/$folder"; then
      echo "only results/ includes hdf5"; bad=1
    fi
  done
  return $bad
}
planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT
mkdir -p "$planted/estimators"
echo '#include "sim/population/population.hpp"' >"$planted/estimators/spy.cpp"
if check "$planted" >/dev/null; then echo "the check does not see a forbidden include"; exit 1; fi
check "$root"
