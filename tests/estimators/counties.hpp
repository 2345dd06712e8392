#pragma once

// Household incomes of US counties in 16 buckets, with published mean, median and Gini; and how
// near a rule comes to them.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/csv.hpp"
#include "core/sums.hpp"
#include "estimators/buckets/law.hpp"

namespace steelyard::testing {

struct County {
  BucketTable table;
  double mean, median, gini;
};

inline std::vector<County> counties(const std::string& file) {
  const CsvFile csv = CsvFile::read(file);
  std::vector<County> list(csv.rows());
  for (std::size_t r = 0; r < csv.rows(); ++r) {
    County& county = list[r];
    county.mean = csv.number(r, csv.column("mean_true"));
    county.median = csv.number(r, csv.column("median_true"));
    county.gini = csv.number(r, csv.column("gini_true"));
    for (double edge :
         {0., 10., 15., 20., 25., 30., 35., 40., 45., 50., 60., 75., 100., 125., 150., 200.})
      county.table.edges.push_back(1000 * edge);
    county.table.edges.push_back(std::numeric_limits<double>::infinity());
    for (int k = 1; k <= 16; ++k)
      county.table.weights.push_back(csv.number(r, csv.column("n" + std::to_string(k))));
    county.table.n = county.table.total();
    county.table.known_mean = county.mean;
  }
  return list;
}

/// Estimates against the published values.
class Accuracy {
 public:
  void add(double estimate, double truth) {
    const double error = 100 * (estimate / truth - 1);
    error_.add(error);
    square_.add(error * error);
    estimate_.add(estimate);
    truth_.add(truth);
    sum_.add(estimate + truth);
  }
  std::uint64_t n() const { return error_.n(); }
  double bias_percent() const { return error_.mean(); }
  double rmse_percent() const { return std::sqrt(square_.mean()); }
  /// Squared correlation.
  double reliability() const {
    const double covariance = (sum_.variance() - estimate_.variance() - truth_.variance()) / 2;
    return covariance * covariance / (estimate_.variance() * truth_.variance());
  }

 private:
  Moments error_, square_, estimate_, truth_, sum_;
};

struct CountyAccuracy {
  Accuracy mean, median, gini;
  int infeasible = 0;
};

inline CountyAccuracy accuracy(const BucketRuleInfo& info, const std::vector<County>& list) {
  CountyAccuracy out;
  const auto rule = info.make();
  for (const County& county : list) {
    const Result<BucketFit> fit = rule->fit(county.table);
    if (!fit || !std::isfinite(fit.value().law->mean())) {
      ++out.infeasible;
      continue;
    }
    const Law& law = *fit.value().law;
    out.mean.add(law.mean(), county.mean);
    out.median.add(law.quantile(0.5), county.median);
    out.gini.add(law.gini(), county.gini);
  }
  return out;
}

}  // namespace steelyard::testing
