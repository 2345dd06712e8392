#pragma once

// Samples with some sources of error switched off, on common random numbers.

#include <memory>
#include <optional>
#include <vector>

#include "study/budget.hpp"

namespace steelyard {

/// Draws samples of one world as from a population without end. Row i uses the same random numbers
/// whatever is switched off: those of draw i for its root cell (CellDraw), those of respondent i
/// for its answers, those of each source of measurement error.
class BudgetSamples {
 public:
  /// @param world  the population whose truth is estimated, and its selection
  /// @param asked  questions that estimators read
  BudgetSamples(const Study& study, const Population& world, std::span<const VariableId> asked,
                bool selects_on_answers);

  /// Whether a source changes anything here.
  bool has(ErrorSource source) const { return present_[static_cast<std::size_t>(source)]; }

  struct Scratch {
    std::vector<std::uint32_t> words, cells;  ///< of CellDraw: words × rows, rows
    std::vector<PersonRef> persons;
    Synthesizer::Scratch synthesis;
    Sample sample;
    std::vector<std::vector<double>> values;
    Result<std::shared_ptr<const ReferenceSample>> reference{nullptr};  ///< null: there is none
    Study::Scratch of_reference;
  };
  Scratch scratch() const;

  /// Random numbers that all samples of a replicate share, and its reference sample.
  void start(Seed seed, Replicate replicate, Scratch& scratch) const;
  /// A sample with these sources on, into the scratch. @pre start of the same replicate
  void draw(Seed seed, Replicate replicate, const SourceFlags& on, Scratch& scratch) const;
  /// By root cell: persons over expected respondents of the benchmarked cell that it is in, where
  /// selection on benchmarked variables is on; else 1. Not scaled.
  std::span<const double> ideal_weights(bool selection) const {
    return selection ? std::span<const double>(ideal_) : std::span<const double>(equal_);
  }

 private:
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
  std::vector<double> ideal_, equal_;
  std::vector<bool> present_;  ///< by ErrorSource
};

}  // namespace steelyard
