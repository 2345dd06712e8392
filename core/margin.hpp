#pragma once

// Published numbers: tables of counts, prior weights, and single figures, each with its interval,
// its view (whom it describes) and its provenance.

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/schema.hpp"

namespace steelyard {

enum class Provenance { census, reported, derived, assumed };
const char* to_string(Provenance provenance);

/// Whom a number describes.
enum class View { population, sample, weighted_sample };
const char* to_string(View view);

enum class TableRole { margin, seed };
/// Seeds multiply the prior law of the population or of the answers.
enum class Side { population, answers };

/// A table over one or more variables: one row a cell.
struct MarginTable {
  std::string id, source, value_name;
  std::vector<VariableId> variables;
  std::vector<LevelCode> codes;  ///< rows × variables
  std::vector<double> values;    ///< rows: persons (margin) or prior weight (seed), >= 0
  std::vector<int> lines;        ///< rows: line in the file
  TableRole role = TableRole::margin;
  Side side = Side::population;
  Provenance provenance = Provenance::census;
  Place place;

  std::size_t rows() const { return values.size(); }
};

enum class Statistic {
  share,
  mean,
  index,
  count,
  difference,
  mean_difference,
  ratio_to_population
};
const char* to_string(Statistic statistic);

enum class Use { fit, check, excluded, not_modelled };

/// One published figure. `lower` and `upper` are what it allows, in program units (shares in [0,1],
/// index points, the variable's unit, persons).
struct PublishedNumber {
  std::string id, printed, unit, note, source;
  View view = View::weighted_sample;
  Statistic statistic = Statistic::share;
  std::string scope_text, quantity_text, level_text;
  Domain scope;
  std::vector<VariableId> quantity;  ///< one; two for a difference; none for the sample's size
  std::vector<LevelCode> levels;     ///< share, count, ratio_to_population
  Domain other_scope;                ///< mean_difference: the scope that is subtracted
  double lower = 0, upper = 0;
  double value = 0;
  /// Numbers of the quantity's levels where a question asks for others than the statistic's own.
  std::vector<double> level_numbers;
  /// What it is worth to meet it, per unit of its scale; infinite: it must be met.
  double importance = std::numeric_limits<double>::infinity();
  Use use = Use::fit;
  Provenance provenance = Provenance::reported;
  std::optional<std::pair<double, double>> range;  ///< assumed numbers: where a study may move them
  Place place;
};

}  // namespace steelyard
