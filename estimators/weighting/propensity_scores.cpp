#include "estimators/weighting/propensity_scores.hpp"

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"

namespace steelyard {
namespace {

/// Scores in ascending order with what weighs on each.
std::vector<std::pair<double, double>> sorted_scores(std::span<const double> score,
                                                     std::span<const double> weight) {
  std::vector<std::pair<double, double>> out;
  out.reserve(weight.size());
  for (std::size_t c = 0; c < weight.size(); ++c)
    if (weight[c] > 0) out.emplace_back(score[c], weight[c]);
  std::sort(out.begin(), out.end());
  return out;
}

/// inf{x: F(x) >= p_k}; p ascending. A sum within rounding of p counts as having reached it.
std::vector<double> quantiles(const std::vector<std::pair<double, double>>& sorted,
                              std::span<const double> p) {
  Sum whole, below;
  for (const auto& [x, w] : sorted) whole.add(w);
  std::vector<double> out;
  std::size_t i = 0;
  for (const double share : p) {
    const double target = share * whole.value() * (1 - 1e-12);
    while (i + 1 < sorted.size() && below.value() + sorted[i].second < target)
      below.add(sorted[i++].second);
    out.push_back(sorted[i].first);
  }
  return out;
}

std::vector<std::uint32_t> classes_of(std::span<const double> score,
                                      const std::vector<double>& cuts) {
  std::vector<std::uint32_t> out;
  out.reserve(score.size());
  for (const double x : score)
    out.push_back(
        static_cast<std::uint32_t>(std::lower_bound(cuts.begin(), cuts.end(), x) - cuts.begin()));
  return out;
}

}  // namespace

ScoreClasses quantile_classes(std::span<const double> score_a, std::span<const double> weight_a,
                              std::span<const double> score_b, std::span<const double> weight_b,
                              std::size_t classes) {
  auto all = sorted_scores(score_a, weight_a);
  const auto middle = static_cast<std::ptrdiff_t>(all.size());
  const auto more = sorted_scores(score_b, weight_b);
  all.insert(all.end(), more.begin(), more.end());
  std::inplace_merge(all.begin(), all.begin() + middle, all.end());
  EXPECTS(!all.empty() && classes > 0);
  std::vector<double> p;
  for (std::size_t k = 1; k < classes; ++k)
    p.push_back(static_cast<double>(k) / static_cast<double>(classes));
  ScoreClasses out;
  out.cuts = quantiles(all, p);
  out.of_a = classes_of(score_a, out.cuts);
  out.of_b = classes_of(score_b, out.cuts);
  return out;
}

WeightStage class_stage(const TwoSamples& samples, const ScoreClasses& classes,
                        std::span<const double> before, std::span<const double> g) {
  const std::size_t k = classes.count();
  WeightStage stage;
  ReferenceEquation eq;
  std::vector<double> sum(k, 0.0);
  for (std::size_t c = 0; c < g.size(); ++c) sum[classes.of_a[c]] += samples.weight_a[c] * g[c];
  eq.jacobian.assign(k * k, 0.0);
  for (std::size_t j = 0; j < k; ++j) eq.jacobian[j * k + j] = -sum[j];
  stage.factor.assign(g.begin(), g.end());
  for (std::size_t c = 0; c < before.size(); ++c) stage.factor[c] /= before[c];
  eq.slope = eq.score = stage.factor;  // the factor is this times γ_k, at γ_k = 1
  eq.cell_of = samples.reference_index.cell_of;
  eq.reference_score.assign(eq.cell_of.size(), 1.0);
  eq.blocks.push_back({{classes.of_b, k}, {}});
  stage.blocks.push_back({{classes.of_a, k}, {}});
  stage.equation = std::move(eq);
  return stage;
}

Weights odds_weights(const TwoSamples& samples, const ParticipationFit& fit,
                     ParticipationEquation equation) {
  Weights weights = participation_weights(samples, fit, equation, Link::logit);
  for (std::size_t c = 0; c < samples.a.cells; ++c) {
    const double odds = std::exp(-fit.eta_a[c]);
    weights.factor[c] = odds;
    weights.stages[0].equation->slope[c] = -odds;
  }
  return weights;
}

void set_score_stages(const TwoSamples& samples, const ParticipationFit& fit,
                      ParticipationEquation equation, const CellIndex& index, Weights& weights) {
  // As many classes as leave 50 respondents in each.
  constexpr std::size_t kRespondents = 50, kMost = 50;
  const ScoreClasses classes =
      quantile_classes(fit.eta_a, row_counts(index), fit.eta_b, {},
                       std::clamp<std::size_t>(index.n / kRespondents, 1, kMost));
  Weights odds = odds_weights(samples, fit, equation);
  weights.stages = std::move(odds.stages);
  weights.stages[0].factor = odds.factor;
  weights.stages.push_back(class_stage(samples, classes, odds.factor, weights.factor));
  weights.reference = samples.reference;
  weights.iterations = fit.iterations;
}

ParticipationEquation read_score_equation(ConfigReader& config) {
  return config.text("propensity",
                     {.fallback = "pooled",
                      .choices = {"pooled", "adjusted_logistic"},
                      .help = "logistic regression of being a respondent on the pooled samples: "
                              "without weights, right if the reference sample's weights do not "
                              "vary among people of equal propensity; or with them"}) == "pooled"
             ? ParticipationEquation::pooled
             : ParticipationEquation::adjusted_logistic;
}

double score_quantile(std::span<const double> score, std::span<const double> weight, double p) {
  return quantiles(sorted_scores(score, weight), std::span(&p, 1))[0];
}

double score_sd(std::span<const double> score, std::span<const double> weight) {
  Sum size, sum, squares;
  for (std::size_t c = 0; c < weight.size(); ++c) {
    size.add(weight[c]);
    sum.add(weight[c] * score[c]);
  }
  if (!(size.value() > 1)) return 0;
  const double mean = sum.value() / size.value();
  for (std::size_t c = 0; c < weight.size(); ++c)
    squares.add(weight[c] * (score[c] - mean) * (score[c] - mean));
  return std::sqrt(squares.value() / (size.value() - 1));
}

std::vector<double> row_counts(const CellIndex& index) {
  return {index.respondents.begin(), index.respondents.end()};
}

}  // namespace steelyard
