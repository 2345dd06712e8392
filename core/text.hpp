#pragma once

// Small text helpers: nearest names for error messages, UTF-8 checks, complete number parsing.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace steelyard {

/// Levenshtein distance in bytes.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// `did you mean "x"?` for the nearest candidate within a third of the length, else empty.
std::string suggestion(std::string_view name, std::span<const std::string> candidates);

/// Position of the first byte that is not valid UTF-8, or nothing.
std::optional<std::size_t> invalid_utf8(std::string_view text);

/// The whole text as a number ("inf" allowed), or nothing.
std::optional<double> parse_number(std::string_view text);

std::string_view trim(std::string_view text);
std::vector<std::string> split(std::string_view text, std::string_view separator);
std::string join(std::span<const std::string> parts, std::string_view separator);

/// Shortest text that reads back as the same double.
std::string shortest(double value);

/// Whole file as bytes; throws UserError("cannot read") with the reason.
std::string read_file(const std::string& path);

/// Sixteen hexadecimal digits that tell one content from another (FNV-1a, 64 bits).
std::string content_hash(std::string_view content);

}  // namespace steelyard
