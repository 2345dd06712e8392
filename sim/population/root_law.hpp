#pragma once

// The population's law of the root variables alone, and what follows from it for the report's
// weighted view.

#include <span>
#include <utility>
#include <vector>

#include "core/scenario.hpp"
#include "sim/population/fit.hpp"

namespace steelyard {

/// The I-projection of the population's seeds onto its tables and numbers, dense over the cross of
/// the scenario's root variables (row-major, last fastest).
class RootLaw {
 public:
  /// @throws UserError if something on the population's side names a variable outside the root
  explicit RootLaw(const Scenario& scenario);

  const std::vector<double>& p() const { return p_; }
  const FitReport& report() const { return report_; }
  /// Shares over the cross of some variables: root variables, or groupings of them.
  std::vector<double> share(std::span<const VariableId> variables) const;

 private:
  const Scenario* scenario_;
  std::vector<double> p_;
  FitReport report_;
};

/// Is the number the sample's share of one cell of the report's weighting?
bool is_weighting_share(const Scenario& scenario, const PublishedNumber& number);

/// The report's weighted view has the census shares of its weighting cells; undoing it means
/// multiplying by sample share / census share, which the sample's own table of those cells gives.
/// Over the cross of the weighting view; empty without one.
/// @throws UserError if the sample's share of a cell is not given
std::vector<double> view_factor(const Scenario& scenario, const RootLaw& root);

/// A number's interval on the scale of its level values: counts as shares of the respondents,
/// ratios as shares.
std::pair<double, double> as_mean(const Scenario& scenario, const RootLaw& root,
                                  const PublishedNumber& number);

}  // namespace steelyard
