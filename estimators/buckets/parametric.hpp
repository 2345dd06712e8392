#pragma once

// Laws of bucket tables that are a parametric size distribution, and averages of laws.

#include <optional>
#include <string>
#include <vector>

#include "core/size_distribution.hpp"
#include "estimators/buckets/law.hpp"

namespace steelyard {

/// A size distribution with all its moments. Variance, Theil and mean logarithmic deviation are
/// closed forms, Gini too but for GB2 and generalized gamma (quadrature of S^2 in log x, relative
/// 1e-11, about 0.1 ms). Infinite where a moment diverges; of the normal, Theil and mean
/// logarithmic deviation are NaN. All are computed by the constructor. Source: McDonald (1984),
/// Econometrica 52, 647-663; Kleiber & Kotz (2003), chapters 4 to 6.
class ParametricLaw final : public Law {
 public:
  explicit ParametricLaw(const SizeDistribution& distribution);

  const SizeDistribution& distribution() const { return distribution_; }
  double cdf(double x) const override;
  double quantile(double u) const override;
  double partial_mean(double x) const override;
  double mean() const override { return mean_; }
  double variance() const override { return variance_; }
  double gini() const override { return gini_; }
  double theil() const override { return theil_; }
  double mld() const override { return mld_; }
  double density(double x) const override;

 private:
  SizeDistribution distribution_;
  double mean_, variance_, gini_, theil_, mld_;
};

/// log of x times the density at x = e^u: the density of log x. @pre not the normal
double log_density_of_log(const SizeDistribution& distribution, double u);

/// Every statistic, cdf and quantile is the weighted average of the members'. It is no law of its
/// own: its cdf does not invert its quantiles, nor is its variance that of a mixture (multimodel
/// estimates average estimates). Source: von Hippel, Scarpino & Holas (2016), Sociological
/// Methodology 46, 212-251.
class AveragedLaw final : public Law {
 public:
  /// @param weights  one a member, >= 0, of sum 1
  AveragedLaw(std::vector<std::shared_ptr<const Law>> members, std::vector<double> weights);
  double cdf(double x) const override;
  double quantile(double u) const override;
  double partial_mean(double x) const override;
  double mean() const override;
  double variance() const override;
  double gini() const override;
  double theil() const override;
  double mld() const override;
  double density(double x) const override;

 private:
  template <typename Statistic>
  double average(Statistic statistic) const;

  std::vector<std::shared_ptr<const Law>> members_;
  std::vector<double> weights_;
};

}  // namespace steelyard
