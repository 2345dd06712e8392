// The closed-form scenario: bias, linearized variance and coverage by algebra, against the study.

#include <gtest/gtest.h>

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "study/engine.hpp"

namespace steelyard {
namespace {

/// The world of scenarios/two-by-two: cells (region, sex) in the order nm, nf, sm, sf.
struct Algebra {
  const double p[4] = {0.3, 0.2, 0.1, 0.4};  // population shares
  const double y[4] = {0.2, 0.4, 0.5, 0.7};  // P(outcome)
  double q[4];                               // sample shares: odds 1, 2 by region times 3, 1 by sex
  double truth = 0;
  Algebra() {
    const double odds[4] = {3, 1, 6, 2};
    double sum = 0;
    for (int c = 0; c < 4; ++c) sum += q[c] = p[c] * odds[c];
    for (int c = 0; c < 4; ++c) {
      q[c] /= sum;
      truth += p[c] * y[c];
    }
  }
  /// Limit of the estimate with weights g on the cells.
  double limit(const double g[4]) const {
    double sum = 0, total = 0;
    for (int c = 0; c < 4; ++c) {
      sum += q[c] * g[c] * y[c];
      total += q[c] * g[c];
    }
    return sum / total;
  }
  void region_only(double g[4]) const {
    for (int c = 0; c < 4; ++c) {
      const int first = c / 2 * 2;
      g[c] = (p[first] + p[first + 1]) / (q[first] + q[first + 1]);
    }
  }
  /// n × variance of the weighted mean: E[(g (y - fit))²], fit: projection of y on the margins
  /// under q.
  double variance(const double g[4], const double fit[4]) const {
    double v = 0;
    for (int c = 0; c < 4; ++c)
      v += q[c] * g[c] * g[c] * (y[c] * (1 - y[c]) + (y[c] - fit[c]) * (y[c] - fit[c]));
    return v;
  }
};

const StudyResults& results() {
  static const Scenario scenario = load_scenario("two-by-two");
  static const StudyResults r = [] {
    const Study study(scenario);
    return study.run({.seed = Seed{20240601}, .replicates = 20000, .threads = 0});
  }();
  return r;
}

const PerformanceRecord& of(const std::string& weighting) {
  for (std::size_t i = 0; i < results().estimators.size(); ++i)
    if (results().estimators[i].weighting == weighting &&
        results().estimands[results().estimators[i].estimand].domain == "all")
      return results().performance[i];
  throw std::runtime_error("no such estimator");
}

/// Coverage of a normal estimate whose bias and standard error are known.
double normal_coverage(double bias, double se, double n) {
  const double t = boost::math::quantile(boost::math::students_t(n - 1), 0.975);
  const boost::math::normal z;
  return boost::math::cdf(z, t - bias / se) - boost::math::cdf(z, -t - bias / se);
}

void compare(const std::string& weighting, double limit, double variance) {
  const Algebra a;
  const double n = 2000, se = std::sqrt(variance / n);
  const PerformanceRecord& record = of(weighting);
  EXPECT_EQ(record.failures, 0u);
  EXPECT_EQ(record.replicates, 20000u);
  EXPECT_NEAR(record.truth, a.truth, 1e-12);
  EXPECT_NEAR(record.bias, limit - a.truth, 4 * record.bias_mcse) << weighting;
  EXPECT_NEAR(record.sd, se, 4 * record.sd_mcse) << weighting;
  EXPECT_NEAR(record.mean_se, se, 1e-3 * se) << weighting;  // its own bias is of order 1/n = 5e-4
  const double coverage = normal_coverage(limit - a.truth, se, n);
  EXPECT_NEAR(record.coverage, coverage, 4 * std::sqrt(coverage * (1 - coverage) / 20000))
      << weighting;
}

TEST(TwoByTwo, UnweightedBiasVarianceAndCoverageAreTheAlgebras) {
  const Algebra a;
  const double g[4] = {1, 1, 1, 1};
  const double mean = a.limit(g);
  const double fit[4] = {mean, mean, mean, mean};
  compare("none", mean, a.variance(g, fit));
}

TEST(TwoByTwo, RegionOnlyBiasVarianceAndCoverageAreTheAlgebras) {
  const Algebra a;
  double g[4], fit[4];
  a.region_only(g);
  for (int c = 0; c < 4; ++c) {
    const int first = c / 2 * 2;
    fit[c] =
        (a.q[first] * a.y[first] + a.q[first + 1] * a.y[first + 1]) / (a.q[first] + a.q[first + 1]);
  }
  compare("region_only", a.limit(g), a.variance(g, fit));
}

TEST(TwoByTwo, RakingRemovesTheBiasAndHasTheAlgebrasVariance) {
  const Algebra a;
  double g[4], fit[4];
  for (int c = 0; c < 4; ++c) g[c] = a.p[c] / a.q[c];  // the odds are a product, so raking is exact
  // Weighted least squares of y on region + sex with weights q: alternate until it stands still.
  double row[2] = {0, 0}, column[2] = {0, 0};
  for (int step = 0; step < 500; ++step) {
    for (int r = 0; r < 2; ++r)
      row[r] =
          (a.q[2 * r] * (a.y[2 * r] - column[0]) + a.q[2 * r + 1] * (a.y[2 * r + 1] - column[1])) /
          (a.q[2 * r] + a.q[2 * r + 1]);
    for (int s = 0; s < 2; ++s)
      column[s] =
          (a.q[s] * (a.y[s] - row[0]) + a.q[2 + s] * (a.y[2 + s] - row[1])) / (a.q[s] + a.q[2 + s]);
  }
  for (int c = 0; c < 4; ++c) fit[c] = row[c / 2] + column[c % 2];
  compare("raking", a.truth, a.variance(g, fit));
}

TEST(TwoByTwo, DataDefectAndEffectiveSampleSizeAreTheAlgebras) {
  // Of a million, f n/N take part: ρ = cov(R, Y)/(sd R sd Y) with P(R | cell) = f q/p.
  const Scenario scenario = load_scenario("two-by-two", {"population.size=1000000"});
  const Study study(scenario);
  const StudyResults r = study.run({.seed = Seed{7}, .replicates = 2000, .threads = 0});
  const Algebra a;
  const double f = 2000 / 1e6, sd = std::sqrt(a.truth * (1 - a.truth));
  double with = 0;
  for (int c = 0; c < 4; ++c) with += a.q[c] * a.y[c];
  const double ddc = f * (with - a.truth) / (std::sqrt(f * (1 - f)) * sd);
  for (std::size_t i = 0; i < r.estimators.size(); ++i) {
    if (r.estimands[r.estimators[i].estimand].domain != "all") continue;
    const SelectionRecord& s = r.selection[i];
    const PerformanceRecord& p = r.performance[i];
    EXPECT_NEAR(s.unit_sd, sd, 1e-9);
    EXPECT_NEAR(s.effective_n, sd * sd / (p.rmse * p.rmse), 1e-9 * s.effective_n);
    const std::string& weighting = r.estimators[i].weighting;
    if (weighting == "none") {
      EXPECT_EQ(s.weights_cv, 0);
      EXPECT_NEAR(s.ddc, ddc, 4 * s.ddc_mcse);
      EXPECT_GT(std::abs(s.ddc), 4 * s.ddc_mcse);
    }
    if (weighting == "raking") {
      double cv2 = -1;
      for (int c = 0; c < 4; ++c) cv2 += a.p[c] * a.p[c] / a.q[c];
      EXPECT_NEAR(s.weights_cv, std::sqrt(cv2), 0.02);
      EXPECT_NEAR(s.ddc, 0, 4 * s.ddc_mcse);
    }
  }
}

TEST(TwoByTwo, ADeliberatelyWrongWeightFailsTheSameBound) {
  // Men weighted five per cent too much: the bias moves by 1.3e-3, five times the bound.
  const Algebra a;
  double g[4];
  for (int c = 0; c < 4; ++c) g[c] = a.p[c] / a.q[c] * (c % 2 == 0 ? 1.05 : 1.0);
  const PerformanceRecord& record = of("raking");
  EXPECT_GT(std::abs(record.bias - (a.limit(g) - a.truth)), 4 * record.bias_mcse);
  const double wrong_se =
      std::sqrt(1.1 * record.mean_se * record.mean_se);  // n off by ten per cent
  EXPECT_GT(std::abs(record.mean_se - wrong_se), 1e-3 * wrong_se);
}

TEST(TwoByTwo, PairedContrastsAreTheDifferencesOfTheAlgebra) {
  const Algebra a;
  double g[4];
  a.region_only(g);
  bool seen = false;
  for (const ContrastRecord& c : results().contrasts) {
    const EstimatorRecord& e = results().estimators[c.estimator];
    if (e.weighting != "raking" || results().estimands[e.estimand].domain != "all") continue;
    seen = true;
    EXPECT_EQ(results().estimators[c.reference].weighting, "region_only");
    EXPECT_NEAR(c.bias_difference, a.truth - a.limit(g), 4 * c.bias_difference_mcse);
    EXPECT_LT(c.bias_difference_mcse, of("raking").bias_mcse);  // pairing pays
  }
  EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace steelyard
