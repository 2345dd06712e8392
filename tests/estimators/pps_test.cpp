// Variances under unequal inclusion probabilities: by hand, and against the exact design variance
// over all samples.

#include "tests/estimators/pps.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "estimators/survey/design.hpp"

namespace steelyard {
namespace {

using testing::contains;
using testing::hajek_joint;
using testing::near;
using testing::over;
using testing::variance;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// --- by hand -------------------------------------------------------------------------------------

TEST(PpsVariance, TwoUnitsByHand) {
  // π = (½, ¼), π_12 = 1/10, u = (6, 2): 1 - π_1 π_2/π_12 = -¼.
  PpsColumns columns{.method = PpsMethod::yates_grundy, .probability = {.5, .25}};
  columns.joint = {.5, .1, .1, .25};
  const std::vector<double> u{6, 2};
  EXPECT_DOUBLE_EQ(variance(columns, u), .25 * 16);
  columns.method = PpsMethod::horvitz_thompson;
  EXPECT_DOUBLE_EQ(variance(columns, u), .5 * 36 + .75 * 4 - 2 * .25 * 12);
  columns.method = PpsMethod::poisson;
  EXPECT_DOUBLE_EQ(variance(columns, u), .5 * 36 + .75 * 4);
  columns.method = PpsMethod::brewer;  // 2/1 × (½ + ¾) × 2²
  EXPECT_DOUBLE_EQ(variance(columns, u), 10);
  columns.method = PpsMethod::deville;  // a = (0.4, 0.6), A = 3.6; (½ 2.4² + ¾ 1.6²)/(1 - 0.52)
  EXPECT_DOUBLE_EQ(variance(columns, u), (.5 * 5.76 + .75 * 2.56) / .48);
}

/// The pair sums as they are defined, O(n²).
double pair_sum(PpsMethod method, PairSum form, std::span<const double> p,
                std::span<const double> u) {
  const auto n = static_cast<double>(p.size());
  double squares = 0, variance = 0;
  for (double x : p) squares += x / n;  // the sample's estimate of Σ π²/n over the population
  for (std::size_t i = 0; i < p.size(); ++i)
    for (std::size_t j = 0; j < p.size(); ++j) {
      const double pair = method == PpsMethod::overton ? 1 - (n - (p[i] + p[j]) / 2) / (n - 1)
                                                       : 1 - (n - p[i] - p[j] + squares) / (n - 1);
      if (form == PairSum::horvitz_thompson)
        variance += (i == j ? 1 - p[i] : pair) * u[i] * u[j];
      else if (i != j)
        variance -= pair * (u[i] - u[j]) * (u[i] - u[j]) / 2;
    }
  return variance;
}

TEST(PpsVariance, PairApproximationsEqualTheirSumsOverPairs) {
  const std::vector<double> p{.1, .3, .45, .2, .7}, u{310, 290, 305, 330, 280};
  for (const PpsMethod method : {PpsMethod::overton, PpsMethod::hartley_rao})
    for (const PairSum form : {PairSum::horvitz_thompson, PairSum::yates_grundy})
      near(variance({.method = method, .probability = p, .pairs = form}, u),
           pair_sum(method, form, p, u), 1e-10);
}

TEST(PpsVariance, EqualProbabilitiesGiveSimpleRandomSampling) {
  // n = 4 of N = 10: (1 - f) n/(n-1) Σ (u - mean)², for every method of fixed size.
  const std::vector<double> u{3, 8, 1, 4};
  const double expected = .6 * 4 / 3 * 26;
  PpsColumns columns{.probability = std::vector<double>(4, .4)};
  for (std::size_t k = 0; k < 16; ++k) columns.joint.push_back(k % 5 == 0 ? .4 : 12. / 90);
  for (const char* name : {"brewer", "deville", "overton", "hartley_rao", "yates_grundy"}) {
    columns.method = pps_method(name).value();
    EXPECT_NEAR(variance(columns, u), expected, 1e-12 * expected) << name;
  }
}

TEST(PpsVariance, CertainUnitsAddNothingAndDoNotCount) {
  const std::vector<double> p{.1, .3, .45}, with{.1, 1, .3, .45};
  const std::vector<double> u{3, 2, 5}, u_with{3, 1000, 2, 5};
  for (const char* name : {"brewer", "deville", "overton", "hartley_rao", "yates_grundy",
                           "horvitz_thompson", "poisson"}) {
    const PpsMethod method = pps_method(name).value();
    const double expected =
        variance({.method = method, .probability = p, .joint = hajek_joint(p)}, u);
    const double value =
        variance({.method = method, .probability = with, .joint = hajek_joint(with)}, u_with);
    EXPECT_NEAR(value, expected, 1e-9 * std::abs(expected)) << name;
  }
  const auto made = PpsVariance::make({.probability = with}, {}, 1, LonelyPsu::fail);
  EXPECT_EQ(made.value().df(), 2);
}

TEST(PpsVariance, StrataAddUp) {
  const std::vector<double> p{.1, .3, .45, .2, .7}, u{3, 2, 5, 7, 1};
  const std::vector<std::uint32_t> stratum{0, 1, 0, 1, 1};
  for (const char* name : {"brewer", "deville", "overton", "hartley_rao", "poisson"}) {
    const PpsMethod method = pps_method(name).value();
    const double parts =
        variance({.method = method, .probability = {.1, .45}}, std::vector<double>{3, 5}) +
        variance({.method = method, .probability = {.3, .2, .7}}, std::vector<double>{2, 7, 1});
    const auto made =
        PpsVariance::make({.method = method, .probability = p}, stratum, 2, LonelyPsu::fail);
    EXPECT_NEAR(made.value().of(u).value(), parts, 1e-12 * std::abs(parts)) << name;
  }
}

TEST(PpsVariance, LonelyUnitsFollowTheRule) {
  const std::vector<std::uint32_t> stratum{0, 0, 1};
  const std::vector<double> u{4, 8, 3};
  const PpsColumns columns{.probability = {.5, .5, .25}};
  const auto value = [&](LonelyPsu rule) {
    return PpsVariance::make(columns, stratum, 2, rule).value().of(u);
  };
  const double first = 2 * (.5 + .5) * 4;
  EXPECT_DOUBLE_EQ(value(LonelyPsu::certainty).value(), first);
  EXPECT_DOUBLE_EQ(value(LonelyPsu::average).value(), 2 * first);
  EXPECT_DOUBLE_EQ(value(LonelyPsu::adjust).value(), first + .75 * 4);  // 3 - 5
  EXPECT_TRUE(contains(value(LonelyPsu::fail).failure().detail, "stratum 2 has a single"));
}

TEST(PpsVariance, FailuresNameWhatIsMissing) {
  DesignColumns columns{.n = 3};
  const auto detail = [&](PpsColumns pps) {
    columns.pps = std::move(pps);
    const auto made = SurveyDesign::make(columns);
    return made.ok() ? std::string() : made.failure().detail;
  };
  EXPECT_TRUE(contains(detail({.method = PpsMethod::yates_grundy, .probability = {.1, .2, .3}}),
                       "the yates_grundy variance needs the joint inclusion probabilities"));
  EXPECT_TRUE(
      contains(detail({.probability = {.1, 1.2, .3}}),
               "the inclusion probability of row 2 is 1.2; it must be above 0 and at most"));
  EXPECT_TRUE(contains(detail({.probability = {.1, .2, 0}}), "of row 3 is 0"));
  EXPECT_TRUE(
      contains(detail({.probability = {kNan, .2, .3}}), "row 1 has no inclusion probability"));
  EXPECT_TRUE(contains(detail({.probability = {.1, .2}}), "2 inclusion probabilities for 3 rows"));
  PpsColumns pair{.method = PpsMethod::horvitz_thompson, .probability = {.5, .5, .5}};
  pair.joint = {.5, .2, .2, .2, .5, 0, .2, 0, .5};
  EXPECT_TRUE(contains(detail(pair), "of units 3 and 2 is 0; of two sampled units"));
  pair.joint = {.5, .2, .2, .2, .4, .2, .2, .2, .5};
  EXPECT_TRUE(
      contains(detail(pair), "of unit 2 with itself is 0.4, but its inclusion probability"));
  pair.joint = {.5, .2, .2, .1, .5, .2, .2, .2, .5};
  EXPECT_TRUE(contains(detail(pair), "must be symmetric"));
  pair.joint.pop_back();
  EXPECT_TRUE(contains(detail(pair), "8 joint inclusion probabilities for 3 sampled units"));
  columns.clusters = {{0, 0, 1}};
  EXPECT_TRUE(contains(detail({.probability = {.1, .2, .3}}), "row 2 and 0.1 in another row"));
  columns.fpc = {{5, 5, 5}};
  EXPECT_TRUE(contains(detail({.probability = {.1, .1, .3}}), "both population sizes and"));
  EXPECT_TRUE(contains(pps_method("brewr").failure().detail, "did you mean \"brewer\""));
}

// --- exact design variance -----------------------------------------------------------------------

/// Conditional Poisson sampling of 3 of 7 by its definition: every sample with its probability.
struct TinyDesign {
  static constexpr std::size_t kUnits = 7, kSize = 3;
  std::vector<double> odds{.3, .9, .5, 1.4, .2, .7, 1.1};
  std::vector<double> y{4, 9, 7, 15, 1, 8, 13};
  std::vector<std::uint32_t> samples;
  std::vector<double> sample_prob, joint = std::vector<double>(kUnits * kUnits, 0.0);

