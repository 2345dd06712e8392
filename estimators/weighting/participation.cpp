#include "estimators/weighting/participation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>

#include "core/sums.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

/// F, f = F', f'/f and hazards of a link, without cancellation in either tail.
struct LinkTerms {
  double p = 0;      ///< F
  double lower = 0;  ///< f/F
  double upper = 0;  ///< f/(1-F)
  double dlower = 0, dupper = 0;
};

LinkTerms logit_terms(double eta) {
  const double e = std::exp(-std::abs(eta));
  const double small = e / (1 + e), large = 1 / (1 + e);
  const double p = eta >= 0 ? large : small, q = eta >= 0 ? small : large;
  return {p, q, p, -p * q, p * q};
}

LinkTerms probit_terms(double eta) {
  constexpr double kRoot2 = boost::math::constants::root_two<double>();
  const double density =
      std::exp(-eta * eta / 2) * boost::math::constants::one_div_root_two_pi<double>();
  const double p = std::erfc(-eta / kRoot2) / 2, q = std::erfc(eta / kRoot2) / 2;
  const double lower = density / p, upper = density / q;
  return {p, lower, upper, -lower * (lower + eta), upper * (upper - eta)};
}

LinkTerms cloglog_terms(double eta) {
  const double t = std::exp(eta), p = -std::expm1(-t);
  const double lower = t * std::exp(-t) / p;
  return {p, lower, t, lower * (1 - t - lower), t};
}

LinkTerms link_terms(Link link, double eta) {
  switch (link) {
    case Link::logit:
      return logit_terms(eta);
    case Link::probit:
      return probit_terms(eta);
    case Link::cloglog:
      return cloglog_terms(eta);
  }
  return {};
}

/// U, its scale by column, and -dU/dθ at some θ.
class Score {
 public:
  Score(const TwoSamples& samples, ParticipationEquation equation, Link link)
      : samples_(samples), equation_(equation), link_(link) {
    const CellIndex& b = samples.reference_index;
    weight_b_ = b.weight;
    if (equation == ParticipationEquation::pooled)
      for (std::size_t c = 0; c < b.cells; ++c) weight_b_[c] = b.respondents[c];
  }

  std::span<const double> weight_b() const { return weight_b_; }

  /// @return the largest |U| relative to its own parts; not finite where θ is out of range
  double evaluate(std::span<const double> theta, std::vector<double>& eta_a,
                  std::vector<double>& eta_b) {
    const std::size_t p = samples_.columns();
    eta_a.resize(samples_.a.cells);
    eta_b.resize(samples_.b.cells);
    samples_.a.multiply(theta, eta_a);
    samples_.b.multiply(theta, eta_b);
    u_.resize(eta_a.size());
    du_.resize(eta_a.size());
    v_.resize(eta_b.size());
    dv_.resize(eta_b.size());
    if (respondents_count_)
      std::copy(samples_.weight_a.begin(), samples_.weight_a.end(), u_.begin());
    else
      for (std::size_t c = 0; c < u_.size(); ++c) {
        const ParticipationTerms t = participation_terms(equation_, link_, eta_a[c]);
        u_[c] = samples_.weight_a[c] * t.u;
        du_[c] = samples_.weight_a[c] * t.du;
      }
    for (std::size_t c = 0; c < v_.size(); ++c) {
      if (respondents_count_) {
        const LinkTerms l = logit_terms(eta_b[c]);
        v_[c] = weight_b_[c] * l.upper;
        dv_[c] = weight_b_[c] * l.dupper;
        continue;
      }
      const ParticipationTerms t = participation_terms(equation_, link_, eta_b[c]);
      v_[c] = weight_b_[c] * t.v;
      dv_[c] = weight_b_[c] * t.dv;
    }
    score_.resize(p);
    other_.resize(p);
    samples_.a.transpose_multiply(u_, score_);
    samples_.b.transpose_multiply(v_, other_);
    if (scale_.empty()) set_scale();
    double largest = 0;
    for (std::size_t j = 0; j < p; ++j) {
      score_[j] -= other_[j];
      largest = std::max(largest, std::abs(score_[j]) / scale_[j]);
      if (std::isnan(score_[j])) largest = std::numeric_limits<double>::infinity();
    }
    return largest;
  }

