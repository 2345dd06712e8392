#pragma once

// The results of a study as an HDF5 file. docs/results-format.md is the contract; layout.hpp has it
// as code.

#include <filesystem>

#include "results/results.hpp"

namespace steelyard {

/// Writes everything in `results` to `path`, replacing what is there. Two equal runs give equal
/// datasets outside /provenance. Callers who must not leave half a file behind write into the
/// staging place of an OutputFile or OutputFolder.
/// @throws std::invalid_argument if the parts do not fit together (see docs/results-format.md)
/// @throws std::runtime_error naming file and dataset; std::system_error with the system's reason
/// (disk full, no permission)
/// Memory: twice the size of the file, beside `results`.
void write_store(const StudyResults& results, const std::filesystem::path& path);

/// Reads what write_store wrote. Another minor version is read; datasets it adds are passed over.
/// @throws UserError for a file that is not a study, is damaged, or has another major version
StudyResults read_store(const std::filesystem::path& path);

}  // namespace steelyard
