#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/designs/simple_random.hpp"

namespace steelyard::designs {
namespace {

/// Simple random clusters, then at most m simple random units of each.
class TwoStage final : public SamplingDesign {
 public:
  TwoStage(const DesignFrame& frame, std::vector<std::vector<std::uint32_t>> clusters,
           std::size_t n, std::size_t m)
      : cluster_of_(frame.cluster),
        clusters_(std::move(clusters)),
        order_(clusters_.size()),
        n_(n) {
    std::iota(order_.begin(), order_.end(), 0u);
    for (const auto& units : clusters_) m_.push_back(std::min(m, units.size()));
    first_prob_ = static_cast<double>(n) / static_cast<double>(clusters_.size());
    for (std::uint32_t c : cluster_of_) probability_.push_back(first_prob_ * within(c));
  }

  std::span<const double> probabilities() const override { return probability_; }
  void draw(Stream& stream, std::vector<std::uint32_t>& sample) const override {
    sample.clear();
    std::vector<std::uint32_t> chosen;
    append_simple_random(stream, order_, n_, chosen);
    for (std::uint32_t c : chosen) append_simple_random(stream, clusters_[c], m_[c], sample);
    std::sort(sample.begin(), sample.end());
  }
  Result<JointProbabilities> joint() const override {
    JointProbabilities joint(probability_.size());
    const double both = simple_random_pair(n_, clusters_.size());
    for (std::size_t k = 0; k < probability_.size(); ++k) {
      joint.set(k, k, probability_[k]);
      const std::uint32_t c = cluster_of_[k];
      const double pair = first_prob_ * simple_random_pair(m_[c], clusters_[c].size());
      for (std::size_t l = 0; l < k; ++l)
        joint.set(k, l, cluster_of_[l] == c ? pair : both * within(c) * within(cluster_of_[l]));
    }
    return joint;
  }

 private:
  double within(std::uint32_t c) const {
    return static_cast<double>(m_[c]) / static_cast<double>(clusters_[c].size());
  }

  std::vector<std::uint32_t> cluster_of_;
  std::vector<std::vector<std::uint32_t>> clusters_;
  std::vector<std::uint32_t> order_;
  std::size_t n_;
  std::vector<std::size_t> m_;
  double first_prob_ = 0;
  std::vector<double> probability_;
};

std::unique_ptr<const SamplingDesign> make(ConfigReader& config, const DesignFrame& frame) {
  const auto n = static_cast<std::size_t>(
      config.integer("clusters", {.min = 1, .help = "clusters to select"}));
  const auto m = static_cast<std::size_t>(config.integer(
      "units",
      {.min = 1, .help = "units to select from each of them; a smaller cluster is taken whole"}));
  config.finish();
  if (frame.units == 0 || frame.cluster.size() != frame.units)
    config.fail("clusters", "the frame has no clusters", "name the column that holds them");
  std::vector<std::vector<std::uint32_t>> clusters(
      *std::max_element(frame.cluster.begin(), frame.cluster.end()) + 1);
  for (std::uint32_t k = 0; k < frame.units; ++k) clusters[frame.cluster[k]].push_back(k);
  for (std::size_t c = 0; c < clusters.size(); ++c)
    if (clusters[c].empty())
      config.fail("clusters", fmt::format("cluster {} of the frame has no unit", c + 1),
                  "number the clusters without gaps");
  if (n > clusters.size())
    config.fail("clusters", fmt::format("{} exceeds the frame's {}", n, clusters.size()),
                "select fewer clusters");
  return std::make_unique<TwoStage>(frame, std::move(clusters), n, m);
}

}  // namespace

DesignInfo two_stage_info() {
  return {"two_stage", "simple random clusters, then simple random units of each",
          "Sarndal, Swensson & Wretman (1992), Model Assisted Survey Sampling, section 4.3", make};
}

}  // namespace steelyard::designs