  TinyDesign() {
    double sum = 0;
    for (std::uint32_t s = 0; s < (1u << kUnits); ++s) {
      if (static_cast<std::size_t>(std::popcount(s)) != kSize) continue;
      double weight = 1;
      for (std::size_t k = 0; k < kUnits; ++k)
        if (s >> k & 1) weight *= odds[k];
      samples.push_back(s);
      sample_prob.push_back(weight);
      sum += weight;
    }
    for (std::size_t a = 0; a < samples.size(); ++a) {
      sample_prob[a] /= sum;
      for (std::size_t k = 0; k < kUnits; ++k)
        for (std::size_t l = 0; l < kUnits; ++l)
          if ((samples[a] >> k & 1) && (samples[a] >> l & 1))
            joint[k * kUnits + l] += sample_prob[a];
    }
  }

  /// Mean over all samples of f(probabilities, joint probabilities, u).
  template <typename F>
  double expectation(F&& f) const {
    double mean = 0;
    for (std::size_t a = 0; a < samples.size(); ++a) {
      std::vector<std::size_t> in;
      for (std::size_t k = 0; k < kUnits; ++k)
        if (samples[a] >> k & 1) in.push_back(k);
      std::vector<double> p, pairs, u;
      for (std::size_t k : in) {
        p.push_back(joint[k * kUnits + k]);
        u.push_back(y[k] / p.back());
        for (std::size_t l : in) pairs.push_back(joint[k * kUnits + l]);
      }
      mean += sample_prob[a] * f(p, pairs, u);
    }
    return mean;
  }

