#include <cmath>

#include "estimators/values/value_rule.hpp"

namespace steelyard {
namespace {

/// A fixed number a bucket: the numbers that a report assumed, or the middles of the buckets.
class Midpoints final : public ValueRule {
 public:
  Midpoints(ConfigReader& config, const Schema&)
      : arithmetic_(
            config.text("points",
                        {.fallback = "assumed",
                         .choices = {"assumed", "arithmetic"},
                         .help = "the variable's assumed_values, or (lower + upper) / 2"}) ==
            "arithmetic"),
        open_top_(config.real("open_top", {.min = 0,
                                           .max = 100,
                                           .fallback = 0,
                                           .help = "arithmetic: an open top bucket stands for this "
                                                   "times its lower edge; 0: refused"})) {}

  std::optional<std::string> objection(const Variable& v) const override {
    if (!arithmetic_ && v.assumed_values.empty()) return "it has no assumed_values";
    if (arithmetic_ && !std::isfinite(v.edges.back()) && open_top_ == 0)
      return "its top bucket is open: set open_top";
    if (arithmetic_ && !std::isfinite(v.edges.front())) return "its bottom bucket is open";
    return std::nullopt;
  }

  Result<BucketValues> values(const Variable& v, std::span<const double>, double) const override {
    if (!arithmetic_) return BucketValues{v.assumed_values, {}};
    BucketValues values;
    for (std::size_t b = 0; b < v.size(); ++b)
      values.value.push_back(std::isfinite(v.edges[b + 1]) ? (v.edges[b] + v.edges[b + 1]) / 2
                                                           : open_top_ * v.edges[b]);
    return values;
  }

 private:
  bool arithmetic_;
  double open_top_;
};

}  // namespace

ValueRuleInfo midpoints_info() {
  return {"midpoints", "one assumed number a bucket",
          "the report's own rule; Heitjan (1989), Statistical Science 4, 164-179, section 2",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const ValueRule> {
            return std::make_unique<Midpoints>(config, schema);
          }};
}

}  // namespace steelyard
