#pragma once

// A property that must hold for every input: if it does not, the program ends, and the fuzzer keeps
// the input.

#include <cstdio>
#include <cstdlib>

namespace steelyard::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace steelyard::fuzz
