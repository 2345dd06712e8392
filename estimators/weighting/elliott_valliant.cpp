#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "estimators/weighting/propensity_scores.hpp"
#include "estimators/weighting/stages.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// How 1/π_B(x), the reference sample's own selection, is modelled on x'γ.
enum class DesignModel { mean_weight, log_weight, logit_probability };

/// γ's equation Σ_B s x = 0 of one row, and 1/π_B = h.
struct DesignTerms {
  double s = 0, information = 0;  ///< information = -ds/dξ
  double h = 0, dh = 0;
};

DesignTerms design_terms(DesignModel model, double d, double xi) {
  switch (model) {
    case DesignModel::mean_weight: {
      const double mean = std::exp(xi);
      return {d - mean, mean, mean, mean};
    }
    case DesignModel::log_weight: {
      const double h = std::exp(xi);
      return {std::log(d) - xi, 1, h, h};
    }
    case DesignModel::logit_probability: {
      const double odds = std::exp(-xi), pi = 1 / (1 + odds);
      return {1 - d * pi, d * pi * (1 - pi), 1 + odds, -odds};
    }
  }
  return {};
}

struct DesignFit {
  std::vector<double> gamma, xi_b;  ///< by column; by cell of B
  Eigen::MatrixXd jacobian;         ///< Σ information x x'; zero where a column is left out
};

/// Σ of the terms over the rows of each cell of B.
struct DesignSums {
  std::vector<double> s, size, information;  ///< size: Σ |s|
  DesignSums(DesignModel model, const TwoSamples& samples, std::span<const double> xi)
      : s(samples.b.cells, 0.0), size(s), information(s) {
    const std::vector<std::uint32_t>& cell_of = samples.reference_index.cell_of;
    const std::vector<double>& d = samples.reference->sample.base_weights;
    for (std::size_t j = 0; j < cell_of.size(); ++j) {
      const DesignTerms t = design_terms(model, d[j], xi[cell_of[j]]);
      s[cell_of[j]] += t.s;
      size[cell_of[j]] += std::abs(t.s) + t.information;
      information[cell_of[j]] += t.information;
    }
  }
};

/// Newton's method with step halving; all three equations are those of a concave function of γ.
Result<DesignFit> fit_design(DesignModel model, const TwoSamples& samples) {
  constexpr int kMaxIterations = 60;
  constexpr double kConverged = 1e-13;
  const std::vector<double>& d = samples.reference->sample.base_weights;
  double mean = 0;
  for (const double weight : d) mean += weight / static_cast<double>(d.size());
  if (model == DesignModel::logit_probability && !(mean > 1))
    return Failure{FailureKind::unsupported,
                   fmt::format("the reference sample's design weights have the mean {:.4g}: one "
                               "over them are no probabilities; use design_model = \"mean\"",
                               mean)};
  DesignFit fit;
  fit.gamma.assign(samples.columns(), 0.0);
  fit.gamma[0] = model == DesignModel::logit_probability ? -std::log(mean - 1) : std::log(mean);
  fit.xi_b.assign(samples.b.cells, fit.gamma[0]);
  DesignSums sums(model, samples, fit.xi_b);
  samples.b.gram(sums.information, fit.jacobian);
  const std::vector<std::size_t> kept = independent_columns(fit.jacobian);
  const auto k = static_cast<Eigen::Index>(kept.size());
  Eigen::MatrixXd part(k, k);
  Eigen::VectorXd right(k);
  std::vector<double> score(samples.columns()), scale(samples.columns()), gamma, xi(fit.xi_b);
  const auto error_of = [&](const DesignSums& at) {
    samples.b.transpose_multiply(at.s, score);
    double largest = 0;
    for (const std::size_t j : kept) {
      const double error = std::abs(score[j]) / scale[j];
      if (!(error <= largest)) largest = error;
    }
    return largest;
  };
  for (const std::size_t j : kept) {  // what an error of a column is measured against
    const Auxiliary::Block& block = samples.b.blocks[samples.b.block_of(j)];
    scale[j] = 0;
    for (std::size_t c = 0; c < samples.b.cells; ++c)
      if (!block.number.empty())
        scale[j] += sums.size[c] * std::abs(block.number[c]);
      else if (block.offset + block.groups.group_of[c] == j)
        scale[j] += sums.size[c];
  }
  double error = error_of(sums);
  bool settled = false;
  for (int iteration = 0; iteration < kMaxIterations && !settled; ++iteration) {
    for (Eigen::Index a = 0; a < k; ++a) {
      const std::size_t row = kept[static_cast<std::size_t>(a)];
      right[a] = score[row];
      for (Eigen::Index b = 0; b <= a; ++b)
        part(a, b) = fit.jacobian(static_cast<Eigen::Index>(row),
                                  static_cast<Eigen::Index>(kept[static_cast<std::size_t>(b)]));
    }
    const Eigen::VectorXd step = part.selfadjointView<Eigen::Lower>().llt().solve(right);
    if (!step.allFinite()) break;
    settled = error < kConverged;  // one more step brings γ to rounding
    double next = error, length = 1;
    for (int halving = 0; halving < 30; ++halving, length /= 2) {
      gamma = fit.gamma;
      for (Eigen::Index a = 0; a < k; ++a)
        gamma[kept[static_cast<std::size_t>(a)]] += length * step[a];
      samples.b.multiply(gamma, xi);
      next = error_of(DesignSums(model, samples, xi));
      if (next < error || settled) break;
    }
    if (!(next < error)) {
      settled = error < 1e-9;
      samples.b.multiply(fit.gamma, xi);
      error_of(DesignSums(model, samples, xi));
      break;
    }
    error = next;
    fit.gamma = gamma;
    fit.xi_b = xi;
    sums = DesignSums(model, samples, xi);
    samples.b.gram(sums.information, fit.jacobian);
  }
  const double far =
      std::abs(*std::max_element(fit.xi_b.begin(), fit.xi_b.end(),
                                 [](double a, double b) { return std::abs(a) < std::abs(b); }));
  if (!settled || far > 30)
    return Failure{FailureKind::no_convergence,
                   "the model of the reference sample's design weights does not converge; take "
                   "fewer covariates or design_model = \"log\""};
  std::vector<bool> in(samples.columns(), false);
  for (const std::size_t j : kept) in[j] = true;
  fit.jacobian.triangularView<Eigen::StrictlyUpper>() = fit.jacobian.transpose();
  for (std::size_t j = 0; j < in.size(); ++j)
    if (!in[j]) {
      fit.jacobian.row(static_cast<Eigen::Index>(j)).setZero();
      fit.jacobian.col(static_cast<Eigen::Index>(j)).setZero();
    }
  return fit;
}

