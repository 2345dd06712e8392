#pragma once

// The weighted two-stage micro-data of tests/golden/binned/design, and rules to read it with.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "estimators/buckets/interval_regression.hpp"
#include "estimators/buckets/law.hpp"
#include "estimators/buckets/table_errors.hpp"

namespace steelyard::testing {

inline const std::string kDesignFolder =
    std::string(STEELYARD_TEST_DATA) + "/golden/binned/design/";

/// Piecewise uniform on closed buckets, by hand.
class UniformLaw final : public Law {
 public:
  explicit UniformLaw(const BucketTable& table) : edges_(table.edges), p_(table.shares()) {}
  double cdf(double x) const override {
    double sum = 0;
    for (std::size_t k = 0; k < p_.size(); ++k)
      sum += p_[k] * std::clamp((x - edges_[k]) / width(k), 0.0, 1.0);
    return sum;
  }
  double quantile(double u) const override {
    for (std::size_t k = 0; k < p_.size(); ++k) {
      if (u <= p_[k]) return edges_[k] + u / p_[k] * width(k);
      u -= p_[k];
    }
    return edges_.back();
  }
  double partial_mean(double x) const override {
    double sum = 0;
    for (std::size_t k = 0; k < p_.size(); ++k) {
      const double top = std::clamp(x, edges_[k], edges_[k + 1]);
      sum += p_[k] / width(k) * (top * top - edges_[k] * edges_[k]) / 2;
    }
    return sum;
  }
  double mean() const override { return partial_mean(edges_.back()); }
  double variance() const override {
    double sum = 0;
    for (std::size_t k = 0; k < p_.size(); ++k)
      sum += p_[k] * (std::pow(edges_[k + 1], 3) - std::pow(edges_[k], 3)) / (3 * width(k));
    return sum - mean() * mean();
  }
  double gini() const override {
    double above = 1, area = 0;
    for (std::size_t k = 0; k < p_.size(); ++k) {
      const double next = above - p_[k];
      area += width(k) * (above * above + above * next + next * next) / 3;
      above = next;
    }
    return 1 - (area + edges_[0]) / mean();
  }
  double theil() const override {
    const auto h = [](double x) { return x > 0 ? x * x / 2 * (std::log(x) - 0.5) : 0.0; };
    double sum = 0;
    for (std::size_t k = 0; k < p_.size(); ++k)
      sum += p_[k] / width(k) * (h(edges_[k + 1]) - h(edges_[k]));
    return sum / mean() - std::log(mean());
  }
  double mld() const override { return std::nan(""); }
  double density(double x) const override {
    for (std::size_t k = 0; k < p_.size(); ++k)
      if (x >= edges_[k] && x < edges_[k + 1]) return p_[k] / width(k);
    return 0;
  }

 private:
  double width(std::size_t k) const { return edges_[k + 1] - edges_[k]; }
  std::vector<double> edges_, p_;
};

class UniformRule final : public BucketRule {
 public:
  Result<BucketFit> fit(const BucketTable& table) const override {
    if (table.open_top()) return Failure{FailureKind::unbounded_tail, "the top bucket is open"};
    return BucketFit{std::make_shared<UniformLaw>(table), {}, {}};
  }
};

/// The report's buckets, the open one closed.
inline const std::vector<double> kEdges{0, 2000, 5000, 8000, 20000, 30000};

inline std::vector<double> numbers(const CsvFile& file, const std::string& title) {
  std::vector<double> out;
  for (std::size_t i = 0; i < file.rows(); ++i)
    out.push_back(parse_number(file.field(i, file.column(title))).value_or(std::nan("")));
  return out;
}

inline std::vector<double> less_one(std::vector<double> values) {
  for (double& value : values) value -= 1;
  return values;
}

/// Columns of SurveyData: bucket, answers q1 and q2, numbered from 0.
struct Micro {
  enum Column : std::size_t { bucket, q1, q2 };
  CsvFile file = CsvFile::read(kDesignFolder + "micro.csv");
  std::unique_ptr<SurveyDesign> design;
  SurveyData data;

  Micro() {
    DesignColumns columns;
    columns.n = data.n = file.rows();
    columns.clusters.emplace_back();
    std::map<std::string, std::uint32_t> psu;
    for (std::size_t i = 0; i < data.n; ++i) {
      columns.strata.push_back(static_cast<std::uint32_t>(file.number(i, file.column("stratum"))));
      columns.clusters[0].push_back(
          psu.try_emplace(file.field(i, file.column("psu")), static_cast<std::uint32_t>(psu.size()))
              .first->second);
    }
    design = std::make_unique<SurveyDesign>(SurveyDesign::make(columns).value());
    data.design = design.get();
    data.w = data.d = numbers(file, "weight");
    data.columns = {less_one(numbers(file, "bucket")), less_one(numbers(file, "answer_q1")),
                    less_one(numbers(file, "answer_q2"))};
  }
};

/// ln y on factor(group) and x, the top bucket open.
inline IntervalModel micro_model(const Micro& micro) {
  IntervalModel model;
  model.columns = 4;
  const auto group = numbers(micro.file, "group"), x = numbers(micro.file, "x");
  for (std::size_t i = 0; i < micro.data.n; ++i) {
    const auto b = static_cast<std::size_t>(micro.data.columns[Micro::bucket][i]);
    model.lower.push_back(kEdges[b]);
    model.upper.push_back(b == 4 ? std::numeric_limits<double>::infinity() : kEdges[b + 1]);
    for (const double value : {1.0, double(group[i] == 1), double(group[i] == 2), x[i]})
      model.x.push_back(value);
  }
  return model;
}

using Numbers = std::map<std::string, double>;

/// micro_results.csv by block.
inline const std::map<std::string, Numbers>& golden_blocks() {
  static const auto blocks = [] {
    std::map<std::string, Numbers> out;
    const CsvFile file = CsvFile::read(kDesignFolder + "micro_results.csv");
    for (std::size_t i = 0; i < file.rows(); ++i)
      out[file.field(i, 0)][file.field(i, 1)] = file.number(i, 2);
    return out;
  }();
  return blocks;
}

/// Every line of a block has a value here and agrees: relative 1e-9, or 1e-6 for the errors made by
/// finite differences there.
inline void expect_block(const std::string& block, const Numbers& got) {
  const Numbers& expected = golden_blocks().at(block);
  EXPECT_EQ(got.size(), expected.size()) << block;
  for (const auto& [stat, value] : expected) {
    ASSERT_TRUE(got.contains(stat)) << block << " " << stat;
    const bool loose = stat.starts_with("se_delta") || stat.starts_with("design_se") ||
                       stat.starts_with("model_se");
    EXPECT_NEAR(got.at(stat), value, (loose ? 1e-6 : 1e-9) * std::abs(value))
        << block << " " << stat;
  }
}

}  // namespace steelyard::testing
