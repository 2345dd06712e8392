// Every nonparametric bucket rule on every table against 40-digit closed forms
// (tests/golden/binned/README.md).

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "tests/estimators/bucket_tables.hpp"

namespace steelyard {
namespace {

/// Closed forms to 1e-10; anything behind a solved tail end or rate to 1e-9.
double tolerance(const std::string& method) {
  static const std::set<std::string> solved{"spline_hyman_mean", "spline_fc_mean", "pchip_mean",
                                            "maxent_mean"};
  return solved.contains(method) ? 1e-9 : 1e-10;
}

TEST(GoldenBucketRules, EveryStatisticOfEveryRuleIsTheClosedForm) {
  const CsvFile file = testing::golden_buckets("nonparametric.csv");
  std::optional<Result<BucketFit>> fit;
  std::string current;
  std::set<std::string> cases, methods;
  int statuses = 0, refused = 0, numbers = 0, infinite = 0;
  for (std::size_t row = 0; row < file.rows(); ++row) {
    const std::string &name = file.field(row, 0), &method = file.field(row, 1),
                      &stat = file.field(row, 2), &value = file.field(row, 3);
    const std::string at = name + " " + method + " " + stat;
    if (name + method != current) {
      current = name + method;
      cases.insert(name);
      methods.insert(method);
      const BucketRuleInfo* info = find_bucket_rule(method);
      ASSERT_NE(info, nullptr) << method;
      fit.emplace(info->make()->fit(testing::golden_tables().at(name)));
    }
    if (stat == "status") {
      ++statuses;
      const std::string status =
          fit->ok() ? "ok"
                    : std::string(to_string(fit->failure().kind)) + ": " + fit->failure().detail;
      EXPECT_EQ(status, value) << at;
      refused += value != "ok";
      continue;
    }
    if (!fit->ok()) {
      ADD_FAILURE() << at << " refused: " << fit->failure().detail;
      continue;
    }
    const double expected = testing::golden_number(value),
                 found = testing::statistic(fit->value(), stat);
    if (std::isinf(expected)) ++infinite;
    ++numbers;
    if (name == "pop_unif_C10" && stat == "par:rate") {
      // The known mean is the middle: the rate is 0, its reference value what 40 digits left of it.
      EXPECT_LE(std::abs(found), 1e-9 / 10000) << at;
      continue;
    }
    EXPECT_TRUE(testing::agrees(found, expected, tolerance(method)))
        << at << " " << shortest(found) << " instead of " << value << ", relative "
        << found / expected - 1;
  }
  EXPECT_EQ(cases.size(), 53u);
  EXPECT_EQ(methods.size(), 28u);
  EXPECT_EQ(statuses, 53 * 28);
  EXPECT_EQ(refused, 232);
  EXPECT_EQ(numbers, 13119);
  EXPECT_EQ(infinite, 52);
}

}  // namespace
}  // namespace steelyard
