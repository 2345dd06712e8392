#include <Eigen/Dense>
#include <cmath>

#include "estimators/buckets/turnbull.hpp"

namespace steelyard {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Share of the information that answers in the innermost intervals themselves would give, in the
/// coordinates v_j / sqrt(s_j): Σ_r f_r (a_r sqrt(s))(a_r sqrt(s))' / P_r². The identity without
/// overlaps; sqrt(s) is an eigenvector of eigenvalue 1.
MatrixXd information_share(std::span<const IntervalCount> answers, const InnermostMasses& masses,
                           std::span<const std::size_t> positive, const VectorXd& root) {
  const auto k = static_cast<Index>(positive.size());
  MatrixXd out = MatrixXd::Zero(k, k);
  double total = 0;
  for (const IntervalCount& answer : answers) total += answer.weight;
  VectorXd holds(k);
  for (const IntervalCount& answer : answers) {
    if (answer.weight <= 0) continue;
    double sum = 0;
    for (Index j = 0; j < k; ++j) {
      const std::size_t at = positive[static_cast<std::size_t>(j)];
      const bool in = answer.lower <= masses.lower[at] && masses.upper[at] <= answer.upper;
      holds[j] = in ? root[j] : 0.0;
      sum += holds[j] * holds[j];
    }
    out.selfadjointView<Eigen::Lower>().rankUpdate(holds, answer.weight / total / (sum * sum));
  }
  return out.selfadjointView<Eigen::Lower>();
}

}  // namespace

Result<std::vector<double>> mass_covariance(std::span<const IntervalCount> answers,
                                            const InnermostMasses& masses, double n) {
  EXPECTS(n > 0);
  const std::size_t m = masses.mass.size();
  std::vector<std::size_t> positive;
  for (std::size_t j = 0; j < m; ++j)
    if (masses.mass[j] > kZeroMass) positive.push_back(j);
  const auto k = static_cast<Index>(positive.size());
  VectorXd root(k);
  for (Index j = 0; j < k; ++j)
    root[j] = std::sqrt(masses.mass[positive[static_cast<std::size_t>(j)]]);
  const Eigen::LLT<MatrixXd> information(information_share(answers, masses, positive, root));
  if (information.info() != Eigen::Success || information.rcond() < 1e-14)
    return Failure{FailureKind::singular_matrix,
                   "weights are so unequal that the masses of some answers are lost in rounding"};
  // Masses sum to 1: without the direction of sqrt(s).
  const MatrixXd inverse = information.solve(MatrixXd::Identity(k, k)) - root * root.transpose();
  std::vector<double> out(m * m);
  for (Index i = 0; i < k; ++i)
    for (Index j = 0; j < k; ++j)
      out[positive[static_cast<std::size_t>(i)] * m + positive[static_cast<std::size_t>(j)]] =
          root[i] * inverse(i, j) * root[j] / n;
  return out;
}

std::vector<double> share_covariance(const InnermostMasses& masses,
                                     std::span<const double> covariance) {
  const std::size_t m = masses.mass.size();
  EXPECTS(covariance.size() == m * m);
  std::vector<std::size_t> bucket;  // of each mass
  std::size_t size = 0;
  for (std::size_t j = 0; j < m; ++j) {
    if (j > 0 && masses.lower[j] > masses.upper[j - 1]) ++size;
    bucket.push_back(size++);
  }
  std::vector<double> out(size * size);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < m; ++j) out[bucket[i] * size + bucket[j]] = covariance[i * m + j];
  return out;
}

}  // namespace steelyard
