#include "core/csv_fields.hpp"

#include <charconv>
#include <cmath>
#include <limits>

#include "core/errors.hpp"
#include "core/text.hpp"

namespace steelyard {

void fail_in_file(const std::string& file, int line, std::string problem, std::string hint) {
  throw UserError({file, line}, {}, std::move(problem), std::move(hint));
}

void fail_encoding(const std::string& file, int line) {
  fail_in_file(file, line, "is not valid UTF-8 (Chinese files are often GBK)",
               "convert it: iconv -f GB18030 -t UTF-8 " + file + " > utf8.csv");
}

double parse_answer(std::string_view field, const std::string& file, int line,
                    const std::string& column) {
  field = trim(field);
  if (is_missing(field)) return std::numeric_limits<double>::quiet_NaN();
  double value = 0;
  const bool plus = field[0] == '+' && field.substr(1, 1) != "-";
  const char* from = field.data() + (plus ? 1 : 0);
  const auto [rest, error] = std::from_chars(from, field.data() + field.size(), value);
  if (error == std::errc() && rest == field.data() + field.size() && std::isfinite(value))
    return value;
  const std::string shown = "\"" + std::string(field.substr(0, 40)) + "\"";
  const bool whole = error == std::errc() && rest == field.data() + field.size();
  if (whole || error == std::errc::result_out_of_range)
    fail_in_file(file, line,
                 "column " + column + " has " + shown + ", which is not a finite number",
                 "leave the field empty if there is no answer");
  const bool grouped = field.find(',') != std::string_view::npos &&
                       field.find_first_not_of("0123456789,.+-") == std::string_view::npos;
  if (const auto bad = invalid_utf8(field)) fail_encoding(file, line);
  fail_in_file(file, line, "column " + column + " has " + shown + ", which is not a number",
               grouped ? "write numbers without thousands separators and with a decimal point"
                       : "correct it, or leave the field empty if there is no answer");
}

}  // namespace steelyard
