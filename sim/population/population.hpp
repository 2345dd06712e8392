#pragma once

// A population that agrees with the census and with what a survey reported, and the selection that
// makes the survey's sample out of it.

#include <memory>
#include <optional>
#include <vector>

#include "core/scenario.hpp"
#include "sim/population/constraints.hpp"
#include "sim/population/fit.hpp"
#include "sim/population/junction_tree.hpp"
#include "sim/population/latent.hpp"
#include "sim/population/root_law.hpp"

namespace steelyard {

struct PopulationFit {
  FitReport population, answers;
  double population_seconds = 0, answers_seconds = 0;
  double divergence = 0;  ///< of the answers' fitted law from its seeds, in nats
  std::size_t cliques = 0, cells = 0, largest_clique = 0;
};

/// Three laws over the same cliques. The weighted sample law q_w is fitted to the report's tables;
/// the sample law is q = q_w s / c over the report's weighting cells (s: sample share, c: census
/// share); the population law is p(root) q_w(answers | root). Selection depends on the root
/// variables only: persons of root cell x are selected with odds q(x) / p(x).
class Population {
 public:
  /// @throws NegativeAnswer naming the numbers that cannot be met, unless `accept`
  enum class Unmet { refuse, accept };
  explicit Population(const Scenario& scenario, Unmet unmet = Unmet::refuse);

  Population(const Population& other);
  Population(Population&&) = default;

  const Scenario& scenario() const { return *scenario_; }
  const JunctionTree& law() const { return *population_; }
  const JunctionTree& sample_law() const { return *sample_; }
  const JunctionTree& weighted_law() const { return *weighted_; }
  const std::vector<LatentLaw>& latents() const { return latents_; }
  const LatentLaw* latent(VariableId id) const;
  const PopulationFit& fit() const { return fit_; }

  /// Other laws over the same cliques, for other worlds.
  void replace_laws(JunctionTree population, JunctionTree sample, JunctionTree weighted);
  void replace_latent(LatentLaw law);

  /// What a published number is under its view's law, in program units; NaN for an empty scope.
  double expected(const PublishedNumber& number) const;

  /// How many persons there are; of a superpopulation as many as its first margin table counts.
  double persons() const;
  /// Persons expected over the cross of root variables, for benchmarks: population shares.
  std::vector<double> share(std::span<const VariableId> variables) const;

 private:
  void fit_answers(Unmet unmet);
  void seed_answers();
  std::vector<BlockConstraint> weighting_block() const;
  MeanConstraint answers_constraint(std::size_t number) const;
  void refuse_unmet(Unmet unmet) const;
  void derive_laws();
  std::vector<VariableSet> generators(std::vector<std::string>& names) const;
  void check_support(const std::vector<MeanConstraint>& constraints) const;
  /// Of those who report a scope: their share of everybody, and that times the mean of a quantity.
  struct Mass {
    double share = 0, sum = 0;
  };
  Mass mass_of(const JunctionTree& law, const PublishedNumber& number, const Domain& scope,
               std::size_t which) const;
  double mean_of(const JunctionTree& law, const PublishedNumber& number, const Domain& scope,
                 std::size_t which) const {
    const Mass mass = mass_of(law, number, scope, which);
    return mass.sum / mass.share;
  }
  std::string support_complaint(const PublishedNumber& number, const char* problem) const;

  const Scenario* scenario_;
  ReportedAs reported_;  ///< of numbers of the sample, where errors are to keep them as they are
  std::unique_ptr<RootLaw> root_law_;
  std::unique_ptr<JunctionTree> population_, sample_, weighted_;
  std::vector<double>
      view_factor_;  ///< sample share / census share over the weighting view's cross
  std::vector<LatentLaw> latents_;
  PopulationFit fit_;
};

}  // namespace steelyard
