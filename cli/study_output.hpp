#pragma once

// What a finished study leaves: the last step of run and merge.

#include <string>

#include "cli/open_study.hpp"
#include "cli/progress.hpp"
#include "core/output.hpp"

namespace steelyard {

/// The present time, ISO 8601.
std::string utc_now();

/// Everything of a result that is not made of replicates or in the study: value rules apart from
/// selection (left out where the run was interrupted), version, times, machine.
void complete_results(const OpenStudy& study, const StudyOptions& options, Progress& progress,
                      StudyResults& results);

/// Writes results.h5, the CSV files and the report, renames the folder into place and shows the
/// summary.
/// @param language  of the report: "en" or "zh"
/// @throws std::system_error naming the file (disk full, no permission)
void write_results(const StudyResults& results, const std::string& language,
                   const std::string& target, Overwrite overwrite);

}  // namespace steelyard
