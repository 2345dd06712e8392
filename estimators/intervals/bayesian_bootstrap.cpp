#include "estimators/intervals/replication.hpp"

namespace steelyard {

IntervalInfo bayesian_bootstrap_info() {
  return {"bayesian_bootstrap", "Dirichlet weights of the respondents, weighted again each time",
          "Rubin (1981), Annals of Statistics 9, 130-134",
          [](ConfigReader& config, const Schema&) -> std::unique_ptr<const IntervalMethod> {
            ReplicationOptions options;
            options.method = ReplicateMethod::bayesian;
            options.replicates = static_cast<std::size_t>(config.integer(
                "replicates",
                {.min = 2, .max = 1'000'000, .fallback = 200, .help = "draws for each sample"}));
            options.limits =
                config.text("limits",
                            {.fallback = "t",
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
