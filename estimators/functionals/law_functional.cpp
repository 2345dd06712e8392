#include "estimators/functionals/law_functional.hpp"

#include <cmath>

namespace steelyard {
namespace {

class PlainLawFunctional final : public LawFunctional {
 public:
  PlainLawFunctional(ConfigReader& config, const Schema& schema, LawFunction statistic,
                     bool is_share)
      : LawFunctional(config, schema), of_(statistic), is_share_(is_share) {}
  double of(const Law& law) const override { return of_(law); }
  bool is_share() const override { return is_share_; }
  std::string unit() const override { return ""; }

 private:
  LawFunction of_;
  bool is_share_;
};

}  // namespace

LawFunctional::LawFunctional(ConfigReader& config, const Schema& schema) {
  const std::string name = config.text("variable", {.help = "a bucketed answer"});
  if (config.is_documenting()) return;
  variable_ = schema.require(name, config.place("variable"));
  const Variable& v = schema[variable_];
  name_ = v.name;
  if (v.kind != VariableKind::bucketed)
    config.fail("variable", "= \"" + name + "\" is not asked in buckets",
                "give it edges and kind = \"bucketed\"");
  if (v.edges.front() < 0)
    config.fail("variable", "= \"" + name + "\" has buckets below zero",
                "inequality is of quantities that are zero or more");
}

Result<PointEstimate> LawFunctional::estimate(std::span<const double>,
                                              std::span<const BucketValues>) const {
  return Failure{FailureKind::unsupported, "it needs the law of " + name_ + ", not its numbers"};
}

Result<double> LawFunctional::value_of(const Law& law) const {
  const double value = of(law);
  if (std::isfinite(value)) return value;
  return Failure{FailureKind::unbounded_tail,
                 "the law of " + name_ + " has no such finite statistic under this rule"};
}

Result<PointEstimate> LawFunctional::estimate_law(std::span<const double>,
                                                  const LawNearby& laws) const {
  const auto value = value_of(*laws.law);
  if (!value) return value.failure();
  return PointEstimate{value.value(), laws.influence([&](const Law& law) { return of(law); })};
}

FunctionalInfo law_statistic(std::string_view name, std::string_view summary,
                             std::string_view source, LawFunction statistic, bool is_share) {
  return {name, summary, source, [statistic, is_share](ConfigReader& config, const Schema& schema) {
            return std::make_unique<const PlainLawFunctional>(config, schema, statistic, is_share);
          }};
}

}  // namespace steelyard
