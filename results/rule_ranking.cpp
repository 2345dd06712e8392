#include "results/rule_ranking.hpp"

#include <algorithm>
#include <cmath>

namespace steelyard {
namespace {

/// A rank under construction: sums until `finish` divides them.
struct Tally {
  RuleRank rank;
  std::vector<double> rmse;
};

void add(Tally& tally, const RuleEffectRecord& effect, std::size_t row) {
  RuleRank& rank = tally.rank;
  const double bias = effect.percent(effect.bias), mcse = effect.percent(effect.bias_mcse);
  if (rank.domains++ == 0 || std::abs(bias) > std::abs(rank.worst_pct)) {
    rank.worst_pct = bias;
    rank.worst = row;
  }
  rank.mean_bias_pct += std::abs(bias);
  rank.mean_bias_pct_mcse += mcse * mcse;
  rank.failures += effect.failures;
  rank.samples += effect.failures + effect.samples;
  tally.rmse.push_back(effect.percent(effect.rmse));
}

RuleRank finish(Tally& tally) {
  RuleRank rank = std::move(tally.rank);
  const auto n = static_cast<double>(rank.domains);
  rank.mean_bias_pct /= n;
  rank.mean_bias_pct_mcse = std::sqrt(rank.mean_bias_pct_mcse) / n;
  std::sort(tally.rmse.begin(), tally.rmse.end());
  const std::size_t middle = tally.rmse.size() / 2;
  rank.median_rmse_pct = tally.rmse.size() % 2 == 1
                             ? tally.rmse[middle]
                             : (tally.rmse[middle - 1] + tally.rmse[middle]) / 2;
  return rank;
}

}  // namespace

std::vector<RuleRank> rank_rules(const StudyResults& results) {
  std::vector<Tally> tallies;
  std::size_t begin = 0;  // of the present estimand's
  for (std::size_t row = 0; row < results.rule_effects.size(); ++row) {
    const RuleEffectRecord& effect = results.rule_effects[row];
    if (!std::isfinite(effect.bias) || effect.truth == 0) continue;
    const std::string& estimand = results.estimands[effect.estimand].estimand;
    if (begin < tallies.size() && tallies[begin].rank.estimand != estimand) begin = tallies.size();
    auto at = std::find_if(
        tallies.begin() + static_cast<std::ptrdiff_t>(begin), tallies.end(),
        [&](const Tally& tally) { return tally.rank.value_rule == effect.value_rule; });
    if (at == tallies.end()) {
      tallies.push_back({{.estimand = estimand,
                          .value_rule = effect.value_rule,
                          .of_study = effect.of_study,
                          .first = row},
                         {}});
      at = tallies.end() - 1;
    }
    add(*at, effect, row);
  }
  std::vector<RuleRank> ranks;
  for (Tally& tally : tallies) ranks.push_back(finish(tally));
  for (auto first = ranks.begin(); first != ranks.end();) {
    const auto last = std::find_if(
        first, ranks.end(), [&](const RuleRank& r) { return r.estimand != first->estimand; });
    std::stable_sort(first, last, [](const RuleRank& a, const RuleRank& b) {
      return a.domains != b.domains ? a.domains > b.domains : a.median_rmse_pct < b.median_rmse_pct;
    });
    first = last;
  }
  return ranks;
}

}  // namespace steelyard
