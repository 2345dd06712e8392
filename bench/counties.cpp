// Accuracy and time of the bucket rules on the 3,221 US counties:
//   counties [RULE ...]     (all rules if none is named)
// Columns as in tests/golden/binned/county_accuracy.csv, with reliabilities of mean and median and
// milliseconds a county.

#include "tests/estimators/counties.hpp"

#include <fmt/format.h>

#include <set>

#include "core/timing.hpp"

int main(int count, char** arguments) {
  using namespace steelyard;
  const std::set<std::string_view> wanted(arguments + 1, arguments + count);
  const auto list =
      testing::counties(STEELYARD_SOURCE_DIR "/tests/golden/binned/us_county_bins.csv");
  fmt::print(
      "method,uses_known_mean,counties,infeasible_or_undefined,mean_bias_pct,mean_rmse_pct,"
      "median_bias_pct,median_rmse_pct,gini_bias_pct,gini_rmse_pct,gini_reliability,"
      "mean_reliability,median_reliability,ms\n");
  for (const BucketRuleInfo& info : bucket_rules()) {
    if (!wanted.empty() && !wanted.contains(info.name)) continue;
    const auto start = Clock::now();
    const testing::CountyAccuracy a = testing::accuracy(info, list);
    const double ms = 1000 * seconds_since(start);
    fmt::print(
        "{},{},{},{},{:.3f},{:.3f},{:.3f},{:.3f},{:.3f},{:.3f},{:.4f},{:.4f},{:.4f},{:.3f}\n",
        info.name, info.needs_mean ? "yes" : "no", a.gini.n(), a.infeasible, a.mean.bias_percent(),
        a.mean.rmse_percent(), a.median.bias_percent(), a.median.rmse_percent(),
        a.gini.bias_percent(), a.gini.rmse_percent(), a.gini.reliability(), a.mean.reliability(),
        a.median.reliability(), ms / static_cast<double>(list.size()));
    std::fflush(stdout);
  }
}
