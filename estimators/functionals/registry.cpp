#include "estimators/functionals/functional.hpp"

namespace steelyard {

#define FUNCTIONAL(name) FunctionalInfo name##_info();
#include "estimators/functionals/list.inc"
#undef FUNCTIONAL

std::span<const FunctionalInfo> functionals() {
  static const FunctionalInfo list[] = {
#define FUNCTIONAL(name) name##_info(),
#include "estimators/functionals/list.inc"
#undef FUNCTIONAL
  };
  return list;
}

}  // namespace steelyard
