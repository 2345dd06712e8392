#include "estimators/bias_indices/representativity.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/sums.hpp"
#include "estimators/survey/residuals.hpp"
#include "estimators/weighting/participation_moments.hpp"
#include "estimators/weighting/propensity_scores.hpp"

namespace steelyard {
namespace {

constexpr ParticipationEquation kEquation = ParticipationEquation::pseudo_likelihood;
constexpr Link kLink = Link::logit;

double quantile(std::span<const double> values, std::span<const double> weights, double p) {
  if (p <= 0) return *std::min_element(values.begin(), values.end());
  if (p >= 1) return *std::max_element(values.begin(), values.end());
  return score_quantile(values, weights, p);
}

/// J⁻¹ on the columns of the model, zero elsewhere.
class Inverse {
 public:
  explicit Inverse(const ParticipationFit& fit) : columns_(fit.columns) {
    const auto k = static_cast<Eigen::Index>(columns_.size());
    Eigen::MatrixXd kept(k, k);
    for (Eigen::Index a = 0; a < k; ++a)
      for (Eigen::Index b = 0; b < k; ++b) kept(a, b) = fit.jacobian(at(a), at(b));
    lu_ = kept.partialPivLu();
    size_ = fit.jacobian.rows();
  }
  /// J'⁻¹ c.
  std::vector<double> transposed(std::span<const double> c) const {
    Eigen::VectorXd right(static_cast<Eigen::Index>(columns_.size()));
    for (Eigen::Index a = 0; a < right.size(); ++a) right[a] = c[columns_[std::size_t(a)]];
    const Eigen::VectorXd solved = lu_.transpose().solve(right);
    std::vector<double> out(std::size_t(size_), 0.0);
    for (Eigen::Index a = 0; a < right.size(); ++a) out[columns_[std::size_t(a)]] = solved[a];
    return out;
  }
  /// J⁻¹ V J'⁻¹.
  Eigen::MatrixXd sandwich(const Eigen::MatrixXd& v) const {
    const auto k = static_cast<Eigen::Index>(columns_.size());
    Eigen::MatrixXd kept(k, k);
    for (Eigen::Index a = 0; a < k; ++a)
      for (Eigen::Index b = 0; b < k; ++b) kept(a, b) = v(at(a), at(b));
    const Eigen::MatrixXd half = lu_.solve(kept);
    const Eigen::MatrixXd whole = lu_.solve(half.transpose());
    Eigen::MatrixXd out = Eigen::MatrixXd::Zero(size_, size_);
    for (Eigen::Index a = 0; a < k; ++a)
      for (Eigen::Index b = 0; b < k; ++b) out(at(a), at(b)) = whole(a, b);
    return out;
  }

 private:
  Eigen::Index at(Eigen::Index k) const {
    return static_cast<Eigen::Index>(columns_[static_cast<std::size_t>(k)]);
  }
  std::vector<std::size_t> columns_;
  Eigen::PartialPivLU<Eigen::MatrixXd> lu_;
  Eigen::Index size_ = 0;
};

class Indicator {
 public:
  Indicator(const TwoSamples& samples, const CellIndex& index, const ParticipationFit& fit)
      : s_(samples),
        index_(index),
        fit_(fit),
        inverse_(fit),
        d_(samples.reference_index.weight),
        size_(total(d_)) {
    for (const double eta : fit.eta_a)
      pi_a_.push_back(participation_terms(kEquation, kLink, eta).pi);
    for (const double eta : fit.eta_b)
      pi_b_.push_back(participation_terms(kEquation, kLink, eta).pi);
    for (std::size_t c = 0; c < pi_a_.size(); ++c)
      own_.push_back(std::min(1.0, pi_a_[c] / samples.base_a[c]));
  }

  Representativity run() {
    spread();
    overlap();
    errors();
    partial();
    return std::move(out_);
  }

