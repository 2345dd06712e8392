#pragma once

// What planning a questionnaire leaves behind: designs side by side, the best edges of a question,
// and the smallest change between two quarters that would be found.

#include <optional>
#include <string>
#include <vector>

#include "results/sweep.hpp"

namespace steelyard {

/// One way to ask and to sample: changes of the scenario, and what it costs.
struct PlannedDesign {
  std::string name;
  std::vector<std::string> settings;
  std::optional<double> cost;
};

/// Which edges are looked for.
struct EdgeSearch {
  std::string variable, estimand, value_rule;
  std::size_t buckets = 0;
  double lower = 0, upper = 0, step = 0;  ///< candidates for inner edges: lower, lower + step, ...
  double respondents = 0;                 ///< in the estimand's domain
};

/// Two quarters to be told apart.
struct ChangeQuestion {
  double power = 0.8, level = 0.95;
  std::vector<double> overlaps = {0};  ///< share of respondents in both quarters
  double correlation = 0;              ///< of their two answers
};

/// One estimator under one design; changes are against the first design, paired.
struct DesignRow {
  EstimandRecord estimand;
  EstimatorRecord estimator;
  PerformanceRecord performance;
  BaseChange change;                     ///< NaN for the first, and where it has no such estimator
  std::vector<double> smallest_changes;  ///< by overlap: found with the power asked for
  std::vector<double> smallest_changes_mcse;
};

struct DesignResults {
  PlannedDesign design;
  std::string failure;  ///< why there is none
  std::uint64_t sample_size = 0;
  std::vector<DesignRow> rows;
};

/// A set of edges with what it does to the estimand.
struct EdgeChoice {
  std::string name;           ///< "as asked now", "equal shares", "best"
  std::vector<double> edges;  ///< with both ends; the last may be infinite
  double bias = 0, sd = 0, rmse = 0;
  std::string failure;

  std::size_t buckets() const { return edges.size() - 1; }
};

struct EdgeResults {
  EdgeSearch search;
  std::string label, label_zh, unit;  ///< of the estimand over its domain
  std::vector<EdgeChoice> choices;    ///< as asked now, equal shares, best
  std::vector<EdgeChoice> by_number;  ///< the best of each number of buckets, ascending
};

/// The smallest change found, of an estimator with standard deviation 1, against the overlap.
struct DetectableCurve {
  std::vector<double> overlaps, changes;
};

struct PlanResults {
  std::string scenario, title, title_zh, version;
  std::uint64_t seed = 0;
  std::uint32_t replicates = 0;
  ChangeQuestion change;
  DetectableCurve curve;
  std::vector<DesignResults> designs;  ///< the first is what the others are compared with
  std::optional<EdgeResults> edges;
};

/// One row a design and estimator; of a design without results one row with its reason.
std::string write_designs_csv(const PlanResults& results);
/// One row a choice: the present edges, equal shares, the best, and the best of each number.
std::string write_edges_csv(const EdgeResults& results);

}  // namespace steelyard
