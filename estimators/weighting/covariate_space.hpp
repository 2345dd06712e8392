#pragma once

// The covariates of both samples as points whose Euclidean distance is the one to match on.

#include <vector>

#include "estimators/weighting/two_samples.hpp"

namespace steelyard {

struct CovariateSpace {
  std::size_t dimensions = 1;
  std::vector<double> a, b;  ///< row-major, by cell
};

/// The covariates whitened by their covariance in the population that the reference sample
/// estimates: Mahalanobis' distance. Columns that depend on others are left out; the distance does
/// not change. Fails: singular_matrix (nothing varies).
Result<CovariateSpace> mahalanobis_space(const TwoSamples& samples);

/// The columns as they are, each level of a categorical term one.
CovariateSpace euclidean_space(const TwoSamples& samples);

}  // namespace steelyard
