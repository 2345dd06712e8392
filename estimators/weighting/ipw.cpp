#include <fmt/format.h>

#include <algorithm>

#include "estimators/weighting/participation.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// One over the estimated probability of being a respondent.
class InversePropensity final : public Weighting {
 public:
  InversePropensity(ConfigReader& config, const Schema& schema)
      : terms_(read_covariates(config, schema)) {
    const std::string equation = config.text(
        "equation",
        {.fallback = "pseudo_likelihood",
         .choices = {"pseudo_likelihood", "calibrated", "pooled", "adjusted_logistic"},
         .help = "what the coefficients solve: the pseudo-likelihood; weights that meet the "
                 "reference sample's totals; a logistic regression of the pooled samples without "
                 "weights (often done, and wrong), or with the reference sample's weights"});
    equation_ = equation == "calibrated"          ? ParticipationEquation::calibrated
                : equation == "pooled"            ? ParticipationEquation::pooled
                : equation == "adjusted_logistic" ? ParticipationEquation::adjusted_logistic
                                                  : ParticipationEquation::pseudo_likelihood;
    const std::string link = config.text(
        "link", {.fallback = "logit",
                 .choices = {"logit", "probit", "cloglog"},
                 .help = "of the participation probability; a logistic regression has the logit"});
    link_ = link == "probit" ? Link::probit : link == "cloglog" ? Link::cloglog : Link::logit;
    const bool logistic = equation_ == ParticipationEquation::pooled ||
                          equation_ == ParticipationEquation::adjusted_logistic;
    if (!config.is_documenting() && logistic && link_ != Link::logit)
      config.fail("link", "= \"" + link + "\" does not go with equation \"" + equation + "\"",
                  "leave it out: a logistic regression has the logit");
  }

  std::vector<VariableId> variables() const override { return variables_of(terms_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return {}; }
  bool needs_reference() const override { return true; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    const auto samples = make_two_samples(terms_, index, benchmarks);
    if (!samples) return samples.failure();
    const auto fit = fit_participation(samples.value(), equation_, link_);
    if (!fit) return fit.failure();
    Weights weights = participation_weights(samples.value(), fit.value(), equation_, link_);
    // An almost certain respondent stands for nobody else; a rare one for very many.
    std::size_t certain = 0;
    for (std::size_t c = 0; c < index.cells; ++c)
      if (weights.participation[c] > 0.99) certain += index.respondents[c];
    if (certain > 0)
      weights.notes.push_back(fmt::format(
          "{} of {} respondents have a participation probability above 0.99", certain, index.n));
    return weights;
  }

 private:
  MarginVariables terms_;
  ParticipationEquation equation_{};
  Link link_{};
};

}  // namespace

WeightingInfo ipw_info() {
  return {"ipw", "inverse of the participation probability, estimated with a reference sample",
          "Chen, Li & Wu (2020), JASA 115, 2011-2021; Kim & Riddles (2012), Survey Methodology 38, "
          "157-165; Wang, Valliant & Li (2021), Statistics in Medicine 40, 5237-5250",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<InversePropensity>(config, schema);
          }};
}

}  // namespace steelyard
