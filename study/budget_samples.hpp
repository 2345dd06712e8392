#pragma once

// Samples with some sources of error switched off, on common random numbers.

#include <memory>
#include <optional>
#include <vector>

#include "sim/models/model_sampler.hpp"
#include "study/budget.hpp"

namespace steelyard {

/// Draws samples with some sources of error off; thread-safe, on common random numbers.
class BudgetSampler {
 public:
  /// Of one thread.
  struct Scratch {
    virtual ~Scratch() = default;
    Sample sample;
    std::vector<double> ideal;  ///< by row: the ideal weight, not scaled
    /// Null: the scenario has none; or why it could not be made.
    Result<std::shared_ptr<const ReferenceSample>> reference{nullptr};
  };
  virtual ~BudgetSampler() = default;
  /// Whether a source changes anything here.
  virtual bool has(ErrorSource source) const = 0;
  virtual std::unique_ptr<Scratch> scratch() const = 0;
  /// Random numbers that all samples of a replicate share, and its reference sample.
  virtual void start(Seed seed, Replicate replicate, Scratch& scratch) const = 0;
  /// A sample with these sources on, into the scratch. Ideal weights undo the selection on
  /// benchmarked variables, where it is on. @pre start of the same replicate
  virtual void draw(Seed seed, Replicate replicate, const SourceFlags& on,
                    Scratch& scratch) const = 0;
};

/// Of a synthetic population: samples of one world as from a population without end. Row i uses the
/// same random numbers whatever is switched off: those of draw i for its root cell (CellDraw),
/// those of respondent i for its answers, those of each source of measurement error.
class BudgetSamples final : public BudgetSampler {
 public:
  /// @param world  the population whose truth is estimated, and its selection
  /// @param asked  questions that estimators read
  BudgetSamples(const Study& study, const Population& world, std::span<const VariableId> asked,
                bool selects_on_answers);

  bool has(ErrorSource source) const override { return present_[static_cast<std::size_t>(source)]; }
  std::unique_ptr<Scratch> scratch() const override;
  void start(Seed seed, Replicate replicate, Scratch& scratch) const override;
  void draw(Seed seed, Replicate replicate, const SourceFlags& on, Scratch& scratch) const override;

 private:
  struct Own final : Scratch {
    std::vector<std::uint32_t> words, cells;  ///< of CellDraw: words × rows, rows
    std::vector<PersonRef> persons;
    Synthesizer::Scratch synthesis;
    std::vector<std::vector<double>> values;
    Study::Scratch of_reference;
  };
  void make_root_laws();
  const Synthesizer& synthesizer(const SourceFlags& on) const {
    return on[static_cast<std::size_t>(ErrorSource::selection_answers)] && sampled_answers_
               ? *sampled_answers_
               : *answers_;
  }

  const Study* study_;
  const Population* world_;
  std::unique_ptr<Population> sampled_;  ///< answers as the sample has them
  std::unique_ptr<Synthesizer> answers_, sampled_answers_;
  std::optional<Synthesizer> reference_answers_;
  std::vector<CellDraw> cells_;  ///< by benchmarked + 2 × other
  /// By root cell: persons over expected respondents of the benchmarked cell that it is in.
  std::vector<double> ideal_;
  std::vector<bool> present_;  ///< by ErrorSource
};

/// Of a population by formulas: volunteers, or a designed sample.
std::unique_ptr<const BudgetSampler> model_budget_samples(const ModelStudy& study,
                                                          const BudgetPlan& plan,
                                                          const ModelPopulation& population,
                                                          const ModelSampler& sampler);

}  // namespace steelyard
