#include "sim/households/integerise.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/errors.hpp"

namespace steelyard {
namespace {

constexpr double kHouseholdColumn = 100;  // against a person column of equal importance
constexpr int kPasses = 20;
constexpr double kSlack = 1e-9;

/// A control divides the households if every possible row has exactly one of its columns.
bool divides(const Incidence& a, std::span<const double> weights, std::span<const ColumnKind> kinds,
             std::size_t control) {
  for (std::size_t i = 0; i < a.rows(); ++i) {
    if (!(weights[i] > 0)) continue;
    int times = 0;
    for (std::size_t e = a.first[i]; e < a.first[i + 1]; ++e) {
      const ColumnKind& kind = kinds[a.column[e]];
      times += kind.household && kind.controlled && kind.control == control;
    }
    if (times != 1) return false;
  }
  return true;
}

/// The aims, whole numbers for households.
std::vector<double> rounded_aims(const Incidence& a, std::span<const double> weights,
                                 std::span<const double> aims, std::span<const ColumnKind> kinds,
                                 std::uint64_t households) {
  std::vector<double> rounded(aims.begin(), aims.end());
  std::map<std::size_t, std::vector<std::size_t>> controls;
  for (std::size_t c = 0; c < a.columns; ++c)
    if (kinds[c].household && kinds[c].controlled && !std::isnan(aims[c]))
      controls[kinds[c].control].push_back(c);
  for (const auto& [control, columns] : controls) {
    if (divides(a, weights, kinds, control)) {
      std::vector<double> values;
      for (std::size_t c : columns) values.push_back(aims[c]);
      const auto whole = round_to_total(values, households);
      for (std::size_t j = 0; j < columns.size(); ++j)
        rounded[columns[j]] = static_cast<double>(whole[j]);
    } else {
      for (std::size_t c : columns) rounded[c] = std::round(aims[c]);
    }
  }
  return rounded;
}

/// Whole parts, and a systematic draw of the remainders.
std::vector<std::uint32_t> first_counts(const Incidence& a, std::span<const double> weights,
                                        std::span<const ColumnKind> kinds, std::uint64_t households,
                                        Stream& stream) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<std::uint32_t> counts(a.rows());
  if (!(total > 0)) return counts;
  const double scale = static_cast<double>(households) / total;
  std::vector<double> rest(a.rows());
  std::uint64_t placed = 0;
  double rests = 0;
  for (std::size_t i = 0; i < a.rows(); ++i) {
    const double w = weights[i] * scale, whole = std::floor(w + kSlack);
    counts[i] = static_cast<std::uint32_t>(whole);
    rest[i] = std::max(w - whole, 0.0);
    placed += counts[i];
    rests += rest[i];
  }
  for (std::size_t i = 0; placed > households; i = (i + 1) % a.rows())
    if (counts[i] > 0) {
      --counts[i];
      --placed;
    }
  if (placed == households) return counts;
  std::vector<std::uint32_t> order(a.rows());
  std::iota(order.begin(), order.end(), 0u);
  const auto signature = [&](std::uint32_t i) {
    std::vector<std::uint32_t> columns;
    for (std::size_t e = a.first[i]; e < a.first[i + 1]; ++e)
      if (kinds[a.column[e]].household) columns.push_back(a.column[e]);
    return columns;
  };
  std::vector<std::vector<std::uint32_t>> signatures;
  for (std::uint32_t i : order) signatures.push_back(signature(i));
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t x, std::uint32_t y) { return signatures[x] < signatures[y]; });
  const double step = rests / static_cast<double>(households - placed);
  double next = stream.uniform() * step, sum = 0;
  std::uint32_t last = 0;
  for (std::uint32_t i : order) {
    sum += rest[i];
    if (rest[i] > 0 || weights[i] > 0) last = i;
    for (; next < sum && placed < households; next += step, ++placed) ++counts[i];
  }
  counts[last] += static_cast<std::uint32_t>(households - placed);
  return counts;
}

/// Exchanges of one household for another, with the state that makes each cheap to judge.
class Swaps {
 public:
  Swaps(const Incidence& a, std::span<const double> weights, std::span<const double> aims,
        std::span<const ColumnKind> kinds, std::span<const double> importance,
        std::vector<std::uint32_t>& counts)
      : a_(a), weights_(weights), counts_(counts), cost_(a.columns), off_(a.columns) {
    float most = 1;
    for (float count : a.count) most = std::max(most, count);
    width_ = static_cast<std::size_t>(most) + 1;
    for (std::size_t c = 0; c < a.columns; ++c) {
      if (std::isnan(aims[c]) || !kinds[c].controlled) continue;
      cost_[c] = importance[c] * (kinds[c].household ? kHouseholdColumn : 1);
      off_[c] = -aims[c];
    }
    for (std::size_t i = 0; i < a.rows(); ++i)
      if (counts[i] > 0) shift(i, static_cast<double>(counts[i]));
    gain_.resize(a.columns * width_);
    for (std::size_t c = 0; c < a.columns; ++c) tabulate(c);
    // Candidates in their own compact rows: uncontrolled columns cost nothing.
    first_.push_back(0);
    for (std::uint32_t i = 0; i < a.rows(); ++i) {
      if (!(weights[i] > 0)) continue;
      candidates_.push_back(i);
      for (std::size_t e = a.first[i]; e < a.first[i + 1]; ++e)
        if (cost_[a.column[e]] > 0)
          cells_.push_back(static_cast<std::uint32_t>(a.column[e] * width_ +
                                                      static_cast<std::size_t>(a.count[e])));
      first_.push_back(cells_.size());
    }
  }

