#include <numeric>

#include "sim/designs/pps.hpp"

namespace steelyard::designs {
namespace {

class RandomSystematicPps final : public PpsSampler {
 public:
  RandomSystematicPps(std::vector<double> probability, std::size_t n)
      : probability_(std::move(probability)), n_(n) {}

  void draw(Stream& stream, std::vector<std::uint32_t>& chosen) const override {
    std::vector<std::uint32_t> order(probability_.size());
    std::iota(order.begin(), order.end(), 0u);
    for (std::size_t k = order.size(); k > 1; --k) std::swap(order[k - 1], order[stream.below(k)]);
    std::vector<double> ordered;
    ordered.reserve(order.size());
    for (std::uint32_t k : order) ordered.push_back(probability_[k]);
    systematic_positions(cumulate(ordered, n_), n_, stream.uniform(), chosen);
    for (std::uint32_t& k : chosen) k = order[k];
  }

  Result<JointProbabilities> joint() const override {
    return Failure{FailureKind::unsupported,
                   "the joint probabilities of randomly ordered systematic sampling have no closed "
                   "form; use the Hartley-Rao approximation, or maximum_entropy or sampford, whose "
                   "joint probabilities are exact"};
  }

 private:
  std::vector<double> probability_;
  std::size_t n_;
};

}  // namespace

DesignInfo random_systematic_pps_info() {
  return {"random_systematic_pps",
          "systematic with probability proportional to size, in a new random order for each draw",
          "Goodman & Kish (1950), JASA 45, 350-372; Hartley & Rao (1962), Annals of Mathematical "
          "Statistics 33, 350-374",
          [](ConfigReader& config, const DesignFrame& frame) {
            return make_pps_design(
                config, frame,
                [](std::vector<double> p, std::size_t n) -> std::unique_ptr<const PpsSampler> {
                  return std::make_unique<RandomSystematicPps>(std::move(p), n);
                });
          }};
}

}  // namespace steelyard::designs
