#pragma once

// A scenario whose population is a model: columns by formula and by named distributions, as
// published simulation studies state them, with the way in which its samples are drawn.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/scenario.hpp"
#include "sim/models/distribution.hpp"
#include "sim/models/formula.hpp"

namespace steelyard {

/// One column of the population: by a formula over those before it, or drawn.
struct ModelVariable {
  std::string name;
  std::optional<VariableId> id;     ///< in the schema; nothing: nobody observes it
  std::vector<std::string> levels;  ///< of a variable with levels
  std::vector<double> edges;        ///< a formula's value k lies between edges k and k + 1
  std::optional<Formula> formula;   ///< or,
  const DistributionInfo* distribution = nullptr;
  std::vector<Formula> parameters;  ///< of the distribution
  std::vector<double> shares;       ///< or the probabilities of the levels
  VariableKind kind = VariableKind::continuous;
  Place place;
};

/// Who takes part of their own accord: Poisson sampling with P = link(intercept + linear).
struct ParticipationModel {
  enum class Link { logit, probit, cloglog };
  Formula linear;
  Link link = Link::logit;
  std::optional<double> expected_size;  ///< the intercept is solved for it; or,
  double intercept = 0;
  Place place;
};

/// A probability sample by one of the designs of sim/designs, whose own options its section has.
struct ModelDesign {
  std::string section;  ///< "sample" or "reference"
  std::string design;
  std::optional<Formula> size;    ///< measure of size
  std::string stratum, cluster;   ///< columns; empty: none
  std::vector<VariableId> asked;  ///< all that its respondents answer
};

/// Persons of a model population are in memory; a stream numbers its draws below 2^25.
inline constexpr std::int64_t kMaxModelPersons = 30'000'000;

/// Whether all replicates share one population.
enum class Redraw { once, replicate };

struct ModelScenario {
  Scenario
      scenario;  ///< schema, names, population and sample size, document; no tables, no numbers
  Redraw redraw = Redraw::once;
  std::vector<std::pair<std::string, double>> parameters;
  std::vector<Place> parameter_places;
  std::vector<ModelVariable> variables;
  std::optional<ParticipationModel> participation;  ///< or,
  std::optional<ModelDesign> sample;                ///< a sample of known probabilities
  std::optional<ModelDesign> reference;
};

/// Whether a scenario's [population] has kind = "model". False also for what cannot be opened.
bool is_model_scenario(const std::string& name_or_folder);

/// Sections that only a model scenario has, besides those of every scenario.
inline constexpr std::string_view kModelSections[] = {"parameters", "participation", "reference"};

/// @throws UserError for everything that is wrong in it, but not in its formulas: those are read
/// when a population is made (ModelPopulation)
ModelScenario load_model_scenario(const std::string& name_or_folder,
                                  const std::vector<std::string>& settings = {});

}  // namespace steelyard
