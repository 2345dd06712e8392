#include "sim/designs/pps.hpp"

namespace steelyard::designs {
namespace {

class Poisson final : public PpsSampler {
 public:
  explicit Poisson(std::vector<double> probability) : probability_(std::move(probability)) {}

  void draw(Stream& stream, std::vector<std::uint32_t>& chosen) const override {
    chosen.clear();
    for (std::uint32_t k = 0; k < probability_.size(); ++k)
      if (stream.uniform() < probability_[k]) chosen.push_back(k);
  }

  Result<JointProbabilities> joint() const override {
    JointProbabilities joint(probability_.size());
    for (std::size_t k = 0; k < probability_.size(); ++k)
      for (std::size_t l = 0; l <= k; ++l)
        joint.set(k, l, k == l ? probability_[k] : probability_[k] * probability_[l]);
    return joint;
  }

 private:
  std::vector<double> probability_;
};

}  // namespace

DesignInfo poisson_info() {
  return {"poisson", "each unit by itself, proportional to size; the sample's size is random",
          "Hajek (1964), Annals of Mathematical Statistics 35, 1491-1523",
          [](ConfigReader& config, const DesignFrame& frame) {
            return make_pps_design(
                config, frame,
                [](std::vector<double> p, std::size_t) -> std::unique_ptr<const PpsSampler> {
                  return std::make_unique<Poisson>(std::move(p));
                });
          }};
}

}  // namespace steelyard::designs
