#pragma once

// Unpacks gzip.

#include <string>
#include <string_view>

namespace steelyard {

bool is_gzip(std::string_view bytes);

/// All of it; joined gzip files follow each other. @param file  stands for it in messages
/// @throws UserError: damaged or truncated
std::string gunzip(std::string_view packed, const std::string& file);

}  // namespace steelyard
