#include "estimators/multilevel/maximizer.hpp"

#include <algorithm>
#include <cmath>

namespace steelyard {
namespace {

class Ascent {
 public:
  explicit Ascent(SmoothFunction& function) : function_(function) {}

  bool start(const Eigen::VectorXd& x) {
    at.x = x;
    ++at.evaluations;
    return function_.evaluate(x, at.value, gradient_) && std::isfinite(at.value);
  }

  /// Along `step`, halved until the value rises by 1e-4 of what the gradient says.
  bool move(Eigen::VectorXd step) {
    const double rise = gradient_.dot(step);
    // What rounding leaves of the value of a long sum.
    const double noise = 1e-13 * (1 + std::abs(at.value));
    double value = 0;
    Eigen::VectorXd gradient;
    for (int halving = 0; halving < 30; ++halving, step /= 2) {
      ++at.evaluations;
      if (!function_.evaluate(at.x + step, value, gradient) || !std::isfinite(value)) continue;
      if (value < at.value + 1e-4 * rise * std::ldexp(1.0, -halving) - noise) continue;
      moved_ = step;
      change_ = gradient - gradient_;
      at.x += step;
      at.value = value;
      gradient_ = gradient;
      return true;
    }
    return false;
  }

  /// BFGS update of the inverse of the negative Hessian.
  void update(Eigen::MatrixXd& metric) const {
    const Eigen::VectorXd y = -change_;
    const double curvature = y.dot(moved_);
    if (!(curvature > 1e-10 * y.norm() * moved_.norm())) return;
    const Eigen::VectorXd my = metric * y;
    metric += (curvature + y.dot(my)) / (curvature * curvature) * moved_ * moved_.transpose() -
              (my * moved_.transpose() + moved_ * my.transpose()) / curvature;
  }

  /// Inverse of the negative Hessian by central differences; false if it is not one of a maximum.
  bool differentiate(const Eigen::MatrixXd& metric, Eigen::MatrixXd& covariance) {
    const Eigen::Index p = at.x.size();
    Eigen::MatrixXd hessian(p, p);
    Eigen::VectorXd up, low;
    double value = 0;
    for (Eigen::Index j = 0; j < p; ++j) {
      const double h = std::clamp(3e-3 * std::sqrt(metric(j, j)), 1e-6, 1e-2);
      Eigen::VectorXd x = at.x;
      x[j] += h;
      if (!function_.evaluate(x, value, up)) return false;
      x[j] -= 2 * h;
      if (!function_.evaluate(x, value, low)) return false;
      hessian.col(j) = (low - up) / (2 * h);
      at.evaluations += 2;
    }
    hessian = ((hessian + hessian.transpose()) / 2).eval();
    const Eigen::VectorXd scale = hessian.diagonal().cwiseAbs().cwiseMax(1e-12).cwiseSqrt();
    const Eigen::MatrixXd scaled =
        scale.cwiseInverse().asDiagonal() * hessian * scale.cwiseInverse().asDiagonal();
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(scaled);
    if (eigen.eigenvalues()[0] < -1e-5) return false;
    Eigen::VectorXd inverse = eigen.eigenvalues();
    for (double& e : inverse) e = e > 1e-9 ? 1 / e : 0.0;
    covariance = scale.cwiseInverse().asDiagonal() *
                 (eigen.eigenvectors() * inverse.asDiagonal() * eigen.eigenvectors().transpose()) *
                 scale.cwiseInverse().asDiagonal();
    return true;
  }

  const Eigen::VectorXd& gradient() const { return gradient_; }
  double decrement(const Eigen::MatrixXd& metric) const {
    return gradient_.dot(metric * gradient_);
  }
  Maximum at;

 private:
  SmoothFunction& function_;
  Eigen::VectorXd gradient_, moved_, change_;
};

constexpr int kMaxSteps = 200;
// Squared distances to the maximum, in standard errors: where the Hessian is taken, what it must
// confirm, and where the last Newton steps end.
constexpr double kNearly = 1e-9, kNear = 1e-7, kConverged = 1e-17;

}  // namespace

Result<Maximum> maximise(SmoothFunction& function, const Eigen::VectorXd& start,
                         const Eigen::MatrixXd& metric_at_start) {
  Ascent ascent(function);
  Eigen::MatrixXd metric = metric_at_start;
  if (!ascent.start(start))
    return Failure{FailureKind::no_convergence, "the likelihood is not defined at the start"};
  if (start.size() == 0) {  // no parameter: that was the only value
    ascent.at.covariance.resize(0, 0);
    return ascent.at;
  }
  bool fresh = true;
  double wanted = kNearly;
  for (int step = 0; step < kMaxSteps; ++step) {
    if (ascent.decrement(metric) <= wanted) {
      if (!ascent.differentiate(metric, ascent.at.covariance)) {
        wanted /= 100;  // not yet near a maximum
        if (wanted < 1e-24) break;
      } else {
        metric = ascent.at.covariance;
        if (ascent.decrement(metric) <= kNear) {
          // What rounding leaves of the gradient ends this, too.
          for (double left = ascent.decrement(metric), before = 2 * left;
               left > kConverged && left < before; left = ascent.decrement(metric)) {
            before = left;
            if (!ascent.move(metric * ascent.gradient())) break;
          }
          double value = 0;
          Eigen::VectorXd gradient;
          function.evaluate(ascent.at.x, value, gradient);
          return ascent.at;
        }
      }
      if (ascent.decrement(metric) <= wanted) continue;
    }
    if (ascent.move(metric * ascent.gradient())) {
      ascent.update(metric);
      fresh = false;
    } else if (!fresh) {
      metric = metric_at_start;
      fresh = true;
    } else {
      break;
    }
  }
  return Failure{FailureKind::no_convergence, "the likelihood of the variances has no maximum"};
}

}  // namespace steelyard
