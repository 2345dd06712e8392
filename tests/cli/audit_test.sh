#!/usr/bin/env bash
# The audit of the flagship as printed finds, unaided, what is known to be wrong with it.
# Usage: audit_test.sh STEELYARD_BINARY SCENARIOS_FOLDER
set -uo pipefail
steelyard=$1 scenarios=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
finds() {  # finds TEXT FILE
  if grep -qF -- "$1" "$2"; then return; fi
  failed=$((failed + 1))
  echo "FAILED: not found: $1"
}
exits() {  # exits CODE GOT WHAT
  if [ "$1" -eq "$2" ]; then return; fi
  failed=$((failed + 1))
  echo "FAILED: $3: exit $2, wanted $1"
}

"$steelyard" check flexible-employment-2022q2 --as-printed --quiet --reconcile "$work/reconciled.csv" >"$work/text"
exits 1 $? "contradictory numbers"
finds "contradiction on education, status, occupation: " "$work/text"
finds "repair: exchange senior_high_or_vocational and junior_college of education in report, table 2: leaves nothing (taken)" "$work/text"
finds "the same exchange repairs the contradiction on education, status, income" "$work/text"
finds "repair: exchange senior_high_or_vocational and junior_college of education in report, section 4(1)3, figure 8: leaves nothing (taken)" "$work/text"
finds "contradiction on age, status, occupation: " "$work/text"
finds "no order of the columns of age in report, table 1 repairs it" "$work/text"
finds "contradiction on status, expected_employment: 2 numbers" "$work/text"
finds "contradiction on status, expected_income: 2 numbers" "$work/text"
finds "contradiction on status, occupation, income: " "$work/text"
finds "report_tables.csv:" "$work/text"
finds "wrote $work/reconciled.csv: 531 numbers" "$work/text"

# The reconciled numbers in place of the printed ones are possible together.
cp -r "$scenarios/flexible-employment-2022q2" "$work/world"
mv "$work/reconciled.csv" "$work/world/data/"
python3 - "$work/world/scenario.toml" <<'PY'
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
text = re.sub(r'\[\[exchange\]\]\n(?:.+\n)+', "", text)
parts = re.split(r'\[\[numbers\]\]\nfile = .*\n', text)
open(sys.argv[1], "w", encoding="utf-8").write(
    parts[0] + '[[numbers]]\nfile = "data/reconciled.csv"\n' + "".join(parts[1:]))
PY
"$steelyard" check "$work/world" --as-printed --json >"$work/json"
exits 0 $? "reconciled numbers"
finds '"possible": true' "$work/json"

"$steelyard" check "$work/world" --as-printed --quiet --reconcile "$work/json" >/dev/null 2>"$work/error"
exits 2 $? "an existing file is not overwritten"
finds "exists" "$work/error"

[ "$failed" -eq 0 ] && echo "the audit found all"
