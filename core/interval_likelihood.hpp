#pragma once

// The likelihood of bucket shares under a family, and its derivatives: what fit_intervals climbs.

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "core/size_distribution.hpp"

namespace steelyard::detail {

constexpr std::size_t kMostParameters = 4;
using Vector = std::array<double, kMostParameters>;
using Matrix = std::array<Vector, kMostParameters>;

/// Solves m x = r (of size k) by Cholesky's method; nothing if m is not positive definite.
std::optional<Vector> solve(Matrix m, Vector r, std::size_t k);

/// The log-likelihood a person as a function of the free coordinates: mu as it is, the logarithms
/// of sigma or of the shapes, and for log b the place of the mode, log b + log(p/q)/a, which stays
/// where it is as shapes run to infinity. With a known mean the location (mu, or log b) is solved
/// from it and is no coordinate.
class Likelihood {
 public:
  Likelihood(Family family, std::span<const double> edges, std::span<const double> shares,
             std::optional<double> known_mean = {});

  std::size_t k() const { return slots_.size(); }
  bool has_prior() const { return prior_ > 0; }
  void set_centre(const Vector& x) { centre_ = x; }

  /// a, b, p, q (mu, sigma) at a point; nothing if no such law exists: a parameter overflows, or
  /// its mean is infinite where it is known.
  std::optional<std::array<double, 4>> parameters(const Vector& x) const;
  SizeDistribution law(const Vector& x) const { return {family_, *parameters(x)}; }
  /// The point of given parameters.
  Vector point(const std::array<double, 4>& parameters) const;

  /// What is known of the likelihood at a point.
  struct Local {
    double value = 0;
    Vector gradient{};
    Matrix information{};  ///< sum p_i / P_i^2 dP_i dP_i' (Gauss-Newton)
    Matrix curvature{};    ///< minus the Hessian
  };
  /// All derivatives are analytic: closed forms, and integrals of the scores for the shapes of
  /// incomplete gamma and beta functions. Value -infinity where there is no law.
  Local at(const Vector& x) const;
  /// Minus the Hessian in mu, or the logarithms of all parameters themselves.
  Matrix curvature_of_parameters(const Vector& x) const;

  /// How the parameters of the maximum at x move with the share of each bucket: mu as it is, the
  /// logarithms of the others (implicit function theorem: curvature^-1 times the bucket's score).
  /// Empty if the curvature is not positive definite. @param held  coordinates that stay put
  std::vector<Vector> slopes(const Vector& x, const std::array<bool, kMostParameters>& held) const;

  /// Whether a coordinate is a shape: those stay within their box.
  bool is_shape(std::size_t j) const { return slots_[j] != 1 && !normal_; }
  /// What a step in coordinate j may be at most.
  double most_step(const Vector& x, std::size_t j) const;

  /// Starting points from the quartiles of the table, several shapes for families of three and
  /// more parameters.
  std::vector<Vector> starts() const;
  /// The point of the given shapes whose median (or known mean) is that of the table.
  Vector start_of(std::array<double, 4> shapes) const;

 private:
  struct Bucket;  // probability and derivatives of one bucket in log a, log b, log p, log q
  std::vector<Bucket> buckets(const std::array<double, 4>& at) const;
  /// Value, gradient, information and curvature in the four log parameters, without the prior.
  Local raw(const std::array<double, 4>& at) const;
  /// How the location depends on the coordinates: log b (mu) = constant - shift(shapes).
  struct Shift {
    double value = 0;
    Vector d{};
    Matrix dd{};
  };
  Shift mean_shift(const std::array<double, 4>& at) const;
  Shift mode_shift(const std::array<double, 4>& at) const;
  /// That of the coordinates in use, of which the location is coordinate `location`.
  Shift shift(const std::array<double, 4>& at) const;
  std::size_t location() const { return normal_ ? 0 : 1; }
  static void apply(const Shift& shift, std::size_t location, Local& local);
  /// The quantile of the table, straight within buckets.
  double table_quantile(double u) const;
  /// Standard deviation of log x (normal: of x), from the table's quartiles.
  double table_spread() const;

  Family family_;
  std::span<const double> edges_, shares_;
  std::optional<double> known_mean_;
  std::vector<std::size_t> all_slots_;  ///< which of (a, b, p, q) the family leaves free
  std::vector<std::size_t> slots_;      ///< and which of them the coordinates are
  bool normal_;
  double prior_ = 0;
  Vector centre_{};
};

}  // namespace steelyard::detail
