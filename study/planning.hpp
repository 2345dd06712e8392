#pragma once

// Planning the next questionnaire: designs side by side, the best edges of a question, and the
// smallest change between two quarters that would be found.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "results/plan.hpp"
#include "study/condition.hpp"

namespace steelyard {

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

/// Runs the designs on common random numbers.
std::vector<DesignResults> compare_designs(const std::string& scenario,
                                           const std::vector<std::string>& settings,
                                           const QuestionnairePlan& plan,
                                           const StudyOptions& options, Population::Unmet unmet,
                                           const std::function<void(double)>& progress = {});

/// The smallest change that is found, of an estimator with standard deviation 1, over overlaps from
/// 0 to 1.
DetectableCurve detectable_curve(const ChangeQuestion& change);

/// Edges that make sqrt(bias² + variance) of a simple random sample of `respondents` from the
/// estimand's domain smallest, under the value rule: bias and variance are exact under the
/// population's law, the latter by linearization, so that there is no Monte Carlo error. Coordinate
/// search: one edge at a time over all candidates between its neighbours until none moves, from
/// equal shares, equal steps, the present edges, and the best of one bucket fewer with one more;
/// the best of them. A minimum of the search, which need not be the smallest of all. The same for
/// other numbers of buckets, from 2 to three more than asked for, at most about a dozen of them.
EdgeResults search_edges(const std::string& scenario, const std::vector<std::string>& settings,
                         const EdgeSearch& search, Seed seed);

}  // namespace steelyard
