#pragma once

// A weighting makes one weight per respondent from the answers and the benchmarks.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.hpp"
#include "core/sample.hpp"

namespace steelyard {

/// Totals of one answer that a model of the answer makes, where no weights give them.
class ModelledAnswer {
 public:
  virtual ~ModelledAnswer() = default;
  /// As level_totals of a tabulation: one a level, or Σ 1 and Σ y of a continuous answer.
  virtual std::span<const double> totals() const = 0;
  /// Variance of Σ_k influence_k totals_k, errors of the models and of the reference sample in it.
  virtual double variance(std::span<const double> influence) const = 0;
};

/// The answer that is modelled.
struct AnswerToModel {
  std::span<const VariableId> answers;            ///< one, or two that are tabulated together
  const Tabulation& table;                        ///< of the domain's respondents
  std::span<const std::uint32_t> reference_rows;  ///< rows of the reference sample in the domain
  /// Who is in the domain, for models that predict people of benchmarks; null: not known.
  const Domain* domain = nullptr;
  /// The answers of all respondents, for models that learn from those outside; null: not known.
  const Tabulation* everybody = nullptr;
  /// What the weighting made of everybody's answers, to be used again for the next domain of the
  /// same sample and answers; null: nothing is kept.
  std::shared_ptr<const void>* kept = nullptr;
};

/// Immutable after `make`; `weigh` is const, thread-safe and keeps no state between calls.
class Weighting {
 public:
  virtual ~Weighting() = default;
  /// The variables whose cross the cell index must hold.
  virtual std::vector<VariableId> variables() const = 0;
  /// The margins that it reads from the benchmarks; the study checks them before the first draw.
  virtual std::vector<std::vector<VariableId>> benchmarks() const = 0;
  /// Those among them that its weights meet.
  virtual std::vector<std::vector<VariableId>> margins() const { return benchmarks(); }
  /// True if it acts on the weight of each respondent (trimming, cosmetic calibration), so that
  /// those of a cell can be taken together only while their base weights are equal.
  virtual bool by_respondent() const { return false; }
  /// True if it estimates from a reference sample.
  virtual bool needs_reference() const { return false; }
  /// @param index   respondents collapsed on a superset of variables()
  /// @return one factor a cell; fails: empty_cell, no_convergence, singular_matrix
  virtual Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const = 0;
  /// True if it also models the answers: estimates then come from `model_answer`, and `weigh` gives
  /// the weights of the part that needs none of them.
  virtual bool models_answers() const { return false; }
  /// @param weights  what `weigh` gave for this index
  /// @return fails: unsupported, no_convergence, singular_matrix, empty_domain
  virtual Result<std::unique_ptr<const ModelledAnswer>> model_answer(const CellIndex&,
                                                                     const Benchmarks&,
                                                                     const Weights&,
                                                                     const AnswerToModel&) const {
    return Failure{FailureKind::unsupported, "it does not model answers"};
  }
  /// After a failure: what stands in the way and what would cure it, in words. May take a linear
  /// program's time. Empty: nothing more to say.
  virtual std::string explain(const CellIndex&, const Benchmarks&) const { return {}; }
};

/// The index to weigh on when base weights differ within its cells, as in a replicate: each
/// respondent is a cell if the weighting acts by respondent.
inline CellIndex index_for_any_weights(const Weighting& weighting, const CellIndex& index) {
  CellIndex own = index;
  if (weighting.by_respondent() && index.cells < index.n) one_cell_each(own, {});
  return own;
}

struct WeightingInfo {
  std::string_view name, summary, source;
  std::unique_ptr<const Weighting> (*make)(ConfigReader&, const Schema&);
};

/// All weightings, in list order. Each also reads the options of the trimming stage.
std::span<const WeightingInfo> weightings();

}  // namespace steelyard
