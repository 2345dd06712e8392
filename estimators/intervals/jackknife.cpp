#include "estimators/intervals/replication.hpp"

namespace steelyard {

IntervalInfo jackknife_info() {
  return {"jackknife", "delete a group: each replicate leaves one random group out",
          "Kott (2001), Journal of Official Statistics 17, 521-526; Wolter (2007), chapter 4",
          [](ConfigReader& config, const Schema&) {
            return make_group_replication(config, ReplicateMethod::jk1, 30);
          }};
}

}  // namespace steelyard
