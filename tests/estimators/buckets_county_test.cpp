// All rules on all 3,221 US counties against the published means, medians and Gini coefficients:
// the accuracies of tests/golden/binned/county_accuracy.csv, to the digits printed there.

#include <gtest/gtest.h>

#include "core/sums.hpp"
#include "estimators/buckets/law.hpp"
#include "tests/estimators/bucket_tables.hpp"

namespace steelyard {
namespace {

struct County {
  BucketTable table;
  double mean, median, gini;
};

std::vector<County> counties() {
  const CsvFile file = testing::golden_buckets("us_county_bins.csv");
  std::vector<County> list;
  for (std::size_t row = 0; row < file.rows(); ++row) {
    County county{};
    county.mean = testing::golden_number(file.field(row, 1));
    county.median = testing::golden_number(file.field(row, 2));
    county.gini = testing::golden_number(file.field(row, 3));
    BucketTable& table = county.table;
    for (const double edge : {0, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 75, 100, 125, 150, 200})
      table.edges.push_back(1000 * edge);
    table.edges.push_back(std::numeric_limits<double>::infinity());
    for (std::size_t k = 4; k < 20; ++k)
      table.weights.push_back(testing::golden_number(file.field(row, k)));
    table.n = table.total();
    table.known_mean = county.mean;
    list.push_back(std::move(county));
  }
  return list;
}

/// Relative errors in percent, and the squared correlation with the truth.
class Accuracy {
 public:
  void add(double value, double truth) {
    const double error = 100 * (value / truth - 1);
    error_.add(error);
    square_.add(error * error);
    const double n = ++n_, a = value - mean_, b = truth - truth_mean_;
    mean_ += a / n;
    truth_mean_ += b / n;
    aa_ += a * (value - mean_);
    bb_ += b * (truth - truth_mean_);
    ab_ += a * (truth - truth_mean_);
  }
  double bias() const { return error_.value() / n_; }
  double rmse() const { return std::sqrt(square_.value() / n_); }
  double reliability() const { return ab_ * ab_ / (aa_ * bb_); }

 private:
  Sum error_, square_;
  double n_ = 0, mean_ = 0, truth_mean_ = 0, aa_ = 0, bb_ = 0, ab_ = 0;
};

/// What that table, computed in doubles, says otherwise, and why it is not followed.
bool compared(const std::string& method, std::size_t column) {
  // Four counties have a two-point alpha of exactly 1; rounding let two of them explode there.
  if (method == "pme") return false;
  // It leaves 38 counties undefined; all have a law.
  if (method == "parloc_pareto2") return false;
  // Five counties have half of their households below an edge: a tie that rounding may hide.
  const bool points = method.starts_with("mid_") || method.starts_with("rpme_") || method == "bme";
  return !(points && (column == 2 || column == 3));
}

/// Counties where the rule is infeasible, if not the tabulated number.
const std::map<std::string, int> kInfeasible{
    {"pme", 92},               // see compared()
    {"parloc_pareto2", 0},     // see compared()
    {"spline_fc_mean", 511}};  // one more jump of the mean over its target, by 1e-5, not let pass

TEST(CountyAccuracy, OfEveryRuleIsTheTabulatedOne) {
  const auto all = counties();
  ASSERT_EQ(all.size(), 3221u);
  const CsvFile file = testing::golden_buckets("county_accuracy.csv");
  int rules = 0, infeasible = 0, numbers = 0;
  for (std::size_t row = 0; row < file.rows(); ++row) {
    const std::string& method = file.field(row, 0);
    const BucketRuleInfo* info = find_bucket_rule(method);
    if (info == nullptr || info->kind == RuleKind::fitted) continue;
    EXPECT_EQ(info->needs_mean, file.field(row, 1) == "yes") << method;
    ++rules;
    const auto rule = info->make();
    Accuracy mean, median, gini;
    int refused = 0;
    for (const County& county : all) {
      const auto fit = rule->fit(county.table);
      if (!fit) {
        ASSERT_EQ(fit.failure().kind, FailureKind::infeasible) << method;
        ++refused;
        continue;
      }
      const Law& law = *fit.value().law;
      mean.add(law.mean(), county.mean);
      median.add(law.quantile(0.5), county.median);
      gini.add(law.gini(), county.gini);
    }
    infeasible += refused;
    const auto other = kInfeasible.find(method);
    EXPECT_EQ(refused, other != kInfeasible.end() ? other->second
                                                  : testing::golden_number(file.field(row, 3)))
        << method;
    const double found[] = {mean.bias(), mean.rmse(), median.bias(),     median.rmse(),
                            gini.bias(), gini.rmse(), gini.reliability()};
    for (std::size_t k = 0; k < 7; ++k) {
      const std::string& text = file.field(row, 4 + k);
      if (!compared(method, k)) continue;
      ++numbers;
      EXPECT_NEAR(found[k], testing::golden_number(text), k < 6 ? 0.00051 : 0.000051)
          << method << " " << file.header()[4 + k];
    }
  }
  EXPECT_EQ(rules, 28);
  EXPECT_EQ(infeasible, 4684);
  EXPECT_EQ(numbers, 26 * 7 - 10 * 2);
}

}  // namespace
}  // namespace steelyard
