#pragma once

// A user's own file made ready for the weightings: answers matched with margins, base weights,
// missing answers by explicit choice; and what the weighting did to it.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/data_file.hpp"
#include "core/random.hpp"
#include "estimators/weighting/weighting.hpp"
#include "study/margins_file.hpp"

namespace steelyard {

enum class MissingRule {
  error,     ///< refuse, and say how many
  drop,      ///< such rows get no weight
  category,  ///< a level of its own, whose share is the one it has in the file
  impute,    ///< drawn at random from the answers of others (hot deck), with a seed
};

struct WeighRequest {
  std::string data, margins;
  std::string method = "raking";
  std::string options;              ///< TOML lines of the method's options (without margins)
  std::string base;                 ///< column of base weights; empty: none
  std::vector<std::string> ordered; ///< margin variables whose levels have an order, that of the margins
  std::string cluster;              ///< column; for one weight a cluster
  MissingRule missing = MissingRule::error;
  std::optional<Seed> seed;  ///< of impute
  double population = 0;     ///< with shares only; 0: the base weights' sum, or the number of rows
  bool rescale = false;
  int threads = 1;
};

/// A weighting's method, its margins and the file's rows by cell.
struct WeighedFile {
  std::size_t rows = 0;            ///< of the file
  std::vector<std::uint32_t> kept; ///< file rows that are weighted; empty: all
  MarginsFile margins;
  Schema schema;
  std::unique_ptr<Benchmarks> benchmarks;
  std::unique_ptr<const Weighting> weighting;
  CellIndex index;
  std::vector<double> base;  ///< base weights of the weighted rows; empty: all population / n
  double population = 0;
  Weights weights;  ///< factor: final weight / base weight (or the weight itself without base)
  std::vector<std::string> notes;

  std::size_t n() const { return index.n; }
  double base_of(std::size_t row) const { return base.empty() ? 1.0 : base[row]; }
  /// Final weight of the k-th weighted row.
  double weight(std::size_t k) const { return base_of(k) * weights.factor[index.cell_of[k]]; }
};

/// Reads, matches and weighs. The other columns in `also` are read in the same pass.
/// @throws UserError for wrong input; NegativeAnswer if the weighting fails, with what would cure it
std::unique_ptr<WeighedFile> weigh_file(const WeighRequest& request, const DataFile& file,
                                        std::span<const ColumnRequest> also = {},
                                        std::vector<ColumnData>* also_read = nullptr);

/// One level of a margin before and after.
struct MarginLine {
  std::string variable, level;
  std::size_t respondents = 0;
  double target = 0, before = 0, after = 0;  ///< shares of the population (totals for numbers)
  bool number = false;
  /// Standardised difference from the target, (share - target) / sqrt(target (1 - target)).
  double balance_before = 0, balance_after = 0;
};

struct WeightDiagnostics {
  std::size_t n = 0, negative = 0, at_bounds = 0, distinct = 0;
  int iterations = 0;
  double sum = 0, min = 0, max = 0, mean = 0;
  double g_min = 0, g_max = 0;  ///< weight / base weight, base scaled to the population
  double kish_deff = 0, effective_n = 0;
  double largest_share = 0;  ///< of the total weight, one respondent
  double largest_error = 0;  ///< of a margin, relative to the population
  std::string worst_margin;
  std::vector<double> quantiles;  ///< 1, 5, 25, 50, 75, 95, 99 %
  std::vector<MarginLine> margins;
  std::vector<std::pair<std::string, double>> margin_errors;  ///< largest of each margin
};

WeightDiagnostics diagnose_weights(const WeighedFile& file);

}  // namespace steelyard
