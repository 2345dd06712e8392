#include "estimators/intervals/replication.hpp"

namespace steelyard {

IntervalInfo jackknife_info() {
  return {"jackknife", "delete a group: each replicate leaves one random group out",
          "Kott (2001), Journal of Official Statistics 17, 521-526; Wolter (2007), chapter 4",
          [](ConfigReader& config, const Schema&) -> std::unique_ptr<const IntervalMethod> {
            ReplicationOptions options;
            options.method = ReplicateMethod::jk1;
            options.replicates = static_cast<std::size_t>(config.integer(
                "groups", {.min = 2,
                           .max = 100'000,
                           .fallback = 30,
                           .help = "random groups; the degrees of freedom are one less"}));
            options.interval = read_interval_options(config);
            return make_replication(options);
          }};
}

}  // namespace steelyard
