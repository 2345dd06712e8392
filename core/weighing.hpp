#pragma once

// What a weighting did to a file, as it is printed and drawn: the spread of the weights, each
// margin before and after, the cells and respondents that carry most.

#include <cstddef>
#include <string>
#include <vector>

namespace steelyard {

/// One level of a margin, or a numeric total.
struct MarginRecord {
  std::string margin, level;     ///< "region*sex", "north*male"; a number has no level
  std::size_t respondents = 0;   ///< with that level
  double target = 0;             ///< persons, or the total of a number
  double before = 0, after = 0;  ///< weighted; before: scaled to the population
  double error = 0;              ///< (after - target) / population (numbers: / target)
  /// Standardised mean differences from the population: (share - target share) / sqrt(t (1 - t)),
  /// of a number (mean - target mean) / its standard deviation among respondents.
  double smd_before = 0, smd_after = 0;
};

struct CellRecord {
  std::string cell;  ///< "region=north, sex=male"
  std::size_t respondents = 0;
  double g = 0;             ///< mean final weight / mean starting weight
  double weight = 0;        ///< mean final weight of a respondent
  double weight_share = 0;  ///< of all weight
};

struct RespondentRecord {
  std::size_t row = 0;  ///< in the file, from 1
  std::string cell;
  double weight = 0, weight_share = 0;
  double leverage = 0;  ///< d x'(X'DX)⁻¹x: 1 means that the weighting hangs on this row alone
};

/// How the respondents took part, by a logistic model of the covariates that a reference sample has
/// too. Quantiles are at `probabilities`.
struct ParticipationRecord {
  std::string failure;  ///< why there is none; empty: there is one
  std::vector<double> probabilities, respondents, population;
  double below = 0, above = 0;  ///< share of the population beyond every respondent's probability
  double mean = 0, r = 0, r_se = 0, cv = 0, cv_se = 0;
  struct Partial {
    std::string term;
    double cv = 0;
  };
  std::vector<Partial> partial;
};

struct HistogramBin {
  double lower = 0, upper = 0;  ///< of weight / mean weight; the first holds all below its upper
  std::size_t before = 0, after = 0;
};

/// Spread of a set of weights.
struct WeightSpread {
  double sum = 0, minimum = 0, maximum = 0, mean = 0, cv = 0;
  std::vector<double> quantiles;  ///< at kWeightProbabilities
  double kish_deff = 1, effective_n = 0;
  double top_share = 0;  ///< of all weight: what the largest 1 % of the weights hold
};
inline constexpr double kWeightProbabilities[] = {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};

struct WeighingRecord {
  std::string data, margins_file, method, base, version;
  std::vector<std::string> options;
  std::size_t rows = 0, n = 0, cells = 0;
  double population = 0;
  int iterations = 0;
  WeightSpread before, after;
  double g_minimum = 0, g_maximum = 0;  ///< final weight / starting weight
  std::size_t negative = 0, at_bounds = 0, zero = 0;
  double largest_error = 0;  ///< of all margins, relative to the population
  std::string largest_error_at;
  std::vector<MarginRecord> margins;
  /// With a reference sample: balance on its totals of the covariates, and participation.
  std::vector<MarginRecord> covariates;
  std::string reference_file;  ///< empty: there is none
  ParticipationRecord participation;
  std::vector<CellRecord> worst_cells;        ///< farthest from g = mean, most extreme first
  std::vector<RespondentRecord> respondents;  ///< largest weight share or leverage first
  std::vector<HistogramBin> histogram;
  std::vector<std::string> notes;
};

}  // namespace steelyard
