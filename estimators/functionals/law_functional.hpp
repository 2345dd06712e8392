#pragma once

// Functionals of the whole distribution of a bucketed answer, as its value rule makes it:
// inequality, shares of the top, poverty, quantiles.

#include <memory>
#include <string>
#include <utility>

#include "estimators/functionals/functional.hpp"

namespace steelyard {

class LawFunctional : public Functional {
 public:
  /// The statistic of a law; NaN or infinite where it does not exist.
  virtual double of(const Law& law) const = 0;

  std::vector<VariableId> variables() const override { return {variable_}; }
  bool uses_value_rule() const override { return true; }
  bool uses_law() const override { return true; }
  std::vector<double> fixed_values(std::size_t) const override { return {}; }
  Result<PointEstimate> estimate(std::span<const double>,
                                 std::span<const BucketValues>) const override;
  /// The statistic and its influence, by differences between the laws nearby.
  Result<PointEstimate> estimate_law(std::span<const double> totals,
                                     const LawNearby& laws) const override;
  Result<double> value_of(const Law& law) const override;

 protected:
  LawFunctional(ConfigReader& config, const Schema& schema);
  const Variable* variable(const Schema& schema) const { return &schema[variable_]; }

 private:
  VariableId variable_{};
  std::string name_;
};

/// A functional that is one function of the law, without options.
using LawFunction = double (*)(const Law&);
FunctionalInfo law_statistic(std::string_view name, std::string_view summary,
                             std::string_view source, LawFunction statistic, bool is_share);

}  // namespace steelyard