  void run() {
    for (int pass = 0; pass < kPasses; ++pass) {
      bool better = false;
      for (std::size_t i = 0; i < a_.rows(); ++i)
        while (counts_[i] > 0 && exchange(i)) better = true;
      if (!better) return;
    }
  }

 private:
  void shift(std::size_t i, double times) {
    for (std::size_t e = a_.first[i]; e < a_.first[i + 1]; ++e)
      if (cost_[a_.column[e]] > 0) off_[a_.column[e]] += times * static_cast<double>(a_.count[e]);
  }
  void tabulate(std::size_t c) {
    for (std::size_t m = 0; m < width_; ++m)
      gain_[c * width_ + m] =
          cost_[c] * (std::abs(off_[c] + static_cast<double>(m)) - std::abs(off_[c]));
  }
  void retabulate(std::size_t i) {
    for (std::size_t e = a_.first[i]; e < a_.first[i + 1]; ++e) tabulate(a_.column[e]);
  }
  double removal(std::size_t i) const {
    double change = 0;
    for (std::size_t e = a_.first[i]; e < a_.first[i + 1]; ++e) {
      const std::size_t c = a_.column[e];
      change +=
          cost_[c] * (std::abs(off_[c] - static_cast<double>(a_.count[e])) - std::abs(off_[c]));
    }
    return change;
  }

  /// Exchanges one household i for the best other one, if that lowers the objective. Among equals,
  /// the one that is furthest below its weight.
  bool exchange(std::size_t i) {
    const double out = removal(i);
    shift(i, -1);
    retabulate(i);
    double best = -out - kSlack, shortage = 0;
    std::size_t chosen = a_.rows();
    for (std::size_t j = 0; j < candidates_.size(); ++j) {
      double in = 0;
      for (std::size_t e = first_[j]; e < first_[j + 1]; ++e) in += gain_[cells_[e]];
      if (in > best + kSlack || (in > best - kSlack && chosen == a_.rows())) continue;
      const std::size_t row = candidates_[j];
      const double lacks = weights_[row] - static_cast<double>(counts_[row]);
      if (chosen != a_.rows() && in > best - kSlack && lacks <= shortage) continue;
      best = std::min(best, in);
      shortage = lacks;
      chosen = row;
    }
    const bool found = chosen != a_.rows();
    const std::size_t back = found ? chosen : i;
    if (found) {
      --counts_[i];
      ++counts_[chosen];
    }
    shift(back, 1);
    retabulate(back);
    return found;
  }

  const Incidence& a_;
  std::span<const double> weights_;
  std::vector<std::uint32_t>& counts_;
  std::vector<double> cost_, off_;  ///< k: price of one off, and count - aim
  std::vector<double> gain_;        ///< k × width: change of the objective by so many more
  std::size_t width_ = 0;
  std::vector<std::uint32_t> candidates_, cells_;
  std::vector<std::size_t> first_;
};

}  // namespace

std::vector<std::uint64_t> round_to_total(std::span<const double> values, std::uint64_t total) {
  std::vector<std::uint64_t> whole;
  std::uint64_t sum = 0;
  for (double v : values) {
    whole.push_back(static_cast<std::uint64_t>(std::floor(std::max(v, 0.0) + kSlack)));
    sum += whole.back();
  }
  if (values.empty()) return whole;
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto rest = [&](std::size_t i) { return values[i] - static_cast<double>(whole[i]); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t x, std::size_t y) { return rest(x) > rest(y); });
  for (std::size_t j = 0; sum < total; j = (j + 1) % order.size(), ++sum) ++whole[order[j]];
  for (std::size_t j = order.size(); sum > total;) {
    j = j == 0 ? order.size() - 1 : j - 1;
    if (whole[order[j]] == 0) continue;
    --whole[order[j]];
    --sum;
  }
  return whole;
}

std::vector<std::uint32_t> integerise(const Incidence& incidence, std::span<const double> weights,
                                      std::span<const double> aims,
                                      std::span<const ColumnKind> kinds,
                                      std::span<const double> importance, std::uint64_t households,
                                      Stream& stream) {
  EXPECTS(weights.size() == incidence.rows() && aims.size() == incidence.columns);
  EXPECTS(kinds.size() == incidence.columns && importance.size() == incidence.columns);
  std::vector<std::uint32_t> counts = first_counts(incidence, weights, kinds, households, stream);
  const std::vector<double> goal = rounded_aims(incidence, weights, aims, kinds, households);
  Swaps(incidence, weights, goal, kinds, importance, counts).run();
  return counts;
}

}  // namespace steelyard
