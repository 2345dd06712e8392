#include "results/tipping.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/csv.hpp"
#include "core/text.hpp"

namespace steelyard {

std::string write_tipping_csv(const TippingResults& r) {
  const auto number = [](double x) { return std::isnan(x) ? std::string() : shortest(x); };
  std::string text =
      "dial,answer,base,value,se,change_in_ranges,replicates,lower_margin,lower_mcse,upper_margin,"
      "upper_mcse,note\n";
  for (const TippingPoint& p : r.points)
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n",
                        csv_field(p.dial.empty() ? "all together" : p.dial), to_string(p.kind),
                        number(p.base), number(p.value), number(p.se), number(p.change_in_ranges),
                        p.replicates, number(p.lower_margin), number(p.lower_mcse),
                        number(p.upper_margin), number(p.upper_mcse), csv_field(p.note));
  return text;
}

}  // namespace steelyard
