#include "estimators/functionals/level_estimator.hpp"

#include "core/sums.hpp"

namespace steelyard {

/// The numbers of each answer's levels, by the value rule where the answer is bucketed.
Result<std::vector<BucketValues>> LevelEstimator::numbers(std::span<const double> totals) const {
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
    if (!(total(marginal) > 0))
      return Failure{FailureKind::empty_domain, "no respondent in the domain"};
    auto made = rule_->values(v, marginal);
    if (!made) return made.failure();
    values.push_back(std::move(made.value()));
  }
  return values;
}

Result<PointEstimate> LevelEstimator::estimate(std::span<const double> totals) const {
  const auto values = numbers(totals);
  if (!values) return values.failure();
  return functional_.estimate(totals, values.value());
}

}  // namespace steelyard
