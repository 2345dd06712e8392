#pragma once

// From tables and published numbers to seeds, blocks and mean constraints of a junction tree.

#include <vector>

#include "core/margin.hpp"
#include "sim/population/fit.hpp"

namespace steelyard {

/// Multiplies a prior weight into the clique that holds its variables; cells not in the table
/// keep 1.
void multiply_seed(JunctionTree& tree, const MarginTable& seed);

/// The table's shares as an exact margin of the smallest clique that holds its variables.
BlockConstraint make_block(const JunctionTree& tree, const MarginTable& table);

/// The value that a number's statistic gives to each level of its `which`-th quantity.
std::vector<double> level_values(const Schema& schema, const PublishedNumber& n, std::size_t which);

/// By variable id: P(reported level | true level), levels × levels, row-major; empty: reported as
/// it is.
using ReportedAs = std::vector<std::vector<double>>;

/// What level_values of the reported answer is expected to be at each true level.
std::vector<double> expected_values(const Schema& schema, const PublishedNumber& n,
                                    std::size_t which, const ReportedAs& reported);

/// By state of a condition's variable: the probability that the level reported for it is one of the
/// condition's; 0 where the variable does not apply.
std::vector<double> scope_probabilities(const Schema& schema, const Condition& condition,
                                        const ReportedAs& reported);

/// The value of a true level of the number's `which`-th quantity, given that what is reported lies
/// in the scope: expected_values, unless the scope is of the same answer.
std::vector<double> values_in_scope(const Schema& schema, const PublishedNumber& n,
                                    const Domain& scope, std::size_t which,
                                    const ReportedAs& reported);

/// Every variable that a number speaks of.
VariableSet variables_of(const PublishedNumber& n);

/// Groups the cells of a clique that lie in a scope by value and weight: the view's, times the
/// probability that what is reported lies in the scope.
/// @param reported  how true answers are reported; empty: as they are
std::vector<MeanConstraint::Group> group_scope(const Schema& schema, const Clique& clique,
                                               const PublishedNumber& n, const Domain& scope,
                                               const std::vector<double>& cell_weight,
                                               const ReportedAs& reported = {});

/// Closed intervals are fitted a little inside their ends, so that what the fit's tolerance leaves
/// over still lies within them.
void step_inside(MeanConstraint& k);

/// Largest value minus smallest; never zero.
double spread(const std::vector<MeanConstraint::Group>& groups);

}  // namespace steelyard