  double variance_of_total() const {
    const auto total = [](auto&, auto&, const std::vector<double>& u) {
      return std::accumulate(u.begin(), u.end(), 0.0);
    };
    const double mean = expectation(total);
    return expectation([&](auto& p, auto& pairs, auto& u) {
      const double gap = total(p, pairs, u) - mean;
      return gap * gap;
    });
  }
  double mean_of(PpsMethod method, PairSum form = PairSum::yates_grundy) const {
    return expectation([&](auto& p, auto& pairs, auto& u) {
      return variance({.method = method, .probability = p, .joint = pairs, .pairs = form}, u);
    });
  }
};

TEST(PpsVariance, WithJointProbabilitiesIsUnbiasedOverAllSamples) {
  const TinyDesign design;
  const double truth = design.variance_of_total();
  near(design.mean_of(PpsMethod::horvitz_thompson), truth, 1e-12);
  near(design.mean_of(PpsMethod::yates_grundy), truth, 1e-12);
  // Variances for another design are visibly wrong here.
  EXPECT_GT(design.mean_of(PpsMethod::poisson), 2 * truth);
  const double broken = design.expectation([](auto& p, auto& pairs, auto& u) {
    for (std::size_t i = 0; i < 9; ++i)  // independent draws as if of fixed size
      pairs[i] = i % 4 == 0 ? p[i / 3] : p[i / 3] * p[i % 3] * 0.9;
    return variance({.method = PpsMethod::yates_grundy, .probability = p, .joint = pairs}, u);
  });
  EXPECT_GT(std::abs(broken / truth - 1), 0.05);
}

TEST(PpsVariance, ApproximationsAreNearTheExactVariance) {
  // Their exact expectations over all 35 samples; a population of 7 is as hard as it gets.
  const TinyDesign design;
  const double truth = design.variance_of_total();
  for (const PpsMethod method :
       {PpsMethod::brewer, PpsMethod::deville, PpsMethod::overton, PpsMethod::hartley_rao}) {
    const double ratio = design.mean_of(method, PairSum::yates_grundy) / truth;
    RecordProperty(std::string(to_string(method)), std::to_string(ratio));
    EXPECT_NEAR(ratio, 1, 0.1) << to_string(method);
    EXPECT_GT(std::abs(ratio - 1), 1e-6) << to_string(method);  // they are approximations
  }
  // Summed as Horvitz-Thompson's, approximate pairs move with the mean of u: far off where y is
  // near proportional to π, which is when such a design is chosen.
  for (const PpsMethod method : {PpsMethod::overton, PpsMethod::hartley_rao})
    EXPECT_LT(design.mean_of(method, PairSum::horvitz_thompson), 0.5 * truth);
}

}  // namespace
}  // namespace steelyard
