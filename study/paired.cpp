#include "study/paired.hpp"

#include <cmath>
#include <limits>

#include "core/sums.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Whether a replicate counts in the estimator's performance: as performance() has it.
struct Counted {
  bool has_se = false, has_interval = false;

  Counted(const StudyResults& s, std::size_t i) {
    for (std::uint32_t r = 0; r < s.replicates; ++r) {
      has_se |= !std::isnan(s.at(s.se, i, r));
      has_interval |= !std::isnan(s.at(s.lower, i, r)) || !std::isnan(s.at(s.upper, i, r));
    }
  }
  bool operator()(const StudyResults& s, std::size_t i, std::uint32_t r) const {
    if (!std::isfinite(s.at(s.estimate, i, r))) return false;
    if (has_se && !std::isfinite(s.at(s.se, i, r))) return false;
    return !has_interval || !(std::isnan(s.at(s.lower, i, r)) || std::isnan(s.at(s.upper, i, r)));
  }
};

}  // namespace

PairedCombinations::PairedCombinations(std::size_t combinations, std::size_t estimators,
                                       std::uint32_t replicates)
    : estimators_(estimators),
      replicates_(replicates),
      values_(combinations * estimators),
      parts_(combinations * estimators * kParts * replicates, 0.0) {}

double* PairedCombinations::row(std::size_t combination, std::size_t estimator, Part part) {
  return parts_.data() + ((combination * estimators_ + estimator) * kParts + part) * replicates_;
}

void PairedCombinations::add(const StudyResults& s, std::span<const double> weights) {
  for (std::size_t i = 0; i < estimators_; ++i) {
    const Counted counted(s, i);
    const PerformanceRecord& p = s.performance[i];
    const double truth = p.truth, mse = p.rmse * p.rmse;
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const double w = weights[k];
      if (w == 0) continue;
      Values& value = values_[k * estimators_ + i];
      value.mean_estimate += w * p.mean_estimate;
      value.bias += w * p.bias;
      value.rmse += w * p.rmse;
      value.coverage += w * p.coverage;
      double *means = row(k, i, mean), *roots = row(k, i, root), *covers = row(k, i, covered);
      for (std::uint32_t r = 0; r < replicates_; ++r) {
        const bool good = counted(s, i, r);
        const double error = good ? s.at(s.estimate, i, r) - truth : kNone;
        means[r] += w * error;
        roots[r] += p.rmse > 0 ? w * (error * error - mse) / (2 * p.rmse) : w * error * error;
        covers[r] += good && counted.has_interval
                         ? w * (s.at(s.lower, i, r) <= truth && truth <= s.at(s.upper, i, r))
                         : kNone;
      }
    }
  }
}

double PairedCombinations::error(std::size_t combination, std::size_t estimator, Part part) const {
  const double* values =
      parts_.data() + ((combination * estimators_ + estimator) * kParts + part) * replicates_;
  Moments moments;
  for (std::uint32_t r = 0; r < replicates_; ++r)
    if (!std::isnan(values[r])) moments.add(values[r]);
  return moments.n() < 2 ? kNone : moments.mean_se();
}

PairedChange PairedCombinations::mean_estimate(std::size_t k, std::size_t i) const {
  return {values_[k * estimators_ + i].mean_estimate, error(k, i, mean)};
}
PairedChange PairedCombinations::bias(std::size_t k, std::size_t i) const {
  return {values_[k * estimators_ + i].bias, error(k, i, mean)};
}
PairedChange PairedCombinations::rmse(std::size_t k, std::size_t i) const {
  return {values_[k * estimators_ + i].rmse, error(k, i, root)};
}
PairedChange PairedCombinations::coverage(std::size_t k, std::size_t i) const {
  return {values_[k * estimators_ + i].coverage, error(k, i, covered)};
}

std::vector<BaseChange> paired_changes(const StudyResults& a, const StudyResults& b) {
  PairedCombinations difference(1, b.estimators.size(), b.replicates);
  const double minus = -1, plus = 1;
  difference.add(a, {&minus, 1});
  difference.add(b, {&plus, 1});
  std::vector<BaseChange> changes;
  for (std::size_t i = 0; i < b.estimators.size(); ++i)
    changes.push_back({difference.mean_estimate(0, i), difference.bias(0, i), difference.rmse(0, i),
                       difference.coverage(0, i)});
  return changes;
}

}  // namespace steelyard
