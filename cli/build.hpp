#pragma once

// What this program was built from.

#include "core/program_id.hpp"

namespace steelyard {

/// This program: its version, and its sources as cmake/sources_id.cmake hashes them.
const ProgramId& this_program();

/// @param name  of the file or folder with numbers that are to be gone on with
/// @throws UserError if another program made them: its numbers may differ from this one's
void require_this_program(const ProgramId& made_by, const std::string& name);

}  // namespace steelyard
