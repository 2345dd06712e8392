// Inclusion probabilities of first and second order against R's sampling (tests/golden/README.md).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "sim/designs/conditional_poisson.hpp"
#include "sim/designs/pps.hpp"
#include "tests/sim/designs.hpp"

namespace steelyard {
namespace {

using nlohmann::json;
using testing::by_definition;
using testing::frame_of;
using testing::make;

std::vector<double> belgian(const std::string& column) {
  const CsvFile csv =
      CsvFile::read(std::string(STEELYARD_TEST_DATA) + "/golden/weighting/belgian.csv");
  std::vector<double> out;
  for (std::size_t i = 0; i < csv.rows(); ++i)
    out.push_back(parse_number(csv.field(i, csv.column(column))).value());
  return out;
}

json golden(const std::string& id) {
  std::ifstream in(std::string(STEELYARD_TEST_DATA) + "/golden/weighting/belgian_pps_cases.json");
  for (const json& c : json::parse(in))
    if (c.at("id") == id) return c;
  ADD_FAILURE() << "no case " << id;
  return {};
}

class GoldenFirstOrder : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenFirstOrder, ProbabilitiesAgreeWithRsSampling) {
  const json c = golden(GetParam());
  const auto made = inclusion_probabilities(belgian(c.at("size")), c.at("n"));
  ASSERT_TRUE(made.ok());
  const std::vector<double>& p = made.value();
  const auto near = [](double a, double b) { EXPECT_NEAR(a, b, 1e-12 * std::abs(b)); };
  double sum = 0, squares = 0, below = 0;
  std::size_t certain = 0;
  for (double x : p) {
    sum += x;
    squares += x * x;
    certain += x == 1;
    if (x < 1) below = std::max(below, x);
  }
  EXPECT_EQ(certain, c.at("certainty").get<std::size_t>());
  near(sum, c.at("sum"));
  near(squares, c.at("sum_of_squares"));
  near(below, c.at("max_below_one"));
  for (std::size_t k = 0; k < 20; ++k) near(p[k], c.at("first20")[k]);
}

INSTANTIATE_TEST_SUITE_P(Belgian, GoldenFirstOrder, ::testing::Values("pi-30", "pi-100", "pi-200"));

struct JointCase {
  const char *id, *design;
};

class GoldenJoint : public ::testing::TestWithParam<JointCase> {};

TEST_P(GoldenJoint, ProbabilitiesAgreeWithRsSampling) {
  const json c = golden(GetParam().id);
  const std::vector<double> all = belgian(c.at("size"));
  std::vector<double> size;
  for (std::size_t row : c.at("rows")) size.push_back(all[row - 1]);
  const auto design = make(GetParam().design, "n = " + c.at("n").dump(), frame_of(size));
  const auto joint = design->joint();
  ASSERT_TRUE(joint.ok());
  for (std::size_t k = 0; k < size.size(); ++k) {
    const double p = c.at("pik")[k];
    EXPECT_NEAR(design->probabilities()[k], p, 1e-12 * p);
    for (std::size_t l = 0; l < size.size(); ++l) {
      const double reference = c.at("pi2")[k][l];
      EXPECT_NEAR(joint.value()(k, l), reference, 1e-8 * std::max(reference, 1e-8))
          << k << ' ' << l;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Belgian, GoldenJoint,
                         ::testing::Values(JointCase{"joint-sampford", "sampford"},
                                           JointCase{"joint-systematic", "systematic_pps"},
                                           JointCase{"joint-tille", "tille"}));

/// π_kl = (π_k w_l - π_l w_k)/(w_l - w_k) with odds w from the fixed point p <- p + π - π(p), which
/// R's sampling stops when the last step's absolute changes sum to 1e-6.
TEST(GoldenMaximumEntropy, IsRsSamplingStoppedWhereItStops) {
  const json c = golden("joint-maxentropy");
  const std::vector<double> pi = c.at("pik");
  const std::size_t units = pi.size();
  std::vector<double> p = pi;
  for (double change = 1; change > 1e-6;) {
    const auto reached = ConditionalPoisson(p, {}, 1.0, 6).first_order();
    change = 0;
    for (std::size_t k = 0; k < units; ++k) {
      p[k] += pi[k] - reached[k];
      change += std::abs(pi[k] - reached[k]);
    }
  }
  const auto exact = make("maximum_entropy", "n = 6", frame_of(pi))->joint().value();
  double miss_reference = 0, miss = 0;
  for (std::size_t k = 0; k < units; ++k) {
    double sum_reference = 0, sum = 0;
    for (std::size_t l = 0; l < units; ++l) {
      const double reference = c.at("pi2")[k][l], w = p[k] / (1 - p[k]), v = p[l] / (1 - p[l]);
      const double stopped = k == l ? pi[k] : (pi[k] * v - pi[l] * w) / (v - w);
      EXPECT_NEAR(stopped, reference, 1e-8 * reference) << k << ' ' << l;
      sum_reference += reference;
      sum += exact(k, l);
    }
    miss_reference = std::max(miss_reference, std::abs(sum_reference - 6 * pi[k]));
    miss = std::max(miss, std::abs(sum - 6 * pi[k]));
  }
  // A fixed size of 6 needs Σ_l π_kl = 6 π_k: the reference misses it by 3e-7, ours does not.
  EXPECT_GT(miss_reference, 1e-7);
  EXPECT_LT(miss, 1e-11);
}

TEST(GoldenMaximumEntropy, IsTheSumOverAllSamples) {
  const std::vector<double> pi = golden("joint-maxentropy").at("pik");
  const auto p = maximum_entropy_parameters(pi, 6);
  ASSERT_TRUE(p.ok());
  const JointProbabilities expected = by_definition(p.value(), 6, false);
  const auto exact = make("maximum_entropy", "n = 6", frame_of(pi))->joint().value();
  for (std::size_t k = 0; k < pi.size(); ++k)
    for (std::size_t l = 0; l <= k; ++l)
      EXPECT_NEAR(exact(k, l), k == l ? pi[k] : expected(k, l), 1e-11);
}

}  // namespace
}  // namespace steelyard
