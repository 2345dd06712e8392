#include "sim/households/zone_fit.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "core/errors.hpp"

namespace steelyard {
namespace {

constexpr double kRidge = 1e-10;      // of each diagonal element: levels that sum to a total
constexpr double kLargestChange = 4;  // of a log weight in one Newton step
constexpr int kStall = 12;            // steps without halving the error: targets contradict
constexpr int kSweepStall = 200;      // sweeps without lowering the error by a thousandth

struct Entry {
  std::uint32_t column;
  double count;
};

/// The zone's problem without what has no part in it: columns without target, households ruled out.
struct Problem {
  std::vector<std::uint32_t> columns;  ///< of the incidence
  std::vector<double> target, price;   ///< price: relaxation × importance, infinite: exact
  std::vector<std::uint32_t> rows;     ///< of the incidence
  std::vector<double> base;
  std::vector<std::size_t> first;
  std::vector<Entry> entries;

  std::size_t n() const { return rows.size(); }
  std::size_t k() const { return columns.size(); }
};

Problem make_problem(const Incidence& a, std::span<const double> base,
                     std::span<const double> targets, std::span<const double> importance,
                     double relaxation) {
  Problem p;
  std::vector<std::int64_t> local(a.columns, -1);
  for (std::uint32_t c = 0; c < a.columns; ++c)
    if (targets[c] > 0) {
      local[c] = static_cast<std::int64_t>(p.columns.size());
      p.columns.push_back(c);
      p.target.push_back(targets[c]);
      p.price.push_back(c == 0 ? std::numeric_limits<double>::infinity()
                               : relaxation * importance[c]);
    }
  p.first.push_back(0);
  double total = 0;
  for (std::uint32_t i = 0; i < a.rows(); ++i) {
    bool ruled_out = !(base[i] > 0);
    for (std::size_t e = a.first[i]; e < a.first[i + 1]; ++e)
      ruled_out = ruled_out || targets[a.column[e]] == 0;
    if (ruled_out) continue;
    p.rows.push_back(i);
    p.base.push_back(base[i]);
    total += base[i];
    for (std::size_t e = a.first[i]; e < a.first[i + 1]; ++e)
      if (local[a.column[e]] >= 0)
        p.entries.push_back(
            {static_cast<std::uint32_t>(local[a.column[e]]), static_cast<double>(a.count[e])});
    p.first.push_back(p.entries.size());
  }
  if (targets[0] > 0 && total > 0)
    for (double& d : p.base) d *= targets[0] / total;
  return p;
}

double largest_error(const Problem& p, std::span<const double> sums) {
  double worst = 0;
  for (std::size_t c = 0; c < p.k(); ++c)
    worst = std::max(worst, std::abs(sums[c] - p.target[c]) / std::max(p.target[c], 1.0));
  return worst;
}

std::vector<double> sums_of(const Problem& p, std::span<const double> w) {
  std::vector<double> sums(p.k());
  for (std::size_t i = 0; i < p.n(); ++i)
    for (std::size_t e = p.first[i]; e < p.first[i + 1]; ++e)
      sums[p.entries[e].column] += w[i] * p.entries[e].count;
  return sums;
}

/// Sweeps until every column is met before its own turn. @return the sweeps made
int sweep(const Problem& p, const FittingOptions& options, std::vector<double>& w) {
  struct Member {
    std::uint32_t row;
    double count;
  };
  std::vector<std::vector<Member>> members(p.k());
  for (std::uint32_t i = 0; i < p.n(); ++i)
    for (std::size_t e = p.first[i]; e < p.first[i + 1]; ++e)
      members[p.entries[e].column].push_back({i, p.entries[e].count});
  const int limit = options.max_iterations > 0 ? options.max_iterations : 5000;
  double mark = std::numeric_limits<double>::infinity();
  int done = 0;
  while (done < limit) {
    double worst = 0;
    for (std::size_t c = 0; c < p.k(); ++c) {
      double sum = 0;
      for (const Member& m : members[c]) sum += w[m.row] * m.count;
      if (!(sum > 0)) continue;
      worst = std::max(worst, std::abs(sum - p.target[c]) / std::max(p.target[c], 1.0));
      const double factor = p.target[c] / sum;
      for (const Member& m : members[c]) w[m.row] *= factor;
    }
    ++done;
    // A sweep's later columns disturb the earlier ones by less than what they were off.
    if (worst <= options.tolerance / 4) break;
    if (done % kSweepStall == 0) {
      if (worst > 0.999 * mark) break;
      mark = worst;
    }
  }
  return done;
}

/// One point of the dual: log factors, weights, sums, and the objective that Newton lowers.
class Dual {
 public:
  Dual(const Problem& p, bool relaxed)
      : p_(p), relaxed_(relaxed), alpha_(Eigen::VectorXd::Zero(size())), w_(p.n()) {}

