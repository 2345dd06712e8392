#pragma once

// What a search for tipping points leaves behind: where a conclusion turns along each dial.

#include <string>
#include <vector>

#include "results/sweep.hpp"

namespace steelyard {

/// How far a conclusion is from turning: above 0 it holds (at 0 with >= and <=).
struct ConclusionMargin {
  double value = 0;
  double mcse = 0;             ///< both sides are on the same samples, and the error knows it
  std::uint32_t failures = 0;  ///< replicates left out
};

/// A margin that the search has looked at.
struct MarginLooked {
  double at = 0;  ///< value of the dial; together: steps along the direction
  ConclusionMargin margin;
  bool holds = false;
};

/// What was found along one dial, or along all of them.
struct TippingPoint {
  enum class Kind { turns, never, refused };
  std::string dial;  ///< empty: all together
  Kind kind = Kind::never;
  double base = 0, value = 0;   ///< of the dial; together: 0, and steps along the direction
  double se = 0;                ///< Monte Carlo error of value
  double change_in_ranges = 0;  ///< (value - base)/(upper - lower); together: the Euclidean norm
  std::uint32_t replicates = 0;
  double lower_margin = 0, upper_margin = 0;  ///< at the ends of the range
  double lower_mcse = 0, upper_mcse = 0;
  std::vector<double> values;        ///< together: of every dial where it turns
  std::vector<MarginLooked> looked;  ///< all that were computed with `replicates`, ascending
  std::string note;                  ///< why there is none, or what to know
};

constexpr const char* to_string(TippingPoint::Kind kind) {
  switch (kind) {
    case TippingPoint::Kind::turns:
      return "turns";
    case TippingPoint::Kind::never:
      return "never within the range";
    case TippingPoint::Kind::refused:
      return "cannot be told";
  }
  return "unknown";
}

struct TippingResults {
  std::string scenario, title, title_zh, version, conclusion;
  std::uint64_t seed = 0;
  std::uint32_t replicates = 0;   ///< to begin with; each point has its own
  std::vector<DialRecord> dials;  ///< in the order of points
  ConclusionMargin base;
  std::string unit;                  ///< of margins: "CNY per month", "share"; may be empty
  bool holds = false;                ///< at the scenario's own numbers
  std::vector<TippingPoint> points;  ///< one a dial; then, of two dials or more, all together
};

/// One row a dial, and one of all together.
std::string write_tipping_csv(const TippingResults& results);

}  // namespace steelyard
