#pragma once

// The persons of a model population: every column, made once from a seed.

#include <span>
#include <vector>

#include "core/random.hpp"
#include "core/sample.hpp"
#include "sim/models/model_scenario.hpp"

namespace steelyard {

/// N persons. A column that is drawn is a pure function of (seed, its name, replicate, person), so
/// that another column changes none of them.
class ModelPopulation {
 public:
  /// @param replicate  0 unless the population is drawn anew in each replicate
  /// @throws UserError for a formula that cannot be read, a value that is not finite or outside
  /// its variable's levels, a parameter outside its domain; persons are named from 1
  /// Cost O(N) a column.
  ModelPopulation(const ModelScenario& model, Seed seed, Replicate replicate);

  std::size_t size() const { return columns_.persons(); }
  /// Everything that formulas can name.
  const FormulaColumns& columns() const { return columns_; }
  /// What everybody would answer: a sample of all N persons, in order.
  const Sample& everybody() const { return everybody_; }
  /// The value behind a bucketed answer, N; of other variables empty.
  std::span<const double> values_behind(VariableId id) const { return behind_[index(id)]; }
  /// Persons in each cell of the cross of variables with levels, row-major, last fastest.
  std::vector<double> totals(std::span<const VariableId> variables) const;

 private:
  std::vector<double> draw(const ModelVariable& v, Seed seed, Replicate replicate) const;
  void observe(const ModelVariable& v, const std::vector<double>& values);
  std::vector<LevelCode> codes(const ModelVariable& v, const std::vector<double>& values) const;

  FormulaColumns columns_;
  Sample everybody_;
  std::vector<std::vector<double>> behind_;
};

}  // namespace steelyard
