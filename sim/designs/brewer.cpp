#include "sim/designs/pps.hpp"

namespace steelyard::designs {
namespace {

/// Draws one unit at a time; unit k, not yet selected, with probability proportional to
/// π_k (m - π_k) / (m - r π_k), m = n - Σ π of the selected, r draws left with this one.
class Brewer final : public PpsSampler {
 public:
  Brewer(std::vector<double> probability, std::size_t n)
      : probability_(std::move(probability)), n_(n) {}

  void draw(Stream& stream, std::vector<std::uint32_t>& chosen) const override {
    chosen.clear();
    std::vector<double> open = probability_, weight(open.size());
    double left = static_cast<double>(n_);
    for (std::size_t r = n_; r > 0; --r) {
      const double sum = step(open, left, r, weight);
      double at = stream.uniform() * sum;
      std::size_t pick = 0;
      for (std::size_t k = 0; k < open.size(); ++k) {
        if (open[k] == 0) continue;
        pick = k;
        at -= weight[k];
        if (at < 0) break;
      }
      chosen.push_back(static_cast<std::uint32_t>(pick));
      left -= open[pick];
      open[pick] = 0;
    }
  }

  /// For one or two draws, from the draws themselves. Cost O(M²).
  Result<JointProbabilities> joint() const override {
    const std::size_t units = probability_.size();
    JointProbabilities joint(units);
    if (n_ > 2)
      return Failure{FailureKind::unsupported,
                     "the joint probabilities of Brewer's method have no closed form for more than "
                     "two units that are not certain; use the Brewer or Hartley-Rao variance, or "
                     "maximum_entropy or sampford, whose joint probabilities are exact"};
    for (std::size_t k = 0; k < units; ++k) joint.set(k, k, probability_[k]);
    if (n_ == 1) return joint;
    std::vector<double> open = probability_, first(units), second(units);
    const double sum = step(open, 2, 2, first);
    for (std::size_t k = 0; k < units; ++k) {
      open[k] = 0;
      const double rest = step(open, 2 - probability_[k], 1, second);
      for (std::size_t l = 0; l < units; ++l)
        if (l != k) joint.add(k, l, first[k] / sum * second[l] / rest);
      open[k] = probability_[k];
    }
    return joint;
  }

 private:
  static double step(std::span<const double> open, double left, std::size_t r,
                     std::span<double> weight) {
    double sum = 0;
    for (std::size_t k = 0; k < open.size(); ++k) {
      // With one draw left the fraction is 1: no difference of equal numbers.
      weight[k] =
          r == 1 ? open[k] : open[k] * (left - open[k]) / (left - static_cast<double>(r) * open[k]);
      sum += weight[k];
    }
    return sum;
  }

  std::vector<double> probability_;
  std::size_t n_;
};

}  // namespace

DesignInfo brewer_info() {
  return {"brewer", "fixed size, proportional to size, one unit at a time",
          "Brewer (1975), Australian Journal of Statistics 17, 166-172; Tille (2006), Sampling "
          "Algorithms, section 6.5",
          [](ConfigReader& config, const DesignFrame& frame) {
            return make_pps_design(
                config, frame,
                [](std::vector<double> p, std::size_t n) -> std::unique_ptr<const PpsSampler> {
                  return std::make_unique<Brewer>(std::move(p), n);
                });
          }};
}

}  // namespace steelyard::designs
