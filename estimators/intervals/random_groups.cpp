#include "estimators/intervals/replication.hpp"

namespace steelyard {

IntervalInfo random_groups_info() {
  return {"random_groups", "each random group is weighted and estimated by itself",
          "Wolter (2007), Introduction to Variance Estimation, chapter 2",
          [](ConfigReader& config, const Schema&) {
            return make_group_replication(config, ReplicateMethod::random_groups, 10);
          }};
}

}  // namespace steelyard
