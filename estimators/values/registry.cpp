#include "estimators/values/bucket_values.hpp"

namespace steelyard {

#define VALUE_RULE(name) ValueRuleInfo name##_info();
#include "estimators/values/list.inc"
#undef VALUE_RULE

std::span<const ValueRuleInfo> value_rules() {
  static const std::vector<ValueRuleInfo> all = [] {
    std::vector<ValueRuleInfo> list = {
#define VALUE_RULE(name) name##_info(),
#include "estimators/values/list.inc"
#undef VALUE_RULE
    };
    for (ValueRuleInfo& info : bucket_value_rules()) list.push_back(std::move(info));
    return list;
  }();
  return all;
}

}  // namespace steelyard
