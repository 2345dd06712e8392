#pragma once

// The likelihood of interval regression and the climb to its maximum.

#include <Eigen/Dense>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "estimators/buckets/interval_regression.hpp"

namespace steelyard::detail {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The rows in use, their weights scaled to mean 1.
class IntervalProblem {
 public:
  IntervalProblem(const IntervalModel& model, std::span<const double> w);

  Eigen::Index n() const { return w_.size(); }
  Eigen::Index p() const { return x_.cols(); }
  Eigen::Index k() const { return x_.cols() + z_.cols(); }
  const std::vector<std::size_t>& rows() const { return rows_; }
  const Eigen::VectorXd& w() const { return w_; }

  /// Why there is no regression, if the buckets and columns say so at once.
  std::optional<Failure> objection() const;
  /// Least squares on the middles of the buckets, open ones closed by a mean width.
  Eigen::VectorXd start() const;
  /// Log-likelihood; scores by row (n × k, unweighted) and minus the Hessian.
  double derivatives(const Eigen::VectorXd& theta, RowMatrix& scores,
                     Eigen::MatrixXd& information) const;
  /// The coefficient that drives a spread to zero or infinity, if one is as good as there.
  std::optional<Eigen::Index> runaway_spread(const Eigen::VectorXd& theta) const;
  /// Why the likelihood has no maximum, if the place where the climb ended says so.
  std::optional<Failure> separated(const Eigen::MatrixXd& information, const Eigen::VectorXd& theta,
                                   double value) const;

 private:
  Eigen::MatrixXd complete(const Eigen::VectorXd& theta) const;
  std::string name(Eigen::Index j) const;

  const IntervalModel& model_;
  std::vector<std::size_t> rows_;
  RowMatrix x_, z_;
  Eigen::VectorXd w_, lower_, upper_;
  std::size_t boundaries_ = 0;  ///< between buckets, different ones
  double span_ = 0;             ///< from the first boundary to the last
  double narrowest_ = std::numeric_limits<double>::infinity();  ///< least distance of two of them
};

struct IntervalMaximum {
  Eigen::VectorXd theta;
  RowMatrix scores;
  Eigen::MatrixXd information;
  double value = 0;
  int iterations = 0;
};
Result<IntervalMaximum> maximise(const IntervalProblem& problem, const Eigen::VectorXd& start);

}  // namespace steelyard::detail
