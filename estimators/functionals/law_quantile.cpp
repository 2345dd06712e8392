#include "estimators/functionals/law_functional.hpp"

namespace steelyard {
namespace {

class LawQuantile final : public LawFunctional {
 public:
  LawQuantile(ConfigReader& config, const Schema& schema)
      : LawFunctional(config, schema),
        p_(config.real("p",
                       {.min = 1e-6, .max = 1 - 1e-6, .fallback = 0.5, .help = "share below"})) {
    if (!config.is_documenting()) unit_ = variable(schema)->unit;
  }
  double of(const Law& law) const override { return law.quantile(p_); }
  std::string unit() const override { return unit_; }

 private:
  double p_;
  std::string unit_;
};

}  // namespace

FunctionalInfo law_quantile_info() {
  return {"law_quantile",
          "median or another quantile of a bucketed answer, under the value rule's law",
          "the value rule's own; influence by differences",
          [](ConfigReader& config, const Schema& schema) {
            return std::make_unique<const LawQuantile>(config, schema);
          }};
}

}  // namespace steelyard
