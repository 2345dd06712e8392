#include <cmath>

#include "estimators/functionals/quantile.hpp"
#include "estimators/intervals/linearization.hpp"

namespace steelyard {
namespace {

/// The interval of F at the estimated quantile, with F's linearized error, read back through F.
class PreparedWoodruff final : public PreparedInterval {
 public:
  PreparedWoodruff(const WeightedSample& sample, const IntervalOptions& options)
      : options_(options), n_(sample.index.n), linear_(prepare_linearization(sample, {})) {}

  Result<Interval> interval(const MadeEstimate& made) const override {
    const auto* quantile = dynamic_cast<const QuantileFunctional*>(&made.estimator->functional());
    EXPECTS(quantile != nullptr);
    const PointEstimate share = quantile->share_at(made.totals, made.point.estimate);
    const auto linear = linear_->interval({made.tabulation, share});
    if (!linear) return linear.failure();
    const double se = linear.value().se, df = linear.value().df;
    const bool inside = share.estimate > 0 && share.estimate < 1 && se > 0;
    const Limits limits =
        inside ? proportion_limits(share.estimate, se, options_.shares, {options_.level, df, n_})
               : Limits{share.estimate, share.estimate};
    const auto lower = quantile->quantile(made.totals, limits.lower);
    if (!lower) return lower.failure();
    const auto upper = quantile->quantile(made.totals, limits.upper);
    if (!upper) return upper.failure();
    return Interval{(upper.value() - lower.value()) / (2 * t_quantile(options_.level, df)),
                    lower.value(), upper.value(), df};
  }

 private:
  IntervalOptions options_;
  std::size_t n_;
  std::unique_ptr<const PreparedInterval> linear_;
};

class Woodruff final : public IntervalMethod {
 public:
  explicit Woodruff(ConfigReader& config) : options_(read_interval_options(config)) {}
  std::optional<std::string> objection(const Functional& functional) const override {
    if (dynamic_cast<const QuantileFunctional*>(&functional) != nullptr) return std::nullopt;
    return "it is for quantiles";
  }
  Result<std::unique_ptr<const PreparedInterval>> prepare(
      const WeightedSample& sample) const override {
    return std::unique_ptr<const PreparedInterval>(
        std::make_unique<PreparedWoodruff>(sample, options_));
  }

 private:
  IntervalOptions options_;
};

}  // namespace

IntervalInfo woodruff_info() {
  return {"woodruff", "interval of the distribution function at a quantile, inverted",
          "Woodruff (1952), JASA 47, 635-646",
          [](ConfigReader& config, const Schema&) -> std::unique_ptr<const IntervalMethod> {
            return std::make_unique<Woodruff>(config);
          }};
}

}  // namespace steelyard
