#pragma once

// Planning the next questionnaire: designs side by side, the best edges of a question, and the
// smallest change between two quarters that would be found.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "results/sweep.hpp"
#include "study/condition.hpp"

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

struct QuestionnairePlan {
  std::vector<PlannedDesign> designs;  ///< the first is what the others are compared with
  std::optional<EdgeSearch> edges;
  ChangeQuestion change;
  std::uint32_t replicates = 200;
};

/// Reads [plan]: replicates, [[plan.design]], [plan.edges], [plan.change].
/// @throws UserError if it is missing or something in it is wrong
QuestionnairePlan read_questionnaire_plan(const std::string& scenario,
                                          const std::vector<std::string>& settings);

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
  std::vector<DesignRow> rows;
};

/// Runs the designs on common random numbers.
std::vector<DesignResults> compare_designs(const std::string& scenario,
                                           const std::vector<std::string>& settings,
                                           const QuestionnairePlan& plan,
                                           const StudyOptions& options, Population::Unmet unmet,
                                           const std::function<void(double)>& progress = {});

/// A set of edges with what it does to the estimand.
struct EdgeChoice {
  std::string name;           ///< "as asked now", "equal shares", "best"
  std::vector<double> edges;  ///< with both ends; the last may be infinite
  double bias = 0, sd = 0, rmse = 0;
  std::string failure;
};

/// Edges that make sqrt(bias² + variance) of a simple random sample of `respondents` from the
/// estimand's domain smallest, under the value rule: bias and variance are exact under the
/// population's law, the latter by linearization, so that there is no Monte Carlo error. Coordinate
/// search: one edge at a time over all candidates between its neighbours until none moves, from
/// equal shares, equal steps and the present edges; the best of them. A minimum of the search,
/// which need not be the smallest of all.
/// @return present edges, equal shares, best
std::vector<EdgeChoice> search_edges(const std::string& scenario,
                                     const std::vector<std::string>& settings,
                                     const EdgeSearch& search, Seed seed);

std::string write_designs_csv(const std::vector<DesignResults>& results,
                              const ChangeQuestion& change);
std::string write_edges_csv(const std::vector<EdgeChoice>& choices);

}  // namespace steelyard
