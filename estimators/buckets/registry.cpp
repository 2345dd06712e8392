#include "estimators/buckets/law.hpp"

namespace steelyard {

#define BUCKET_RULES(name) std::vector<BucketRuleInfo> name();
#include "estimators/buckets/list.inc"
#undef BUCKET_RULES

namespace {

std::vector<BucketRuleInfo> collect() {
  std::vector<BucketRuleInfo> all;
#define BUCKET_RULES(name) \
  for (const BucketRuleInfo& info : name()) all.push_back(info);
#include "estimators/buckets/list.inc"
#undef BUCKET_RULES
  return all;
}

const std::vector<BucketRuleInfo>& table() {
  static const std::vector<BucketRuleInfo> all = collect();
  return all;
}

}  // namespace

Result<BucketFit> BucketRule::fit_with(const BucketTable& table, FamilyFits&) const {
  return fit(table);
}

Result<std::shared_ptr<const Law>> law_nearby(const BucketRule& rule, const BucketTable& table,
                                              const BucketFit& fit, std::size_t k, double change) {
  if (fit.nearby) return fit.nearby(k, change);
  BucketTable moved = table;
  moved.weights[k] += change;
  auto made = rule.fit(moved);
  if (!made) return made.failure();
  return std::move(made.value().law);
}

std::vector<BucketRuleInfo> bucket_rules() { return table(); }

const BucketRuleInfo* find_bucket_rule(std::string_view name) {
  for (const BucketRuleInfo& info : table())
    if (info.name == name) return &info;
  return nullptr;
}

}  // namespace steelyard
