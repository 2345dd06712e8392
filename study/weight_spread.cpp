#include "study/weight_spread.hpp"

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kBins = 30;

WeightCounts distinct(WeightCounts all) {
  std::sort(all.begin(), all.end());
  WeightCounts out;
  for (const auto& [w, count] : all)
    if (!out.empty() && out.back().first == w)
      out.back().second += count;
    else
      out.emplace_back(w, count);
  return out;
}

/// Sum of the weights and number of rows.
struct Size {
  double sum = 0, n = 0;
};

Size size_of(const WeightCounts& counts) {
  Sum sum;
  double n = 0;
  for (const auto& [w, count] : counts) {
    const auto m = static_cast<double>(count);
    n += m;
    sum.add(m * w);
  }
  return {sum.value(), n};
}

/// Weights relative to their mean.
WeightCounts scaled(const WeightCounts& counts) {
  const Size size = size_of(counts);
  const double mean = size.sum / size.n;
  WeightCounts out;
  for (const auto& [w, count] : counts) out.emplace_back(w / mean, count);
  return out;
}

/// The smallest weight that at least this share of the rows does not exceed.
double reached_by(const WeightCounts& counts, double share) {
  const double n = size_of(counts).n;
  double seen = 0;
  for (const auto& [w, count] : counts) {
    seen += static_cast<double>(count);
    if (seen >= share * n) return w;
  }
  return counts.back().first;
}

}  // namespace

WeightCounts starting_weight_counts(const WeighedFile& file) {
  if (file.base.empty()) return {{file.start(0), file.n()}};
  WeightCounts all;
  all.reserve(file.n());
  for (double d : file.base) all.emplace_back(d, 1);
  return distinct(std::move(all));
}

WeightCounts final_weight_counts(const WeighedFile& file) {
  WeightCounts all;
  all.reserve(file.base.empty() ? file.index.cells : file.n());
  if (file.base.empty()) {
    for (std::size_t c = 0; c < file.index.cells; ++c)
      all.emplace_back(file.weights.factor[c], file.index.respondents[c]);
  } else {
    for (std::size_t i = 0; i < file.n(); ++i) all.emplace_back(file.weight(i), 1);
  }
  return distinct(std::move(all));
}

namespace {

/// What the largest 1 % of the rows hold of all weight, a row cut in proportion.
double share_of_largest(const WeightCounts& counts, double n, double sum) {
  double left = 0.01 * n, held = 0;
  for (std::size_t k = counts.size(); k-- > 0 && left > 0;) {
    const double taken = std::min(left, static_cast<double>(counts[k].second));
    held += taken * counts[k].first;
    left -= taken;
  }
  return held / sum;
}

}  // namespace

WeightSpread weight_spread(const WeightCounts& counts) {
  const auto [sum, n] = size_of(counts);
  Sum squares;
  for (const auto& [w, count] : counts) squares.add(static_cast<double>(count) * w * w);
  WeightSpread s;
  s.sum = sum;
  s.mean = s.sum / n;
  s.minimum = counts.front().first;
  s.maximum = counts.back().first;
  s.kish_deff = n * squares.value() / (s.sum * s.sum);
  s.effective_n = n / s.kish_deff;
  s.cv = std::sqrt(std::max(0.0, s.kish_deff - 1));
  s.top_share = share_of_largest(counts, n, s.sum);
  std::size_t at = 0;
  double below = static_cast<double>(counts[0].second);
  for (double p : kWeightProbabilities) {
    while (below < p * n && at + 1 < counts.size())
      below += static_cast<double>(counts[++at].second);
    s.quantiles.push_back(counts[at].first);
  }
  return s;
}

std::vector<HistogramBin> weight_histogram(const WeightCounts& before, const WeightCounts& after) {
  if (!(size_of(after).sum > 0)) return {};
  const WeightCounts b = scaled(before), a = scaled(after);
  const double low = std::min({b.front().first, a.front().first, 0.0});
  const double high = std::max({0.0, reached_by(b, 0.995), reached_by(a, 0.995)});
  const double width = std::max(high - low, 1e-9) * (1 + 1e-9) / kBins;
  std::vector<HistogramBin> bins;
  for (std::size_t k = 0; k < kBins; ++k)
    bins.push_back(
        {low + width * static_cast<double>(k), low + width * static_cast<double>(k + 1), 0, 0});
  const auto bin = [&](double w) -> HistogramBin& {
    return bins[std::min(kBins - 1, static_cast<std::size_t>(std::max(0.0, (w - low) / width)))];
  };
  for (const auto& [w, count] : b) bin(w).before += count;
  for (const auto& [w, count] : a) bin(w).after += count;
  bins.back().upper = std::max({bins.back().upper, b.back().first, a.back().first});
  return bins;
}

}  // namespace steelyard