  bool relaxes(std::size_t c) const { return relaxed_ && std::isfinite(p_.price[c]); }
  const Eigen::VectorXd& alpha() const { return alpha_; }
  const std::vector<double>& weights() const { return w_; }
  double objective() const { return objective_; }
  /// Residuals of the (relaxed) targets.
  const Eigen::VectorXd& gradient() const { return gradient_; }

  void move_to(const Eigen::VectorXd& alpha) {
    alpha_ = alpha;
    gradient_ = Eigen::VectorXd::Zero(size());
    objective_ = 0;
    for (std::size_t i = 0; i < p_.n(); ++i) {
      w_[i] = p_.base[i] * std::exp(std::min(tilt(i, alpha), 600.0));
      objective_ += w_[i];
      for (std::size_t e = p_.first[i]; e < p_.first[i + 1]; ++e)
        gradient_[p_.entries[e].column] += w_[i] * p_.entries[e].count;
    }
    for (std::size_t c = 0; c < p_.k(); ++c) {
      const auto at = static_cast<Eigen::Index>(c);
      const double z = scale(c);
      gradient_[at] -= p_.target[c] * z;
      objective_ += relaxes(c) ? p_.price[c] * p_.target[c] * (z - 1) : -p_.target[c] * alpha[at];
    }
  }

  double error() const {
    double worst = 0;
    for (std::size_t c = 0; c < p_.k(); ++c)
      worst = std::max(
          worst, std::abs(gradient_[static_cast<Eigen::Index>(c)]) / std::max(p_.target[c], 1.0));
    return worst;
  }

  Eigen::VectorXd newton_step() const {
    Eigen::MatrixXd h = Eigen::MatrixXd::Zero(size(), size());
    for (std::size_t i = 0; i < p_.n(); ++i)
      for (std::size_t e = p_.first[i]; e < p_.first[i + 1]; ++e) {
        const double wa = w_[i] * p_.entries[e].count;
        double* row = h.data() + static_cast<std::size_t>(size()) * p_.entries[e].column;
        for (std::size_t f = p_.first[i]; f <= e; ++f)
          row[p_.entries[f].column] += wa * p_.entries[f].count;
      }
    for (std::size_t c = 0; c < p_.k(); ++c) {
      const auto at = static_cast<Eigen::Index>(c);
      h(at, at) *= 1 + kRidge;
      h(at, at) += 1e-300;
      if (relaxes(c)) h(at, at) += p_.target[c] * scale(c) / p_.price[c];
    }
    Eigen::VectorXd step = -h.selfadjointView<Eigen::Upper>().ldlt().solve(gradient_);
    double largest = 0;
    for (std::size_t i = 0; i < p_.n(); ++i) largest = std::max(largest, std::abs(tilt(i, step)));
    if (largest > kLargestChange) step *= kLargestChange / largest;
    return step;
  }

 private:
  Eigen::Index size() const { return static_cast<Eigen::Index>(p_.k()); }
  double scale(std::size_t c) const {
    return relaxes(c) ? std::exp(-alpha_[static_cast<Eigen::Index>(c)] / p_.price[c]) : 1.0;
  }
  double tilt(std::size_t i, const Eigen::VectorXd& alpha) const {
    double sum = 0;
    for (std::size_t e = p_.first[i]; e < p_.first[i + 1]; ++e)
      sum += p_.entries[e].count * alpha[p_.entries[e].column];
    return sum;
  }

