#include "estimators/intervals/limits.hpp"

#include <fmt/format.h>

namespace steelyard {

IntervalOptions read_interval_options(ConfigReader& config) {
  IntervalOptions options;
  options.level = config.real(
      "level", {.min = 0.5, .max = 0.9999, .fallback = 0.95, .help = "nominal coverage"});
  const std::string shares =
      config.text("shares", {.fallback = "mean",
                             .choices = {"mean", "logit", "asin", "beta", "wilson", "likelihood"},
                             .help = "scale of intervals for shares: mean is share ± t se"});
  options.shares = *parse_proportion_interval(shares);
  return options;
}

Result<Interval> make_interval(const IntervalOptions& options, const Functional* functional,
                               double estimate, double se, double df, double t, std::size_t n,
                               std::size_t respondents) {
  if (!(df >= 1))
    return Failure{FailureKind::unsupported,
                   fmt::format("{:g} degrees of freedom are too few for an interval", df)};
  Interval interval{se, estimate - t * se, estimate + t * se, df};
  if (options.shares == ProportionInterval::mean || functional == nullptr ||
      !functional->is_share())
    return interval;
  const bool inside = estimate > 0 && estimate < 1 && se > 0;
  const Limits limits = proportion_limits(estimate, se,
                                          inside || options.shares == ProportionInterval::wilson
                                              ? options.shares
                                              : ProportionInterval::beta,
                                          {options.level, df, inside ? n : respondents});
  interval.lower = limits.lower;
  interval.upper = limits.upper;
  return interval;
}

}  // namespace steelyard
