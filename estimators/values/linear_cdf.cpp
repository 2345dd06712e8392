#include <cmath>

#include "core/sums.hpp"
#include "estimators/buckets/piecewise.hpp"
#include "estimators/values/value_rule.hpp"

namespace steelyard {
namespace {

/// F is linear inside each bucket, so a bucket's mean is its middle; an open top bucket is closed
/// at a multiple of its lower edge.
class LinearCdf final : public ValueRule {
 public:
  LinearCdf(ConfigReader& config, const Schema&)
      : top_factor_(config.real(
            "top_factor", {.min = 1,
                           .max = 100,
                           .fallback = 2,
                           .help = "an open top bucket ends at this times its lower edge"})) {}

  std::optional<std::string> objection(const Variable& v) const override {
    if (!std::isfinite(v.edges.front())) return "its bottom bucket is open";
    if (!std::isfinite(v.edges.back()) && !(v.edges[v.size() - 1] > 0))
      return "its open top bucket does not start above zero";
    return std::nullopt;
  }

  Result<BucketValues> values(const Variable& v, std::span<const double>, double) const override {
    BucketValues values;
    for (std::size_t b = 0; b < v.size(); ++b)
      values.value.push_back((v.edges[b] + upper_edge(v, b)) / 2);
    return values;
  }

  /// Uniform inside the buckets, so that quantiles and inequality are not those of the middles.
  Result<std::shared_ptr<const Law>> law(const Variable& v, std::span<const double> totals,
                                         double) const override {
    const double sum = total(totals);
    std::vector<Segment> segments;
    for (std::size_t b = 0; b < v.size(); ++b) {
      if (!(totals[b] > 0)) continue;
      const double lower = v.edges[b], upper = upper_edge(v, b);
      if (!(upper > lower))
        return Failure{
            FailureKind::infeasible,
            "a top_factor of 1 closes the open bucket at its lower edge, where it has no "
            "width to hold anybody"};
      segments.push_back(Segment::uniform(lower, upper, totals[b] / sum));
    }
    return std::shared_ptr<const Law>(std::make_shared<PiecewiseLaw>(std::move(segments)));
  }

 private:
  double upper_edge(const Variable& v, std::size_t b) const {
    return std::isfinite(v.edges[b + 1]) ? v.edges[b + 1] : top_factor_ * v.edges[b];
  }

  double top_factor_;
};

}  // namespace

ValueRuleInfo linear_cdf_info() {
  return {"linear_cdf", "uniform inside buckets; the open top ends at a multiple of its lower edge",
          "von Hippel, Hunter & Drown (2017), Sociological Science 4, 641-655 (step bins)",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const ValueRule> {
            return std::make_unique<LinearCdf>(config, schema);
          }};
}

}  // namespace steelyard
