#include "estimators/intervals/replication.hpp"

namespace steelyard {

IntervalInfo random_groups_info() {
  return {"random_groups", "each random group is weighted and estimated by itself",
          "Wolter (2007), Introduction to Variance Estimation, chapter 2",
          [](ConfigReader& config, const Schema&) -> std::unique_ptr<const IntervalMethod> {
            ReplicationOptions options;
            options.method = ReplicateMethod::random_groups;
            options.replicates = static_cast<std::size_t>(config.integer(
                "groups", {.min = 2,
                           .max = 100'000,
                           .fallback = 10,
                           .help = "random groups; the degrees of freedom are one less"}));
            options.interval = read_interval_options(config);
            return make_replication(options);
          }};
}

}  // namespace steelyard
