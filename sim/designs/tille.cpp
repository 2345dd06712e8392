#include <algorithm>

#include "sim/designs/pps.hpp"

namespace steelyard::designs {
namespace {

/// Takes units out one at a time until n are left. With m units left, unit k is in with
/// probability π_k(m), the inclusion probability of a sample of m; it goes in this step with
/// probability 1 - π_k(m)/π_k(m + 1).
class Tille final : public PpsSampler {
 public:
  Tille(std::vector<double> probability, std::size_t n)
      : probability_(std::move(probability)), n_(n) {}

  void draw(Stream& stream, std::vector<std::uint32_t>& chosen) const override {
    std::vector<bool> in(probability_.size(), true);
    each_step([&](std::span<const double> out) {
      double sum = 0;
      for (std::size_t k = 0; k < out.size(); ++k) sum += in[k] ? out[k] : 0.0;
      double at = stream.uniform() * sum;  // sum is 1 up to rounding
      std::size_t pick = 0;
      for (std::size_t k = 0; k < out.size(); ++k) {
        if (!in[k] || out[k] == 0) continue;
        pick = k;
        at -= out[k];
        if (at < 0) break;
      }
      in[pick] = false;
    });
    chosen.clear();
    for (std::uint32_t k = 0; k < in.size(); ++k)
      if (in[k]) chosen.push_back(k);
  }

  /// π_kl = Π over the steps of 1 - (what k goes with) - (what l goes with). Cost O(M² (M - n)).
  Result<JointProbabilities> joint() const override {
    const std::size_t units = probability_.size();
    JointProbabilities joint(units);
    for (std::size_t k = 0; k < units; ++k)
      for (std::size_t l = 0; l <= k; ++l) joint.set(k, l, k == l ? probability_[k] : 1.0);
    each_step([&](std::span<const double> out) {
      for (std::size_t k = 0; k < units; ++k)
        for (std::size_t l = 0; l < k; ++l)
          joint.set(k, l, joint(k, l) * std::max(0.0, 1 - out[k] - out[l]));
    });
    return joint;
  }

 private:
  /// Calls f with the probabilities of going, given still in, for each step.
  template <typename F>
  void each_step(F&& f) const {
    std::vector<double> before(probability_.size(), 1.0), out(probability_.size());
    for (std::size_t left = probability_.size() - 1; left + 1 > n_; --left) {
      const std::vector<double> after =
          left == n_ ? probability_ : inclusion_probabilities(probability_, left).value();
      for (std::size_t k = 0; k < out.size(); ++k) out[k] = std::max(0.0, 1 - after[k] / before[k]);
      f(std::span<const double>(out));
      before = after;
    }
  }

  std::vector<double> probability_;
  std::size_t n_;
};

}  // namespace

DesignInfo tille_info() {
  return {"tille", "fixed size, proportional to size, units eliminated one at a time",
          "Tille (1996), Biometrika 83, 238-241, elimination procedure",
          [](ConfigReader& config, const DesignFrame& frame) {
            return make_pps_design(
                config, frame,
                [](std::vector<double> p, std::size_t n) -> std::unique_ptr<const PpsSampler> {
                  return std::make_unique<Tille>(std::move(p), n);
                });
          }};
}

}  // namespace steelyard::designs
