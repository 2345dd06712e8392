#include "estimators/intervals/replication.hpp"

namespace steelyard {

IntervalInfo bootstrap_info() {
  return {
      "bootstrap", "respondents drawn with replacement, weighted again in every replicate",
      "Rao, Wu & Yue (1992), Survey Methodology 18, 209-217; Canty & Davison (1999), The "
      "Statistician 48, 379-391",
      [](ConfigReader& config, const Schema&) -> std::unique_ptr<const IntervalMethod> {
        ReplicationOptions options;
        options.method =
            config.text("resample", {.fallback = "rao-wu",
                                     .choices = {"rao-wu", "canty-davison"},
                                     .help = "rao-wu: n - 1 drawn and rescaled; canty-davison: n "
                                             "drawn"}) == "rao-wu"
                ? ReplicateMethod::bootstrap
                : ReplicateMethod::canty_davison;
        options.replicates = static_cast<std::size_t>(config.integer(
            "replicates",
            {.min = 2, .max = 1'000'000, .fallback = 200, .help = "resamples of each sample"}));
        options.limits =
            config.text("limits", {.fallback = "t",
                                   .choices = {"t", "percentile"},
                                   .help = "t: estimate ± t × standard error; percentile: of the "
                                           "replicates' estimates"}) == "t"
                ? ReplicateLimits::t
                : ReplicateLimits::percentile;
        options.interval = read_interval_options(config);
        return make_replication(options);
      }};
}

}  // namespace steelyard
