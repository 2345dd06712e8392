#include <cmath>

#include "sim/measurement/rounded_values.hpp"

namespace steelyard::measurement_kinds {
namespace {

class EdgeRounding final : public RoundedValues {
 public:
  EdgeRounding(const ConfigReader& config, const Schema& schema, const std::string& variable,
               double width, double share)
      : RoundedValues(config, schema, variable), width_(width), share_(share) {}

 private:
  LevelCode report(double value, LevelCode truth, Stream stream) const override {
    const std::size_t buckets = edges().size() - 1;
    const double down = truth > 0 ? value - edges()[truth] : INFINITY;
    const double up = truth + 1u < buckets ? edges()[truth + 1u] - value : INFINITY;
    if (!(std::min(down, up) <= width_) || !(stream.uniform() < share_)) return truth;
    return static_cast<LevelCode>(down <= up ? truth - 1 : truth + 1);
  }

  double width_, share_;
};

std::unique_ptr<const MeasurementModel> make(ConfigReader& config, const Schema& schema) {
  const std::string name = config.text("variable", {.help = "a bucketed answer"});
  const double width = config.real(
      "width", {.min = 0, .help = "how near an edge a value must be, in the variable's unit"});
  const double share = config.real(
      "share", {.min = 0, .max = 1, .help = "of those who report the bucket beyond that edge"});
  if (config.is_documenting()) return nullptr;
  return std::make_unique<EdgeRounding>(config, schema, name, width, share);
}

}  // namespace

MeasurementInfo edge_rounding_info() {
  return {"edge_rounding", "values near a bucket's edge are reported in the neighbouring bucket",
          "Heitjan (1989), Statistical Science 4, 164-179", ErrorComponent::misreport, make};
}

}  // namespace steelyard::measurement_kinds
