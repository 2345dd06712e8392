#!/usr/bin/env bash
# Rules for tables of buckets, side by side with R: 1,000 tables of 16 buckets (US counties) through the program and
# through R's survival, in turn, each on one core; the table of medians goes to the screen and to
# bench/compare/buckets.md.
#
#   bench/compare/compare_buckets.sh [REPEATS=5] [CORE=0]
#
# Needs a release build (cmake --preset release), R and its survival, which are installed from Debian if missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
repeats=${1:-5} core=${2:-0}
. "$here/common.sh"
need r-base-core r-cran-survival
program="$root/build/release/bin/steelyard"
[ -x "$program" ] || { echo "no release build; run: cmake --preset release, then cmake --build --preset release" >&2; exit 2; }
python3 "$here/buckets_table.py" tables "$root/tests/golden/binned/us_county_bins.csv" 1000 "$work"
# Processor time of the program on 1,000 tables, with reading and writing: task,seconds.
TIMEFORMAT='%U %S'
ours() {
  local task=$1 used
  shift
  used=$( { time pinned "$program" buckets "$work/tables.csv" --threads 1 --quiet --force -o "$work/out.csv" "$@" >/dev/null 2>"$work/errors"; } 2>&1 ) || {
    cat "$work/errors" >&2; exit 1; }
  awk -v task="$task" '{ print task "," $1 + $2 }' <<<"$used" >>"$work/ours.csv"
}
direct=mid_arith,mid_report,mid_geo,mid_harm,mid_mean,pme,bme,rpme_arith2,rpme_harm1,rpme_harm2,rpme_geo1,rpme_med1
direct=$direct,step_top2,step_pareto2,step_mean,step_par16_mean,step_exp16_mean,step_pmean,step_emean,rsub_mean
direct=$direct,mcib_mean,mcib_pareto2,loguni_pareto2,parloc_pareto2,spline_hyman_mean,spline_fc_mean,pchip_mean
direct=$direct,pchip_top2,maxent_mean
families=GB2,GG,BETA2,DAGUM,SM,LN,WEI,GA,FISK,LOMAX
loads=$(cut -d' ' -f1 /proc/loadavg)
for i in $(seq "$repeats"); do
  echo "round $i of $repeats" >&2
  pinned Rscript "$here/time_buckets.R" "$work/tables.csv" "$work/r.csv"
  ours lognormal --rules LN --no-errors
  ours weibull --rules WEI --no-errors
  ours loglogistic --rules FISK --no-errors
  ours families --rules "$families,AVG_aic,AVG_bic" --no-errors
  ours families_errors --rules "$families,AVG_aic,AVG_bic"
  ours calibrated --rules AVG_calibrated,AVG_calibrated_mean --no-errors --meta "$work/meta.csv"
  ours direct --rules "$direct" --no-errors --meta "$work/meta.csv"
  ours smooth --rules ems,pclm --no-errors
  ours read --rules mid_geo --no-errors
  loads="$loads $(cut -d' ' -f1 /proc/loadavg)"
done
version=$(Rscript -e 'cat(R.version$major, ".", R.version$minor, ", survival ", as.character(packageVersion("survival")), sep = "")')
python3 "$here/buckets_table.py" table "$work" "$version" "$loads" "$here/peers.csv" | tee "$work/buckets.md"
mv "$work/buckets.md" "$here/buckets.md"
