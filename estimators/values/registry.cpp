#include "estimators/values/value_rule.hpp"

namespace steelyard {

#define VALUE_RULE(name) ValueRuleInfo name##_info();
#include "estimators/values/list.inc"
#undef VALUE_RULE

std::span<const ValueRuleInfo> value_rules() {
  static const ValueRuleInfo list[] = {
#define VALUE_RULE(name) name##_info(),
#include "estimators/values/list.inc"
#undef VALUE_RULE
  };
  return list;
}

}  // namespace steelyard
