#pragma once

// Rates from qualitative answers: shares of "up", "same" and "down" become the mean and spread of
// expectations when a person answers "up" above a threshold of perception.

#include <array>
#include <optional>
#include <span>

#include "core/errors.hpp"

namespace steelyard {

/// Law of expectations over persons, in standard form.
struct PerceptionLaw {
  enum class Kind {
    normal,
    logistic,  ///< F(z) = 1/(1 + exp(-z))
    uniform,   ///< on [-1, 1]
    student_t,
  };
  Kind kind = Kind::normal;
  double df = 5;  ///< of student_t

  double quantile(double p) const;  ///< @pre 0 < p < 1
  double density(double z) const;
  double sd() const;  ///< of the standard form; infinite for a t of 2 df or fewer
};

/// Covariance of the shares up and down.
struct AnswerCovariance {
  double up = 0, cross = 0, down = 0;
};
/// Of n persons at random; n may be an effective number.
AnswerCovariance multinomial_answers(double up, double down, double n);

struct Quantification {
  double mean = 0;                   ///< in the unit of the threshold
  double scale = 0;                  ///< of the standard form
  double sd = 0;                     ///< scale × the standard form's
  double mean_se = 0, scale_se = 0;  ///< delta method, the threshold taken as known; NaN without
};

/// a = F⁻¹(down), b = F⁻¹(1 - up): scale = 2δ/(b - a), mean = -δ (a + b)/(b - a).
/// Fails: infeasible (a share of zero, which puts a or b at infinity; nobody answering "same",
/// which makes b = a); unsupported (not shares). Source: Carlson & Parkin (1975), Economica 42,
/// 123-138.
Result<Quantification> carlson_parkin(double up, double down, double threshold,
                                      const PerceptionLaw& law = {},
                                      const std::optional<AnswerCovariance>& covariance = {});

/// The δ with which expectations are right on average over T quarters, Σ actual = Σ mean.
/// Fails as carlson_parkin, naming the quarter; infeasible (Σ of the means at δ = 1 is zero, or δ
/// comes out below zero: expectations that on average have the wrong sign).
Result<double> unbiased_threshold(std::span<const double> up, std::span<const double> down,
                                  std::span<const double> actual, const PerceptionLaw& law = {});

struct FiveCategoryQuantification {
  double mean = 0, scale = 0, sd = 0;
  double same_threshold = 0;         ///< δ: half-width of "no change"
  double perceived_threshold = 0;    ///< ε: half-width of "at the same rate"
  double mean_se = 0, scale_se = 0;  ///< delta method, the perceived rate as known; NaN without
};

/// Answers "faster", "at the same rate", "slower", "not at all", "fall" about a rate perceived as
/// π: with z_1 < ... < z_4 the quantiles of the shares cumulated from "fall",
/// mean = π (z_1 + z_2)/(z_1 + z_2 - z_3 - z_4), scale = -2π/(z_1 + z_2 - z_3 - z_4).
/// @param shares      in that order, of sum 1
/// @param covariance  5 × 5, row-major; empty: no errors
/// Fails: infeasible (cumulated shares of 0 or 1, or equal ones; π of zero), unsupported (not
/// shares; π < 0). Source: Batchelor & Orr (1988), Economica 55, 317-331.
Result<FiveCategoryQuantification> five_categories(const std::array<double, 5>& shares,
                                                   double perceived_rate,
                                                   const PerceptionLaw& law = {},
                                                   std::span<const double> covariance = {});

}  // namespace steelyard
