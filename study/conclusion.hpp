#pragma once

// A conclusion that a study may support: one number against another.

#include <string>
#include <vector>

#include "results/tipping.hpp"

namespace steelyard {

/// One side: a number, or a number times a measure.
struct ConclusionSide {
  enum class What { number, truth, mean_estimate, bias, rmse, coverage };
  What what = What::number;
  double number = 0;                                      ///< or the factor of the measure
  std::string estimand, weighting, value_rule, interval;  ///< empty: the only, or the first one
  std::size_t position = 0;                               ///< in the text, from 0
};

/// "left OP right" with OP one of > >= < <=.
struct Conclusion {
  std::string text, relation;
  ConclusionSide left, right;
};

/// Grammar: side := NUMBER | NUMBER% | [NUMBER *] measure;
/// measure := truth[ESTIMAND] | ESTIMAND (its truth) | KIND[ESTIMAND, WEIGHTING [, VALUE_RULE [,
/// INTERVAL]]] with KIND mean_estimate, bias, rmse or coverage. Shares and coverage are in [0, 1],
/// or written with %.
/// @throws UserError with the position of what cannot be read
Conclusion parse_conclusion(const std::string& text);

/// A conclusion about one study's estimands and estimators.
class BoundConclusion {
 public:
  /// @throws UserError with the position and the nearest name for what the study does not have
  BoundConclusion(Conclusion conclusion, const StudyResults& study);

  const Conclusion& conclusion() const { return conclusion_; }
  /// @throws UserError if the measure has no value (coverage without intervals, all failed)
  ConclusionMargin margin(const StudyResults& study) const;
  /// Unit of the margin: that of its first measure; shares and coverage are "share".
  const std::string& unit() const { return unit_; }
  /// Whether a margin means that the conclusion holds.
  bool holds(double margin) const;

 private:
  struct Bound {
    std::size_t estimand = 0, estimator = 0;
  };
  Bound bind(const ConclusionSide& side, const StudyResults& study) const;
  double value(const ConclusionSide& side, const Bound& bound, const StudyResults& study) const;
  void add_influence(const ConclusionSide& side, const Bound& bound, const StudyResults& study,
                     double sign, std::vector<double>& influence) const;

  Conclusion conclusion_;
  Bound left_, right_;
  std::string unit_;
};

}  // namespace steelyard
