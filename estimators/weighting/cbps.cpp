#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>

#include "estimators/weighting/participation.hpp"
#include "estimators/weighting/participation_gmm.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

constexpr auto kScore = ParticipationEquation::pseudo_likelihood;
constexpr auto kBalance = ParticipationEquation::calibrated;

/// Covariate balancing: coefficients of the participation probability that make the weighted
/// respondents agree with the reference sample on the covariates, alone or with the score.
/// Variance: of the whole fit, over-identified with the moments' weights as fixed, which is right
/// to the first order; of samples of a few hundred the standard errors are some percent too small.
class CovariateBalancing final : public Weighting {
 public:
  CovariateBalancing(ConfigReader& config, const Schema& schema)
      : terms_(read_covariates(config, schema)) {
    over_ = config.text("identification",
                        {.fallback = "just",
                         .choices = {"just", "over"},
                         .help = "just: balance alone, met exactly; over: balance and the "
                                 "pseudo-likelihood score by the generalized method of moments"}) ==
            "over";
    continuous_ =
        config.text("gmm", {.fallback = "two_step",
                            .choices = {"two_step", "continuous"},
                            .help = "the moments' covariance from the pseudo-likelihood's "
                                    "coefficients, or updated with the coefficients"}) ==
        "continuous";
    if (!config.is_documenting() && !over_ && config.has("gmm"))
      config.fail("gmm", "goes with identification = \"over\" alone", "leave it out");
    const std::string link = config.text("link", {.fallback = "logit",
                                                  .choices = {"logit", "probit", "cloglog"},
                                                  .help = "of the participation probability"});
    link_ = link == "probit" ? Link::probit : link == "cloglog" ? Link::cloglog : Link::logit;
  }

  std::vector<VariableId> variables() const override { return variables_of(terms_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return {}; }
  bool needs_reference() const override { return true; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    const auto samples = make_two_samples(terms_, index, benchmarks);
    if (!samples) return samples.failure();
    auto fit = fit_participation(samples.value(), over_ ? kScore : kBalance, link_);
    if (!fit) return fit.failure();
    if (!over_) return participation_weights(samples.value(), fit.value(), kBalance, link_);
    const auto gmm = fit_gmm(samples.value(), index, link_, fit.value(),
                             continuous_ ? GmmWeight::continuous : GmmWeight::two_step);
    if (!gmm) return gmm.failure();
    ParticipationFit& at = fit.value();
    at.theta = gmm.value().theta;
    at.iterations += gmm.value().iterations;
    samples.value().a.multiply(at.theta, at.eta_a);
    samples.value().b.multiply(at.theta, at.eta_b);
    at.jacobian = gmm.value().jacobian;
    Weights weights = participation_weights(samples.value(), at, kBalance, link_);
    ReferenceEquation& equation = *weights.stages[0].equation;
    const Weights score = participation_weights(samples.value(), at, kScore, link_);
    equation.others.push_back(
        {score.stages[0].equation->score, score.stages[0].equation->reference_score});
    for (const Eigen::MatrixXd& k : {gmm.value().balance_part, gmm.value().score_part}) {
      const Eigen::MatrixXd by_row = k.transpose();
      equation.combination.emplace_back(by_row.data(), by_row.data() + by_row.size());
    }
    if (gmm.value().df > 0) {
      const boost::math::chi_squared law(static_cast<double>(gmm.value().df));
      weights.notes.push_back(fmt::format(
          "J = {:.4g} on {} degrees of freedom, p = {:.3g}", gmm.value().j, gmm.value().df,
          boost::math::cdf(boost::math::complement(law, std::max(0.0, gmm.value().j)))));
    } else {
      weights.notes.push_back(
          "balance and the score say the same with these covariates: J has no degrees of freedom");
    }
    return weights;
  }

 private:
  MarginVariables terms_;
  bool over_ = false, continuous_ = false;
  Link link_{};
};

}  // namespace

WeightingInfo cbps_info() {
  return {"cbps",
          "one over a participation probability that balances the covariates with the reference "
          "sample",
          "Imai & Ratkovic (2014), JRSS B 76, 243-263, sections 2.2 and 2.3; continuous updating: "
          "Hansen, Heaton & Yaron (1996), J. Business & Economic Statistics 14, 262-280",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<CovariateBalancing>(config, schema);
          }};
}

}  // namespace steelyard