  std::span<const double> score() const { return score_; }

  void jacobian(Eigen::MatrixXd& out) const {
    samples_.b.gram(dv_, out);
    if (!respondents_count_) {
      Eigen::MatrixXd part;
      samples_.a.gram(du_, part);
      out -= part;
    }
    out.triangularView<Eigen::StrictlyUpper>() = out.transpose();
  }

 private:
  /// What an error of each column is measured against: the size of its sums at the start.
  void set_scale() {
    scale_.assign(samples_.columns(), 0.0);
    const auto add = [&](const Auxiliary& x, std::vector<double> values) {
      for (double& value : values) value = std::abs(value);
      for (const Auxiliary::Block& block : x.blocks)
        for (std::size_t c = 0; c < x.cells; ++c)
          if (block.number.empty())
            scale_[block.offset + block.groups.group_of[c]] += values[c];
          else
            scale_[block.offset] += values[c] * std::abs(block.number[c]);
    };
    add(samples_.a, u_);
    add(samples_.b, v_);
    for (double& s : scale_)
      if (!(s > 0)) s = 1;
  }

  const TwoSamples& samples_;
  ParticipationEquation equation_;
  Link link_;
  /// Pseudo-likelihood with a logit: u = 1 whatever θ is.
  bool respondents_count_ =
      equation_ == ParticipationEquation::pseudo_likelihood && link_ == Link::logit;
  std::vector<double> weight_b_, u_, du_, v_, dv_, score_, other_, scale_;
};

/// η with the right π on average, for the intercept to start from.
double starting_eta(const TwoSamples& samples, std::span<const double> weight_b,
                    ParticipationEquation equation, Link link) {
  const double a = total(samples.weight_a), b = total(weight_b);
  const double share =
      equation == ParticipationEquation::pooled ? a / (a + b) : std::min(0.9, a / b);
  if (equation == ParticipationEquation::adjusted_logistic) return std::log(share);
  switch (link) {
    case Link::logit:
      return std::log(share / (1 - share));
    case Link::probit:
      return -std::sqrt(2.0) * boost::math::erfc_inv(2 * share);
    case Link::cloglog:
      return std::log(-std::log1p(-share));
  }
  return 0;
}

/// Σ_A a where it reaches Σ_B d in a column of ones: the equation, Σ_A a = Σ_B d π there or
/// Σ_A a/π = Σ_B d, then has no solution with probabilities below 1.
std::optional<Failure> more_than_everybody(const TwoSamples& samples,
                                           std::span<const double> weight_b,
                                           ParticipationEquation equation, Link link) {
  const bool exact = equation == ParticipationEquation::calibrated ||
                     (equation == ParticipationEquation::pseudo_likelihood && link == Link::logit);
  if (!exact) return std::nullopt;
  std::vector<double> a(samples.columns()), b(samples.columns());
  samples.a.transpose_multiply(samples.weight_a, a);
  samples.b.transpose_multiply(weight_b, b);
  for (std::size_t j = 0; j < a.size(); ++j) {
    if (j > 0 && !samples.a.blocks[samples.a.block_of(j)].number.empty()) continue;
    if (!(a[j] > 0) || a[j] < b[j]) continue;
    const std::string where = j == 0 ? "" : " with " + samples.describe(j);
    return Failure{
        FailureKind::infeasible,
        fmt::format("{:.6g} respondents{}, but the reference sample's design weights{} sum to "
                    "{:.6g}: a participation probability cannot exceed 1; scale the design weights "
                    "to the population",
                    a[j], where, j == 0 ? "" : " there", b[j])};
  }
  return std::nullopt;
}

