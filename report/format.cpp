#include "report/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace steelyard {
namespace {

/// Separates the digits before position `end` in threes.
void separate_thousands(std::string& digits, std::size_t end, const char* separator) {
  for (std::size_t at = end; at > 3; at -= 3) digits.insert(at - 3, separator);
}

/// Digits after the point such that the error shows two.
int digits_for(double error, int most) {
  if (!(error > 0) || std::isinf(error)) return 2;
  return std::clamp(static_cast<int>(std::ceil(-std::log10(error))) + 1, 0, most);
}

}  // namespace

std::string grouped(double value) {
  std::string text = fmt::format("{:.0f}", std::abs(value));
  separate_thousands(text, text.size(), ",");
  return (value < 0 ? "-" : "") + text;
}

std::string escape_html(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

NumberFormat format_for(const EstimandRecord& estimand, double error) {
  NumberFormat f;
  f.scale = estimand.unit == "%" ? 100 : 1;
  f.unit = estimand.unit;
  f.digits = digits_for(error * f.scale, 4);
  return f;
}

NumberFormat format_for(double error) { return {1, digits_for(error, 12), {}}; }

std::string format_number(double value, const NumberFormat& format, bool plus) {
  if (std::isnan(value)) return "–";
  if (std::isinf(value)) return value > 0 ? "∞" : "−∞";
  std::string text = fmt::format("{:.{}f}", std::abs(value * format.scale), format.digits);
  const auto dot = std::min(text.find('.'), text.size());
  separate_thousands(text, dot, "\u202f");  // narrow no-break space
  const bool zero = text.find_first_of("123456789") == std::string::npos;
  if (value < 0 && !zero) return "−" + text;
  return plus && !zero ? "+" + text : text;
}

std::string with_error(double value, double error, const NumberFormat& format, bool plus) {
  if (std::isnan(value)) return "–";
  return format_number(value, format, plus) + " ± " + format_number(error, format);
}

}  // namespace steelyard
