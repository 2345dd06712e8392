#pragma once

// What interval regressions and imputations of a user's file share: the model of the rows of a
// domain, with what it has to leave out.

#include <limits>
#include <string>
#include <vector>

#include "estimators/buckets/interval_regression.hpp"
#include "study/file_estimation.hpp"

namespace steelyard {

/// A regression on the rows of one domain (or all), with what it had to leave out.
struct DomainModel {
  IntervalModel model;
  std::size_t without_covariate = 0;       ///< rows with a bucket that lack one
  std::vector<std::string> absent_levels;  ///< that nobody used has
};

constexpr std::size_t kAllDomains = std::numeric_limits<std::size_t>::max();

/// Constant, numbers as they are, levels as indicators but the reference's. Rows without a bucket
/// or a covariate are not used. Fails: singular_matrix (a covariate that is the same in all rows
/// used), unsupported (nobody has the reference level, a negative weight, a logarithm of an amount
/// below 0).
Result<DomainModel> model_of(const PreparedFile& file, const FileIntervals& intervals,
                             IntervalScale scale, std::size_t domain);
/// What was left out, in words; empty if nothing was.
std::string left_out(const DomainModel& of, const std::string& where);

/// The file as one domain.
SurveyData undivided(const SurveyData& data);
/// A row without numbers.
EstimateRow failed_row(std::size_t domain, const Failure& failure);

}  // namespace steelyard
