#include "estimators/weighting/solver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace steelyard {
namespace {

/// F(u), its derivative and its integral, for a cell.
struct Point {
  double value, derivative, integral;
};

struct Linear {
  Point operator()(std::size_t, double u) const { return {1 + u, 1, u + u * u / 2}; }
};

struct Exponential {
  Point operator()(std::size_t, double u) const {
    const double e = std::exp(u);
    return {e, e, e};
  }
};

struct Logit {
  double lower, upper, slope = (upper - lower) / ((1 - lower) * (upper - 1));
  Point operator()(std::size_t, double u) const {
    const double above = upper - 1, below = 1 - lower, x = slope * u;
    double value, log_sum;
    if (x > 0) {
      const double e = std::exp(-x);
      value = (lower * above * e + upper * below) / (above * e + below);
      log_sum = x + std::log((above * e + below) / (upper - lower));
    } else {
      const double e = std::exp(x);
      value = (lower * above + upper * below * e) / (above + below * e);
      log_sum = std::log((above + below * e) / (upper - lower));
    }
    return {value, slope * (value - lower) * (upper - value) / (upper - lower),
            lower * u + (upper - lower) / slope * log_sum};
  }
};

/// A distance cut to bounds, which may differ by cell.
template <typename Inner>
struct Truncated {
  const CalibrationOptions& o;
  Inner inner{};
  static double inverse(double g) {
    if constexpr (std::is_same_v<Inner, Linear>)
      return g - 1;
    else
      return g > 0 ? std::log(g) : -std::numeric_limits<double>::infinity();
  }
  Point operator()(std::size_t c, double u) const {
    const double lower = o.lowers.empty() ? o.lower : o.lowers[c];
    const double upper = o.uppers.empty() ? o.upper : o.uppers[c];
    const double from = inverse(lower), to = inverse(upper);
    if (u < from) return {lower, 0, inner(c, from).integral + lower * (u - from)};
    if (u > to) return {upper, 0, inner(c, to).integral + upper * (u - to)};
    return inner(c, u);
  }
};

template <typename Distance>
class Newton {
 public:
  Newton(const Auxiliary& x, std::span<const double> d, const CalibrationOptions& o,
         Distance distance)
      : x_(x), d_(d), o_(o), distance_(distance), p_(x.columns()) {}

  Result<Calibrated> solve() {
    Calibrated out;
    std::vector<double> u(x_.cells), slope(x_.cells), gap(p_), trial(p_), trial_gap(p_);
    Eigen::MatrixXd hessian;
    out.lambda.assign(p_, 0.0);
    out.factor.resize(x_.cells);
    double objective = evaluate(out.lambda, u, out.factor, slope, gap);
    x_.gram(d_, hessian);
    columns_ = independent_columns(penalised(hessian));
    start_diagonal_ = hessian.diagonal();
    for (std::size_t j = 0, k = 0; j < p_; ++j)
      if (k < columns_.size() && columns_[k] == j)
        ++k;
      else if (hessian(static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(j)) > 0)
        out.redundant.push_back(j);
    const auto k = static_cast<Eigen::Index>(columns_.size());
    Eigen::MatrixXd reduced(k, k);
    Eigen::VectorXd step(k);
    Eigen::LLT<Eigen::MatrixXd> cholesky;
    double error = worst(gap).error;
    for (int polish = 0; out.iterations < o_.max_iterations; ++out.iterations) {
      // One more step after the tolerance is met: it is quadratic, and costs one iteration.
      if (error <= o_.tolerance && (polish++ || error == 0)) break;
      if (out.iterations > 0) penalised(gram(slope, hessian));
      if (out.iterations > 0) steepen(hessian);
      if (!factorise(hessian, reduced, cholesky)) break;
      for (Eigen::Index j = 0; j < k; ++j) step[j] = gap[columns_[static_cast<std::size_t>(j)]];
      const Eigen::VectorXd right = step;
      cholesky.solveInPlace(step);
      const double descent = right.dot(step);
      bool moved = false;
      for (double size = 1; size > 1e-10; size /= 2) {
        trial = out.lambda;
        for (Eigen::Index j = 0; j < k; ++j)
          trial[columns_[static_cast<std::size_t>(j)]] += size * step[j];
        std::vector<double>& factor = trial_factor_;
        factor.resize(x_.cells);
        const double value = evaluate(trial, u, factor, trial_slope_, trial_gap);
        const double trial_error = worst(trial_gap).error;
        if (std::isfinite(value) && std::isfinite(trial_error) &&
            (value <= objective - 1e-4 * size * descent || trial_error < error)) {
          moved = trial_error < error || error > o_.tolerance;
          if (error <= o_.tolerance && trial_error >= error) break;  // rounding is reached
          out.lambda.swap(trial);
          out.factor.swap(factor);
          slope.swap(trial_slope_);
          gap.swap(trial_gap);
          objective = value;
          error = trial_error;
          break;
        }
      }
      if (!moved) break;
    }
    out.error = worst(gap);
    if (o_.penalty.empty() && !(out.error.error <= o_.tolerance)) return failure(out);
    return out;
  }

