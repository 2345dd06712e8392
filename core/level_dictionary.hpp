#pragma once

// Numbers the distinct texts of a column.

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/data_file.hpp"

namespace steelyard {

/// Level names to codes in order of first appearance; short names are compared as one word.
class LevelDictionary {
 public:
  LevelDictionary() : table_(256) {}
  /// kMissingId if there are more than `limit`.
  std::uint32_t code(std::string_view name, std::size_t limit) {
    std::uint64_t word = 0;
    if (name.size() <= 8) std::memcpy(&word, name.data(), name.size());
    const std::uint64_t hash =
        name.size() <= 8 ? mix(word ^ (name.size() << 56)) : std::hash<std::string_view>{}(name);
    for (std::size_t slot = hash & (table_.size() - 1);; slot = (slot + 1) & (table_.size() - 1)) {
      Entry& entry = table_[slot];
      if (entry.code == 0) return names_.size() < limit ? insert(name, word, hash) : kMissingId;
      if (entry.hash == hash && (name.size() <= 8 ? entry.word == word && entry.size == name.size()
                                                  : names_[entry.code - 1] == name))
        return entry.code - 1;
    }
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  struct Entry {
    std::uint64_t hash = 0, word = 0;
    std::uint32_t code = 0;  ///< + 1; 0: free
    std::uint32_t size = 0;
  };
  static std::uint64_t mix(std::uint64_t x) {
    x ^= x >> 32;
    x *= 0x9E3779B97F4A7C15u;
    return x ^ (x >> 29);
  }
  std::uint32_t insert(std::string_view name, std::uint64_t word, std::uint64_t hash) {
    names_.emplace_back(name);
    if (2 * names_.size() > table_.size()) {
      std::vector<Entry> old(table_.size() * 2);
      old.swap(table_);
      for (const Entry& entry : old)
        if (entry.code != 0) place(entry);
    }
    place({hash, word, static_cast<std::uint32_t>(names_.size()),
           static_cast<std::uint32_t>(name.size())});
    return static_cast<std::uint32_t>(names_.size() - 1);
  }
  void place(const Entry& entry) {
    std::size_t slot = entry.hash & (table_.size() - 1);
    while (table_[slot].code != 0) slot = (slot + 1) & (table_.size() - 1);
    table_[slot] = entry;
  }
  std::vector<Entry> table_;
  std::vector<std::string> names_;
};

}  // namespace steelyard
