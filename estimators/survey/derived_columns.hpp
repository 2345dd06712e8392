#pragma once

// The same file with other columns: values made from it whose weighted means or totals are a
// statistic (scores, linearized values), so that the library's variances hold for it.

#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "estimators/survey/estimation.hpp"

namespace steelyard {

/// Design, weights, calibration and domains of `data`. Cost: copies its weights and domain numbers.
inline SurveyData with_columns(const SurveyData& data, std::vector<std::vector<double>> columns) {
  SurveyData out;
  out.n = data.n;
  out.columns = std::move(columns);
  out.domain_of = data.domain_of;
  out.domains = data.domains;
  out.design = data.design;
  out.d = data.d;
  out.start_scale = data.start_scale;
  out.w = data.w;
  out.index = data.index;
  out.weights = data.weights;
  out.weighting = data.weighting;
  out.benchmarks = data.benchmarks;
  return out;
}

/// By level 0 ... levels - 1: 1 where `level_of` has it, NaN where it is NaN, else 0.
/// @param level_of  n level numbers. Memory n doubles a level.
inline std::vector<std::vector<double>> level_indicators(std::span<const double> level_of,
                                                         std::size_t levels) {
  std::vector<std::vector<double>> out(levels, std::vector<double>(level_of.size(), 0.0));
  for (std::size_t i = 0; i < level_of.size(); ++i) {
    if (std::isnan(level_of[i])) {
      for (auto& column : out) column[i] = level_of[i];
      continue;
    }
    EXPECTS(level_of[i] >= 0 && level_of[i] < static_cast<double>(levels));
    out[static_cast<std::size_t>(level_of[i])][i] = 1;
  }
  return out;
}

/// Domain of row i; data.domains.size() or more: in none.
inline std::size_t domain_of_row(const SurveyData& data, std::size_t i) {
  return data.domain_of.empty() ? 0 : data.domain_of[i];
}

}  // namespace steelyard
