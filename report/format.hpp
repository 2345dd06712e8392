#pragma once

// Text for people: escaped HTML, numbers with the digits that their uncertainty deserves.

#include <string>

#include "results/results.hpp"

namespace steelyard {

enum class Language { en, zh };

/// The English or the Chinese text.
inline const char* say(Language language, const char* en, const char* zh) {
  return language == Language::zh ? zh : en;
}

std::string escape_html(const std::string& text);

/// Whole number with digits in threes: 26,252.
std::string grouped(double value);

/// How the numbers of an estimand are shown: shares in per cent, money with thousands separators.
struct NumberFormat {
  double scale = 1;
  int digits = 2;
  std::string unit;
};

/// Digits such that `error` (a Monte Carlo standard error, in the estimand's unit) shows two of
/// them.
NumberFormat format_for(const EstimandRecord& estimand, double error);

/// The same for a number without an estimand, however small.
NumberFormat format_for(double error);

/// An en dash for NaN. `plus`: with a sign.
std::string format_number(double value, const NumberFormat& format, bool plus = false);

/// "value ± error", or a dash.
std::string with_error(double value, double error, const NumberFormat& format, bool plus = false);

}  // namespace steelyard
