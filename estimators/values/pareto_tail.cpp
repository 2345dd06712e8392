#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "estimators/values/value_rule.hpp"

namespace steelyard {
namespace {

/// Middles of the closed buckets; the open top bucket is a Pareto tail whose shape comes from the
/// totals of the top two populated buckets:
///   alpha = [ln(n_b + n_t) - ln n_t] / [ln l_t - ln l_b], floored; 0 before the floor if l_b = 0.
/// The top by the variant. Its law has everybody at these numbers, as RPME's papers do.
/// The top's value moves with n_b and n_t: the jacobian says how (zero where the floor holds).
class ParetoTail final : public ValueRule {
 public:
  ParetoTail(ConfigReader& config, const Schema&)
      : variant_(
            config.text("variant", {.fallback = "harmonic",
                                    .choices = {"arithmetic", "harmonic", "geometric", "median"},
                                    .help = "which mean of the tail stands for the top bucket"})),
        floor_(config.real("alpha_floor",
                           {.min = 0,
                            .max = 10,
                            .fallback = -1 + (variant_ == "arithmetic" ? 3.0 : 2.0),
                            .help = "smallest alpha; default 2 for arithmetic, else 1"})) {}

  std::optional<std::string> objection(const Variable& v) const override {
    if (!std::isfinite(v.edges.front())) return "its bottom bucket is open";
    if (!std::isfinite(v.edges.back()) && !(v.edges[v.size() - 1] > 0))
      return "its open top bucket does not start above zero";
    return std::nullopt;
  }

  Result<BucketValues> values(const Variable& v, std::span<const double> totals,
                              double) const override {
    BucketValues values;
    const std::size_t top = v.size() - 1;
    for (std::size_t b = 0; b < v.size(); ++b)
      values.value.push_back((v.edges[b] + v.edges[b + 1]) / 2);
    if (std::isfinite(v.edges[top + 1])) return values;
    const double lower = v.edges[top];
    values.value[top] = lower;
    if (!(totals[top] > 0)) return values;  // nobody there: any number does
    std::size_t below = top;
    while (below > 0 && !(totals[below - 1] > 0)) --below;
    if (below == 0)
      return Failure{FailureKind::unbounded_tail,
                     "only the open top bucket holds anybody, so its tail has no shape"};
    --below;
    // Below a bucket that starts at zero the data give no shape: the floor alone holds.
    const bool shaped = v.edges[below] > 0;
    const double n_top = totals[top], n_below = totals[below];
    const double width = shaped ? std::log(lower / v.edges[below]) : 1;
    const double shape = shaped ? std::log1p(n_below / n_top) / width : 0;
    if (!(std::max(shape, floor_) > 0))
      return Failure{FailureKind::unbounded_tail,
                     "the bucket below the open top starts at zero, so its tail has no shape"};
    const double alpha = std::max(shape, floor_);
    double slope = 0;  // d top value / d alpha
    if (variant_ == "arithmetic") {
      if (!(alpha > 1))
        return Failure{
            FailureKind::unbounded_tail,
            fmt::format("alpha = {:.3g} is not above 1, so the tail has no mean", alpha)};
      values.value[top] = lower * alpha / (alpha - 1);
      slope = -lower / ((alpha - 1) * (alpha - 1));
    } else if (variant_ == "harmonic") {
      values.value[top] = lower * (1 + 1 / alpha);
      slope = -lower / (alpha * alpha);
    } else if (variant_ == "geometric") {
      values.value[top] = lower * std::exp(1 / alpha);
      slope = -values.value[top] / (alpha * alpha);
    } else {
      values.value[top] = lower * std::exp2(1 / alpha);
      slope = -values.value[top] * std::log(2.0) / (alpha * alpha);
    }
    values.jacobian.assign(v.size() * v.size(), 0.0);
    if (shape > floor_) {
      const double sum = n_below + n_top;
      values.jacobian[top * v.size() + below] = slope / (width * sum);
      values.jacobian[top * v.size() + top] = slope * (1 / sum - 1 / n_top) / width;
    }
    return values;
  }

 private:
  std::string variant_;
  double floor_;
};

}  // namespace

ValueRuleInfo pareto_tail_info() {
  return {"pareto_tail", "middles of closed buckets, a Pareto tail for the open top",
          "Henson (1967); von Hippel, Scarpino & Holas (2016), Sociological Methodology 46, "
          "212-251 (RPME)",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const ValueRule> {
            return std::make_unique<ParetoTail>(config, schema);
          }};
}

}  // namespace steelyard
