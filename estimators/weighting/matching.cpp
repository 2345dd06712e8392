#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "estimators/weighting/covariate_space.hpp"
#include "estimators/weighting/nearest_points.hpp"
#include "estimators/weighting/outcome_weights.hpp"
#include "estimators/weighting/propensity_scores.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// Each reference person is matched to the nearest respondent, whose weight is the sum of the
/// design weights of those matched to it; respondents who are equally near share. Variance, both
/// samples in it: with the propensity distance that of set_score_stages, the propensity's
/// regression in it; with the Mahalanobis distance that of covariate_stage, right for answers that
/// are linear in the covariates and else too large (mass_imputation with model = "nearest" has one
/// that is right for others too). The bootstrap does not hold for a fixed number of matches (Abadie
/// & Imbens 2008, Econometrica 76, 1537-1557).
class Matching final : public Weighting {
 public:
  Matching(ConfigReader& config, const Schema& schema) : terms_(read_covariates(config, schema)) {
    propensity_ =
        config.text("distance", {.fallback = "propensity",
                                 .choices = {"propensity", "mahalanobis"},
                                 .help = "of the logit of the propensity, or of the covariates by "
                                         "their covariance in the population"}) == "propensity";
    equation_ = read_score_equation(config);
    if (!config.is_documenting() && !propensity_ && config.has("propensity"))
      config.fail("propensity", "goes with distance = \"propensity\" alone", "leave it out");
    caliper_ = config.real(
        "caliper", {.min = 0,
                    .fallback = 0,
                    .help = "largest distance of a match, in standard deviations of the logit in "
                            "the pooled samples or as a Mahalanobis distance; reference persons "
                            "without one are dropped; 0: none"});
  }

  std::vector<VariableId> variables() const override { return variables_of(terms_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return {}; }
  bool needs_reference() const override { return true; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    const auto made = make_two_samples(terms_, index, benchmarks);
    if (!made) return made.failure();
    const TwoSamples& samples = made.value();
    std::optional<ParticipationFit> fit;
    if (propensity_) {
      auto fitted = fit_participation(samples, equation_, Link::logit);
      if (!fitted) return fitted.failure();
      fit = std::move(fitted.value());
    }
    Result<CovariateSpace> space =
        fit ? CovariateSpace{1, fit->eta_a, fit->eta_b} : mahalanobis_space(samples);
    if (!space) return space.failure();
    const double limit = caliper_ * (fit ? pooled_sd(samples, index, *fit) : 1);
    Weights weights;
    if (auto failed = match(samples, space.value(), limit, index, weights)) return *failed;
    if (fit) {
      set_score_stages(samples, *fit, equation_, index, weights);
    } else {
      weights.stages.push_back(covariate_stage(samples, weights.factor));
      weights.reference = samples.reference;
    }
    return weights;
  }

 private:
  static double pooled_sd(const TwoSamples& samples, const CellIndex& index,
                          const ParticipationFit& fit) {
    std::vector<double> all = fit.eta_a, rows = row_counts(index);
    const std::vector<double> more = row_counts(samples.reference_index);
    all.insert(all.end(), fit.eta_b.begin(), fit.eta_b.end());
    rows.insert(rows.end(), more.begin(), more.end());
    return score_sd(all, rows);
  }

  std::optional<Failure> match(const TwoSamples& samples, const CovariateSpace& space, double limit,
                               const CellIndex& index, Weights& weights) const {
    const CellIndex& reference = samples.reference_index;
    const NearestPoints points(space.a, space.dimensions, samples.weight_a);
    const std::size_t k = space.dimensions;
    weights.factor.assign(index.cells, 0.0);
    std::size_t dropped = 0, shared = 0;
    double dropped_weight = 0;
    for (std::size_t j = 0; j < reference.cells; ++j) {
      const NearestPoint nearest = points.find(std::span(space.b).subspan(j * k, k));
      if (caliper_ > 0 && nearest.distance > limit) {
        dropped += reference.respondents[j];
        dropped_weight += reference.weight[j];
        continue;
      }
      double size = 0;
      std::size_t people = 0;
      for (const std::uint32_t c : nearest.points) {
        size += samples.weight_a[c];
        people += index.respondents[c];
      }
      if (people > 1) shared += reference.respondents[j];
      for (const std::uint32_t c : nearest.points) weights.factor[c] += reference.weight[j] / size;
    }
    if (dropped == reference.n)
      return Failure{FailureKind::empty_cell,
                     fmt::format("no reference person has a respondent within the caliper of "
                                 "{:.4g}; widen it",
                                 caliper_)};
    std::size_t unused = 0;
    for (std::size_t c = 0; c < index.cells; ++c)
      if (!(weights.factor[c] > 0)) unused += index.respondents[c];
    if (dropped > 0)
      weights.notes.push_back(fmt::format(
          "{} of {} reference persons, who stand for {:.4g}, have no match within the caliper",
          dropped, reference.n, dropped_weight));
    if (shared > 0)
      weights.notes.push_back(fmt::format(
          "{} of {} reference persons share their weight among respondents who are equally near",
          shared, reference.n));
    if (unused > 0)
      weights.notes.push_back(fmt::format(
          "{} of {} respondents are nobody's match: their weight is 0", unused, index.n));
    return std::nullopt;
  }

  MarginVariables terms_;
  ParticipationEquation equation_{};
  bool propensity_ = true;
  double caliper_ = 0;
};

}  // namespace

WeightingInfo matching_info() {
  return {"matching",
          "each reference person's weight goes to the nearest respondent, by propensity or by the "
          "covariates",
          "Rivers (2007), Sampling for web surveys, Joint Statistical Meetings; Rosenbaum & Rubin "
          "(1985), American Statistician 39, 33-38 (caliper)",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<Matching>(config, schema);
          }};
}

}  // namespace steelyard
