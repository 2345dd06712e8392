#include "sim/designs/pps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"

namespace steelyard {
namespace {

class PpsDesign final : public SamplingDesign {
 public:
  PpsDesign(std::vector<double> probability, std::size_t n, MakePpsSampler make)
      : probability_(std::move(probability)) {
    std::vector<double> open_prob;
    for (std::uint32_t k = 0; k < probability_.size(); ++k) {
      if (probability_[k] >= 1)
        certain_.push_back(k);
      else if (probability_[k] > 0) {
        open_.push_back(k);
        open_prob.push_back(probability_[k]);
      }
    }
    if (n > certain_.size()) sampler_ = make(std::move(open_prob), n - certain_.size());
  }

  std::span<const double> probabilities() const override { return probability_; }

  void draw(Stream& stream, std::vector<std::uint32_t>& sample) const override {
    sample.clear();
    if (sampler_) sampler_->draw(stream, sample);
    for (std::uint32_t& k : sample) k = open_[k];
    sample.insert(sample.end(), certain_.begin(), certain_.end());
    std::sort(sample.begin(), sample.end());
  }

  Result<JointProbabilities> joint() const override {
    JointProbabilities all(probability_.size());
    if (sampler_) {
      const auto open = sampler_->joint();
      if (!open) return open.failure();
      for (std::size_t a = 0; a < open_.size(); ++a) {
        for (std::size_t b = 0; b < a; ++b) all.set(open_[a], open_[b], open.value()(a, b));
        all.set(open_[a], open_[a], probability_[open_[a]]);
      }
    }
    for (std::uint32_t k : certain_)
      for (std::size_t l = 0; l < probability_.size(); ++l) all.set(k, l, probability_[l]);
    return all;
  }

 private:
  std::vector<double> probability_;
  std::vector<std::uint32_t> certain_, open_;
  std::unique_ptr<const PpsSampler> sampler_;
};

}  // namespace

Result<std::vector<double>> inclusion_probabilities(std::span<const double> size, std::size_t n) {
  std::size_t positive = 0;
  for (std::size_t k = 0; k < size.size(); ++k) {
    if (!(size[k] >= 0) || !std::isfinite(size[k]))
      return Failure{FailureKind::unsupported,
                     fmt::format("unit {} has size {:g}; sizes must be finite and not negative",
                                 k + 1, size[k])};
    positive += size[k] > 0;
  }
  if (n == 0 || n > positive)
    return Failure{FailureKind::unsupported,
                   fmt::format("a sample of {} cannot be drawn from {} units with a positive size; "
                               "choose n between 1 and {}",
                               n, positive, positive)};
  std::vector<double> probability(size.size(), 0.0);
  std::vector<bool> certain(size.size(), false);
  for (std::size_t taken = 0, before = size.size() + 1; taken != before;) {
    before = taken;
    Sum open;
    for (std::size_t k = 0; k < size.size(); ++k)
      if (!certain[k]) open.add(size[k]);
    const double left = static_cast<double>(n - taken);
    for (std::size_t k = 0; k < size.size(); ++k) {
      if (certain[k]) continue;
      probability[k] = open.value() > 0 ? left * size[k] / open.value() : 0.0;
      // A unit of the last round may miss 1 by rounding: n equal units out of n.
      if (probability[k] < 1 - 1e-14) continue;
      probability[k] = 1;
      certain[k] = true;
      ++taken;
    }
  }
  return probability;
}

std::unique_ptr<const SamplingDesign> make_pps_design(ConfigReader& config,
                                                      const DesignFrame& frame,
                                                      MakePpsSampler make) {
  const auto n = config.integer("n", {.min = 1, .help = "units to select"});
  config.finish();
  if (frame.size.size() != frame.units || frame.units == 0)
    config.fail("n", "the frame has no measure of size", "name the column that holds the sizes");
  auto probability = inclusion_probabilities(frame.size, static_cast<std::size_t>(n));
  if (!probability) config.fail("n", probability.failure().detail);
  return std::make_unique<PpsDesign>(std::move(probability.value()), static_cast<std::size_t>(n),
                                     make);
}

std::vector<double> cumulate(std::span<const double> probability, std::size_t n) {
  std::vector<double> out;
  out.reserve(probability.size());
  Sum sum;
  for (double p : probability) {
    sum.add(p);
    out.push_back(std::min(sum.value(), static_cast<double>(n)));
  }
  if (!out.empty()) out.back() = static_cast<double>(n);
  return out;
}

void systematic_positions(std::span<const double> cumulated, std::size_t n, double start,
                          std::vector<std::uint32_t>& chosen) {
  chosen.clear();
  std::size_t k = 0;
  for (std::size_t i = 0; i < n; ++i, ++k) {
    // Rounding of a start next to 1 must not leave fewer units than steps.
    const std::size_t last = cumulated.size() - (n - i);
    while (k < last && cumulated[k] <= start + static_cast<double>(i)) ++k;
    chosen.push_back(static_cast<std::uint32_t>(k));
  }
}

}  // namespace steelyard
