#include "estimators/intervals/interval_method.hpp"

namespace steelyard {

#define INTERVAL(name) IntervalInfo name##_info();
#include "estimators/intervals/list.inc"
#undef INTERVAL

std::span<const IntervalInfo> intervals() {
  static const IntervalInfo list[] = {
#define INTERVAL(name) name##_info(),
#include "estimators/intervals/list.inc"
#undef INTERVAL
  };
  return list;
}

}  // namespace steelyard