 private:
  void spread() {
    for (const double p : kPropensityProbabilities) {
      out_.respondents.push_back(quantile(pi_a_, index_.weight, p));
      out_.population.push_back(quantile(pi_b_, d_, p));
    }
    Sum mean, squares;
    for (std::size_t c = 0; c < d_.size(); ++c) mean.add(d_[c] * pi_b_[c]);
    out_.mean = mean.value() / size_;
    for (std::size_t c = 0; c < d_.size(); ++c)
      squares.add(d_[c] * (pi_b_[c] - out_.mean) * (pi_b_[c] - out_.mean));
    raw_variance_ = squares.value() / size_;
    out_.raw_sd = std::sqrt(raw_variance_);
  }

  void overlap() {
    const auto [low, high] = std::minmax_element(pi_a_.begin(), pi_a_.end());
    for (std::size_t c = 0; c < d_.size(); ++c) {
      if (pi_b_[c] < *low) out_.below += d_[c] / size_;
      if (pi_b_[c] > *high) out_.above += d_[c] / size_;
    }
  }

  /// Estimated θ makes π vary more: E s² = S² + mean of var(π_i - mean π). With V the variance of
  /// θ and z_i = dπ_i/dθ - its mean, that is the trace of V Σ d z z'/N.
  double estimation_part(const Eigen::MatrixXd& v, std::span<const double> slope) const {
    const std::size_t p = s_.columns();
    std::vector<double> weight(d_.size()), mean(p);
    Eigen::MatrixXd gram;
    for (std::size_t c = 0; c < d_.size(); ++c) weight[c] = d_[c] * slope[c] * slope[c] / size_;
    s_.b.gram(weight, gram);
    gram.triangularView<Eigen::StrictlyUpper>() = gram.transpose();
    for (std::size_t c = 0; c < d_.size(); ++c) weight[c] = d_[c] * slope[c] / size_;
    s_.b.transpose_multiply(weight, mean);
    const Eigen::Map<const Eigen::VectorXd> m(mean.data(), static_cast<Eigen::Index>(p));
    return v.cwiseProduct(gram - m * m.transpose()).sum();
  }

  void errors() {
    MomentScores score;
    for (const double eta : fit_.eta_a)
      score.u.push_back(participation_terms(kEquation, kLink, eta).u);
    for (const double eta : fit_.eta_b)
      score.v.push_back(participation_terms(kEquation, kLink, eta).v);
    const Eigen::MatrixXd v =
        inverse_.sandwich(moment_covariance(s_, {&score, 1}, index_.weight_squared, own_));
    std::vector<double> slope(d_.size());
    for (std::size_t c = 0; c < d_.size(); ++c) slope[c] = pi_b_[c] * (1 - pi_b_[c]);
    const double variance = std::max(0.0, raw_variance_ - estimation_part(v, slope));
    out_.sd = std::sqrt(variance);
    out_.r = 1 - 2 * out_.sd;
    out_.cv = out_.sd / out_.mean;

    // Influence on S² of B's rows, d ((π - mean)² - S²)/N, and of both samples through θ.
    const auto of_variance = [&](std::size_t c) {
      return (pi_b_[c] - out_.mean) * (pi_b_[c] - out_.mean) - raw_variance_;
    };
    const auto of_mean = [&](std::size_t c) { return pi_b_[c] - out_.mean; };
    std::vector<double> by_theta(d_.size());
    for (std::size_t c = 0; c < d_.size(); ++c)
      by_theta[c] = 2 * d_[c] * of_mean(c) * slope[c] / size_;
    const Influence s2 = influence(by_theta, score, of_variance);
    for (std::size_t c = 0; c < d_.size(); ++c) by_theta[c] = d_[c] * slope[c] / size_;
    const Influence mean = influence(by_theta, score, of_mean);
    if (!(out_.sd > 0)) {  // nothing is left of the spread: its linearization has no meaning
      out_.r_se = out_.cv_se = std::numeric_limits<double>::quiet_NaN();
      return;
    }
    // sd = sqrt(S²): dR = -dS²/sd, d cv = dS²/(2 sd mean) - cv dmean/mean.
    out_.r_se = std::sqrt(variance_of(s2, mean, 1 / out_.sd, 0));
    out_.cv_se =
        std::sqrt(variance_of(s2, mean, 1 / (2 * out_.sd * out_.mean), -out_.cv / out_.mean));
  }

