#include <algorithm>

#include "estimators/weighting/answer_model.hpp"
#include "estimators/weighting/outcome_weights.hpp"
#include "estimators/weighting/participation.hpp"

namespace steelyard {
namespace {

/// Inverse propensity, and a model of the answers for what it leaves.
class DoublyRobustWeighting final : public Weighting {
 public:
  DoublyRobustWeighting(ConfigReader& config, const Schema& schema)
      : terms_(read_covariates(config, schema)) {
    outcome_terms_ = config.has("outcome_covariates") || config.is_documenting()
                         ? read_margins(config, "outcome_covariates", schema,
                                        "terms of the outcome model; default: the covariates")
                         : terms_;
    link_ = link_of(config.text("link", {.fallback = "logit",
                                         .choices = {"logit", "probit", "cloglog"},
                                         .help = "of the participation probability"}));
    bias_minimised_ =
        config.text("coefficients",
                    {.fallback = "separate",
                     .choices = {"separate", "bias_minimised"},
                     .help = "separate: pseudo-likelihood and least squares; bias_minimised: those "
                             "at which the estimate does not move with either model's coefficients "
                             "(linear model, the same terms in both)"}) == "bias_minimised";
    own_model_ =
        config.text("model", {.fallback = "linear",
                              .choices = {"linear", "own"},
                              .help = "linear: of every answer, so that it gives weights; "
                                      "own: multinomial logistic of a categorical answer, "
                                      "linear of a number, fitted in each domain"}) == "own";
    robust_variance_ =
        config.text("variance",
                    {.fallback = "plug_in",
                     .choices = {"plug_in", "doubly_robust"},
                     .help = "plug_in: the paper's, which takes the two samples' sizes of the "
                             "population for equal; doubly_robust: consistent where either model "
                             "is right, as the estimate is"}) == "doubly_robust";
    normalised_ = config.flag("normalised", true,
                              "propensity weights are scaled to the reference sample's size first "
                              "(DR2); false: they are not (DR1, with known_size in the mean)");
    if (config.is_documenting() || !bias_minimised_) return;
    if (outcome_terms_ != terms_)
      config.fail("coefficients", "= \"bias_minimised\" needs the same terms in both models",
                  "leave outcome_covariates out");
    if (own_model_)
      config.fail("coefficients", "= \"bias_minimised\" needs the linear model", "leave model out");
    if (link_ != Link::logit)
      config.fail("coefficients", "= \"bias_minimised\" needs the logit", "leave link out");
  }

  std::vector<VariableId> variables() const override {
    MarginVariables all = terms_;
    all.insert(all.end(), outcome_terms_.begin(), outcome_terms_.end());
    return variables_of(all);
  }
  std::vector<std::vector<VariableId>> benchmarks() const override { return {}; }
  bool needs_reference() const override { return true; }
  bool models_answers() const override { return own_model_; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    auto made = propensity(index, benchmarks);
    if (!made || own_model_) return made;
    const auto samples = make_two_samples(outcome_terms_, index, benchmarks);
    if (!samples) return samples.failure();
    // The regression's weights beside those of the propensity: π (least squares), or 1 - π.
    std::vector<double> q(index.cells);
    for (std::size_t c = 0; c < q.size(); ++c) {
      const double pi = 1 / made.value().factor[c];
      q[c] = bias_minimised_ ? 1 - pi : pi;
    }
    const double scale = reference_scale(made.value());
    return add_linear_outcome(
        std::move(made.value()), samples.value(), index, q,
        robust_variance_ ? StageResiduals::weighted_after : StageResiduals::weighted_before, scale);
  }

  Result<std::unique_ptr<const ModelledAnswer>> model_answer(
      const CellIndex& index, const Benchmarks& benchmarks, const Weights& weights,
      const AnswerToModel& answer) const override {
    auto samples = make_two_samples(outcome_terms_, index, benchmarks);
    if (!samples) return samples.failure();
    const auto both = std::make_shared<const TwoSamples>(std::move(samples.value()));
    auto model =
        fit_answer_model(*both, answer.table, reference_cell_weights(*both, answer.reference_rows));
    if (!model) return model.failure();
    return doubly_robust_totals(both, std::move(model.value()), index, weights, answer.table,
                                answer.reference_rows, reference_scale(weights));
  }

 private:
  static Link link_of(const std::string& name) {
    return name == "probit" ? Link::probit : name == "cloglog" ? Link::cloglog : Link::logit;
  }

  Result<Weights> propensity(const CellIndex& index, const Benchmarks& benchmarks) const {
    const auto samples = make_two_samples(terms_, index, benchmarks);
    if (!samples) return samples.failure();
    const auto equation = bias_minimised_ ? ParticipationEquation::calibrated
                                          : ParticipationEquation::pseudo_likelihood;
    const auto fit = fit_participation(samples.value(), equation, link_);
    if (!fit) return fit.failure();
    Weights weights = participation_weights(samples.value(), fit.value(), equation, link_);
    double scale = 1;
    if (normalised_)
      weights = add_reference_size(std::move(weights), samples.value(), index, scale);
    return weights;
  }
  /// Of the reference sample's part in the variance: the factor of the stage that scaled the
  /// propensity's weights, in the paper's.
  double reference_scale(const Weights& weights) const {
    return normalised_ && !robust_variance_ ? weights.stages[1].factor[0] : 1.0;
  }

  MarginVariables terms_, outcome_terms_;
  Link link_{};
  bool bias_minimised_ = false, own_model_ = false, robust_variance_ = false, normalised_ = true;
};

}  // namespace

WeightingInfo doubly_robust_info() {
  return {
      "doubly_robust", "inverse propensity and a model of the answers: right if either model is",
      "Chen, Li & Wu (2020), JASA 115, 2011-2021; bias-minimised: Yang, Kim & Song (2020), JRSS "
      "B 82, 445-465, after Kim & Haziza (2014), Statistica Sinica 24, 375-394",
      [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
        return std::make_unique<DoublyRobustWeighting>(config, schema);
      }};
}

}  // namespace steelyard
