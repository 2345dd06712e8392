#include "estimators/weighting/propensity_selection.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "core/random.hpp"
#include "core/sums.hpp"
#include "estimators/weighting/participation_moments.hpp"
#include "estimators/weighting/penalised_participation.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kPath = 30;
constexpr double kSmallest = 1e-3;
constexpr auto kLikelihood = ParticipationEquation::pseudo_likelihood;

using Terms = std::vector<std::size_t>;

/// Penalised fits of one set of data over the path.
class Path {
 public:
  Path(const PenalisedParticipation& model, const SelectionOptions& options,
       std::span<const double> weight)
      : model_(model), options_(options), weight_(weight.begin(), weight.end()) {
    const std::vector<double> null = model.null_model();
    theta_ = null;
  }

  /// The next θ; λ must decrease from call to call. @param information  Σ d π (1 - π)
  std::vector<double> next(double lambda, double information) {
    theta_ = model_.maximise(theta_, lambda, weight_);
    if (options_.penalty != SelectionPenalty::scad) return theta_;
    constexpr double kA = 3.7;
    constexpr int kSteps = 3;
    std::vector<double> theta = theta_, own(weight_), last(weight_);
    for (int step = 0; step < kSteps; ++step) {
      const std::vector<double> size = model_.sizes(theta);
      for (std::size_t g = 0; g < own.size(); ++g) {
        const double cut = lambda * weight_[g] / information;
        own[g] = weight_[g] *
                 (size[g] <= cut ? 1.0 : std::max(0.0, kA * cut - size[g]) / ((kA - 1) * cut));
      }
      if (own == last) break;  // the same problem again
      last = own;
      theta = model_.maximise(theta, lambda, own);
    }
    return theta;
  }

 private:
  const PenalisedParticipation& model_;
  const SelectionOptions& options_;
  std::vector<double> weight_, theta_;
};

Terms kept_terms(const PenalisedParticipation& model, std::span<const double> theta) {
  Terms out;
  const std::vector<double> size = model.sizes(theta);
  for (std::size_t g = 0; g < size.size(); ++g)
    if (size[g] > 1e-9) out.push_back(g);
  return out;
}

/// -2 l + log(n) tr(H⁻¹V) of the model on these terms; nothing if it cannot be fitted.
std::optional<double> bic(const TwoSamples& samples, const CellIndex& index, const Terms& terms) {
  const TwoSamples part = with_terms(samples, terms);
  const auto fit = fit_participation(part, kLikelihood, Link::logit);
  if (!fit) return std::nullopt;
  const std::size_t cells = part.a.cells;
  MomentScores scores;
  std::vector<double> pi;
  double likelihood = 0;
  for (std::size_t c = 0; c < cells; ++c) {
    const ParticipationTerms t =
        participation_terms(kLikelihood, Link::logit, fit.value().eta_a[c]);
    scores.u.push_back(t.u);
    pi.push_back(t.pi);
    likelihood += part.weight_a[c] * fit.value().eta_a[c];
  }
  for (std::size_t c = 0; c < part.b.cells; ++c) {
    const double eta = fit.value().eta_b[c];
    scores.v.push_back(participation_terms(kLikelihood, Link::logit, eta).v);
    likelihood -= part.reference_index.weight[c] *
                  (std::max(eta, 0.0) + std::log1p(std::exp(-std::abs(eta))));
  }
  const Eigen::MatrixXd covariance =
      moment_covariance(part, std::span(&scores, 1), index.weight_squared, pi);
  const std::vector<std::size_t>& columns = fit.value().columns;
  const auto k = static_cast<Eigen::Index>(columns.size());
  Eigen::MatrixXd h(k, k), v(k, k);
  for (Eigen::Index i = 0; i < k; ++i)
    for (Eigen::Index j = 0; j < k; ++j) {
      const auto row = static_cast<Eigen::Index>(columns[static_cast<std::size_t>(i)]);
      const auto column = static_cast<Eigen::Index>(columns[static_cast<std::size_t>(j)]);
      h(i, j) = fit.value().jacobian(row, column);
      v(i, j) = covariance(row, column);
    }
  const double trace = h.llt().solve(v).trace();
  return -2 * likelihood + std::log(static_cast<double>(index.n)) * trace;
}

/// Folds of rows, of sizes that differ by one at most.
std::vector<std::uint32_t> deal(std::size_t n, std::size_t folds, std::uint64_t deck_number) {
  Stream stream({Seed{1}, purpose("selection folds"), {}, Unit{deck_number}});
  std::vector<std::uint32_t> deck(n), fold(n);
  std::iota(deck.begin(), deck.end(), 0u);
  for (std::size_t k = 0; k + 1 < n; ++k) std::swap(deck[k], deck[k + stream.below(n - k)]);
  for (std::size_t k = 0; k < n; ++k) fold[deck[k]] = static_cast<std::uint32_t>(k % folds);
  return fold;
}