 private:
  /// g, q d F'(u), targets - X'dg - penalty λ, and the dual objective at λ.
  double evaluate(const std::vector<double>& lambda, std::vector<double>& u,
                  std::vector<double>& factor, std::vector<double>& slope,
                  std::vector<double>& gap) {
    x_.multiply(lambda, u);
    slope.resize(x_.cells);
    weighted_.resize(x_.cells);
    double objective = 0;
    for (std::size_t c = 0; c < x_.cells; ++c) {
      const double q = o_.q.empty() ? 1.0 : o_.q[c];
      const Point point = distance_(c, q * u[c]);
      factor[c] = point.value;
      weighted_[c] = d_[c] * point.value;
      slope[c] = d_[c] * q * point.derivative;
      if (d_[c] > 0) objective += d_[c] * point.integral / q;
    }
    x_.transpose_multiply(weighted_, gap);
    for (std::size_t j = 0; j < p_; ++j) {
      gap[j] = x_.targets[j] - gap[j];
      objective -= x_.targets[j] * lambda[j];
      if (!o_.penalty.empty()) {
        gap[j] -= o_.penalty[j] * lambda[j];
        objective += o_.penalty[j] * lambda[j] * lambda[j] / 2;
      }
    }
    return objective;
  }

  Eigen::MatrixXd& gram(const std::vector<double>& slope, Eigen::MatrixXd& hessian) {
    x_.gram(slope, hessian);
    return hessian;
  }
  Eigen::MatrixXd& penalised(Eigen::MatrixXd& hessian) {
    for (std::size_t j = 0; j < o_.penalty.size(); ++j)
      hessian(static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(j)) += o_.penalty[j];
    return hessian;
  }

  /// Where nearly all of a column's cells are at their bounds the dual is flat along it and a full
  /// step would leap over the other end: such columns keep a tenth of their curvature at the start.
  void steepen(Eigen::MatrixXd& hessian) const {
    for (Eigen::Index j = 0; j < hessian.rows(); ++j)
      if (hessian(j, j) < 0.01 * start_diagonal_[j]) hessian(j, j) = 0.1 * start_diagonal_[j];
  }

  /// Cholesky of the independent columns' part, scaled up on the diagonal where the distance is
  /// flat (cells at their bounds).
  bool factorise(const Eigen::MatrixXd& hessian, Eigen::MatrixXd& reduced,
                 Eigen::LLT<Eigen::MatrixXd>& cholesky) {
    const auto k = static_cast<Eigen::Index>(columns_.size());
    lower_part(hessian, columns_, reduced);
    const double trace =
        reduced.diagonal().sum() / static_cast<double>(std::max<Eigen::Index>(k, 1));
    for (double ridge = 0; ridge < 1; ridge = ridge == 0 ? 1e-12 : ridge * 100) {
      if (ridge > 0) reduced.diagonal().array() += ridge * trace;
      cholesky.compute(reduced);
      if (cholesky.info() == Eigen::Success && cholesky.rcond() > 1e-15) return true;
    }
    return false;
  }