/// Terms with a column that depends on those of the terms before: other than the one level of a
/// term that always does.
std::vector<std::string> terms_left_out(const TwoSamples& samples,
                                        std::span<const std::size_t> columns) {
  std::vector<std::string> names;
  for (std::size_t b = 1; b < samples.a.blocks.size(); ++b) {
    const std::size_t begin = samples.a.blocks[b].offset;
    const std::size_t end =
        b + 1 < samples.a.blocks.size() ? samples.a.blocks[b + 1].offset : samples.columns();
    if (std::none_of(columns.begin(), columns.end(),
                     [&](std::size_t j) { return j >= begin && j < end; }))
      names.push_back(samples.term_name(b));
  }
  return names;
}

/// Which coefficient runs off: the one whose column has moved η most.
std::string runaway(const TwoSamples& samples, std::span<const double> theta) {
  std::size_t worst = 0;
  double largest = -1;
  for (std::size_t j = 1; j < theta.size(); ++j) {
    const Auxiliary::Block& block = samples.a.blocks[samples.a.block_of(j)];
    double reach = 1;
    for (const double x : block.number) reach = std::max(reach, std::abs(x));
    if (std::abs(theta[j]) * reach > largest) {
      largest = std::abs(theta[j]) * reach;
      worst = j;
    }
  }
  return samples.describe(worst);
}

}  // namespace

ParticipationTerms participation_terms(ParticipationEquation equation, Link link, double eta) {
  ParticipationTerms t;
  if (equation == ParticipationEquation::pooled ||
      equation == ParticipationEquation::adjusted_logistic) {
    const LinkTerms l = logit_terms(eta);
    t.u = l.lower;  // 1 - p
    t.du = l.dlower;
    t.v = l.p;
    t.dv = l.dupper;
    t.pi = equation == ParticipationEquation::pooled ? l.p : std::exp(eta);
    t.g = 1 / t.pi;
    t.dg = equation == ParticipationEquation::pooled ? -l.lower / l.p : -t.g;
    return t;
  }
  const LinkTerms l = link_terms(link, eta);
  t.pi = l.p;
  t.g = 1 / l.p;
  t.dg = -l.lower / l.p;
  if (equation == ParticipationEquation::calibrated) {
    t.u = t.g;
    t.du = t.dg;
    t.v = 1;
    return t;
  }
  t.u = l.lower + l.upper;  // f/(F(1-F)) = f/F + f/(1-F)
  t.du = l.dlower + l.dupper;
  t.v = l.upper;
  t.dv = l.dupper;
  return t;
}

