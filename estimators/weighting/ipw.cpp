#include <fmt/format.h>

#include <algorithm>

#include "estimators/weighting/participation_moments.hpp"
#include "estimators/weighting/propensity_scores.hpp"
#include "estimators/weighting/propensity_selection.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

std::string term_names(const TwoSamples& samples, std::span<const std::size_t> terms) {
  std::string text;
  for (const std::size_t term : terms)
    text += (text.empty() ? "" : ", ") + samples.term_name(term + 1);
  return text.empty() ? "none" : text;
}

/// One over the estimated probability of being a respondent, on all terms or on those that a
/// penalty keeps; each respondent's own or that of its propensity class.
/// Variance: of the whole fit, selected terms as fixed. By classes: the fit's part as if classes
/// were fine, averages of 1/π then being 1/π itself and reference totals as in set_score_stages;
/// the bounds of coarse classes jump with the fit instead, and with two or three classes the
/// variance comes out too large. One class has equal weights, taken as fixed.
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
    read_selection(config);
    read_classes(config);
    bias_reduced_ =
        config.text("variance",
                    {.fallback = "plug_in",
                     .choices = {"plug_in", "bias_reduced"},
                     .help = "of the reference sample's part: plug_in, which is some percent too "
                             "small where few of its rows decide the coefficients; or with each "
                             "row's own part in them taken out"}) == "bias_reduced";
  }

  std::vector<VariableId> variables() const override { return variables_of(terms_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return {}; }
  bool needs_reference() const override { return true; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    auto samples = make_two_samples(terms_, index, benchmarks);
    if (!samples) return samples.failure();
    std::string selected;
    if (selection_) {
      const auto kept = select_terms(samples.value(), index, *selection_);
      if (!kept) return kept.failure();
      selected = describe_selection(samples.value(), kept.value());
      samples = with_terms(samples.value(), kept.value().terms);
    }
    const auto fit = fit_participation(samples.value(), equation_, link_);
    if (!fit) return fit.failure();
    Weights weights = participation_weights(samples.value(), fit.value(), equation_, link_);
    if (bias_reduced_)
      reduce_reference_bias(samples.value(), fit.value(), equation_, link_, weights);
    if (!selected.empty()) weights.notes.push_back(std::move(selected));
    // An almost certain respondent stands for nobody else; a rare one for very many.
    std::size_t certain = 0;
    for (std::size_t c = 0; c < index.cells; ++c)
      if (weights.participation[c] > 0.99) certain += index.respondents[c];
    if (certain > 0)
      weights.notes.push_back(fmt::format(
          "{} of {} respondents have a participation probability above 0.99", certain, index.n));
    if (classes_ > 0)
      if (auto failed = put_in_classes(samples.value(), fit.value(), index, weights))
        return *failed;
    return weights;
  }

 private:
  void read_selection(ConfigReader& config) {
    const std::string selection =
        config.text("selection", {.fallback = "none",
                                  .choices = {"none", "lasso", "adaptive_lasso", "scad"},
                                  .help = "terms kept by a penalty on whole terms in the logistic "
                                          "pseudo-likelihood; the model is fitted again on them"});
    SelectionOptions options;
    options.penalty = selection == "adaptive_lasso" ? SelectionPenalty::adaptive
                      : selection == "scad"         ? SelectionPenalty::scad
                                                    : SelectionPenalty::lasso;
    options.criterion =
        config.text("criterion",
                    {.fallback = "bic",
                     .choices = {"bic", "cross_validation"},
                     .help = "the penalty's size: least composite-likelihood BIC of the models "
                             "fitted again, or least held-out deviance"}) == "bic"
            ? SelectionCriterion::bic
            : SelectionCriterion::cross_validation;
    options.folds = static_cast<std::size_t>(config.integer(
        "folds", {.min = 2, .max = 50, .fallback = 5, .help = "of the cross-validation"}));
    if (selection != "none") selection_ = options;
    for (const char* key : {"criterion", "folds"})
      if (!config.is_documenting() && !selection_ && config.has(key))
        config.fail(key, "is given without a selection",
                    "add selection = \"lasso\", or leave it out");
  }

  void read_classes(ConfigReader& config) {
    classes_ = static_cast<std::size_t>(config.integer(
        "classes", {.min = 0,
                    .max = 1000,
                    .fallback = 0,
                    .help = "weights by quantile classes of the participation probability, 5 as a "
                            "rule (Cochran); 0: each respondent's own"}));
    reference_totals_ =
        config.text("class_weights",
                    {.fallback = "average",
                     .choices = {"average", "reference"},
                     .help = "of a class: the mean of 1/π over its respondents (weighted by base "
                             "weights), or the reference sample's total over theirs"}) ==
        "reference";
    reference_quantiles_ =
        config.text("class_quantiles",
                    {.fallback = "pooled",
                     .choices = {"pooled", "reference"},
                     .help = "of the rows of both samples, or of the population that the reference "
                             "sample's weights stand for"}) == "reference";
    for (const char* key : {"class_weights", "class_quantiles"})
      if (!config.is_documenting() && classes_ == 0 && config.has(key))
        config.fail(key, "is given without classes", "add classes = 5, or leave it out");
  }

  static std::string describe_selection(const TwoSamples& samples, const Selection& kept) {
    std::vector<std::size_t> out;
    for (std::size_t g = 0; g + 1 < samples.a.blocks.size(); ++g)
      if (std::find(kept.terms.begin(), kept.terms.end(), g) == kept.terms.end()) out.push_back(g);
    return fmt::format("selected terms: {}; left out: {} (penalty {:.3g} of the largest)",
                       term_names(samples, kept.terms), term_names(samples, out), kept.lambda);
  }

  /// Puts the class's weight in place of each respondent's.
  std::optional<Failure> put_in_classes(const TwoSamples& samples, const ParticipationFit& fit,
                                        const CellIndex& index, Weights& weights) const {
    const CellIndex& reference = samples.reference_index;
    const std::vector<double> rows_a = row_counts(index), rows_b = row_counts(reference);
    const ScoreClasses classes =
        reference_quantiles_
            ? quantile_classes(fit.eta_a, {}, fit.eta_b, reference.weight, classes_)
            : quantile_classes(fit.eta_a, rows_a, fit.eta_b, rows_b, classes_);
    std::vector<double> people(classes_, 0.0), size(people), sum(people), persons(people),
        total(people);
    for (std::size_t c = 0; c < index.cells; ++c) {
      const std::uint32_t k = classes.of_a[c];
      people[k] += rows_a[c];
      size[k] += index.weight[c];
      sum[k] += index.weight[c] * weights.factor[c];
    }
    for (std::size_t c = 0; c < reference.cells; ++c) {
      persons[classes.of_b[c]] += rows_b[c];
      total[classes.of_b[c]] += reference.weight[c];
    }
    std::string sizes;
    for (std::size_t k = 0; k < classes_; ++k) {
      sizes += fmt::format("{}{}/{}", k == 0 ? "" : ", ", people[k], persons[k]);
      const bool nobody = !(size[k] > 0);
      if (nobody || (reference_totals_ && !(total[k] > 0)))
        return Failure{FailureKind::empty_cell,
                       fmt::format("propensity class {} of {} has no {}; take fewer classes", k + 1,
                                   classes_, nobody ? "respondent" : "reference person")};
    }
    const std::vector<double> own = weights.factor;
    WeightStage fixed;
    for (std::size_t c = 0; c < index.cells; ++c) {
      const std::uint32_t k = classes.of_a[c];
      weights.factor[c] = (reference_totals_ ? total[k] : sum[k]) / size[k];
      weights.participation[c] = std::min(1.0, 1 / (weights.factor[c] * samples.base_a[c]));
      fixed.factor.push_back(weights.factor[c] / own[c]);
    }
    if (classes_ == 1) {  // all weights are equal, whatever the propensity
      weights.stages.clear();
    } else {
      weights.stages[0].factor = own;
      weights.stages.push_back(reference_totals_
                                   ? class_stage(samples, classes, own, weights.factor)
                                   : std::move(fixed));
    }
    weights.notes.push_back(
        fmt::format("respondents/reference persons by propensity class: {}", sizes));
    return std::nullopt;
  }

  MarginVariables terms_;
  ParticipationEquation equation_{};
  Link link_{};
  std::optional<SelectionOptions> selection_;
  std::size_t classes_ = 0;
  bool reference_totals_ = false, reference_quantiles_ = false, bias_reduced_ = false;
};

}  // namespace

WeightingInfo ipw_info() {
  return {"ipw", "inverse of the participation probability, estimated with a reference sample",
          "Chen, Li & Wu (2020), JASA 115, 2011-2021; Kim & Riddles (2012), Survey Methodology 38, "
          "157-165; Wang, Valliant & Li (2021), Statistics in Medicine 40, 5237-5250; classes: Lee "
          "(2006), J. Official Statistics 22, 329-349, Rosenbaum & Rubin (1984), JASA 79, 516-524; "
          "selection: Yang, Kim & Song (2020), JRSS B 82, 445-465; bias-reduced variance: Bell & "
          "McCaffrey (2002), Survey Methodology 28, 169-181",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<InversePropensity>(config, schema);
          }};
}

}  // namespace steelyard
