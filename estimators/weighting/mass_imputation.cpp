#include "estimators/weighting/answer_model.hpp"
#include "estimators/weighting/outcome_weights.hpp"

namespace steelyard {
namespace {

/// The reference sample's answers predicted by a model fitted to the respondents.
class MassImputation final : public Weighting {
 public:
  MassImputation(ConfigReader& config, const Schema& schema)
      : terms_(read_covariates(config, schema)),
        own_model_(
            config.text("model", {.fallback = "linear",
                                  .choices = {"linear", "own"},
                                  .help = "linear: of every answer, so that it gives weights; "
                                          "own: multinomial logistic of a categorical answer, "
                                          "linear of a number, fitted in each domain"}) == "own") {}

  std::vector<VariableId> variables() const override { return variables_of(terms_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return {}; }
  bool needs_reference() const override { return true; }
  bool models_answers() const override { return own_model_; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    const auto samples = make_two_samples(terms_, index, benchmarks);
    if (!samples) return samples.failure();
    return add_linear_outcome({}, samples.value(), index, std::vector<double>(index.cells, 1.0),
                              StageResiduals::weighted_after);
  }

  Result<std::unique_ptr<const ModelledAnswer>> model_answer(
      const CellIndex& index, const Benchmarks& benchmarks, const Weights&,
      const AnswerToModel& answer) const override {
    auto samples = make_two_samples(terms_, index, benchmarks);
    if (!samples) return samples.failure();
    const auto both = std::make_shared<const TwoSamples>(std::move(samples.value()));
    auto model =
        fit_answer_model(*both, answer.table, reference_cell_weights(*both, answer.reference_rows));
    if (!model) return model.failure();
    return mass_imputation_totals(both, std::move(model.value()), answer.table,
                                  answer.reference_rows);
  }

 private:
  MarginVariables terms_;
  bool own_model_;
};

}  // namespace

WeightingInfo mass_imputation_info() {
  return {"mass_imputation",
          "a model of the answers, fitted to the respondents, predicts those of a reference sample",
          "Kim, Park, Chen & Wu (2021), JRSS A 184, 941-963",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<MassImputation>(config, schema);
          }};
}

}  // namespace steelyard
