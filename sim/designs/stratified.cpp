#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/designs/simple_random.hpp"

namespace steelyard::designs {
namespace {

class Stratified final : public SamplingDesign {
 public:
  Stratified(const DesignFrame& frame, std::vector<std::vector<std::uint32_t>> strata,
             std::vector<std::size_t> n)
      : stratum_of_(frame.stratum), strata_(std::move(strata)), n_(std::move(n)) {
    for (std::uint32_t h : stratum_of_)
      probability_.push_back(static_cast<double>(n_[h]) / static_cast<double>(strata_[h].size()));
  }

  std::span<const double> probabilities() const override { return probability_; }
  void draw(Stream& stream, std::vector<std::uint32_t>& sample) const override {
    sample.clear();
    for (std::size_t h = 0; h < strata_.size(); ++h)
      append_simple_random(stream, strata_[h], n_[h], sample);
    std::sort(sample.begin(), sample.end());
  }
  Result<JointProbabilities> joint() const override {
    JointProbabilities joint(probability_.size());
    for (std::size_t k = 0; k < probability_.size(); ++k) {
      joint.set(k, k, probability_[k]);
      const std::uint32_t h = stratum_of_[k];
      const double pair = simple_random_pair(n_[h], strata_[h].size());
      for (std::size_t l = 0; l < k; ++l)
        joint.set(k, l, stratum_of_[l] == h ? pair : probability_[k] * probability_[l]);
    }
    return joint;
  }

 private:
  std::vector<std::uint32_t> stratum_of_;
  std::vector<std::vector<std::uint32_t>> strata_;
  std::vector<std::size_t> n_;
  std::vector<double> probability_;
};

std::unique_ptr<const SamplingDesign> make(ConfigReader& config, const DesignFrame& frame) {
  const std::vector<double> n =
      config.reals("n", {.help = "units to select from each stratum, in the strata's order"});
  config.finish();
  if (frame.units == 0 || frame.stratum.size() != frame.units)
    config.fail("n", "the frame has no strata", "name the column that holds the strata");
  std::vector<std::vector<std::uint32_t>> strata(
      *std::max_element(frame.stratum.begin(), frame.stratum.end()) + 1);
  for (std::uint32_t k = 0; k < frame.units; ++k) strata[frame.stratum[k]].push_back(k);
  if (n.size() != strata.size())
    config.fail("n", fmt::format("{} sample sizes for {} strata", n.size(), strata.size()),
                "give one a stratum");
  std::vector<std::size_t> sizes;
  for (std::size_t h = 0; h < strata.size(); ++h) {
    if (!(n[h] >= 0) || n[h] != std::floor(n[h]) || n[h] > static_cast<double>(strata[h].size()))
      config.fail("n", fmt::format("n = {:g} of stratum {} is not a whole number from 0 to {}",
                                   n[h], h + 1, strata[h].size()));
    sizes.push_back(static_cast<std::size_t>(n[h]));
  }
  return std::make_unique<Stratified>(frame, std::move(strata), std::move(sizes));
}

}  // namespace

DesignInfo stratified_info() {
  return {"stratified", "simple random sampling within each stratum",
          "Cochran (1977), Sampling Techniques, chapter 5", make};
}

}  // namespace steelyard::designs
