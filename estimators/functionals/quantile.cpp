#include "estimators/functionals/quantile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/sums.hpp"
#include "estimators/functionals/linear.hpp"

namespace steelyard {
namespace {

/// F of a bucketed answer is linear inside each bucket, so the quantile is smooth in the totals.
class BucketQuantile final : public QuantileFunctional {
 public:
  BucketQuantile(VariableId id, const Variable& variable, double p)
      : id_(id), name_(variable.name), unit_(variable.unit), edges_(variable.edges), p_(p) {}

  std::vector<VariableId> variables() const override { return {id_}; }
  bool uses_value_rule() const override { return false; }
  std::vector<double> fixed_values(std::size_t) const override { return {}; }
  std::string unit() const override { return unit_; }
  double probability() const override { return p_; }

  Result<PointEstimate> estimate(std::span<const double> totals,
                                 std::span<const BucketValues>) const override {
    const auto at = find(totals, p_);
    if (!at) return at.failure();
    const Position& b = at.value();
    const double slope = width(b.bucket) / totals[b.bucket];
    PointEstimate estimate{edges_[b.bucket] + b.fraction * width(b.bucket),
                           std::vector<double>(totals.size(), p_ * slope)};
    for (std::size_t k = 0; k < b.bucket; ++k) estimate.influence[k] -= slope;
    estimate.influence[b.bucket] -= b.fraction * slope;
    return estimate;
  }

  PointEstimate share_at(std::span<const double> totals, double x) const override {
    const double weight = total(totals);
    PointEstimate share{0, std::vector<double>(totals.size())};
    for (std::size_t k = 0; k < totals.size(); ++k) {
      double& below = share.influence[k];
      below = x >= edges_[k + 1] ? 1 : x <= edges_[k] ? 0 : (x - edges_[k]) / width(k);
      share.estimate += totals[k] * below / weight;
    }
    for (double& below : share.influence) below = (below - share.estimate) / weight;
    return share;
  }

  Result<double> quantile(std::span<const double> totals, double p) const override {
    const auto at = find(totals, std::clamp(p, 0.0, 1.0));
    if (!at) return at.failure();
    return edges_[at.value().bucket] + at.value().fraction * width(at.value().bucket);
  }

 private:
  /// Where F reaches p: a bucket and how far into it.
  struct Position {
    std::size_t bucket = 0;
    double fraction = 0;
  };

  double width(std::size_t b) const { return edges_[b + 1] - edges_[b]; }

  Result<Position> find(std::span<const double> totals, double p) const {
    const double weight = total(totals);
    if (auto failure = without_weight(totals, weight)) return *failure;
    const double goal = p * weight;
    double below = 0;
    Position at;
    for (std::size_t b = 0; b < totals.size(); ++b) {
      if (!(totals[b] > 0)) continue;
      at = {b, std::clamp((goal - below) / totals[b], 0.0, 1.0)};
      if (below + totals[b] >= goal) break;
      below += totals[b];
    }
    if (!std::isfinite(width(at.bucket)))
      return Failure{FailureKind::unbounded_tail,
                     fmt::format("the {:g}-quantile of {} lies in its open {} bucket; give the "
                                 "bucket an end, or ask for a quantile outside it",
                                 p, name_, at.bucket == 0 ? "bottom" : "top")};
    return at;
  }

  VariableId id_;
  std::string name_, unit_;
  std::vector<double> edges_;
  double p_;
};

/// Of an answer with a number a level: the smallest number with F >= p.
class LevelQuantile final : public QuantileFunctional {
 public:
  LevelQuantile(VariableId id, const Variable& variable, std::vector<double> values, double p)
      : id_(id), unit_(variable.unit), values_(std::move(values)), order_(values_.size()), p_(p) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::sort(order_.begin(), order_.end(),
              [&](std::size_t a, std::size_t b) { return values_[a] < values_[b]; });
  }

  std::vector<VariableId> variables() const override { return {id_}; }
  bool uses_value_rule() const override { return false; }
  bool smooth() const override { return false; }
  std::vector<double> fixed_values(std::size_t) const override { return values_; }
  std::string unit() const override { return unit_; }
  double probability() const override { return p_; }

  Result<PointEstimate> estimate(std::span<const double> totals,
                                 std::span<const BucketValues>) const override {
    const auto at = quantile(totals, p_);
    if (!at) return at.failure();
    return PointEstimate{at.value(), {}};
  }

  PointEstimate share_at(std::span<const double> totals, double x) const override {
    const double weight = total(totals);
    PointEstimate share{0, std::vector<double>(totals.size())};
    for (std::size_t k = 0; k < totals.size(); ++k)
      if (values_[k] <= x) share.estimate += totals[k] / weight;
    for (std::size_t k = 0; k < totals.size(); ++k)
      share.influence[k] = ((values_[k] <= x ? 1.0 : 0.0) - share.estimate) / weight;
    return share;
  }

  Result<double> quantile(std::span<const double> totals, double p) const override {
    const double weight = total(totals);
    if (auto failure = without_weight(totals, weight)) return *failure;
    // Where p lies on a step of F within rounding it counts as on the step.
    const double goal = (std::clamp(p, 0.0, 1.0) - 1e-12) * weight;
    double below = 0, last = 0;
    for (std::size_t k : order_) {
      if (!(totals[k] > 0)) continue;
      below += totals[k];
      last = values_[k];
      if (below >= goal) break;
    }
    return last;
  }

 private:
  VariableId id_;
  std::string unit_;
  std::vector<double> values_;
  std::vector<std::size_t> order_;
  double p_;
};

std::unique_ptr<const Functional> make_quantile(ConfigReader& config, const Schema& schema) {
  const std::string name =
      config.text("variable", {.help = "a bucketed answer, or one with assumed_values or scores"});
  const double p =
      config.real("p", {.min = 1e-6, .max = 1 - 1e-6, .fallback = 0.5, .help = "share below"});
  if (config.is_documenting()) return nullptr;
  const VariableId id = schema.require(name, config.place("variable"));
  const Variable& v = schema[id];
  if (v.kind == VariableKind::bucketed) return std::make_unique<BucketQuantile>(id, v, p);
  if (v.assumed_values.empty() && v.scores.empty())
    config.fail("variable", "= \"" + name + "\" has no numbers for its levels",
                "give it assumed_values, scores or edges");
  return std::make_unique<LevelQuantile>(id, v,
                                         v.assumed_values.empty() ? v.scores : v.assumed_values, p);
}

}  // namespace

FunctionalInfo quantile_info() {
  return {"quantile",
          "median or another quantile: linear inside buckets, else the smallest number with F >= p",
          "Woodruff (1952), JASA 47, 635-646; Särndal, Swensson & Wretman (1992), section 5.11",
          make_quantile};
}

}  // namespace steelyard
