#include "estimators/functionals/law_functional.hpp"

namespace steelyard {
namespace {

class PovertyRate final : public LawFunctional {
 public:
  PovertyRate(ConfigReader& config, const Schema& schema)
      : LawFunctional(config, schema),
        of_median_(config.real("of_median", {.min = 0.01,
                                             .max = 10,
                                             .fallback = 0.6,
                                             .help = "line as a share of the median: 0.6 at risk "
                                                     "of poverty, 0.6667 low pay"})),
        line_(config.real(
            "line",
            {.min = 0, .fallback = 0, .help = "a fixed line, in the answer's unit, instead"})) {}
  double of(const Law& law) const override {
    return law.cdf(line_ > 0 ? line_ : of_median_ * law.quantile(0.5));
  }
  bool is_share() const override { return true; }
  std::string unit() const override { return "%"; }

 private:
  double of_median_, line_;
};

}  // namespace

FunctionalInfo poverty_rate_info() {
  return {"poverty_rate",
          "share at or below a line: part of the median (at risk of poverty, low "
          "pay) or fixed",
          "Osier (2009), Survey Research Methods 3, 167-195, section 3.1",
          [](ConfigReader& config, const Schema& schema) {
            return std::make_unique<const PovertyRate>(config, schema);
          }};
}

}  // namespace steelyard
