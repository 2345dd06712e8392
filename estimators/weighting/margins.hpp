#pragma once

// Margins that weightings are calibrated on: their totals, and the sample's cells grouped by them.

#include <span>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "core/sample.hpp"

namespace steelyard {

using MarginVariables = std::vector<std::vector<VariableId>>;

/// Reads `key` as a list of margins, each a variable or a list of variables to be crossed.
MarginVariables read_margins(ConfigReader& config, std::string_view key, const Schema& schema,
                             std::string_view help);

/// All variables of the margins, each once.
std::vector<VariableId> variables_of(const MarginVariables& margins);

struct Margin {
  CellGroups groups;
  std::vector<double> totals;  ///< population total of each group
};

/// The margins of one sample. Fails: unsupported (a variable that does not apply to a respondent),
/// empty_cell (a group with a positive total and no respondent; named)
Result<std::vector<Margin>> make_margins(const MarginVariables& margins, const CellIndex& index,
                                         const Benchmarks& benchmarks);

/// "sex=male, age=16_20".
std::string describe_group(const Schema& schema, std::span<const VariableId> variables,
                           std::size_t group);

/// Weighted total of each group: sum over its cells of base weight × factor.
std::vector<double> group_totals(const CellIndex& index, const CellGroups& groups,
                                 std::span<const double> factor);

/// Largest |weighted total - target| over the groups of all margins, relative to the population.
double largest_error(const CellIndex& index, const std::vector<Margin>& margins,
                     std::span<const double> factor);

}  // namespace steelyard
