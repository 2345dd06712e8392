#pragma once

// The results of a sweep as an HDF5 file; docs/sweep-format.md is the contract.

#include <filesystem>

#include "results/sweep.hpp"

namespace steelyard {

/// Writes everything in `results` to `path`. Two equal sweeps give equal files, however they were
/// interrupted. @throws std::runtime_error, std::system_error as write_store
void write_sweep_store(const SweepResults& results, const std::filesystem::path& path);

}  // namespace steelyard
