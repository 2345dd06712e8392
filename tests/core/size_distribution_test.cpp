#include "core/size_distribution.hpp"

#include <gtest/gtest.h>

#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "core/csv.hpp"
#include "core/random.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<SizeDistribution> examples() {
  return {{Family::normal, {40, 12, 1, 1}},
          {Family::lognormal, {8.5, 0.7, 1, 1}},
          {Family::generalized_gamma, {1.5, 4000, 2, 1}},
          {Family::weibull, {1.7, 6000, 1, 1}},
          {Family::gamma, {1, 1500, 4, 1}},
          {Family::exponential, {1, 5000, 1, 1}},
          {Family::gb2, {2.5, 5000, 0.8, 1.4}},
          {Family::dagum, {3, 6000, 0.6, 1}},
          {Family::singh_maddala, {2, 7000, 1, 1.8}},
          {Family::fisk, {2.8, 5000, 1, 1}},
          {Family::beta2, {1, 5000, 3, 3.5}},
          {Family::lomax, {1, 9000, 1, 2.5}}};
}

TEST(SizeDistribution, QuantilesInvertBothTails) {
  for (const SizeDistribution& d : examples())
    for (double u : {1e-9, 1e-3, 0.2, 0.5, 0.9, 0.999}) {
      EXPECT_NEAR(d.cdf(d.quantile(u)), u, 1e-11 * u) << to_string(d.family());
      EXPECT_NEAR(d.survival(d.upper_quantile(u)), u, 1e-11 * u) << to_string(d.family());
      EXPECT_NEAR(d.cdf(d.quantile(u)) + d.survival(d.quantile(u)), 1, 1e-14);
    }
}

TEST(SizeDistribution, PartialMeansAreTheQuadratureOfTheQuantiles) {
  using Rule = boost::math::quadrature::gauss_kronrod<double, 61>;
  for (const SizeDistribution& d : examples()) {
    const double lower = 2000, upper = 8000;
    const double from = d.cdf(lower), to = d.cdf(upper);
    if (d.family() == Family::normal) continue;
    const double expected =
        Rule::integrate([&](double u) { return d.quantile(u); }, from, to, 8, 1e-12);
    EXPECT_NEAR(d.partial_mean(lower, upper), expected, 1e-9 * expected) << to_string(d.family());
    EXPECT_NEAR(d.partial_mean(0, lower) + expected + d.partial_mean(upper, kInfinity), d.mean(),
                1e-9 * d.mean());
  }
  const SizeDistribution normal(Family::normal, {40, 12, 1, 1});
  EXPECT_NEAR(normal.partial_mean(-kInfinity, 40), 20 - 12 / std::sqrt(2 * M_PI), 1e-12);
}

TEST(SizeDistribution, WithoutAMeanTheClosedPartsAreStillKnown) {
  const SizeDistribution d(Family::fisk, {0.8, 1000, 1, 1});
  EXPECT_FALSE(d.has_moment(1));
  EXPECT_TRUE(std::isinf(d.mean()));
  EXPECT_TRUE(std::isinf(d.partial_mean(0, kInfinity)));
  using Rule = boost::math::quadrature::gauss_kronrod<double, 61>;
  const double expected =
      Rule::integrate([&](double u) { return d.quantile(u); }, d.cdf(500), d.cdf(3000), 8, 1e-12);
  EXPECT_NEAR(d.partial_mean(500, 3000), expected, 1e-8 * expected);
}

// What a family is in the names of the reference file.
const std::map<std::string, Family> kNames{
    {"LN", Family::lognormal}, {"NORM", Family::normal}, {"GG", Family::generalized_gamma},
    {"WEI", Family::weibull},  {"GA", Family::gamma},    {"EXP", Family::exponential},
    {"GB2", Family::gb2},      {"DAGUM", Family::dagum}, {"SM", Family::singh_maddala},
    {"FISK", Family::fisk},    {"BETA2", Family::beta2}, {"LOMAX", Family::lomax}};

struct Table {
  std::vector<double> edges, shares;
  double n = 0;
};

std::map<std::string, Table> tables() {
  const std::string folder = std::string(STEELYARD_TEST_DATA) + "/golden/binned/";
  std::map<std::string, Table> list;
  const CsvFile buckets = CsvFile::read(folder + "tables.csv");
  for (std::size_t r = 0; r < buckets.rows(); ++r) {
    Table& t = list[buckets.field(r, buckets.column("case"))];
    if (t.edges.empty()) t.edges.push_back(buckets.number(r, buckets.column("lo")));
    t.edges.push_back(buckets.number(r, buckets.column("hi")));
    t.shares.push_back(buckets.number(r, buckets.column("weight")));
  }
  const CsvFile meta = CsvFile::read(folder + "tables_meta.csv");
  for (std::size_t r = 0; r < meta.rows(); ++r) {
    Table& t = list.at(meta.field(r, meta.column("case")));
    t.n = meta.number(r, meta.column("n"));
    double sum = 0;
    for (double share : t.shares) sum += share;
    for (double& share : t.shares) share /= sum;
  }
  return list;
}

