#pragma once

// What a user is told.

#include <string>

#include "core/errors.hpp"

namespace steelyard {

/// The message of the UserError that f() throws, or "no error".
template <typename F>
std::string message(F&& f) {
  try {
    f();
  } catch (const UserError& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace steelyard
