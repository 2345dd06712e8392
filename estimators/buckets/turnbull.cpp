#include "estimators/buckets/turnbull.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "estimators/buckets/extrapolate.hpp"

namespace steelyard {
namespace {

constexpr double kTolerance = 1e-12;
constexpr int kMaxSteps = 100000;

struct Endpoint {
  double at;
  bool left;
  bool operator<(const Endpoint& other) const {
    // [a, b) and [b, c) share no point: at a tie right ends come first
    return at != other.at ? at < other.at : !left && other.left;
  }
};

/// The answers' ranges of innermost intervals, and the EM step over them.
class Likelihood {
 public:
  Likelihood(std::span<const IntervalCount> answers, const InnermostMasses& innermost)
      : size_(innermost.lower.size()) {
    double total = 0;
    for (const IntervalCount& answer : answers) total += answer.weight;
    for (const IntervalCount& answer : answers) {
      if (answer.weight <= 0) continue;
      const auto first =
          std::lower_bound(innermost.lower.begin(), innermost.lower.end(), answer.lower);
      const auto last =
          std::upper_bound(innermost.upper.begin(), innermost.upper.end(), answer.upper);
      terms_.push_back({static_cast<std::size_t>(first - innermost.lower.begin()),
                        static_cast<std::size_t>(last - innermost.upper.begin()),
                        answer.weight / total});
    }
    slope_.resize(size_);
  }

  /// d ln L / d s_j a unit of weight, into slope(); returns ln L a unit of weight.
  double evaluate(std::span<const double> mass) {
    std::fill(slope_.begin(), slope_.end(), 0.0);
    double log_likelihood = 0;
    for (const Term& term : terms_) {
      double sum = 0;
      for (std::size_t j = term.first; j < term.last; ++j) sum += mass[j];
      log_likelihood += term.share * std::log(sum);
      const double ratio = term.share / sum;
      for (std::size_t j = term.first; j < term.last; ++j) slope_[j] += ratio;
    }
    return log_likelihood;
  }

  std::span<const double> slope() const { return slope_; }

  /// One EM step; mass is not changed.
  double step(std::span<const double> mass, std::vector<double>& next) {
    const double value = evaluate(mass);
    next.resize(size_);
    for (std::size_t j = 0; j < size_; ++j) next[j] = mass[j] * slope_[j];
    return value;
  }

  /// Breach of d_j <= 1, with equality where mass > 0, at the masses last evaluated; a mass below a
  /// thousandth, which may be on its way to 0, counts in proportion.
  double breach(std::span<const double> mass) const {
    double worst = 0;
    for (std::size_t j = 0; j < size_; ++j) {
      const double excess = slope_[j] - 1;
      worst = std::max(worst, excess > 0 ? excess : -excess * std::min(1.0, mass[j] * 1e3));
    }
    return worst;
  }

 private:
  struct Term {
    std::size_t first, last;
    double share;
  };
  std::size_t size_;
  std::vector<Term> terms_;
  std::vector<double> slope_;
};

void find_innermost(std::span<const IntervalCount> answers, InnermostMasses& result) {
  std::vector<Endpoint> ends;
  ends.reserve(2 * answers.size());
  for (const IntervalCount& answer : answers) {
    if (answer.weight <= 0) continue;
    ends.push_back({answer.lower, true});
    ends.push_back({answer.upper, false});
  }
  std::sort(ends.begin(), ends.end());
  for (std::size_t i = 0; i + 1 < ends.size(); ++i)
    if (ends[i].left && !ends[i + 1].left) {
      result.lower.push_back(ends[i].at);
      result.upper.push_back(ends[i + 1].at);
    }
}

}  // namespace

Result<InnermostMasses> innermost_masses(std::span<const IntervalCount> answers) {
  double total = 0;
  for (const IntervalCount& answer : answers) {
    if (!(answer.lower < answer.upper) || !std::isfinite(answer.lower))
      return Failure{FailureKind::infeasible,
                     fmt::format("[{:g}, {:g}) is no interval", answer.lower, answer.upper)};
    if (!(answer.weight >= 0) || std::isinf(answer.weight))
      return Failure{FailureKind::infeasible, fmt::format("{:g} is no weight", answer.weight)};
    total += answer.weight;
  }
  if (!(total > 0)) return Failure{FailureKind::infeasible, "no answer has any weight"};
  InnermostMasses result;
  find_innermost(answers, result);
  Likelihood likelihood(answers, result);
  const std::size_t m = result.lower.size();
  std::vector<double> s0(m, 1.0 / static_cast<double>(m)), s1, s2, leap;
  while (true) {
    const double value = likelihood.step(s0, s1);
    ++result.iterations;
    result.gradient = likelihood.breach(s0);
    result.log_likelihood = total * value;
    if (result.gradient <= kTolerance) break;
    if (result.iterations >= kMaxSteps)
      return Failure{FailureKind::no_convergence,
                     fmt::format("masses of {} innermost intervals after {} steps", m, kMaxSteps)};
    likelihood.step(s1, s2);
    ++result.iterations;
    if (!detail::extrapolate(s0, s1, s2, leap)) {
      s0.swap(s2);
      continue;
    }
    // Safeguard: the leap must not lose likelihood against the plain steps.
    const double plain = likelihood.evaluate(s2);
    const double leapt = likelihood.evaluate(leap);
    result.iterations += 2;
    s0.swap(leapt >= plain ? leap : s2);
  }
  result.mass = std::move(s0);
  return result;
}

BucketTable bucket_table(const InnermostMasses& masses, double total, double n) {
  BucketTable table;
  table.n = n;
  for (std::size_t j = 0; j < masses.mass.size(); ++j) {
    if (j == 0) {
      table.edges.push_back(masses.lower[0]);
    } else if (masses.lower[j] > table.edges.back()) {
      table.edges.push_back(masses.lower[j]);
      table.weights.push_back(0);
    }
    table.edges.push_back(masses.upper[j]);
    table.weights.push_back(total * masses.mass[j]);
  }
  return table;
}

}  // namespace steelyard