  const Problem& p_;
  bool relaxed_;
  Eigen::VectorXd alpha_, gradient_;
  std::vector<double> w_;
  double objective_ = 0;
};

/// Damped Newton steps from `alpha`. @return the steps made
int minimise(Dual& dual, const Eigen::VectorXd& start, double tolerance, int limit, bool stalls) {
  dual.move_to(start);
  double mark = std::numeric_limits<double>::infinity();
  int done = 0, since = 0;
  for (; done < limit; ++done) {
    const double error = dual.error();
    if (!(error > tolerance)) break;
    if (error < mark / 2) {
      mark = error;
      since = 0;
    } else if (stalls && ++since > kStall) {
      break;
    }
    const Eigen::VectorXd step = dual.newton_step();
    if (!step.allFinite()) break;
    const Eigen::VectorXd from = dual.alpha();
    const double slope = dual.gradient().dot(step), before = dual.objective();
    double length = 1;
    for (int halving = 0; halving < 40; ++halving, length /= 2) {
      dual.move_to(from + length * step);
      if (dual.objective() <= before + 1e-4 * length * slope + 1e-13 * std::abs(before)) break;
    }
  }
  return done;
}

void balance(const Problem& p, const FittingOptions& options, std::span<const double> start,
             ZoneFit& fit, std::vector<double>& w) {
  const int limit = options.max_iterations > 0 ? options.max_iterations : 200;
  Eigen::VectorXd alpha = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(p.k()));
  if (!start.empty())
    for (std::size_t c = 0; c < p.k(); ++c)
      alpha[static_cast<Eigen::Index>(c)] = start[p.columns[c]];
  Dual exact(p, false);
  // Two orders below the tolerance costs one more step, as Newton converges quadratically.
  fit.iterations = minimise(exact, alpha, options.tolerance / 100, limit, true);
  const Dual* last = &exact;
  Dual relaxed(p, true);
  if (!(exact.error() <= options.tolerance)) {
    alpha.setZero();
    fit.iterations += minimise(relaxed, alpha, options.tolerance / 100, limit, false);
    fit.relaxed = true;
    last = &relaxed;
  }
  w = last->weights();
  for (std::size_t c = 0; c < p.k(); ++c)
    fit.multipliers[p.columns[c]] = last->alpha()[static_cast<Eigen::Index>(c)];
}

}  // namespace

const char* to_string(FittingMethod method) {
  return method == FittingMethod::ipu ? "ipu" : "entropy_balancing";
}

ZoneFit fit_zone(const Incidence& incidence, std::span<const double> base,
                 std::span<const double> targets, std::span<const double> importance,
                 const FittingOptions& options, std::span<const double> start) {
  EXPECTS(base.size() == incidence.rows());
  EXPECTS(targets.size() == incidence.columns && importance.size() == incidence.columns);
  ZoneFit fit;
  fit.weights.assign(incidence.rows(), 0.0);
  fit.multipliers.assign(incidence.columns, 0.0);
  const Problem p = make_problem(incidence, base, targets, importance, options.relaxation);
  std::vector<double> w = p.base;
  if (p.n() > 0 && p.k() > 0) {
    if (options.method == FittingMethod::ipu)
      fit.iterations = sweep(p, options, w);
    else
      balance(p, options, start, fit, w);
  }
  fit.largest_error = largest_error(p, sums_of(p, w));
  fit.converged = fit.largest_error <= options.tolerance;
  for (std::size_t i = 0; i < p.n(); ++i) fit.weights[p.rows[i]] = w[i];
  return fit;
}

std::vector<double> column_sums(const Incidence& a, std::span<const double> weights) {
  std::vector<double> sums(a.columns);
  for (std::size_t i = 0; i < a.rows(); ++i)
    for (std::size_t e = a.first[i]; e < a.first[i + 1]; ++e)
      sums[a.column[e]] += weights[i] * static_cast<double>(a.count[e]);
  return sums;
}

std::vector<double> tilt_response(const Incidence& a, const ZoneFit& fit,
                                  std::span<const double> targets,
                                  std::span<const double> importance, const FittingOptions& options,
                                  std::span<const std::uint32_t> response) {
  const auto k = static_cast<Eigen::Index>(a.columns);
  Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(k, k);
  for (std::size_t i = 0; i < a.rows(); ++i)
    for (std::size_t e = a.first[i]; e < a.first[i + 1]; ++e)
      for (std::size_t f = a.first[i]; f < a.first[i + 1]; ++f)
        gram(a.column[e], a.column[f]) +=
            fit.weights[i] * static_cast<double>(a.count[e]) * static_cast<double>(a.count[f]);
  std::vector<Eigen::Index> own, other(response.begin(), response.end());
  for (Eigen::Index c = 0; c < k; ++c)
    if (targets[static_cast<std::size_t>(c)] > 0) own.push_back(c);
  Eigen::MatrixXd h = gram(own, own);
  for (Eigen::Index j = 0; j < h.rows(); ++j) {
    const auto c = static_cast<std::size_t>(own[static_cast<std::size_t>(j)]);
    h(j, j) = h(j, j) * (1 + kRidge) + 1e-300;
    const double price = options.relaxation * importance[c];
    if (fit.relaxed && c != 0)
      h(j, j) += targets[c] * std::exp(-fit.multipliers[c] / price) / price;
  }
  const Eigen::MatrixXd cross = gram(own, other);
  const Eigen::MatrixXd schur = gram(other, other) - cross.transpose() * h.ldlt().solve(cross);
  std::vector<double> result;
  for (Eigen::Index r = 0; r < schur.rows(); ++r)
    for (Eigen::Index c = 0; c < schur.cols(); ++c) result.push_back(schur(r, c));
  return result;
}

}  // namespace steelyard
