#include "sim/designs/conditional_poisson.hpp"
#include "sim/designs/pps.hpp"

namespace steelyard::designs {
namespace {

/// P(s) ∝ Π_{k in s} π_k/(1 - π_k) × Σ_{k in s} (1 - π_k).
class Sampford final : public PpsSampler {
 public:
  Sampford(std::vector<double> probability, std::size_t n)
      : design_(probability, complements(probability), 0.0, n) {}

  void draw(Stream& stream, std::vector<std::uint32_t>& chosen) const override {
    design_.draw(stream, chosen);
  }
  Result<JointProbabilities> joint() const override { return design_.joint(); }

 private:
  static std::vector<double> complements(std::span<const double> probability) {
    std::vector<double> out;
    for (double p : probability) out.push_back(1 - p);
    return out;
  }

  ConditionalPoisson design_;
};

}  // namespace

DesignInfo sampford_info() {
  return {"sampford", "fixed size, proportional to size, exact joint probabilities",
          "Sampford (1967), Biometrika 54, 499-513; drawn in one pass without rejection",
          [](ConfigReader& config, const DesignFrame& frame) {
            return make_pps_design(
                config, frame,
                [](std::vector<double> p, std::size_t n) -> std::unique_ptr<const PpsSampler> {
                  return std::make_unique<Sampford>(std::move(p), n);
                });
          }};
}

}  // namespace steelyard::designs