  MarginError worst(const std::vector<double>& gap) const {
    MarginError largest;
    for (std::size_t j = 0; j < p_; ++j) {
      const double error = std::abs(gap[j]) / x_.scale[j];
      if (!(error <= largest.error)) largest = {error, j};
    }
    return largest;
  }

  Failure failure(const Calibrated& out) const {
    const bool redundant = std::find(out.redundant.begin(), out.redundant.end(),
                                     out.error.column) != out.redundant.end();
    const std::string what = x_.describe(out.error.column);
    const auto& block = x_.blocks[x_.block_of(out.error.column)];
    if (!block.number.empty() && is_zero(block.number))
      return {FailureKind::singular_matrix,
              fmt::format("{} is zero for every respondent with weight, so its total of {:.6g} "
                          "cannot be reached; leave it out",
                          what, x_.targets[out.error.column])};
    if (redundant)
      return {FailureKind::singular_matrix,
              fmt::format("{} is missed by {:.2g} (relative): it is fixed by the other margins in "
                          "this sample, and they contradict it",
                          what, out.error.error)};
    return {FailureKind::no_convergence,
            fmt::format("after {} iterations {} is still off by {:.2g} of {}", out.iterations, what,
                        out.error.error, block.number.empty() ? "the population" : "its total")};
  }

  bool is_zero(const std::vector<double>& number) const {
    for (std::size_t c = 0; c < x_.cells; ++c)
      if (d_[c] > 0 && number[c] != 0) return false;
    return true;
  }

  const Auxiliary& x_;
  std::span<const double> d_;
  const CalibrationOptions& o_;
  Distance distance_;
  std::size_t p_;
  std::vector<std::size_t> columns_;
  Eigen::VectorXd start_diagonal_;
  std::vector<double> weighted_, trial_factor_, trial_slope_;
};

}  // namespace

Result<Calibrated> calibrate(const Auxiliary& x, std::span<const double> d,
                             const CalibrationOptions& o) {
  EXPECTS(d.size() == x.cells);
  switch (o.distance) {
    case DistanceKind::linear:
      return Newton(x, d, o, Linear{}).solve();
    case DistanceKind::raking:
      return Newton(x, d, o, Exponential{}).solve();
    case DistanceKind::logit:
      return Newton(x, d, o, Logit{o.lower, o.upper}).solve();
    case DistanceKind::truncated_linear:
      return Newton(x, d, o, Truncated<Linear>{o}).solve();
    case DistanceKind::truncated_raking:
      return Newton(x, d, o, Truncated<Exponential>{o}).solve();
  }
  return Failure{FailureKind::unsupported, "unknown distance"};
}

std::string describe_redundant(const Auxiliary& x, std::span<const std::size_t> redundant) {
  std::string names;
  bool indicators = false;  // an indicator block came before
  for (std::size_t b = 0, k = 0; b < x.blocks.size(); ++b) {
    const bool number = !x.blocks[b].number.empty();
    const std::size_t spare = !number && indicators ? 1 : 0;
    indicators = indicators || !number;
    const std::size_t end = x.blocks[b].offset + x.blocks[b].size();
    std::vector<std::size_t> here;
    for (; k < redundant.size() && redundant[k] < end; ++k) here.push_back(redundant[k]);
    for (std::size_t j = 0; j + spare < here.size(); ++j)
      names += (names.empty() ? "" : "; ") + x.describe(here[j]);
  }
  if (names.empty()) return {};
  return "fixed in this sample by the margins before them (multicollinear, and consistent): " +
         names;
}

}  // namespace steelyard
