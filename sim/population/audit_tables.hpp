#pragma once

// Preflight: what arithmetic alone shows of tables that disagree.

#include <vector>

#include "sim/population/audit.hpp"

namespace steelyard {

/// Totals that differ, and tables that differ on the variables that they share: the cell with the
/// largest difference, and by how much.
std::vector<TableFinding> audit_tables(const Scenario& scenario);

/// From published numbers to linear margins.
class Margins {
 public:
  explicit Margins(const Scenario& scenario);

  /// @param what  the scenario's number `number`, perhaps repaired
  LinearMargin make(std::size_t number, const PublishedNumber& what) const;
  /// The number's interval widened until it holds `mean` (on the scale of its level values),
  /// rounded outwards to four digits more than its rounding.
  Widening widening(std::size_t number, const PublishedNumber& what, double mean) const;

 private:
  const Scenario& s_;
  RootLaw root_;
  std::vector<double> view_factor_;
};

}  // namespace steelyard
