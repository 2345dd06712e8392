#pragma once

// Estimates from a user's own file: its columns, design and weighting put together.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "estimators/buckets/interval_imputation.hpp"
#include "estimators/survey/cross_tables.hpp"
#include "estimators/survey/estimation.hpp"
#include "study/file_bias.hpp"
#include "study/file_buckets.hpp"
#include "study/file_indices.hpp"
#include "study/file_regressions.hpp"
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

/// Which domains are compared with each other.
enum class DomainContrasts { none, first, pairwise };

struct EstimateFileRequest {
  std::string data;
  std::string weights;  ///< column, or a file of weights for the same rows; empty: all 1, or 1 /
                        ///< probability
  FileDesign design;
  std::optional<WeighRequest> weighting;  ///< calibrate first, with `weights` as base
  std::vector<std::string> totals, means, proportions, ratios, quantiles, ginis;
  std::vector<double> probabilities = {0.5};
  std::vector<std::string> by;
  std::vector<std::string> multiple;   ///< questions with several answers: "name=item,item,..."
  std::vector<std::string> crosstabs;  ///< "a*b"
  IndexRequest index;
  BucketedRequest bucketed;
  RegressionRequest regression;
  BiasRequest bias;
  DomainContrasts contrasts = DomainContrasts::none;
  std::string against;                 ///< file of an earlier wave: changes since then
  std::string unit;                    ///< column of ids that the waves share; empty: independent
  std::optional<WeighRequest> versus;  ///< another weighting of the same rows
  std::string interval = "linearization";      ///< as the user named it
  std::optional<ReplicateOptions> replicates;  ///< of the interval, if it is replication
  std::string replicate_columns;    ///< columns of given replicate weights: a prefix and *
  std::string replicate_constants;  ///< see read_replicate_constants
  EstimationOptions estimation;
  int threads = 1;
};

/// One line of the answer.
struct FileEstimate {
  std::string functional, variable, level, domain;  ///< "mean", "mean difference", ...
  EstimateRow row;
  std::optional<double> p_value;  ///< of a difference being 0, or of independence
  std::optional<double> df2;      ///< denominator degrees of freedom of an F test; infinite: χ²
  std::optional<double> p_above;  ///< of an index: probability that it is above no change
  std::optional<double> t;        ///< of a coefficient: estimate / se, of `row.df` degrees
  std::optional<PooledEstimate> pooled;  ///< of imputations: what the variance is made of
};

struct FileEstimates {
  std::vector<FileEstimate> rows;
  std::size_t n = 0, psus = 0, strata = 0, replicates = 0;
  std::vector<std::string> notes;
};

/// A file made ready: everything that estimates and comparisons read. Refers to itself, so it
/// stays where it is.
struct PreparedFile {
  std::unique_ptr<WeighedFile> weighed, versus;
  std::unique_ptr<SurveyDesign> design;
  std::unique_ptr<ReplicateDesign> replicates;
  SurveyData data;
  std::vector<EstimateRequest> requests;
  /// Of the last requests: means of scores and of linearized values, which stand for statistics
  /// with these names when they are compared.
  std::vector<std::string> functionals;
  EstimationOptions options;
  std::vector<IndexQuestion> indices, quantified;
  std::vector<FileBuckets> buckets;
  FileRegressions regressions;
  std::vector<std::string> by;                          ///< columns whose combinations are domains
  std::vector<std::vector<std::string>> domain_levels;  ///< by domain and column of `by`
  /// By request and domain: why a bucket statistic cannot be compared.
  std::map<std::pair<std::size_t, std::size_t>, Failure> incomparable;
  std::vector<CrossedVariable> crossed;  ///< two for each of `crosstabs`
  std::vector<std::uint32_t> units;      ///< of the column `unit`
  std::vector<std::string> notes;

  std::size_t plain() const { return requests.size() - functionals.size(); }
  std::string functional(std::size_t request) const {
    return request < plain() ? to_string(requests[request].statistic)
                             : functionals[request - plain()];
  }
};

/// @throws UserError for wrong input, NegativeAnswer for a design or a weighting that cannot be
std::unique_ptr<PreparedFile> prepare_file(const EstimateFileRequest& request);

/// A comparison as a line; `n` rows are in it.
FileEstimate comparison_line(std::string functional, std::string variable, std::string level,
                             std::string domain, const Result<ContrastRow>& made, std::size_t n);

/// Differences that the request asks for, appended to `rows`.
void compare_domains(const PreparedFile& file, DomainContrasts contrasts,
                     std::vector<FileEstimate>& rows);
void compare_weightings(const PreparedFile& file, const std::string& name, const std::string& other,
                        std::vector<FileEstimate>& rows);
/// @param now, then  two waves with the same requests; domains are matched by name
void compare_waves(const PreparedFile& now, const PreparedFile& then,
                   std::vector<FileEstimate>& rows);
/// Counts, shares and tests of independence of each cross table.
void cross_tables(const PreparedFile& file, const std::vector<std::string>& names,
                  std::vector<FileEstimate>& rows);

/// @throws UserError for wrong input, NegativeAnswer for a design or a weighting that cannot be
FileEstimates estimate_file(const EstimateFileRequest& request);

/// Number of the i-th kept row in its file, from 1. @param kept  empty: all rows
inline std::size_t row_number(std::span<const std::uint32_t> kept, std::size_t i) {
  return (kept.empty() ? i : kept[i]) + 1;
}

/// Weights as they are in a file, checked. @param notes  what is odd about them is added
/// @throws UserError for a row without a finite weight, or no positive weight at all
void check_file_weights(const std::string& file, std::span<const double> weights,
                        std::vector<std::string>& notes);

/// One column of given replicate weights.
struct FileReplicate {
  std::string name;
  std::vector<double> weights;
};
/// Given replicate weights with the constants of the request. @param kept  rows of the file that
/// they are of; empty: all
/// @throws UserError for a row without a weight, or constants that do not go with them
ReplicateDesign make_file_replicates(const EstimateFileRequest& request, const std::string& file,
                                     const SurveyData& data, std::span<const std::uint32_t> kept,
                                     std::span<FileReplicate> given);

/// Replicates of a weighted file's rows, and with them of the reference sample that the weighting
/// draws on: by its replicate weights if it has them, otherwise by its design with `options`.
/// @param weighed  null: no weighting
/// @throws UserError where nothing says how it is drawn again, NegativeAnswer where it cannot be
ReplicateDesign with_reference_replicates(ReplicateDesign own, const WeighedFile* weighed,
                                          const std::optional<ReplicateOptions>& options);

/// The columns that a design needs, and the design made of them.
std::vector<ColumnRequest> design_requests(const FileDesign& design);
/// @param columns  as requested, in that order; moved from
/// @param kept     rows of the file that they are of; empty: all
/// @throws UserError for a row that lacks an answer, NegativeAnswer for a design that cannot be
SurveyDesign make_file_design(const FileDesign& design, const DataSource& data, std::size_t n,
                              std::span<const std::uint32_t> kept, std::span<ColumnData> columns);

}  // namespace steelyard
