#pragma once

// Which persons a sample already has.

#include <bit>
#include <cstdint>
#include <vector>

namespace steelyard {

/// Persons drawn so far: open addressing, twice as many slots as entries or more.
class DrawnPersons {
 public:
  /// @param slots  memory that draws can share
  /// @param n      persons that will be drawn at most
  DrawnPersons(std::vector<std::uint64_t>& slots, std::size_t n) : slots_(slots) {
    slots_.assign(std::bit_ceil(2 * n + 2), kFree);
    shift_ = 64 - static_cast<unsigned>(std::countr_zero(slots_.size()));
  }

  /// @return false if the person was drawn before
  bool insert(std::uint64_t unit) {
    for (std::size_t at = (unit * 0x9E3779B97F4A7C15ull) >> shift_;;
         at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at] == unit) return false;
      if (slots_[at] == kFree) {
        slots_[at] = unit;
        return true;
      }
    }
  }

 private:
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};
  std::vector<std::uint64_t>& slots_;
  unsigned shift_ = 0;
};

}  // namespace steelyard