Result<ParticipationFit> fit_participation(const TwoSamples& samples,
                                           ParticipationEquation equation, Link link) {
  constexpr int kMaxIterations = 60;
  constexpr double kConverged = 1e-12;
  Score score(samples, equation, link);
  if (auto failed = more_than_everybody(samples, score.weight_b(), equation, link)) return *failed;
  ParticipationFit fit;
  fit.theta.assign(samples.columns(), 0.0);
  fit.theta[0] = starting_eta(samples, score.weight_b(), equation, link);
  double error = score.evaluate(fit.theta, fit.eta_a, fit.eta_b);
  score.jacobian(fit.jacobian);
  fit.columns = independent_columns(fit.jacobian);
  fit.left_out = terms_left_out(samples, fit.columns);
  const auto k = static_cast<Eigen::Index>(fit.columns.size());
  Eigen::MatrixXd kept(k, k);
  Eigen::VectorXd right(k);
  std::vector<double> theta(fit.theta), eta_a, eta_b;
  bool settled = false;
  for (fit.iterations = 0; fit.iterations < kMaxIterations && !settled; ++fit.iterations) {
    for (Eigen::Index a = 0; a < k; ++a) {
      right[a] = score.score()[fit.columns[static_cast<std::size_t>(a)]];
      for (Eigen::Index b = 0; b < k; ++b)
        kept(a, b) =
            fit.jacobian(static_cast<Eigen::Index>(fit.columns[static_cast<std::size_t>(a)]),
                         static_cast<Eigen::Index>(fit.columns[static_cast<std::size_t>(b)]));
    }
    const Eigen::VectorXd step = kept.partialPivLu().solve(right);
    if (!step.allFinite())
      return Failure{FailureKind::singular_matrix,
                     "the covariates depend linearly on each other in these samples"};
    // Once there, one more step brings θ to rounding; a step that gains nothing ends it.
    settled = error < kConverged;
    double length = 1, next = error;
    for (int halving = 0; halving < 30; ++halving, length /= 2) {
      theta = fit.theta;
      for (Eigen::Index a = 0; a < k; ++a)
        theta[fit.columns[static_cast<std::size_t>(a)]] += length * step[a];
      next = score.evaluate(theta, eta_a, eta_b);
      if (next < error || settled) break;
    }
    if (!(next < error)) {
      score.evaluate(fit.theta, fit.eta_a, fit.eta_b);
      if (error < 1e-9) settled = true;
      break;
    }
    error = next;
    fit.theta = theta;
    fit.eta_a = eta_a;
    fit.eta_b = eta_b;
    score.jacobian(fit.jacobian);
  }
  // Where the samples separate, U goes to zero while a coefficient goes to infinity.
  constexpr double kFarOff = 30;
  double far = 0;
  for (const double eta : fit.eta_a) far = std::max(far, std::abs(eta));
  for (const double eta : fit.eta_b) far = std::max(far, std::abs(eta));
  if (!settled || far > kFarOff)
    return Failure{
        FailureKind::no_convergence,
        fmt::format("the participation model does not converge: {} separates the respondents from "
                    "the reference sample (or nearly so); leave it out or merge its levels",
                    runaway(samples, fit.theta))};
  std::vector<bool> in(samples.columns(), false);
  for (const std::size_t j : fit.columns) in[j] = true;
  for (std::size_t j = 0; j < in.size(); ++j)
    if (!in[j]) {
      fit.jacobian.row(static_cast<Eigen::Index>(j)).setZero();
      fit.jacobian.col(static_cast<Eigen::Index>(j)).setZero();
    }
  return fit;
}

Weights participation_weights(const TwoSamples& samples, const ParticipationFit& fit,
                              ParticipationEquation equation, Link link) {
  Weights weights;
  WeightStage stage;
  ReferenceEquation eq;
  const std::size_t cells = samples.a.cells;
  weights.factor.resize(cells);
  weights.participation.resize(cells);
  eq.slope.resize(cells);
  eq.score.resize(cells);
  for (std::size_t c = 0; c < cells; ++c) {
    const ParticipationTerms t = participation_terms(equation, link, fit.eta_a[c]);
    weights.factor[c] = t.g;
    weights.participation[c] = t.pi / samples.base_a[c];
    eq.slope[c] = t.dg;
    eq.score[c] = t.u;
  }
  eq.jacobian.assign(fit.jacobian.data(), fit.jacobian.data() + fit.jacobian.size());
  eq.blocks = samples.blocks_b();
  eq.cell_of = samples.reference_index.cell_of;
  eq.reference_score.resize(eq.cell_of.size());
  std::vector<double> by_cell(samples.b.cells);
  for (std::size_t c = 0; c < by_cell.size(); ++c)
    by_cell[c] = participation_terms(equation, link, fit.eta_b[c]).v;
  const std::vector<double>& d = samples.reference->sample.base_weights;
  for (std::size_t j = 0; j < eq.cell_of.size(); ++j)
    eq.reference_score[j] =
        by_cell[eq.cell_of[j]] / (equation == ParticipationEquation::pooled ? d[j] : 1.0);
  stage.blocks = samples.blocks_a();
  stage.equation = std::move(eq);
  weights.stages.push_back(std::move(stage));
  weights.reference = samples.reference;
  weights.iterations = fit.iterations;
  if (!fit.left_out.empty())
    weights.notes.push_back(fmt::format(
        "the covariates {} follow from those before them and add nothing to the participation "
        "model: left out",
        join(fit.left_out, ", ")));
  return weights;
}

}  // namespace steelyard
