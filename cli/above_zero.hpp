#pragma once

// Options that must be above 0.

#include <CLI/CLI.hpp>
#include <string>

namespace steelyard {

/// In place of CLI::PositiveNumber, whose message names the largest double.
inline CLI::Validator above_zero() {
  return CLI::Validator(
      [](std::string& text) {
        double value = 0;
        const bool number = CLI::detail::lexical_cast(text, value);
        return number && value > 0 ? std::string() : "\"" + text + "\" is not a number above 0";
      },
      "above 0");
}

}  // namespace steelyard
