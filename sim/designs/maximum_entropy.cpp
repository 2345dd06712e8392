#include "sim/designs/conditional_poisson.hpp"
#include "sim/designs/pps.hpp"

namespace steelyard::designs {
namespace {

class MaximumEntropy final : public PpsSampler {
 public:
  MaximumEntropy(std::span<const double> probability, std::size_t n)
      : design_(parameters(probability, n), {}, 1.0, n) {}

  void draw(Stream& stream, std::vector<std::uint32_t>& chosen) const override {
    design_.draw(stream, chosen);
  }
  Result<JointProbabilities> joint() const override { return design_.joint(); }

 private:
  static std::vector<double> parameters(std::span<const double> probability, std::size_t n) {
    auto found = maximum_entropy_parameters(probability, n);
    if (!found) throw NegativeAnswer(found.failure().detail);
    return std::move(found.value());
  }

  ConditionalPoisson design_;
};

}  // namespace

DesignInfo maximum_entropy_info() {
  return {"maximum_entropy",
          "fixed size, proportional to size, of maximum entropy (conditional Poisson)",
          "Hajek (1964), Annals of Mathematical Statistics 35, 1491-1523; Chen, Dempster & Liu "
          "(1994), Biometrika 81, 457-469",
          [](ConfigReader& config, const DesignFrame& frame) {
            return make_pps_design(
                config, frame,
                [](std::vector<double> p, std::size_t n) -> std::unique_ptr<const PpsSampler> {
                  return std::make_unique<MaximumEntropy>(p, n);
                });
          }};
}

}  // namespace steelyard::designs
