#!/bin/sh
# Executes notebooks/reading-results.ipynb on a results file; fails if any cell fails.
# Usage: tests/notebook_test.sh RESULTS_H5
set -eu

if [ $# -ne 1 ] || [ ! -f "$1" ]; then
  echo "usage: $0 RESULTS_H5 (an existing file)" >&2
  exit 2
fi
results=$(realpath "$1")
notebook=$(dirname "$(realpath "$0")")/../notebooks/reading-results.ipynb
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The system's Python and kernel, whatever stands first on PATH or in the home folder.
mkdir -p "$work/kernels/system"
cat > "$work/kernels/system/kernel.json" <<'KERNEL'
{"argv": ["/usr/bin/python3", "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
 "display_name": "System Python 3", "language": "python"}
KERNEL
export PATH="/usr/bin:$PATH" HOME="$work" JUPYTER_PATH="$work" IPYTHONDIR="$work/ipython"
export JUPYTER_CONFIG_DIR="$work/config" JUPYTER_DATA_DIR="$work" JUPYTER_RUNTIME_DIR="$work/runtime"
export MPLCONFIGDIR="$work/matplotlib" MPLBACKEND=module://matplotlib_inline.backend_inline
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV || true
export STEELYARD_RESULTS="$results"

if grep -q '"output_type"' "$notebook"; then
  echo "$notebook holds outputs; clear them before committing" >&2
  exit 1
fi
/usr/bin/python3 /usr/bin/jupyter-nbconvert --to notebook --execute --log-level=WARN \
  --ExecutePreprocessor.kernel_name=system --ExecutePreprocessor.timeout=300 \
  --output-dir "$work" --output executed.ipynb "$notebook"
grep -q '"image/png"' "$work/executed.ipynb" || { echo "the notebook drew nothing" >&2; exit 1; }
echo "the notebook ran on $results"
