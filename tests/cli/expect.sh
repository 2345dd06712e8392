# Sourced by tests of the real binary: counts what holds, and says what does not. Makes $work, a folder
# that goes when the test ends.
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# expect CODE TEXT COMMAND...: the command's exit code, and a piece of what it prints.
expect() {
  local code=$1 text=$2 out got
  shift 2
  out=$("$@" 2>&1)
  got=$?
  if [ "$got" -eq "$code" ] && grep -qF -- "$text" <<<"$out"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED: %s\n  exit %s, wanted %s; wanted the text: %s\n%s\n' "$*" "$got" "$code" "$text" "$out" | head -20
  fi
}
# holds TEXT COMMAND...: the command succeeds silently.
holds() {
  local text=$1
  shift
  if "$@" >/dev/null 2>&1; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $text"; fi
}
