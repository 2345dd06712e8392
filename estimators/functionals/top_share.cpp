#include "estimators/functionals/law_functional.hpp"

namespace steelyard {
namespace {

class TopShare final : public LawFunctional {
 public:
  TopShare(ConfigReader& config, const Schema& schema)
      : LawFunctional(config, schema),
        share_(config.real("share", {.min = 1e-6,
                                     .max = 1 - 1e-6,
                                     .fallback = 0.1,
                                     .help = "of the persons, from the top"})) {}
  double of(const Law& law) const override {
    return 1 - share_of_lowest(law, 1 - share_) / law.mean();
  }
  bool is_share() const override { return true; }
  std::string unit() const override { return "%"; }

 private:
  double share_;
};

}  // namespace

FunctionalInfo top_share_info() {
  return {"top_share", "share of the total that the top 10 % (or another share) have: 1 - Lorenz",
          "Gastwirth (1971), Econometrica 39, 1037-1039",
          [](ConfigReader& config, const Schema& schema) {
            return std::make_unique<const TopShare>(config, schema);
          }};
}

}  // namespace steelyard
