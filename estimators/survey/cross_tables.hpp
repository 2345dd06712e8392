#pragma once

// Tables of two categorical variables: weighted counts and shares with their errors, and tests of
// independence that respect the design.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "estimators/survey/estimation.hpp"

namespace steelyard {

/// A categorical column; a code of levels.size() or more is a missing answer.
struct CrossedVariable {
  std::vector<std::uint32_t> code;  ///< n
  std::vector<std::string> levels;
};

enum class IndependenceStatistic {
  f,              ///< Rao-Scott, second order: X²/tr Δ against F(d, d df), d = (tr Δ)²/tr Δ²
  chi_squared,    ///< Rao-Scott, first order: X²/mean eigenvalue of Δ against chi-squared
  wald,           ///< Koch, Freeman & Freeman: W/k against F(k, df)
  adjusted_wald,  ///< Thomas & Rao: W (df - k + 1)/(k df) against F(k, df - k + 1)
};
inline constexpr std::array kIndependenceStatistics = {
    IndependenceStatistic::f, IndependenceStatistic::chi_squared, IndependenceStatistic::wald,
    IndependenceStatistic::adjusted_wald};
/// "F", "Chisq", "Wald", "adjWald", as in R's survey.
const char* to_string(IndependenceStatistic statistic);

struct IndependenceTest {
  IndependenceStatistic kind = IndependenceStatistic::f;
  /// As R's svychisq prints it: X² itself for chi_squared, else what is compared with F.
  double statistic = 0;
  double df1 = 0, df2 = 0;  ///< df2 is infinite for chi_squared
  double p_value = 0;
  double pearson = 0;        ///< X² of the shares, for as many respondents as the file has
  double design_effect = 0;  ///< mean eigenvalue of Δ (generalized design effects)
};

struct CrossCell {
  EstimateRow count, total_share, row_share, column_share;
};

struct CrossTable {
  std::size_t rows = 0, columns = 0;
  std::vector<CrossCell> cells;                        ///< row-major
  std::vector<EstimateRow> row_totals, column_totals;  ///< shares of the whole table
  std::vector<Result<IndependenceTest>> tests;         ///< in the order of kIndependenceStatistics
};

/// @param domain  of data.domains. Rows with either answer missing are outside the table but stay
/// in the design. Levels without respondents of positive weight are left out of the tests, which
/// fail (unsupported) for a table with fewer than two rows or columns, where a covariance matrix
/// is singular, or where the degrees of freedom do not suffice. Covariances by linearization, or
/// by options.replicates.
/// Sources: Rao & Scott (1984), Ann. Statist. 12, 46-60; Thomas & Rao (1987), JASA 82, 630-636;
/// Koch, Freeman & Freeman (1975), Int. Stat. Rev. 43, 59-78. Cost O(n cells + cells² units).
CrossTable cross_table(const SurveyData& data, const CrossedVariable& row,
                       const CrossedVariable& column, const EstimationOptions& options,
                       std::size_t domain = 0);

}  // namespace steelyard
