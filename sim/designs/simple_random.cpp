#include "sim/designs/simple_random.hpp"

#include <fmt/format.h>

#include <numeric>

namespace steelyard::designs {
namespace {

class SimpleRandom final : public SamplingDesign {
 public:
  SimpleRandom(std::size_t units, std::size_t n)
      : units_(units),
        n_(n),
        probability_(units, static_cast<double>(n) / static_cast<double>(units)) {
    std::iota(units_.begin(), units_.end(), 0u);
  }

  std::span<const double> probabilities() const override { return probability_; }
  void draw(Stream& stream, std::vector<std::uint32_t>& sample) const override {
    sample.clear();
    append_simple_random(stream, units_, n_, sample);
  }
  Result<JointProbabilities> joint() const override {
    JointProbabilities joint(units_.size());
    const double pair = simple_random_pair(n_, units_.size());
    for (std::size_t k = 0; k < units_.size(); ++k)
      for (std::size_t l = 0; l <= k; ++l) joint.set(k, l, k == l ? probability_[k] : pair);
    return joint;
  }

 private:
  std::vector<std::uint32_t> units_;
  std::size_t n_;
  std::vector<double> probability_;
};

}  // namespace

DesignInfo simple_random_info() {
  return {
      "simple_random", "simple random sampling without replacement",
      "Fan, Muller & Rezucha (1962), JASA 57, 387-402",
      [](ConfigReader& config, const DesignFrame& frame) -> std::unique_ptr<const SamplingDesign> {
        const auto n =
            static_cast<std::size_t>(config.integer("n", {.min = 1, .help = "units to select"}));
        config.finish();
        if (n > frame.units)
          config.fail("n", fmt::format("n = {} exceeds the frame ({} units)", n, frame.units),
                      "lower n or enlarge the frame");
        return std::make_unique<SimpleRandom>(frame.units, n);
      }};
}

}  // namespace steelyard::designs