/// The factor 1/π_B(x'γ) as a stage. γ comes from B alone, U = Σ_B s x: no score in A, and
/// v = -s/d since a row's share of U does not carry its design weight.
WeightStage design_stage(DesignModel model, const TwoSamples& samples, const DesignFit& fit) {
  WeightStage stage;
  ReferenceEquation eq;
  std::vector<double> xi(samples.a.cells);
  samples.a.multiply(fit.gamma, xi);
  for (const double x : xi) {
    const DesignTerms t = design_terms(model, 1, x);
    stage.factor.push_back(t.h);
    eq.slope.push_back(t.dh);
  }
  eq.score.assign(samples.a.cells, 0.0);
  eq.jacobian.assign(fit.jacobian.data(), fit.jacobian.data() + fit.jacobian.size());
  eq.blocks = samples.blocks_b();
  eq.cell_of = samples.reference_index.cell_of;
  const std::vector<double>& d = samples.reference->sample.base_weights;
  for (std::size_t j = 0; j < d.size(); ++j)
    eq.reference_score.push_back(-design_terms(model, d[j], fit.xi_b[eq.cell_of[j]]).s / d[j]);
  stage.blocks = samples.blocks_a();
  stage.equation = std::move(eq);
  return stage;
}

/// Pseudo weights 1/π_B(x) (1 - p)/p: how likely somebody with x is to be in the reference sample,
/// by its design, and how much likelier to be a respondent, by a regression of the two samples'
/// rows. Their variance holds both regressions.
class ElliottValliant final : public Weighting {
 public:
  ElliottValliant(ConfigReader& config, const Schema& schema)
      : terms_(read_covariates(config, schema)) {
    const std::string model = config.text(
        "design_model",
        {.fallback = "mean",
         .choices = {"mean", "log", "logit"},
         .help = "regression of the reference sample's design weights d on the covariates, without "
                 "weights: mean: E(d|x) = exp(x'γ), of which 1/E(d|x) is the probability of being "
                 "in the reference sample; log: least squares of log d (biased where d varies "
                 "given x); logit: 1/d = expit(x'γ), weighted by d"});
    model_ = model == "log"     ? DesignModel::log_weight
             : model == "logit" ? DesignModel::logit_probability
                                : DesignModel::mean_weight;
  }

  std::vector<VariableId> variables() const override { return variables_of(terms_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return {}; }
  bool needs_reference() const override { return true; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    const auto made = make_two_samples(terms_, index, benchmarks);
    if (!made) return made.failure();
    const TwoSamples& samples = made.value();
    const auto fit = fit_participation(samples, ParticipationEquation::pooled, Link::logit);
    if (!fit) return fit.failure();
    const auto design = fit_design(model_, samples);
    if (!design) return design.failure();
    Weights weights = odds_weights(samples, fit.value(), ParticipationEquation::pooled);
    Weights second;
    second.stages.push_back(design_stage(model_, samples, design.value()));
    second.factor = second.stages[0].factor;
    compose(weights, std::move(second));
    std::size_t below = 0;
    for (std::size_t c = 0; c < index.cells; ++c) {
      weights.participation[c] = std::min(1.0, 1 / (weights.factor[c] * samples.base_a[c]));
      if (weights.factor[c] < 1) below += index.respondents[c];
    }
    if (below > 0)
      weights.notes.push_back(
          fmt::format("{} of {} respondents have a pseudo weight below 1: a participation "
                      "probability above 1",
                      below, index.n));
    return weights;
  }

 private:
  MarginVariables terms_;
  DesignModel model_{};
};

}  // namespace

WeightingInfo elliott_valliant_info() {
  return {"elliott_valliant",
          "pseudo weights: the reference sample's modelled design weight times the odds of being "
          "in it rather than a respondent",
          "Elliott & Valliant (2017), Statistical Science 32, 249-264, section 3.1; E(d|x) for one "
          "over the sampled units' probability: Pfeffermann & Sverchkov (1999), Sankhya B 61, "
          "166-186",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<ElliottValliant>(config, schema);
          }};
}

}  // namespace steelyard
