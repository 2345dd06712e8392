#include <algorithm>
#include <cmath>

#include "sim/designs/pps.hpp"

namespace steelyard::designs {
namespace {

class SystematicPps final : public PpsSampler {
 public:
  SystematicPps(std::span<const double> probability, std::size_t n)
      : cumulated_(cumulate(probability, n)), n_(n) {}

  void draw(Stream& stream, std::vector<std::uint32_t>& chosen) const override {
    systematic_positions(cumulated_, n_, stream.uniform(), chosen);
  }

  /// The sample changes only where the start passes a cumulated probability: at most M samples,
  /// each with the length of its interval as its probability. Cost O(M n²).
  Result<JointProbabilities> joint() const override {
    std::vector<double> ends{0, 1};
    for (double v : cumulated_) ends.push_back(v - std::floor(v));
    std::sort(ends.begin(), ends.end());
    JointProbabilities joint(cumulated_.size());
    std::vector<std::uint32_t> chosen;
    for (std::size_t e = 0; e + 1 < ends.size(); ++e) {
      const double length = ends[e + 1] - ends[e];
      if (!(length > 0)) continue;
      systematic_positions(cumulated_, n_, ends[e] + length / 2, chosen);
      for (std::size_t a = 0; a < n_; ++a)
        for (std::size_t b = 0; b <= a; ++b) joint.add(chosen[a], chosen[b], length);
    }
    return joint;
  }

 private:
  std::vector<double> cumulated_;
  std::size_t n_;
};

}  // namespace

DesignInfo systematic_pps_info() {
  return {"systematic_pps",
          "systematic with probability proportional to size, in the order of the frame",
          "Madow (1949), Annals of Mathematical Statistics 20, 333-354",
          [](ConfigReader& config, const DesignFrame& frame) {
            return make_pps_design(
                config, frame,
                [](std::vector<double> p, std::size_t n) -> std::unique_ptr<const PpsSampler> {
                  return std::make_unique<SystematicPps>(p, n);
                });
          }};
}

}  // namespace steelyard::designs
