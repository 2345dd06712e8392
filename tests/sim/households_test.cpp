#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "sim/households/integerise.hpp"
#include "sim/households/zone_fit.hpp"

namespace steelyard {
namespace {

/// Rows of counts, column 0 being the household itself.
Incidence incidence(const std::vector<std::vector<float>>& rows) {
  Incidence a;
  a.columns = rows.front().size();
  a.first.push_back(0);
  for (const auto& row : rows) {
    a.seeds.push_back(static_cast<std::uint32_t>(a.seeds.size()));
    for (std::uint32_t c = 0; c < row.size(); ++c)
      if (row[c] > 0) {
        a.column.push_back(c);
        a.count.push_back(row[c]);
      }
    a.first.push_back(a.column.size());
  }
  return a;
}

std::vector<double> ones(std::size_t n) { return std::vector<double>(n, 1.0); }

/// A random case with 3 household levels (a partition) and 2 person levels, 1 to 4 persons each.
struct RandomCase {
  Incidence a;
  std::vector<double> base, targets;
};

RandomCase random_case(std::uint64_t number, std::size_t n = 12) {
  Stream rng({Seed{7}, purpose("test"), Replicate{0}, Unit{number}});
  std::vector<std::vector<float>> rows;
  std::vector<double> truth;
  RandomCase made;
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<float> row(6);
    row[0] = 1;
    row[1 + (i < 3 ? i : rng.below(3))] = 1;
    row[4] = static_cast<float>(rng.below(3));
    row[5] = static_cast<float>(1 + rng.below(2));
    rows.push_back(row);
    truth.push_back(1 + 9 * rng.uniform());
    made.base.push_back(0.5 + rng.uniform());
  }
  made.a = incidence(rows);
  made.targets = column_sums(made.a, truth);
  return made;
}

TEST(FitZone, BothMethodsSolveTwoHouseholdTypesExactly) {
  // Type A: no child; type B: 2 children. 100 households, 60 children: 70 A and 30 B.
  const Incidence a = incidence({{1, 0}, {1, 2}});
  const std::vector<double> targets{100, 60};
  for (FittingMethod method : {FittingMethod::ipu, FittingMethod::entropy_balancing}) {
    const ZoneFit fit =
        fit_zone(a, ones(2), targets, ones(2), {.method = method, .tolerance = 1e-9});
    EXPECT_TRUE(fit.converged) << to_string(method);
    EXPECT_NEAR(fit.weights[0], 70, 1e-5) << to_string(method);
    EXPECT_NEAR(fit.weights[1], 30, 1e-5) << to_string(method);
  }
}

TEST(FitZone, AllPersonsAsAControlNeedEntropyBalancing) {
  // Type A: 1 person; type B: 3. Every household has persons, so a step of IPU scales both types
  // alike and cannot change their ratio: it says that it did not converge.
  const Incidence a = incidence({{1, 1}, {1, 3}});
  const std::vector<double> targets{100, 160};
  const ZoneFit fit = fit_zone(a, ones(2), targets, ones(2), {});
  EXPECT_TRUE(fit.converged);
  EXPECT_NEAR(fit.weights[0], 70, 1e-5);
  EXPECT_NEAR(fit.weights[1], 30, 1e-5);
  EXPECT_FALSE(fit_zone(a, ones(2), targets, ones(2), {.method = FittingMethod::ipu}).converged);
}

TEST(FitZone, IpuFindsTheSolutionOfThePaper) {
  // The eight households of Ye et al. (2009), table 1: types 1 and 2, persons of types 1 to 3.
  const Incidence a = incidence({{1, 1, 0, 1, 1, 1},
                                 {1, 1, 0, 1, 0, 1},
                                 {1, 1, 0, 2, 1, 0},
                                 {1, 0, 1, 1, 0, 2},
                                 {1, 0, 1, 0, 2, 1},
                                 {1, 0, 1, 1, 1, 0},
                                 {1, 0, 1, 2, 1, 2},
                                 {1, 0, 1, 1, 1, 0}});
  const std::vector<double> targets{100, 35, 65, 91, 65, 104};
  const ZoneFit fit =
      fit_zone(a, ones(8), targets, ones(6), {.method = FittingMethod::ipu, .tolerance = 1e-7});
  const std::vector<double> paper{1.36, 25.66, 7.98, 27.79, 18.45, 8.64, 1.47, 8.64};
  ASSERT_TRUE(fit.converged);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(fit.weights[i], paper[i], 0.02) << i;
}

TEST(FitZone, FeasibleControlsAreMetByBothMethods) {
  for (std::uint64_t number = 0; number < 40; ++number) {
    const RandomCase c = random_case(number);
    for (FittingMethod method : {FittingMethod::ipu, FittingMethod::entropy_balancing}) {
      std::vector<double> targets = c.targets;
      if (method == FittingMethod::ipu) targets[5] = kNoTarget;  // everybody has such persons
      const ZoneFit fit = fit_zone(c.a, c.base, targets, ones(6), {.method = method});
      EXPECT_TRUE(fit.converged) << number << " " << to_string(method);
      EXPECT_LE(fit.largest_error, 1e-6);
      EXPECT_FALSE(fit.relaxed);
    }
  }
}

TEST(FitZone, EntropyBalancingIsTheMaximumEntropySolution) {
  // Optimality: log(w / base) lies in the row space of the controls, so every change of weights
  // that leaves the controls as they are has a zero first derivative; the objective is convex.
  for (std::uint64_t number = 100; number < 120; ++number) {
    const RandomCase c = random_case(number);
    const ZoneFit fit = fit_zone(c.a, c.base, c.targets, ones(6), {.tolerance = 1e-9});
    ASSERT_TRUE(fit.converged);
    // Orthonormal basis of the columns by Gram-Schmidt, then the residual of log(w / base).
    const std::size_t n = c.a.rows();
    std::vector<std::vector<double>> basis;
    for (std::uint32_t column = 0; column < c.a.columns; ++column) {
      std::vector<double> v(n);
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t e = c.a.first[i]; e < c.a.first[i + 1]; ++e)
          if (c.a.column[e] == column) v[i] = static_cast<double>(c.a.count[e]);
      for (const auto& u : basis) {
        const double dot = std::inner_product(u.begin(), u.end(), v.begin(), 0.0);
        for (std::size_t i = 0; i < n; ++i) v[i] -= dot * u[i];
      }
      const double norm = std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
      if (norm < 1e-9) continue;
      for (double& x : v) x /= norm;
      basis.push_back(v);
    }
    ASSERT_LT(basis.size(), n);
    std::vector<double> log_factor(n);
    for (std::size_t i = 0; i < n; ++i) log_factor[i] = std::log(fit.weights[i] / c.base[i]);
    for (const auto& u : basis) {
      const double dot = std::inner_product(u.begin(), u.end(), log_factor.begin(), 0.0);
      for (std::size_t i = 0; i < n; ++i) log_factor[i] -= dot * u[i];
    }
    for (double rest : log_factor) EXPECT_NEAR(rest, 0, 1e-7) << number;
  }
}

