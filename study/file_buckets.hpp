#pragma once

// Means, quantiles, Gini and Theil coefficients of a user's columns of buckets.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "estimators/buckets/table_errors.hpp"
#include "study/file_indices.hpp"

namespace steelyard {

struct FileBuckets {
  std::string name;  ///< "column:rule"
  BucketQuestion question;
  std::unique_ptr<const BucketRule> rule;
};

/// Puts the questions into the file; if they are `compared`, linearized values of each statistic as
/// well, as requests. @throws UserError as place(), and for probabilities of 0 or 1
void add_buckets(const FileQuestions& questions, std::span<const double> probabilities,
                 bool compared, const LevelsOf& levels_of, const std::string& name,
                 PreparedFile& file);

/// Lines "mean", "quantile", "gini" and "theil" of "column:rule", by domain.
void estimate_buckets(const PreparedFile& file, std::span<const double> probabilities,
                      std::vector<FileEstimate>& rows, std::vector<std::string>& notes);

}  // namespace steelyard
