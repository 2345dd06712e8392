#pragma once

// Formulas of a model population: arithmetic over its columns, one value a person.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/errors.hpp"

namespace steelyard {

/// A formula as it stands in a scenario, and where.
struct Formula {
  std::string text;
  Place place;
  std::string owner;  ///< section and key for messages: "variable x2", "reference"
  std::string key;    ///< "formula", "linear", "size"
};

/// The columns of N persons, and the constants, that formulas may name.
///
/// A formula is arithmetic of muParser: + - * / ^, comparisons, && || and c ? a : b; functions exp,
/// ln, log10, sqrt, abs, sin, min(a, b), max(a, b) and others of muParser, besides floor, ceil,
/// expit, logit and normal_cdf. Numbers of the whole population are mean(a), sd(a) (divisor N - 1),
/// sum(a), min(a) and max(a), with one argument, which may be a formula itself. is(a, level) is 1
/// where the variable a with levels has that level, else 0; in arithmetic such a variable counts
/// its levels from 0.
class FormulaColumns {
 public:
  explicit FormulaColumns(std::size_t persons) : persons_(persons) {}

  std::size_t persons() const { return persons_; }
  /// @param values  N, or one: a constant
  /// @param levels  names of values 0, 1, ...; empty: a number
  /// @throws UserError for a name that formulas cannot hold, or that stands twice
  void add(std::string name, std::vector<double> values, std::vector<std::string> levels,
           const Place& place);
  /// Null: there is no column of that name.
  const std::vector<double>* find(std::string_view name) const;

  /// The formula's value for each person. Values need not be finite; see require_finite.
  /// @throws UserError that names file, line, key and the position in the formula
  /// Cost O(N) a name and operation; a few nanoseconds each.
  std::vector<double> evaluate(const Formula& formula) const;

  /// @throws UserError that names the first person whose value is not finite, and the values of
  /// what the formula names
  void require_finite(const Formula& formula, std::span<const double> values) const;

 private:
  struct Column {
    std::string name;
    std::vector<double> values;  ///< N, or one constant
    std::vector<std::string> levels;
  };
  friend class FormulaEvaluation;
  std::vector<std::string> names() const;
  const Column* column(std::string_view name) const;

  std::size_t persons_;
  std::vector<Column> columns_;
};

/// Why a name cannot be used in formulas; nothing if it can.
std::optional<std::string> objection_to_name(std::string_view name);

}  // namespace steelyard
