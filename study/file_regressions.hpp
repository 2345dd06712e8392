#pragma once

// Interval regressions of columns that are answered in buckets, in a user's own file, and what
// imputing the amounts inside their buckets says.

#include <functional>
#include <string>
#include <vector>

#include "estimators/buckets/interval_regression.hpp"
#include "study/data_source.hpp"
#include "study/file_indices.hpp"

namespace steelyard {

/// A column that amounts are regressed on, by row: a number, or a level against a reference.
struct Covariate {
  std::string name;
  std::vector<double> numbers;  ///< n, NaN: no answer; empty: levels
  LevelColumn levels;
  std::size_t reference = 0;
  bool numeric() const { return levels.levels.empty(); }
  bool answered(std::size_t i) const;
};

/// A column of amounts known in buckets.
struct FileIntervals {
  std::string column;
  std::vector<double> lower, upper;  ///< n, NaN: no answer
};

struct FileRegressions {
  std::vector<Covariate> covariates;
  std::vector<FileIntervals> regressed, imputed;
  std::vector<ImputedStatistic> statistics;  ///< of imputed amounts
};

/// Whether a covariate is read as numbers: no reference level, and all its answers are numbers.
bool read_as_numbers(const CovariateQuestion& covariate, const DataSource& file);

/// Puts columns and covariates into the file. @param numbers_of  null for a column of levels
/// @throws UserError as place(), and for a reference level that the column lacks
void add_regressions(
    const FileQuestions& questions, const LevelsOf& levels_of,
    const std::function<const std::vector<double>*(const std::string&)>& numbers_of,
    const std::string& name, PreparedFile& file);

/// Lines "interval regression" by domain: coefficients (level: "(constant)", "age",
/// "region=North"), "sigma" and "log-likelihood" (weights of mean 1).
void estimate_regressions(const PreparedFile& file, const RegressionRequest& request,
                          std::vector<FileEstimate>& rows, std::vector<std::string>& notes);

/// Lines "imputed mean", "imputed quantile" and "imputed gini" by domain, pooled over imputations
/// of a regression on all rows.
void estimate_imputed(const PreparedFile& file, const RegressionRequest& request,
                      std::vector<FileEstimate>& rows, std::vector<std::string>& notes);

}  // namespace steelyard
