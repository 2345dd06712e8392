// The smoothing EM and the penalised composite link model against a converged numpy computation
// (tests/golden/binned/README.md), and what their defaults choose.

#include <gtest/gtest.h>

#include <set>

#include "estimators/buckets/smooth.hpp"
#include "tests/estimators/bucket_tables.hpp"

namespace steelyard {
namespace {

using testing::golden_tables;

/// The number after `key=` in "ems(top=None,cell=0.5,h=2.5)"; 0 for None.
double option(const std::string& method, const std::string& key) {
  const auto from = method.find(key + "=") + key.size() + 1;
  const std::string text = method.substr(from, method.find_first_of(",)", from) - from);
  return text == "None" ? 0 : testing::golden_number(text);
}

Result<BucketFit> fit(const BucketTable& table, const std::string& method) {
  const SmoothGrid grid{option(method, "top"), option(method, "cell")};
  if (method.starts_with("ems(")) return smoothing_em(table, grid, option(method, "h"));
  return composite_link(table, grid, option(method, "lambda"));
}

TEST(GoldenSmooth, EveryStatisticIsTheConvergedOne) {
  const CsvFile file = testing::golden_buckets("smooth.csv");
  std::map<std::string, Result<BucketFit>> fits;
  int numbers = 0;
  for (std::size_t row = 0; row < file.rows(); ++row) {
    const std::string &name = file.field(row, 0), &method = file.field(row, 1),
                      &stat = file.field(row, 2), &value = file.field(row, 3);
    auto at = fits.find(name + method);
    if (at == fits.end())
      at = fits.emplace(name + method, fit(golden_tables().at(name), method)).first;
    ASSERT_TRUE(at->second.ok()) << name << " " << method << at->second.failure().detail;
    ++numbers;
    EXPECT_TRUE(testing::agrees(testing::statistic(at->second.value(), stat),
                                testing::golden_number(value), 1e-8))
        << name << " " << method << " " << stat << " "
        << shortest(testing::statistic(at->second.value(), stat)) << " instead of " << value;
  }
  EXPECT_EQ(fits.size(), 8u);
  EXPECT_EQ(numbers, 115);
}

}  // namespace
}  // namespace steelyard
