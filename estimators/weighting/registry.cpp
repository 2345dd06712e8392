#include "estimators/weighting/trimming.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {

#define WEIGHTING(name) WeightingInfo name##_info();
#include "estimators/weighting/list.inc"
#undef WEIGHTING

namespace {

/// The plug-in's own options, then those of the trimming stage.
template <WeightingInfo (*info)()>
WeightingInfo with_trimming_options() {
  WeightingInfo wrapped = info();
  wrapped.make = [](ConfigReader& config, const Schema& schema) {
    return with_trimming(info().make(config, schema), config);
  };
  return wrapped;
}

}  // namespace

std::span<const WeightingInfo> weightings() {
  static const WeightingInfo list[] = {
#define WEIGHTING(name) with_trimming_options<name##_info>(),
#include "estimators/weighting/list.inc"
#undef WEIGHTING
  };
  return list;
}

}  // namespace steelyard
