#include "estimators/multilevel/poststratify.hpp"

namespace steelyard {

using Eigen::Index;
using Eigen::VectorXd;

Poststratifier::Poststratifier(const MultilevelDesign& design, const MultilevelFit& fit,
                               const TargetCells& target)
    : design_(design), fit_(fit), target_(target) {
  const std::size_t cells = target.cells();
  std::vector<double> beta(design.fixed.columns(), 0.0), eta(cells), random(cells);
  for (std::size_t a = 0; a < fit.columns.size(); ++a)
    beta[fit.columns[a]] = fit.beta[static_cast<Index>(a)];
  target.fixed.multiply(beta, eta);
  std::vector<double> effects(target.random.columns(), 0.0);
  std::size_t from = 0;
  for (std::size_t k = 0; k < target.seen.size(); ++k) {
    for (std::size_t j = 0; j < target.seen[k]; ++j)
      effects[target.random.blocks[k].offset + j] = fit.effects[static_cast<Index>(from + j)];
    from += target.seen[k];
  }
  target.random.multiply(effects, random);
  values_ =
      fit.model == OutcomeModel::ordered ? static_cast<std::size_t>(fit.thresholds.size()) + 1 : 1;
  const auto t = static_cast<std::size_t>(fit.thresholds.size());
  predicted_.reserve(cells * values_);
  by_eta_.reserve(cells * values_);
  Predicted at;
  for (std::size_t c = 0; c < cells; ++c) {
    predict(fit.model, eta[c] + random[c], fit.thresholds, at);
    predicted_.insert(predicted_.end(), at.value.begin(), at.value.end());
    by_eta_.insert(by_eta_.end(), at.by_eta.begin(), at.by_eta.end());
    for (std::size_t v = 0; v < values_; ++v)
      for (std::size_t j = 0; j < t; ++j)
        by_threshold_.push_back(at.by_threshold(static_cast<Index>(v), static_cast<Index>(j)));
  }
}

Poststratifier::Gradient Poststratifier::gradient(std::span<const double> multiplier) const {
  EXPECTS(multiplier.size() == predicted_.size());
  const std::size_t cells = target_.cells(), p = fit_.columns.size();
  const auto t = static_cast<std::size_t>(fit_.thresholds.size());
  std::vector<double> m(cells, 0.0), fixed(target_.fixed.columns()),
      random(target_.random.columns());
  for (std::size_t i = 0; i < multiplier.size(); ++i) m[i / values_] += multiplier[i] * by_eta_[i];
  target_.fixed.transpose_multiply(m, fixed);
  target_.random.transpose_multiply(m, random);
  Gradient out;
  out.by_coefficient = VectorXd::Zero(static_cast<Index>(p + t + design_.effects()));
  out.by_unseen = VectorXd::Zero(static_cast<Index>(target_.seen.size()));
  Index at = 0;
  for (std::size_t j : fit_.columns) out.by_coefficient[at++] = fixed[j];
  for (std::size_t i = 0; i < multiplier.size() && t > 0; ++i)
    for (std::size_t j = 0; j < t; ++j)
      out.by_coefficient[at + static_cast<Index>(j)] += multiplier[i] * by_threshold_[i * t + j];
  at += static_cast<Index>(t);
  for (std::size_t k = 0; k < target_.seen.size(); ++k) {
    const auto& block = target_.random.blocks[k];
    for (std::size_t j = 0; j < block.size(); ++j) {
      const double r = random[block.offset + j];
      if (j < target_.seen[k])
        out.by_coefficient[at++] = r;
      else
        out.by_unseen[static_cast<Index>(k)] += r * r;
    }
  }
  return out;
}

double Poststratifier::variance(const Gradient& gradient) const {
  return gradient.by_coefficient.dot(fit_.covariance * gradient.by_coefficient) +
         gradient.by_unseen.dot(fit_.deviations.cwiseAbs2());
}

std::vector<double> Poststratifier::leverage(const Gradient& gradient) const {
  VectorXd move = fit_.conditional * gradient.by_coefficient;
  if (fit_.model == OutcomeModel::linear) move /= fit_.residual_deviation * fit_.residual_deviation;
  const auto p = static_cast<Index>(fit_.columns.size());
  std::vector<double> phi;
  detail::fixed_predictor(design_, fit_.columns, move.head(p), phi);
  detail::add_effects(design_, move.tail(static_cast<Index>(design_.effects())), phi);
  return phi;
}

std::vector<double> linear_model_weights(const MultilevelDesign& design, const MultilevelFit& fit,
                                         const TargetCells& target,
                                         std::span<const double> population) {
  EXPECTS(fit.model == OutcomeModel::linear);
  const Poststratifier cells(design, fit, target);
  return cells.leverage(cells.gradient(population));
}

}  // namespace steelyard
