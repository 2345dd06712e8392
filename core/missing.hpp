#pragma once

// An answer that is not given.

#include "core/schema.hpp"

namespace steelyard {

/// Code of an answer that the respondent should have given and did not. It is above every level, as
/// is "not applicable", so tabulations leave it out.
inline constexpr LevelCode kMissing = 255;
static_assert(kMissing > kMaxLevels);

}  // namespace steelyard
