#pragma once

// One answer by multilevel regression and post-stratification: its levels' totals and their errors.

#include <memory>
#include <optional>

#include "estimators/multilevel/poststratify.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {

enum class LevelModel {
  separate,  ///< each level against the others; shares are divided by their sum
  ordered    ///< cumulative logit
};

struct MrpModel {
  MultilevelTerms terms;
  OutcomeModel link = OutcomeModel::logit;  ///< of separate levels
  LevelModel levels = LevelModel::separate;
  MultilevelOptions options;
};

/// Where the people come from to whom the model's predictions are given.
struct MrpPopulation {
  CellIndex cells;           ///< over the terms' variables
  std::vector<double> size;  ///< persons of the domain by cell
  std::shared_ptr<const ReferenceSample>
      reference;                        ///< whose estimate `size` is; null: it is known
  std::vector<std::uint32_t> rows;      ///< of the reference sample, in the domain
  std::vector<std::uint32_t> row_cell;  ///< by row of the reference sample
};

/// What the respondents of the model's cells answered.
struct MrpAnswers {
  CellIndex cells;
  std::size_t levels = 0;      ///< wanted
  std::vector<double> counts;  ///< cells × states; states beyond `levels` are no level
  std::size_t states = 0;
  CellAnswers numbers;  ///< a continuous answer, in place of counts
  bool continuous = false;
};

/// The models of one answer, fitted once for all domains whose people they predict.
struct MrpFit {
  struct State {
    MultilevelFit fit;
    std::vector<std::size_t> states;  ///< whose shares it gives, in order
  };
  MrpModel model;
  MrpAnswers answers;
  MultilevelDesign design;
  std::vector<double> persons;       ///< by cell of the sample
  std::vector<std::size_t> present;  ///< states with an answer
  std::vector<State> models;
};

/// Fails as the models do. Cost: one fit a level.
Result<std::shared_ptr<const MrpFit>> fit_answers(const MrpModel& model, MrpAnswers answers,
                                                  const Schema& schema);

/// Totals Σ_c N_c share_kc. Variances by the delta method from each model's posterior, plus the
/// reference sample's design variance. Separate models of one answer's levels share respondents:
/// their errors are correlated as the multinomial scores that the models are fitted to.
/// Fails where the population has what the sample cannot tell. Cost O(cells × (values + terms)).
Result<std::unique_ptr<const ModelledAnswer>> post_stratify(std::shared_ptr<const MrpFit> fit,
                                                            MrpPopulation population,
                                                            const Schema& schema);

}  // namespace steelyard
