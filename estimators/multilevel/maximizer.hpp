#pragma once

// Maximisation of a smooth function of few parameters whose gradient is known.

#include <Eigen/Dense>

#include "core/errors.hpp"

namespace steelyard {

class SmoothFunction {
 public:
  virtual ~SmoothFunction() = default;
  /// False where it is not defined.
  virtual bool evaluate(const Eigen::VectorXd& x, double& value, Eigen::VectorXd& gradient) = 0;
};

struct Maximum {
  Eigen::VectorXd x;
  double value = 0;
  Eigen::MatrixXd covariance;  ///< inverse of the negative Hessian; flat directions have 0
  int evaluations = 0;
};

/// BFGS from `start` with `metric` as the first inverse of the negative Hessian until g'H⁻¹g <=
/// 1e-9, then Newton steps with the Hessian by central differences of the gradient, to 1e-17 or
/// what rounding allows. The last evaluation is at x. Fails: no_convergence.
Result<Maximum> maximise(SmoothFunction& function, const Eigen::VectorXd& start,
                         const Eigen::MatrixXd& metric);

}  // namespace steelyard