TEST(FitZone, EntropyBalancingEqualsRakingForHouseholdControls) {
  // A 2 × 3 table of households: margins 40, 60 and 20, 30, 50.
  const Incidence a = incidence({{1, 1, 0, 1, 0, 0},
                                 {1, 1, 0, 0, 1, 0},
                                 {1, 1, 0, 0, 0, 1},
                                 {1, 0, 1, 1, 0, 0},
                                 {1, 0, 1, 0, 1, 0},
                                 {1, 0, 1, 0, 0, 1}});
  const std::vector<double> base{1, 2, 3, 4, 1, 2}, targets{100, 40, 60, 20, 30, 50};
  std::vector<double> raked = base;
  for (int sweep = 0; sweep < 500; ++sweep) {
    for (std::size_t r = 0; r < 2; ++r) {
      const double sum = raked[3 * r] + raked[3 * r + 1] + raked[3 * r + 2];
      for (std::size_t k = 0; k < 3; ++k) raked[3 * r + k] *= targets[1 + r] / sum;
    }
    for (std::size_t k = 0; k < 3; ++k) {
      const double sum = raked[k] + raked[3 + k];
      for (std::size_t r = 0; r < 2; ++r) raked[3 * r + k] *= targets[3 + k] / sum;
    }
  }
  for (FittingMethod method : {FittingMethod::ipu, FittingMethod::entropy_balancing}) {
    const ZoneFit fit = fit_zone(a, base, targets, ones(6), {.method = method, .tolerance = 1e-10});
    for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(fit.weights[i], raked[i], 1e-6);
  }
}

TEST(FitZone, ATargetOfZeroRulesHouseholdsOut) {
  const Incidence a = incidence({{1, 1, 0}, {1, 0, 1}, {1, 2, 0}});
  const std::vector<double> targets{10, 15, 0};
  const ZoneFit fit = fit_zone(a, ones(3), targets, ones(3), {});
  EXPECT_EQ(fit.weights[1], 0);
  EXPECT_NEAR(fit.weights[0], 5, 1e-5);
  EXPECT_NEAR(fit.weights[2], 5, 1e-5);
}

TEST(FitZone, ContradictionsAreRelaxedByImportance) {
  // Column 1 is everybody, wanted once as 90 and (column 2) once as 120; 100 households.
  const Incidence a = incidence({{1, 1, 1}, {1, 1, 1}, {1, 0, 0}});
  const std::vector<double> targets{100, 60, 90};
  const ZoneFit equal = fit_zone(a, ones(3), targets, ones(3), {});
  EXPECT_FALSE(equal.converged);
  EXPECT_TRUE(equal.relaxed);
  EXPECT_NEAR(equal.weights[0] + equal.weights[1] + equal.weights[2], 100, 1e-5);
  // z1 z2 = 1 nearly: 60 z = 90 / z where both have the price; the count is between the two.
  const double count = equal.weights[0] + equal.weights[1];
  EXPECT_GT(count, 61);
  EXPECT_LT(count, 89);
  const std::vector<double> heavy{1, 1, 1000};
  const ZoneFit second = fit_zone(a, ones(3), targets, heavy, {});
  EXPECT_NEAR(second.weights[0] + second.weights[1], 90, 0.5);
  EXPECT_FALSE(fit_zone(a, ones(3), targets, ones(3), {.method = FittingMethod::ipu}).converged);
}

