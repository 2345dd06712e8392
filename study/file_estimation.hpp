#pragma once

// Estimates from a user's own file: its columns, design and weighting put together.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "estimators/survey/estimation.hpp"
#include "study/weigh_file.hpp"

namespace steelyard {

struct FileDesign {
  std::string strata;
  std::vector<std::string> clusters, fpc;  ///< by stage
  LonelyPsu lonely = LonelyPsu::fail;
  std::string pps;            ///< variance under unequal probabilities; empty: equal ones
  std::string probabilities;  ///< column of inclusion probabilities, with `pps`
  std::string joint;          ///< CSV file of joint probabilities of the rows; may be empty
};

struct EstimateFileRequest {
  std::string data;
  std::string weights;  ///< column, or a file of weights for the same rows; empty: all 1, or 1 /
                        ///< probability
  FileDesign design;
  std::optional<WeighRequest> weighting;  ///< calibrate first, with `weights` as base
  std::vector<std::string> totals, means, proportions, ratios, quantiles, ginis;
  std::vector<double> probabilities = {0.5};
  std::vector<std::string> by;
  std::string interval = "linearization";      ///< as the user named it
  std::optional<ReplicateOptions> replicates;  ///< of the interval, if it is replication
  std::string replicate_columns;    ///< columns of given replicate weights: a prefix and *
  std::string replicate_constants;  ///< see read_replicate_constants
  EstimationOptions estimation;
  int threads = 1;
};

struct FileEstimates {
  std::vector<EstimateRow> rows;
  std::vector<EstimateRequest> requests;
  std::vector<std::string> domains;
  std::size_t n = 0, psus = 0, strata = 0, replicates = 0;
  std::vector<std::string> notes;
};

/// @throws UserError for wrong input, NegativeAnswer for a design or a weighting that cannot be
FileEstimates estimate_file(const EstimateFileRequest& request);

/// The columns that a design needs, and the design made of them.
std::vector<ColumnRequest> design_requests(const FileDesign& design);
/// @param columns  as requested, in that order; moved from
/// @throws UserError for a row that lacks an answer, NegativeAnswer for a design that cannot be
SurveyDesign make_file_design(const FileDesign& design, const DataSource& data, std::size_t n,
                              std::span<ColumnData> columns);

}  // namespace steelyard
