#include <fmt/format.h>

#include "estimators/weighting/answer_model.hpp"
#include "estimators/weighting/donors.hpp"
#include "estimators/weighting/outcome_weights.hpp"
#include "estimators/weighting/propensity_scores.hpp"

namespace steelyard {
namespace {

enum class Imputation { linear, own, nearest, predictive_mean, local };

/// The reference sample's answers predicted from the respondents: by a model, or by donors.
class MassImputation final : public Weighting {
 public:
  MassImputation(ConfigReader& config, const Schema& schema)
      : terms_(read_covariates(config, schema)) {
    const std::string model = config.text(
        "model",
        {.fallback = "linear",
         .choices = {"linear", "own", "nearest", "predictive_mean", "local"},
         .help = "linear: of every answer, so that it gives weights; own: multinomial logistic of "
                 "a categorical answer, linear of a number, fitted in each domain; nearest: the "
                 "mean of the nearest respondents; predictive_mean: of those nearest in the own "
                 "model's predictions; local: local regression on the covariates"});
    model_ = model == "own"               ? Imputation::own
             : model == "nearest"         ? Imputation::nearest
             : model == "predictive_mean" ? Imputation::predictive_mean
             : model == "local"           ? Imputation::local
                                          : Imputation::linear;
    donors_ = static_cast<double>(config.integer(
        "donors", {.min = 1,
                   .max = 10000,
                   .fallback = model_ == Imputation::local ? 50 : 5,
                   .help = "respondents whose answers make up one; more if some are as near as "
                           "the last; local: those within the kernel, 50 if not given"}));
    euclidean_ =
        config.text("distance", {.fallback = "mahalanobis",
                                 .choices = {"mahalanobis", "euclidean"},
                                 .help = "of the covariates by their covariance in the population, "
                                         "or as they are"}) == "euclidean";
    match_ = config.text("matching",
                         {.fallback = "predicted",
                          .choices = {"predicted", "observed"},
                          .help = "predictive means: donors whose prediction, or whose answer, is "
                                  "near the reference person's prediction"}) == "observed"
                 ? PredictiveMatch::observed
                 : PredictiveMatch::predicted;
    degree_ = static_cast<int>(config.integer(
        "degree", {.min = 0,
                   .max = 1,
                   .fallback = 1,
                   .help = "of the local regression: 0 weighted means, 1 local lines"}));
    if (config.is_documenting()) return;
    const auto only = [&](const char* key, bool fits, const char* models) {
      if (!fits && config.has(key))
        config.fail(key, fmt::format("goes with model = {} alone", models), "leave it out");
    };
    only("donors", donor_model() || model_ == Imputation::predictive_mean,
         "\"nearest\", \"predictive_mean\" or \"local\"");
    only("distance", donor_model(), "\"nearest\" or \"local\"");
    only("matching", model_ == Imputation::predictive_mean, "\"predictive_mean\"");
    only("degree", model_ == Imputation::local, "\"local\"");
  }

  std::vector<VariableId> variables() const override { return variables_of(terms_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return {}; }
  bool needs_reference() const override { return true; }
  bool models_answers() const override { return model_ != Imputation::linear; }

  /// Donors by covariates are the same for all answers, and give weights; those by predictions are
  /// not, and the weights are the linear model's, as those of the answers' own models.
  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    const auto samples = make_two_samples(terms_, index, benchmarks);
    if (!samples) return samples.failure();
    if (!donor_model())
      return add_linear_outcome({}, samples.value(), index, std::vector<double>(index.cells, 1.0),
                                StageResiduals::weighted_after);
    auto space = covariate_space(samples.value());
    if (!space) return space.failure();
    const DonorPool pool(std::move(space.value()), index.weight, row_counts(index));
    Weights weights;
    const std::vector<double>& needed = samples.value().reference_index.weight;
    weights.factor = donors_of(pool, needed).factors(needed, index.cells);
    std::size_t unused = 0;
    for (std::size_t c = 0; c < index.cells; ++c)
      if (weights.factor[c] == 0) unused += index.respondents[c];
    if (unused > 0)
      weights.notes.push_back(
          fmt::format("{} of {} respondents are nobody's donor", unused, index.n));
    weights.stages.push_back(covariate_stage(samples.value(), weights.factor));
    weights.reference = samples.value().reference;
    return weights;
  }

  Result<std::unique_ptr<const ModelledAnswer>> model_answer(
      const CellIndex& index, const Benchmarks& benchmarks, const Weights&,
      const AnswerToModel& answer) const override {
    auto samples = make_two_samples(terms_, index, benchmarks);
    if (!samples) return samples.failure();
    const auto both = std::make_shared<const TwoSamples>(std::move(samples.value()));
    if (answer.table.respondents == 0)
      return Failure{FailureKind::empty_domain, "no respondent in the domain"};
    if (model_ == Imputation::predictive_mean)
      return predictive_mean_totals(both, answer.table, answer.reference_rows, donors_, match_);
    const std::vector<double> needed = reference_cell_weights(*both, answer.reference_rows);
    if (donor_model()) {
      auto space = covariate_space(*both);
      if (!space) return space.failure();
      DonorPool pool = pool_of(std::move(space.value()), answer.table, index.cells);
      if (pool.points.size() == 0)
        return Failure{FailureKind::empty_domain, "no respondent in the domain has a weight"};
      Donors found = donors_of(pool, needed);
      return donor_totals(both, std::move(pool), std::move(found), answer.table,
                          answer.reference_rows);
    }
    auto model = fit_answer_model(*both, answer.table, needed);
    if (!model) return model.failure();
    return mass_imputation_totals(both, std::move(model.value()), answer.table,
                                  answer.reference_rows);
  }

 private:
  bool donor_model() const { return model_ == Imputation::nearest || model_ == Imputation::local; }
  Result<CovariateSpace> covariate_space(const TwoSamples& samples) const {
    if (euclidean_) return euclidean_space(samples);
    return mahalanobis_space(samples);
  }
  Donors donors_of(const DonorPool& pool, std::span<const double> needed) const {
    return model_ == Imputation::local ? local_donors(pool, needed, donors_, degree_)
                                       : nearest_donors(pool, needed, donors_);
  }

  MarginVariables terms_;
  Imputation model_{};
  double donors_ = 5;
  bool euclidean_ = false;
  PredictiveMatch match_{};
  int degree_ = 1;
};

}  // namespace

WeightingInfo mass_imputation_info() {
  return {"mass_imputation",
          "a model of the answers, fitted to the respondents, or the nearest respondents' answers "
          "predict those of a reference sample",
          "Kim, Park, Chen & Wu (2021), JRSS A 184, 941-963; nearest: Yang, Kim & Hwang (2021), "
          "Survey Methodology 47, 29-58; predictive means: Chlebicki, Chrostowski & Beręsewicz "
          "(2024), arXiv 2403.13750; local: Chen, Yang & Kim (2022), J. Survey Statistics and "
          "Methodology 10, 1-24",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<MassImputation>(config, schema);
          }};
}

}  // namespace steelyard