TEST(TiltResponse, IsTheDerivativeOfTheFittedSums) {
  const RandomCase c = random_case(300, 16);
  std::vector<double> targets = c.targets;
  targets[5] = kNoTarget;  // column 5 is common to all zones
  const FittingOptions options{.tolerance = 1e-11};
  const auto fitted = [&](double tilt) {
    std::vector<double> base = c.base;
    for (std::size_t i = 0; i < c.a.rows(); ++i)
      for (std::size_t e = c.a.first[i]; e < c.a.first[i + 1]; ++e)
        if (c.a.column[e] == 5) base[i] *= std::exp(tilt * static_cast<double>(c.a.count[e]));
    return fit_zone(c.a, base, targets, ones(6), options);
  };
  const double h = 1e-4;
  const double slope =
      (column_sums(c.a, fitted(h).weights)[5] - column_sums(c.a, fitted(-h).weights)[5]) / (2 * h);
  const std::vector<std::uint32_t> column{5};
  const auto response = tilt_response(c.a, fitted(0), targets, ones(6), options, column);
  EXPECT_NEAR(response[0] / slope, 1, 1e-4);
}

TEST(RoundToTotal, SumsToTheTotalByLargestRemainders) {
  using Counts = std::vector<std::uint64_t>;
  EXPECT_EQ(round_to_total(std::vector<double>{1.2, 2.5, 3.3}, 7), (Counts{1, 3, 3}));
  EXPECT_EQ(round_to_total(std::vector<double>{2, 3}, 4), (Counts{2, 2}));
  EXPECT_EQ(round_to_total(std::vector<double>{0.5, 0.5}, 1), (Counts{1, 0}));
}

std::vector<ColumnKind> kinds() {
  return {{0, true, false}, {1, true}, {1, true}, {1, true}, {2, false}, {2, false}};
}

TEST(Integerise, TotalsAndHouseholdControlsAreExactAndPersonsNear) {
  for (std::uint64_t number = 500; number < 520; ++number) {
    const RandomCase c = random_case(number, 60);
    const ZoneFit fit = fit_zone(c.a, c.base, c.targets, ones(6), {});
    ASSERT_TRUE(fit.converged);
    const auto households = static_cast<std::uint64_t>(std::llround(c.targets[0]));
    Stream stream({Seed{1}, purpose("test"), Replicate{0}, Unit{number}});
    const auto counts =
        integerise(c.a, fit.weights, c.targets, kinds(), ones(6), households, stream);
    const auto sums = column_sums(c.a, std::vector<double>(counts.begin(), counts.end()));
    EXPECT_EQ(sums[0], static_cast<double>(households));
    const auto aims = round_to_total(
        std::vector<double>(c.targets.begin() + 1, c.targets.begin() + 4), households);
    for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(sums[1 + k], static_cast<double>(aims[k]));
    for (std::size_t k = 4; k < 6; ++k) EXPECT_NEAR(sums[k], c.targets[k], 1.01);
  }
}

TEST(Integerise, IsDeterministicAndOnlyUsesHouseholdsOfPositiveWeight) {
  const RandomCase c = random_case(900, 60);
  std::vector<double> weights = fit_zone(c.a, c.base, c.targets, ones(6), {}).weights;
  weights[5] = 0;
  std::vector<std::vector<std::uint32_t>> made;
  for (int time = 0; time < 2; ++time) {
    Stream stream({Seed{1}, purpose("test"), Replicate{0}, Unit{0}});
    made.push_back(integerise(c.a, weights, c.targets, kinds(), ones(6), 300, stream));
  }
  EXPECT_EQ(made[0], made[1]);
  EXPECT_EQ(made[0][5], 0u);
  Stream stream({Seed{2}, purpose("test"), Replicate{0}, Unit{0}});
  const auto other = integerise(c.a, weights, c.targets, kinds(), ones(6), 300, stream);
  EXPECT_EQ(std::accumulate(other.begin(), other.end(), 0u), 300u);
}

TEST(Integerise, OfNothingIsNothing) {
  const Incidence a = incidence({{1, 1}, {1, 3}});
  Stream stream({Seed{1}, purpose("test"), Replicate{0}, Unit{0}});
  const std::vector<double> none(2, 0.0), aims{0, 0};
  const std::vector<ColumnKind> two{{0, true, false}, {1, false}};
  EXPECT_EQ(integerise(a, none, aims, two, ones(2), 0, stream), (std::vector<std::uint32_t>{0, 0}));
}

}  // namespace
}  // namespace steelyard
