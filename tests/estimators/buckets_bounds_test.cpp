// Bounds, known bucket means and Sheppard's corrections against closed forms
// (tests/golden/binned/README.md).

#include <gtest/gtest.h>

#include <set>

#include "estimators/buckets/bounds.hpp"
#include "estimators/buckets/bucket_means.hpp"
#include "tests/estimators/bucket_tables.hpp"

namespace steelyard {
namespace {

using testing::agrees;
using testing::golden_buckets;
using testing::golden_number;
using testing::golden_tables;

double end_of(const Range& range, const std::string& stat) {
  return stat.find("_lo") != std::string::npos ? range.lower : range.upper;
}

TEST(GoldenBucketBounds, AreTheSharpOnes) {
  const CsvFile file = golden_buckets("bounds.csv");
  std::set<std::string> cases;
  int numbers = 0, refused = 0, given = 0;
  for (std::size_t row = 0; row < file.rows(); ++row) {
    const std::string &name = file.field(row, 0), &cap = file.field(row, 1),
                      &stat = file.field(row, 2), &value = file.field(row, 3);
    const std::string at = name + " " + cap + " " + stat;
    BucketTable table = golden_tables().at(name);
    if (cap != "none") table = capped(table, golden_number(cap));
    cases.insert(name);
    if (stat == "status") {
      const auto bounds = gini_bounds_given_mean(table, *table.known_mean);
      ASSERT_FALSE(bounds.ok()) << at;
      EXPECT_EQ("infeasible: " + bounds.failure().detail, value) << at;
      ++refused;
      continue;
    }
    Range range{};
    if (stat.starts_with("mean_")) {
      range = mean_bounds(table);
    } else if (stat.ends_with("_mean")) {
      const auto bounds = gini_bounds_given_mean(table, *table.known_mean);
      ASSERT_TRUE(bounds.ok()) << at;
      range = bounds.value();
      ++given;
    } else if (stat.starts_with("gini_")) {
      range = gini_bounds(table);
    } else {
      ASSERT_EQ(stat[0], 'q') << at;
      range = quantile_bounds(table, std::stod(stat.substr(1, 2)) / 100);
    }
    const double found = end_of(range, stat), expected = golden_number(value);
    ++numbers;
    EXPECT_TRUE(expected == 0 ? std::abs(found) < 1e-15 : agrees(found, expected, 1e-12))
        << at << " " << shortest(found) << " instead of " << value;
  }
  EXPECT_EQ(cases.size(), 53u);
  EXPECT_EQ(numbers, 2476);
  EXPECT_EQ(given, 292);
  EXPECT_EQ(refused, 4);
}

TEST(GoldenBucketMeans, BoundsTwoThirdsAndSplitHistogramAreTheClosedForms) {
  const CsvFile file = golden_buckets("binmeans.csv");
  std::map<std::string, std::vector<double>> means;
  for (std::size_t row = 0; row < file.rows(); ++row)
    if (file.field(row, 1).starts_with("binmean:"))
      means[file.field(row, 0)].push_back(golden_number(file.field(row, 2)));
  int numbers = 0;
  for (std::size_t row = 0; row < file.rows(); ++row) {
    const std::string &name = file.field(row, 0), &stat = file.field(row, 1),
                      &value = file.field(row, 2);
    if (stat.starts_with("binmean:")) continue;
    const BucketTable& table = golden_tables().at(name);
    const auto grouped = grouped_gini(table, means.at(name));
    const auto histogram = split_histogram(table, means.at(name));
    ASSERT_TRUE(grouped.ok() && histogram.ok()) << name;
    const PiecewiseLaw& law = *histogram.value();
    double found = 0;
    if (stat == "mean_from_binmeans")
      found = grouped.value().mean;
    else if (stat == "gini_lo_binmeans")
      found = grouped.value().lower;
    else if (stat == "gini_hi_binmeans")
      found = grouped.value().upper;
    else if (stat == "gini_twothirds")
      found = grouped.value().two_thirds;
    else if (stat == "split_hist:mean")
      found = law.mean();
    else if (stat == "split_hist:var")
      found = law.variance();
    else if (stat == "split_hist:gini")
      found = law.gini();
    else if (stat == "split_hist:theil")
      found = law.theil();
    else if (stat == "split_hist:mld")
      found = law.mld();
    else
      found = law.quantile(std::stod(stat.substr(12)) / 100);
    ++numbers;
    EXPECT_TRUE(agrees(found, golden_number(value), 1e-9))
        << name << " " << stat << " " << shortest(found) << " instead of " << value;
  }
  EXPECT_EQ(means.size(), 15u);
  EXPECT_EQ(numbers, 15 * 14);
}

TEST(GoldenSheppard, MomentsAreTheClosedForms) {
  const CsvFile file = golden_buckets("sheppard.csv");
  int numbers = 0;
  for (std::size_t row = 0; row < file.rows(); ++row) {
    const std::string &name = file.field(row, 0), &stat = file.field(row, 1),
                      &value = file.field(row, 2);
    const auto result = sheppard_moments(golden_tables().at(name));
    ASSERT_TRUE(result.ok()) << name;
    const SheppardMoments& m = result.value();
    const std::map<std::string, double> found{{"mean", m.mean},
                                              {"m2", m.m2},
                                              {"m3", m.m3},
                                              {"m4", m.m4},
                                              {"m2_sheppard", m.corrected_m2},
                                              {"m3_sheppard", m.corrected_m3},
                                              {"m4_sheppard", m.corrected_m4},
                                              {"var_within_uniform", m.uniform_within}};
    const double expected = golden_number(value);
    ++numbers;
    // The uniform table is symmetric: its third moment is 0, its reference value what 40 digits
    // left of it.
    const double slack = std::abs(expected) < 1e-20 ? 1e-12 * std::pow(m.m2, 1.5) : 0;
    EXPECT_LE(std::abs(found.at(stat) - expected), 1e-12 * std::abs(expected) + slack)
        << name << " " << stat << " " << shortest(found.at(stat)) << " instead of " << value;
  }
  EXPECT_EQ(numbers, 16);
}

}  // namespace
}  // namespace steelyard
