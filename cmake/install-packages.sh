#!/usr/bin/env bash
# Installs what is missing of packages.txt. Usage: install-packages.sh run|mpi|test
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=$(sed -e 's/#.*//' -e '/^$/d' packages.txt)
[ "$1" = test ] || wanted=$(grep -v '^test:' <<<"$wanted")
[ "$1" != run ] || wanted=$(grep -v '^mpi:' <<<"$wanted")
wanted=$(sed 's/^[a-z]*: *//' <<<"$wanted")
missing=()
for package in $wanted; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
echo "installing: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install these packages as root, then try again: apt-get install ${missing[*]}" >&2; exit 3; }
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