TEST(IntervalFit, AgreesWithTheReferenceMaxima) {
  const CsvFile file = CsvFile::read(std::string(STEELYARD_TEST_DATA) + "/golden/binned/ml.csv");
  std::map<std::pair<std::string, std::string>, std::map<std::string, std::string>> cases;
  for (std::size_t r = 0; r < file.rows(); ++r)
    cases[{file.field(r, 0), file.field(r, 1)}][file.field(r, 2)] = file.field(r, 3);
  const auto list = tables();
  std::size_t compared = 0, boundaries = 0;
  for (const auto& [name, stats] : cases) {
    if (!kNames.contains(name.second)) continue;
    const Family family = kNames.at(name.second);
    Table t = list.at(name.first);
    // The reference takes the first bucket as open below.
    t.edges[0] = family == Family::normal ? -kInfinity : 0;
    if (parameter_names(family).size() >= t.shares.size()) continue;
    const IntervalFit fit = fit_intervals(family, t.edges, t.shares, t.n);
    const std::string what = name.first + " " + name.second;
    const auto value = [&](const std::string& key) { return *parse_number(stats.at(key)); };
    if (stats.at("status") == "boundary") {
      ++boundaries;
      EXPECT_NE(fit.status, FitStatus::ok) << what;
      continue;
    }
    if (stats.at("status") != "ok") continue;
    ++compared;
    EXPECT_EQ(fit.status, FitStatus::ok) << what << " gradient " << fit.gradient;
    EXPECT_NEAR(fit.log_likelihood, value("loglik"), 1e-11 * std::abs(value("loglik"))) << what;
    EXPECT_NEAR(fit.aic, value("aic"), 1e-11 * std::abs(value("aic"))) << what;
    const auto names = parameter_names(family);
    const auto got = fit.law.free_parameters();
    for (std::size_t j = 0; j < names.size(); ++j) {
      const double wanted = value("par:" + names[j]);
      EXPECT_NEAR(got[j], wanted, 1e-7 * std::abs(wanted)) << what << " " << names[j];
      const std::string se = stats.contains("se:" + names[j]) ? "se:" : "se_log:";
      const double unit = names[j] == "mu" && se == "se_log:" ? wanted : 1;
      if (stats.contains(se + names[j])) {
        EXPECT_NEAR(fit.standard_error[j], value(se + names[j]) * unit,
                    1e-6 * std::abs(fit.standard_error[j]))
            << what << " " << names[j];
      }
    }
    if (stats.at("mean") != "Inf" && stats.at("mean") != "NA") {
      EXPECT_NEAR(fit.law.mean(), value("mean"), 1e-7 * value("mean")) << what;
    } else {
      EXPECT_FALSE(fit.law.has_moment(1)) << what;
    }
    EXPECT_NEAR(fit.law.quantile(0.5), value("q50"), 1e-7 * value("q50")) << what;
    EXPECT_NEAR(fit.law.upper_quantile(0.1), value("q90"), 1e-7 * value("q90")) << what;
  }
  EXPECT_GT(compared, 300u);
  EXPECT_GT(boundaries, 60u);
}

TEST(IntervalFit, OfAnyTableTheTwoParameterFamiliesHaveAMaximumAndNestedOnesAreNoBetter) {
  for (std::uint64_t round = 0; round < 40; ++round) {
    Stream rng({Seed{round}, purpose("interval fit"), {}, {}});
    const std::size_t m = 5 + rng.below(6);
    std::vector<double> edges{0}, shares;
    double sum = 0;
    for (std::size_t i = 0; i < m; ++i) {
      edges.push_back(edges.back() * (1 + 0.5 * static_cast<double>(rng.below(3))) +
                      100 * static_cast<double>(1 + rng.below(40)));
      shares.push_back(rng.below(5) == 0 ? 0 : rng.uniform());
      sum += shares.back();
    }
    edges.back() = kInfinity;
    for (double& share : shares) share /= sum;
    std::map<Family, IntervalFit> fits;
    for (Family family : all_families()) {
      const IntervalFit& fit =
          fits.emplace(family, fit_intervals(family, edges, shares, 1000)).first->second;
      EXPECT_TRUE(std::isfinite(fit.aic)) << round << " " << to_string(family);
      if (parameter_names(family).size() == 2) {
        EXPECT_NE(fit.status, FitStatus::not_converged) << round << " " << to_string(family);
      }
    }
    const std::pair<Family, Family> nested[] = {{Family::gb2, Family::dagum},
                                                {Family::gb2, Family::singh_maddala},
                                                {Family::gb2, Family::beta2},
                                                {Family::dagum, Family::fisk},
                                                {Family::singh_maddala, Family::fisk},
                                                {Family::generalized_gamma, Family::weibull},
                                                {Family::generalized_gamma, Family::gamma},
                                                {Family::lomax, Family::exponential}};
    for (const auto& [wide, narrow] : nested) {
      if (fits.at(wide).status != FitStatus::ok) continue;
      EXPECT_GE(fits.at(wide).log_likelihood, fits.at(narrow).log_likelihood - 1e-6)
          << round << " " << to_string(wide) << " " << to_string(narrow);
    }
  }
}

TEST(IntervalFit, OneBucketAloneIsABoundary) {
  const std::vector<double> edges{0, 1000, 2000, 5000, 10000, kInfinity}, shares{0, 1, 0, 0, 0};
  for (Family family : all_families()) {
    const IntervalFit fit = fit_intervals(family, edges, shares, 100);
    EXPECT_EQ(fit.status, FitStatus::boundary) << to_string(family);
    // One parameter for the scale alone gives at most exp(-1) of a bucket from 1 to 2.
    EXPECT_GT(fit.law.probability(1000, 2000), 0.23) << to_string(family);
  }
}

}  // namespace
}  // namespace steelyard
