#pragma once

// Stopping rules: "mcse(bias[mean_income, raking]) < 10 and coverage[mean_income, raking] > 0.9".

#include <optional>
#include <string>
#include <vector>

#include "study/ledger.hpp"

namespace steelyard {

/// Comparisons of performance measures with numbers, joined by "and":
///
///     rule     = comparison { "and" comparison }
///     comparison = quantity ("<" | "<=" | ">" | ">=") number
///     quantity = measure | "mcse" "(" measure ")"
///     measure  = name "[" estimand [ "@" domain ] "," weighting [ "," value rule [ "," interval ]
///     ] "]"
///
/// A measure is one of names(), in the units of performance.csv; mcse is its Monte Carlo standard
/// error (bias, rel_bias, sd, rmse, coverage). No domain: everybody. Where value rule or interval
/// are left out, the comparison must hold for each that the estimand has. A number that does not
/// exist yet (NaN) meets no comparison.
class UntilRule {
 public:
  /// @throws UserError telling the character at which the text cannot be read
  explicit UntilRule(std::string text);

  static Texts names();

  /// Finds the estimators that the rule is about.
  /// @throws UserError for an estimand, domain, weighting, rule or interval that the study lacks
  void bind(const StudyResults& described);
  /// Whether the first `replicates` meet the rule, and the numbers that do; they must be complete.
  /// Cost: O(replicates) an estimator of the rule.
  std::optional<std::string> met(const ReplicateLedger& ledger, std::uint32_t replicates,
                                 const StudyResults& described) const;

 private:
  struct Comparison {
    std::string measure, estimand, domain, weighting, value_rule, interval;
    bool mcse = false;
    std::string relation, text;
    double number = 0;
    std::size_t at = 0;  ///< of the measure in the text
    std::vector<std::size_t> estimators;
  };
  class Parser;
  std::string text_;
  std::vector<Comparison> comparisons_;
};

}  // namespace steelyard
