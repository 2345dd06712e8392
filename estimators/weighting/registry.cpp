#include "estimators/weighting/weighting.hpp"

namespace steelyard {

#define WEIGHTING(name) WeightingInfo name##_info();
#include "estimators/weighting/list.inc"
#undef WEIGHTING

std::span<const WeightingInfo> weightings() {
  static const WeightingInfo list[] = {
#define WEIGHTING(name) name##_info(),
#include "estimators/weighting/list.inc"
#undef WEIGHTING
  };
  return list;
}

}  // namespace steelyard