  /// By cell of A and by row of B.
  struct Influence {
    std::vector<double> a, b;
  };

  template <typename Direct>
  Influence influence(std::span<const double> by_theta, const MomentScores& score,
                      const Direct& direct) const {
    std::vector<double> c(s_.columns());
    s_.b.transpose_multiply(by_theta, c);
    const std::vector<double> k = inverse_.transposed(c);
    Influence out;
    out.a.resize(s_.a.cells);
    std::vector<double> cell(s_.b.cells);
    s_.a.multiply(k, out.a);
    s_.b.multiply(k, cell);
    for (std::size_t i = 0; i < out.a.size(); ++i) out.a[i] *= score.u[i];
    for (std::size_t i = 0; i < cell.size(); ++i)
      cell[i] = direct(i) / size_ - score.v[i] * cell[i];
    const auto& weights = s_.reference->sample.base_weights;
    for (std::size_t j = 0; j < weights.size(); ++j)
      out.b.push_back(weights[j] * cell[s_.reference_index.cell_of[j]]);
    return out;
  }

  double variance_of(const Influence& x, const Influence& y, double fx, double fy) const {
    Sum a;
    for (std::size_t c = 0; c < x.a.size(); ++c) {
      const double z = fx * x.a[c] + fy * y.a[c];
      a.add((1 - own_[c]) * index_.weight_squared[c] * z * z);
    }
    std::vector<double> b(x.b.size());
    for (std::size_t j = 0; j < b.size(); ++j) b[j] = fx * x.b[j] + fy * y.b[j];
    const auto design = design_of(*s_.reference).variance(b);
    EXPECTS(design.ok());
    return a.value() + design.value();
  }

  void partial() {
    for (std::size_t k = 1; k < s_.b.blocks.size(); ++k) {
      const Auxiliary::Block& block = s_.b.blocks[k];
      out_.partial.push_back(
          {s_.term_name(k),
           (block.number.empty() ? between(block.groups) : along(block.number)) / out_.mean});
    }
    std::stable_sort(out_.partial.begin(), out_.partial.end(),
                     [](const auto& x, const auto& y) { return x.cv > y.cv; });
  }

  double between(const CellGroups& groups) const {
    std::vector<double> size(groups.groups, 0.0), sum(size);
    for (std::size_t c = 0; c < d_.size(); ++c) {
      size[groups.group_of[c]] += d_[c];
      sum[groups.group_of[c]] += d_[c] * pi_b_[c];
    }
    double squares = 0;
    for (std::size_t g = 0; g < groups.groups; ++g)
      if (size[g] > 0) {
        const double gap = sum[g] / size[g] - out_.mean;
        squares += size[g] / size_ * gap * gap;
      }
    return std::sqrt(squares);
  }

  double along(const std::vector<double>& x) const {
    double mean = 0, variance = 0, covariance = 0;
    for (std::size_t c = 0; c < d_.size(); ++c) mean += d_[c] / size_ * x[c];
    for (std::size_t c = 0; c < d_.size(); ++c) {
      variance += d_[c] / size_ * (x[c] - mean) * (x[c] - mean);
      covariance += d_[c] / size_ * (x[c] - mean) * (pi_b_[c] - out_.mean);
    }
    return variance > 0 ? std::abs(covariance) / std::sqrt(variance) : 0;
  }

  const TwoSamples& s_;
  const CellIndex& index_;
  const ParticipationFit& fit_;
  Inverse inverse_;
  const std::vector<double>& d_;
  double size_, raw_variance_ = 0;
  std::vector<double> pi_a_, pi_b_;
  std::vector<double> own_;  ///< by cell of A: probability of being in the sample, π/base weight
  Representativity out_;
};

}  // namespace

Result<Representativity> representativity(const TwoSamples& samples, const CellIndex& index) {
  const auto fit = fit_participation(samples, kEquation, kLink);
  if (!fit) return fit.failure();
  return Indicator(samples, index, fit.value()).run();
}

}  // namespace steelyard
