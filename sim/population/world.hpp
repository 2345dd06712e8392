#pragma once

// Observationally equivalent worlds: populations with other truths, each with the selection that
// turns it into the very same sample.

#include <optional>
#include <string>
#include <vector>

#include "sim/population/population.hpp"

namespace steelyard {

/// A number for each level of some answers; their sum is a person's score. Answers that do not
/// apply score 0.
struct ScorePart {
  VariableId variable{};
  std::vector<double> values;  ///< by level
};

/// Which dial is turned, and how far. A world with no dial turned is the neutral one.
struct World {
  enum class Dial {
    neutral,
    selection,   ///< not at random: the odds of being in the sample rise with exp(value x score)
    tilt,        ///< where values lie inside their buckets
    tail,        ///< the Pareto index of the open top bucket
    association  ///< log odds ratio between neighbouring levels of two variables
  };
  Dial dial = Dial::neutral;
  std::string name;  ///< "selection -0.5", for tables
  double value = 0;
  std::vector<ScorePart> score;       ///< selection
  std::vector<VariableId> variables;  ///< tilt, tail: one; association: two
  std::string source;
};
const char* to_string(World::Dial dial);

/// The population in a world whose joint sample law is the neutral one (every dial but
/// association). With score s and dial g, p(y | x) is proportional to q(y | x) exp(-g s(y)) within
/// each root cell x, and persons are selected with odds r(x) exp(g s(y)): the sample's law, and so
/// every published number's expectation, is the neutral world's. The returned sample and weighted
/// laws are computed from the population and the selection, not copied.
/// @throws UserError if a score is over a root variable, which the census fixes
Population in_world(const Population& neutral, const World& world);

/// The scenario with a seed that ties two variables: exp(value x (a - mean) (b - mean)) over the
/// positions of their levels. Fitting it again leaves every published number where it is and
/// changes only what no margin ties.
/// @throws UserError if a margin or a number ties the two already
Scenario with_association(const Scenario& scenario, const World& world);

}  // namespace steelyard
