#pragma once

// What a DataFile holds: the text, in memory or mapped into it, and its header.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/data_file.hpp"

namespace steelyard {

struct DataFile::State {
  std::string name, unpacked;
  std::string_view text;  ///< without the byte-order mark
  void* mapped = nullptr;
  std::size_t mapped_size = 0;
  std::vector<std::string> header;
  std::size_t body = 0;  ///< where the first row starts
  int body_line = 2;
  char separator = ',';
  mutable std::size_t rows = 0;

  ~State();
  /// Takes the bytes of the file, unpacks them if they are gzip and reads the header.
  void take(std::string_view bytes);
  void read_header();

  /// Pages that were read are given back, so that a large file never stands in memory: they are
  /// still in the system's cache.
  void release(const char* from, const char* to) const;

  struct Counts {
    std::size_t quotes = 0, line_ends = 0;
  };
  /// Quotes and line ends in [from, to).
  Counts count(const char* from, const char* to) const;
  static constexpr std::ptrdiff_t kRelease = 4 << 20;
};

}  // namespace steelyard