/// By fold, the weight of each cell in it. A cell's base weight is shared by its rows equally.
std::vector<std::vector<double>> fold_weights(const CellIndex& index, std::size_t folds,
                                              std::uint64_t deck_number) {
  std::vector<std::vector<double>> out(folds, std::vector<double>(index.cells, 0.0));
  const std::vector<std::uint32_t> fold = deal(index.n, folds, deck_number);
  for (std::size_t i = 0; i < index.n; ++i) {
    const std::uint32_t c = index.cell_of[i];
    out[fold[i]][c] += index.weight[c] / index.respondents[c];
  }
  return out;
}

struct Setup {
  const TwoSamples& samples;
  const CellIndex& index;
  const SelectionOptions& options;
  std::vector<double> weight;  ///< w_g
  std::vector<double> lambda;  ///< descending
  double information = 0;
};

/// Position on the path of the least held-out deviance.
std::size_t cross_validate(const Setup& s) {
  const std::size_t folds = s.options.folds;
  const auto a = fold_weights(s.index, folds, 0),
             b = fold_weights(s.samples.reference_index, folds, 1);
  std::vector<double> deviance(s.lambda.size(), 0.0);
  const double rest = 1 - 1 / static_cast<double>(folds);
  for (std::size_t f = 0; f < folds; ++f) {
    std::vector<double> own_a(s.samples.weight_a), own_b(s.samples.reference_index.weight);
    for (std::size_t c = 0; c < own_a.size(); ++c) own_a[c] = std::max(0.0, own_a[c] - a[f][c]);
    for (std::size_t c = 0; c < own_b.size(); ++c) own_b[c] = std::max(0.0, own_b[c] - b[f][c]);
    const PenalisedParticipation model(s.samples, own_a, own_b);
    const PenalisedParticipation left_out(s.samples, a[f], b[f]);
    Path path(model, s.options, s.weight);
    for (std::size_t k = 0; k < s.lambda.size(); ++k) {
      const double held = left_out.deviance(path.next(rest * s.lambda[k], rest * s.information));
      deviance[k] += std::isfinite(held) ? held : std::numeric_limits<double>::infinity();
    }
  }
  return static_cast<std::size_t>(std::min_element(deviance.begin(), deviance.end()) -
                                  deviance.begin());
}

}  // namespace

TwoSamples with_terms(const TwoSamples& samples, std::span<const std::size_t> terms) {
  TwoSamples out;
  out.weight_a = samples.weight_a;
  out.base_a = samples.base_a;
  out.reference_index = samples.reference_index;
  out.reference = samples.reference;
  const auto restrict_to = [&](const Auxiliary& from, Auxiliary& to) {
    to.cells = from.cells;
    to.schema = from.schema;
    const auto add = [&](std::size_t b) {
      const Auxiliary::Block& block = from.blocks[b];
      if (block.number.empty())
        to.add_groups(block.groups, std::vector<double>(block.size(), 0.0));
      else
        to.add_number(block.number, 0);
      if (b < from.variables.size()) to.variables.push_back(from.variables[b]);
    };
    add(0);
    for (const std::size_t term : terms) add(term + 1);
  };
  restrict_to(samples.a, out.a);
  restrict_to(samples.b, out.b);
  return out;
}

Result<Selection> select_terms(const TwoSamples& samples, const CellIndex& index,
                               const SelectionOptions& options) {
  const PenalisedParticipation model(samples, samples.weight_a, samples.reference_index.weight);
  Setup s{samples, index, options, {}, {}, 0};
  for (std::size_t g = 0; g < model.terms(); ++g)
    s.weight.push_back(std::sqrt(model.free_columns(g)));
  if (options.penalty == SelectionPenalty::adaptive) {
    const auto full = fit_participation(samples, kLikelihood, Link::logit);
    if (!full) return full.failure();
    const std::vector<double> size = model.sizes(full.value().theta);
    for (std::size_t g = 0; g < size.size(); ++g) s.weight[g] /= std::max(size[g], 1e-12);
  }
  const double largest = model.largest_lambda(s.weight);
  const double pi = 1 / (1 + std::exp(-model.null_model()[0]));
  s.information = total(samples.reference_index.weight) * pi * (1 - pi);
  Selection out;
  if (!(largest > 0)) return out;
  for (std::size_t k = 0; k < kPath; ++k)
    s.lambda.push_back(
        largest * std::pow(kSmallest, static_cast<double>(k) / static_cast<double>(kPath - 1)));
  const std::size_t chosen = options.criterion == SelectionCriterion::cross_validation
                                 ? cross_validate(s)
                                 : s.lambda.size();
  Path path(model, options, s.weight);
  double least = std::numeric_limits<double>::infinity();
  std::vector<Terms> seen;
  for (std::size_t k = 0; k < s.lambda.size(); ++k) {
    const Terms terms = kept_terms(model, path.next(s.lambda[k], s.information));
    if (chosen < s.lambda.size()) {
      if (k < chosen) continue;
      return Selection{terms, s.lambda[k] / largest};
    }
    if (std::find(seen.begin(), seen.end(), terms) != seen.end()) continue;
    seen.push_back(terms);
    const auto value = bic(samples, index, terms);
    if (value && *value < least) {
      least = *value;
      out = {terms, s.lambda[k] / largest};
    }
  }
  if (!std::isfinite(least))
    return Failure{FailureKind::no_convergence,
                   "no model on the path of the penalty can be fitted without it"};
  return out;
}

}  // namespace steelyard
