#pragma once

// Parts of a run without the run: what it would cost, and one replicate of it.

#include "cli/commands.hpp"

namespace steelyard {

/// run --estimate: time and memory of the whole study, predicted from a few replicates.
int preview_run(const RunOptions& options);

/// run --replicate: one replicate as the study makes it, shown or written as CSV.
int replay_replicate(const RunOptions& options);

}  // namespace steelyard
