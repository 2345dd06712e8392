#pragma once

// Weights for a user's own file: its columns, the benchmarks and a weighting put together.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.hpp"
#include "estimators/survey/estimation.hpp"
#include "study/data_source.hpp"
#include "study/file_reference.hpp"
#include "study/margins_file.hpp"

namespace steelyard {

/// What to do with a row that has no answer to a margin's variable.
enum class MissingRule {
  error,     ///< refuse the file
  drop,      ///< the row is left out: its weight is 0
  category,  ///< "no answer" is a level of its own that keeps its share of the sample
  impute,    ///< the answer of a row that is alike in the other margin variables, drawn at random
};
std::optional<MissingRule> parse_missing_rule(std::string_view name);

struct WeighRequest {
  std::string data, margins;      ///< files
  std::string method = "raking";  ///< a registered weighting
  std::string base;               ///< column of base weights; empty: all alike
  /// The method's options, "key=value" with the value in TOML (a bare text needs no quotes).
  std::vector<std::string> options;
  std::vector<std::string> ordered;   ///< margin variables whose levels are in order
  std::vector<std::string> clusters;  ///< the first-stage one is for equal_within_clusters
  std::string strata;                 ///< in which clusters are numbered
  ReferenceRequest reference;
  std::vector<std::string> also;  ///< columns that the method's options name besides margins
  std::optional<double> population;
  bool rescale = false;
  MissingRule missing = MissingRule::error;
  std::optional<Seed> seed;  ///< for MissingRule::impute
  /// The method may model each answer in place of giving weights.
  bool for_estimates = false;
  int threads = 1;
};

/// A weighted file. The weighting works on cells; nothing is kept by row but the cell.
struct WeighedFile {
  Schema schema;
  std::unique_ptr<Benchmarks> benchmarks;
  MarginVariables margins;
  std::unique_ptr<const Weighting> weighting;
  CellIndex index;
  Weights weights;
  std::vector<double> base;         ///< of the kept rows; empty: all 1
  std::size_t rows = 0;             ///< of the file
  std::vector<std::uint32_t> kept;  ///< rows that take part; empty: all of them
  double population = 0;
  std::size_t imputed = 0;
  std::string method;
  std::vector<std::string> notes;
  std::vector<VariableId> covariates;  ///< of both files, with a reference sample
  /// As the reference sample's own replicate weights say; nothing: it has none.
  std::optional<ReplicateDesign> reference_replicates;

  std::size_t n() const { return index.n; }
  /// Weight of the i-th kept row.
  double weight(std::size_t i) const {
    return (base.empty() ? 1.0 : base[i]) * weights.factor[index.cell_of[i]];
  }
  /// What everybody starts from without base weights: population / n. With them 1.
  double start_scale() const { return base.empty() ? population / static_cast<double>(n()) : 1.0; }
  /// What the row stood for before: its base weight, or population / n.
  double start(std::size_t i) const { return (base.empty() ? 1.0 : base[i]) * start_scale(); }
  /// The file as estimates take it; refers to this object.
  SurveyData survey_data() const;
};

/// Reads the columns and weighs. @param extra  columns that the caller wants as well; they come
/// back in `columns`, kept rows only
/// @throws UserError for wrong input, NegativeAnswer when no weights are possible (and why)
std::unique_ptr<WeighedFile> weigh_file(const WeighRequest& request, const DataSource& data,
                                        std::span<const ColumnRequest> extra = {},
                                        std::vector<ColumnData>* columns = nullptr);

/// The same with the margins already read.
std::unique_ptr<WeighedFile> weigh_file(const WeighRequest& request, const DataSource& data,
                                        MarginsFile margins, std::span<const ColumnRequest> extra,
                                        std::vector<ColumnData>* columns);

/// Keeps the rows in `kept` of every column.
void keep_rows(std::span<const std::uint32_t> kept, std::vector<ColumnData>& columns);

}  // namespace steelyard
