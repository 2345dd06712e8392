#include "estimators/bias_indices/tipping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>

#include "core/sums.hpp"

namespace steelyard {
namespace {

/// Weighted mean and standard deviation (divisor Σ w).
struct Spread {
  double mean = 0, sd = 0;
};

Spread spread(const WeightedAnswers& a) {
  Sum size, sum, squares;
  for (std::size_t i = 0; i < a.y.size(); ++i) {
    size.add(a.w[i]);
    sum.add(a.w[i] * a.y[i]);
  }
  const double mean = sum.value() / size.value();
  for (std::size_t i = 0; i < a.y.size(); ++i)
    squares.add(a.w[i] * (a.y[i] - mean) * (a.y[i] - mean));
  return {mean, std::sqrt(std::max(0.0, squares.value() / size.value()))};
}

}  // namespace

Result<double> data_defect_unit(const WeightedAnswers& a) {
  const double sd = spread(a).sd;
  if (!(sd > 0)) return Failure{FailureKind::unsupported, "all respondents give the same answer"};
  const auto n = static_cast<double>(a.y.size());
  double sum = 0, squares = 0;
  for (const double w : a.w) {
    sum += w;
    squares += w * w;
  }
  const double f = n / a.population, cv2 = std::max(0.0, n * squares / (sum * sum) - 1);
  if (!(1 - f + cv2 > 0)) return Failure{FailureKind::unsupported, "everybody is in the sample"};
  return sd * std::sqrt((1 - f + cv2) / f);
}

Result<IndexEstimate> tipping_selection(const WeightedAnswers& a, double target) {
  const auto [least, most] = std::minmax_element(a.y.begin(), a.y.end());
  if (!(target > *least && target < *most))
    return Failure{FailureKind::infeasible,
                   fmt::format("no weights give the mean {:g}: answers are from {:g} to {:g}",
                               target, *least, *most)};
  const Spread s = spread(a);
  const auto tilted = [&](std::size_t i, double gamma) {
    return a.w[i] * std::exp(-gamma * (a.y[i] - target) / s.sd);
  };
  // Σ w exp(-γ z)(y - target): falls in γ, of either sign far enough out.
  const auto equation = [&](double gamma) {
    double sum = 0;
    for (std::size_t i = 0; i < a.y.size(); ++i) sum += tilted(i, gamma) * (a.y[i] - target);
    return sum;
  };
  const double direction = s.mean > target ? 1 : -1;
  double near = 0, far = direction * 0.5;
  while (equation(far) * direction > 0 && std::abs(far) < 1e3) {
    near = far;
    far *= 2;
  }
  double gamma = 0;
  if (s.mean != target) {
    std::uintmax_t iterations = 100;
    const auto [lower, upper] = boost::math::tools::toms748_solve(
        equation, std::min(near, far), std::max(near, far),
        boost::math::tools::eps_tolerance<double>(45), iterations);
    gamma = (lower + upper) / 2;
  }
  double slope = 0, sum = 0, squares = 0;
  const auto n = static_cast<double>(a.y.size());
  for (std::size_t i = 0; i < a.y.size(); ++i) {
    const double gap = a.y[i] - target, u = tilted(i, gamma) * gap;
    slope += u * gap / s.sd;
    sum += u;
    squares += u * u;
  }
  const double se = std::sqrt(n / (n - 1) * std::max(0.0, squares - sum * sum / n)) / slope;
  return IndexEstimate{std::exp(gamma), std::exp(gamma) * se};
}

}  // namespace steelyard
