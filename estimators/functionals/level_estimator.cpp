#include "estimators/functionals/level_estimator.hpp"

#include "core/sums.hpp"
#include "estimators/functionals/linear.hpp"

namespace steelyard {
bool LevelEstimator::uses_laws() const {
  return rule_ != nullptr && functional_.variables().size() == 1 &&
         schema_[functional_.variables()[0]].kind == VariableKind::bucketed &&
         (functional_.uses_law() || (functional_.uses_value_rule() && rule_->numbers_from_law()));
}

/// The numbers of each answer's levels, by the value rule where the answer is bucketed.
Result<std::vector<BucketValues>> LevelEstimator::numbers(std::span<const double> totals,
                                                          double respondents, Slopes slopes,
                                                          const LawNearby* laws) const {
  const auto answers = functional_.variables();
  std::vector<BucketValues> values;
  for (std::size_t k = 0; k < answers.size(); ++k) {
    const Variable& v = schema_[answers[k]];
    if (rule_ == nullptr || v.kind != VariableKind::bucketed) {
      values.push_back({functional_.fixed_values(k), {}});
      continue;
    }
    std::vector<double> marginal(v.size(), 0.0);
    const std::size_t inner = answers.size() == 2 ? schema_[answers[1]].size() : 1;
    for (std::size_t j = 0; j < totals.size(); ++j)
      marginal[k == 0 ? j / inner : j % inner] += totals[j];
    if (auto failure = without_weight(marginal, total(marginal))) return *failure;
    auto made = laws != nullptr        ? rule_->values_of(v, marginal, *laws)
                : slopes == Slopes::no ? rule_->numbers(v, marginal, respondents)
                                       : rule_->values(v, marginal, respondents);
    if (!made) return made.failure();
    values.push_back(std::move(made.value()));
  }
  return values;
}

Result<PointEstimate> LevelEstimator::estimate(std::span<const double> totals, double respondents,
                                               const Result<LawNearby>* laws) const {
  if (!functional_.uses_law() && laws == nullptr) {
    const auto values = numbers(totals, respondents, Slopes::yes, nullptr);
    if (!values) return values.failure();
    return functional_.estimate(totals, values.value());
  }
  if (auto failure = without_weight(totals, total(totals))) return *failure;
  if (laws == nullptr) {
    EXPECTS(rule_ != nullptr);
    const auto made = rule_->laws(schema_[functional_.variables()[0]], totals, respondents);
    return estimate(totals, respondents, &made);
  }
  if (!*laws) return laws->failure();
  if (functional_.uses_law()) return functional_.estimate_law(totals, laws->value());
  const auto values = numbers(totals, respondents, Slopes::yes, &laws->value());
  if (!values) return values.failure();
  return functional_.estimate(totals, values.value());
}

Result<double> LevelEstimator::value(std::span<const double> totals, double respondents,
                                     const Result<LawNearby>* laws) const {
  const bool moments = schema_[functional_.variables()[0]].kind == VariableKind::continuous;
  if (auto failure = without_weight(totals, moments ? totals[0] : total(totals))) return *failure;
  if (laws != nullptr && !*laws) return laws->failure();
  if (functional_.uses_law()) {
    if (laws != nullptr) return functional_.value_of(*laws->value().law);
    const auto law = rule_->law(schema_[functional_.variables()[0]], totals, respondents);
    if (!law) return law.failure();
    return functional_.value_of(*law.value());
  }
  const auto values =
      numbers(totals, respondents, Slopes::no, laws != nullptr ? &laws->value() : nullptr);
  if (!values) return values.failure();
  const auto estimate = functional_.estimate(totals, values.value());
  if (!estimate) return estimate.failure();
  return estimate.value().estimate;
}

}  // namespace steelyard
