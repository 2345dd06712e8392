#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
#include <sstream>

#include "core/errors.hpp"

namespace steelyard {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replace});
    }
  }
  return row[b.size()];
}

std::string suggestion(std::string_view name, std::span<const std::string> candidates) {
  // A name of which nothing is left would be near everything short.
  std::size_t best = std::min(std::max<std::size_t>(2, name.size() / 3) + 1, name.size());
  const std::string* nearest = nullptr;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best) {
      best = distance;
      nearest = &candidate;
    }
  }
  return nearest ? "did you mean \"" + *nearest + "\"?" : std::string{};
}

std::optional<std::size_t> invalid_utf8(std::string_view text) {
  std::size_t i = 0;
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const auto continuation = [&](std::size_t k) {
    return k < text.size() && (byte(k) & 0xC0) == 0x80;
  };
  while (i < text.size()) {
    const unsigned char c = byte(i);
    std::size_t length = 0;
    if (c < 0x80)
      length = 1;
    else if (c >= 0xC2 && c < 0xE0)
      length = 2;
    else if (c >= 0xE0 && c < 0xF0)
      length = 3;
    else if (c >= 0xF0 && c < 0xF5)
      length = 4;
    else
      return i;
    for (std::size_t k = 1; k < length; ++k)
      if (!continuation(i + k)) return i;
    if (length == 3 && ((c == 0xE0 && byte(i + 1) < 0xA0) || (c == 0xED && byte(i + 1) >= 0xA0)))
      return i;
    if (length == 4 && ((c == 0xF0 && byte(i + 1) < 0x90) || (c == 0xF4 && byte(i + 1) >= 0x90)))
      return i;
    i += length;
  }
  return std::nullopt;
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  if (text == "inf" || text == "Inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf" || text == "-Inf") return -std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (std::size_t start = 0;;) {
    const std::size_t end = text.find(separator, start);
    parts.emplace_back(trim(text.substr(start, end - start)));
    if (end == std::string_view::npos) return parts;
    start = end + separator.size();
  }
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (&part != parts.data()) text += separator;
    text += part;
  }
  return text;
}

std::string shortest(double value) {
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, result.ptr};
}

std::string read_file(const std::string& path) {
  if (std::filesystem::is_directory(path))
    throw UserError({path}, {}, "is a folder, not a file", "name a file");
  std::ifstream in(path, std::ios::binary);
  if (!in)
    throw UserError({path}, {}, std::string("cannot read: ") + std::strerror(errno),
                    "check the path and its permissions");
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

std::string content_hash(std::string_view content) {
  std::uint64_t hash = 14695981039346656037ull;
  for (char c : content) hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211ull;
  return fmt::format("{:016x}", hash);
}

}  // namespace steelyard
