#pragma once

// What a family of observationally equivalent worlds leaves behind.

#include <string>
#include <vector>

#include "results/results.hpp"

namespace steelyard {

struct WorldRecord {
  std::string name, dial, subject, source;  ///< subject: the variables that the dial turns on
  double value = 0;                         ///< of the dial
  /// Largest change of a published number's expectation against the neutral world, as a part of
  /// the spread of its values.
  double largest_change = 0;
  std::string changed_most;    ///< that number
  double odds_ratio = 1;       ///< selection: between the highest and the lowest score, at most
  std::vector<double> truths;  ///< by estimand
  std::vector<PerformanceRecord> performance;  ///< by estimator
};

/// The smallest and the largest value that all joint laws behind the published numbers allow.
struct BoundsRecord {
  std::uint32_t estimand = 0;
  double lower = 0, upper = 0;            ///< with the values assumed for each bucket
  double edge_lower = 0, edge_upper = 0;  ///< every value anywhere in its bucket; may be infinite
  double expected = 0;                    ///< the fitted law's own, assumed values
};

struct WorldsResults {
  StudyResults study;               ///< of the neutral world
  std::vector<WorldRecord> worlds;  ///< the neutral one first
  std::vector<BoundsRecord> bounds;
  std::string bounds_refused;  ///< why there are no bounds, if there are none
};

/// One row a world and estimator.
std::string write_worlds_csv(const WorldsResults& results);

/// One row an estimand.
std::string write_bounds_csv(const WorldsResults& results);

}  // namespace steelyard
