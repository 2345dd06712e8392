#pragma once

// Samples of a model population: volunteers or a designed sample, and a reference sample.

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sim/designs/design.hpp"
#include "sim/measurement/measurement.hpp"
#include "sim/models/model_population.hpp"

namespace steelyard {

/// The intercept a with Σ link(a + η_i) = expected, to 1e-12 of it or better.
/// @param linear    N finite η_i
/// @param expected  in (0, N)
/// Newton's method within a bracket. Cost O(N) a step, 5 to 20 steps.
double solve_intercept(ParticipationModel::Link link, std::span<const double> linear,
                       double expected);

/// Draws are const, thread-safe, and pure functions of (seed, replicate).
class ModelSampler {
 public:
  /// The references must outlive it.
  /// @param measurement  how the main sample's answers are reported; null: truly
  /// @param reference_measurement  the same of the reference sample's
  /// @throws UserError for a formula, a measure of size or a design that cannot be used, a source
  /// of error that needs what is not asked
  ModelSampler(const ModelScenario& model, const ModelPopulation& population,
               const Measurement* measurement = nullptr,
               const Measurement* reference_measurement = nullptr);

  /// P(in the main sample), N.
  std::span<const double> probabilities() const;
  /// Of the participation model; nothing with a designed sample.
  std::optional<double> intercept() const { return intercept_; }
  /// Σ of the probabilities.
  double expected_size() const;
  /// Null: there is no reference sample.
  const SamplingDesign* reference_design() const {
    return reference_ ? reference_->design.get() : nullptr;
  }

  struct Scratch {
    std::vector<std::uint32_t> units;
    Sample sample;
    std::shared_ptr<const ReferenceSample> reference;  ///< null: there is none
    std::vector<PersonRef> persons;                    ///< that errors are made of
    std::vector<std::vector<double>> values;           ///< by variable id: behind buckets
  };
  /// Reported answers of chosen persons, with these sources on (one flag a source; empty: all
  /// active ones), into the scratch's sample. Errors are functions of (seed, source, replicate,
  /// person).
  void answer(std::span<const std::uint32_t> units, Seed seed, Replicate replicate,
              const std::vector<bool>& on, Scratch& scratch) const;
  /// Fills the scratch's sample (base weights 1/π of a designed one, none of volunteers) and
  /// reference sample (with 1/π).
  void draw(Seed seed, Replicate replicate, Scratch& scratch) const;
  /// Who is in the main sample, ascending for volunteers, and the base weights of a designed one.
  void draw_units(Seed seed, Replicate replicate, Scratch& scratch) const;
  /// The reference sample alone; nothing if there is none.
  void draw_reference(Seed seed, Replicate replicate, Scratch& scratch) const;

 private:
  struct Design {
    std::unique_ptr<const SamplingDesign> design;
    std::vector<std::uint32_t> stratum, cluster;  ///< N, or empty
    std::vector<VariableId> asked;
  };
  Design make_design(const ModelScenario& model, const ModelDesign& d) const;
  void make_participation(const ModelScenario& model);
  void answer(std::span<const std::uint32_t> units, std::span<const VariableId> asked,
              Sample& sample) const;
  /// True answers of these persons to reported ones.
  void report(const Measurement* measurement, std::span<const std::uint32_t> units, Seed seed,
              Replicate replicate, const std::vector<bool>& on, Sample& sample, Scratch& s) const;
  static void weigh(const Design& design, std::span<const std::uint32_t> units, Sample& sample);

  const ModelPopulation* population_;
  const Measurement* measurement_;
  const Measurement* reference_measurement_;
  std::optional<double> intercept_;
  std::vector<double> participation_prob_;
  std::vector<std::uint64_t> thresholds_;  ///< of participation: P × 2^64
  std::vector<VariableId> all_;
  std::optional<Design> sample_, reference_;
};

}  // namespace steelyard
