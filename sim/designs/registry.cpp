#include "sim/designs/design.hpp"

namespace steelyard {

namespace designs {
#define DESIGN(name) DesignInfo name##_info();
#include "sim/designs/list.inc"
#undef DESIGN
}  // namespace designs

std::span<const DesignInfo> sampling_designs() {
  static const DesignInfo list[] = {
#define DESIGN(name) designs::name##_info(),
#include "sim/designs/list.inc"
#undef DESIGN
  };
  return list;
}

std::vector<double> JointProbabilities::of(std::span<const std::uint32_t> units) const {
  std::vector<double> out;
  out.reserve(units.size() * units.size());
  for (std::uint32_t k : units)
    for (std::uint32_t l : units) out.push_back((*this)(k, l));
  return out;
}

}  // namespace steelyard
