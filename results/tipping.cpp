#include "results/tipping.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/config.hpp"
#include "core/csv.hpp"
#include "core/text.hpp"

namespace steelyard {

std::string write_tipping_csv(const TippingResults& r) {
  const auto number = [](double x) { return std::isnan(x) ? std::string() : shortest(x); };
  std::string text =
      "dial,answer,base,value,se,change_in_ranges,values,replicates,lower_margin,lower_mcse,"
      "upper_margin,upper_mcse,note\n";
  for (const TippingPoint& p : r.points) {
    const bool turns = p.kind == TippingPoint::Kind::turns, together = p.dial.empty();
    const auto found = [&](double x, bool there) { return there ? number(x) : std::string(); };
    Texts values;
    for (std::size_t k = 0; turns && k < p.values.size(); ++k)
      if (!std::isnan(p.values[k])) values.push_back(r.dials[k].key + "=" + shortest(p.values[k]));
    text += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_field(together ? "all together" : p.dial),
        to_string(p.kind), found(p.base, !together), found(p.value, turns && !together),
        found(p.se, turns), found(p.change_in_ranges, turns), csv_field(join(values, " ")),
        p.replicates, found(p.lower_margin, p.replicates > 0),
        found(p.lower_mcse, p.replicates > 0), found(p.upper_margin, p.replicates > 0),
        found(p.upper_mcse, p.replicates > 0), csv_field(p.note));
  }
  return text;
}

}  // namespace steelyard
