#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "estimators/weighting/kernel_sums.hpp"
#include "estimators/weighting/nearest_points.hpp"
#include "estimators/weighting/propensity_scores.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// Silverman (1986), Density estimation, equation 3.31, over the respondents.
double silverman(std::span<const double> score, const CellIndex& index) {
  const std::vector<double> rows = row_counts(index);
  const double sd = score_sd(score, rows);
  const double range = score_quantile(score, rows, 0.75) - score_quantile(score, rows, 0.25);
  const double spread = range > 0 ? std::min(sd, range / 1.34) : sd;
  return 0.9 * spread * std::pow(static_cast<double>(index.n), -0.2);
}

/// Each reference person's weight spread over the respondents, in proportion to a kernel of the
/// distance of their estimated propensities:
///   w_i = a_i Σ_j d_j K((s_i - s_j)/h) / Σ_k a_k K((s_k - s_j)/h).
/// Variance: of both samples, the propensity's regression in it, by the expansion for smooth
/// weights that set_score_stages gives; the bandwidth is taken as fixed. A jackknife or bootstrap
/// of the respondents does everything again, for their part.
class KernelWeighting final : public Weighting {
 public:
  KernelWeighting(ConfigReader& config, const Schema& schema)
      : terms_(read_covariates(config, schema)) {
    equation_ = read_score_equation(config);
    logit_ = config.text("scale", {.fallback = "probability",
                                   .choices = {"probability", "logit"},
                                   .help = "of the distance between two propensities"}) == "logit";
    kernel_ = config.text("kernel", {.fallback = "gaussian",
                                     .choices = {"gaussian", "triangular"},
                                     .help = "of the distance over the bandwidth"}) == "gaussian"
                  ? Kernel::gaussian
                  : Kernel::triangular;
    bandwidth_ = config.real("bandwidth",
                             {.min = 0,
                              .fallback = 0,
                              .help = "on the distance's scale; 0: Silverman's rule, 0.9 min(sd, "
                                      "IQR/1.34) n^(-1/5) of the respondents' propensities"});
    drop_ = config.text("unmatched",
                        {.fallback = "nearest",
                         .choices = {"nearest", "drop"},
                         .help = "reference persons without a respondent within 6 (gaussian) or "
                                 "1 (triangular) bandwidths: their weight goes to the nearest, or "
                                 "is lost"}) == "drop";
  }

  std::vector<VariableId> variables() const override { return variables_of(terms_); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return {}; }
  bool needs_reference() const override { return true; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    const auto made = make_two_samples(terms_, index, benchmarks);
    if (!made) return made.failure();
    const TwoSamples& samples = made.value();
    const auto fit = fit_participation(samples, equation_, Link::logit);
    if (!fit) return fit.failure();
    std::vector<double> a = fit.value().eta_a, b = fit.value().eta_b;
    if (!logit_)
      for (std::vector<double>* scores : {&a, &b})
        for (double& s : *scores) s = 1 / (1 + std::exp(-s));
    Weights weights;
    // All equal: any bandwidth spreads evenly.
    double h = bandwidth_ > 0 ? bandwidth_ : silverman(a, index);
    if (!(h > 0)) h = 1;
    if (auto failed = spread(samples, a, b, h, weights)) return *failed;
    weights.notes.insert(weights.notes.begin(),
                         fmt::format("bandwidth {:.4g} of the propensity's {}", h,
                                     logit_ ? "logit" : "probability"));
    set_score_stages(samples, fit.value(), equation_, index, weights);
    return weights;
  }

 private:
  std::optional<Failure> spread(const TwoSamples& samples, std::span<const double> a,
                                std::span<const double> b, double h, Weights& weights) const {
    const CellIndex& reference = samples.reference_index;
    const KernelSums respondents(kernel_, h, a, samples.weight_a);
    const NearestPoints points(a, 1, samples.weight_a);
    std::vector<double> share(b.size(), 0.0), own(a.size(), 0.0);
    std::size_t unmatched = 0;
    double unmatched_weight = 0;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const NearestPoint nearest = points.find(b.subspan(j, 1));
      if (nearest.distance < kernel_reach(kernel_) * h) {
        share[j] = reference.weight[j] / respondents.at(b[j]);
        continue;
      }
      unmatched += reference.respondents[j];
      unmatched_weight += reference.weight[j];
      if (drop_) continue;
      double size = 0;
      for (const std::uint32_t c : nearest.points) size += samples.weight_a[c];
      for (const std::uint32_t c : nearest.points) own[c] += reference.weight[j] / size;
    }
    if (unmatched == reference.n && drop_)
      return Failure{FailureKind::empty_cell,
                     fmt::format("no reference person has a respondent within the kernel's reach "
                                 "of {:.4g}; widen the bandwidth",
                                 kernel_reach(kernel_) * h)};
    const KernelSums back(kernel_, h, b, share);
    weights.factor.resize(a.size());
    for (std::size_t c = 0; c < a.size(); ++c) weights.factor[c] = back.at(a[c]) + own[c];
    if (unmatched > 0)
      weights.notes.push_back(fmt::format(
          "{} of {} reference persons, who stand for {:.4g}, are unmatched: {}", unmatched,
          reference.n, unmatched_weight, drop_ ? "dropped" : "given to the nearest respondents"));
    return std::nullopt;
  }

  MarginVariables terms_;
  ParticipationEquation equation_{};
  bool logit_ = false, drop_ = false;
  Kernel kernel_{};
  double bandwidth_ = 0;
};

}  // namespace

WeightingInfo kernel_weighting_info() {
  return {"kernel_weighting",
          "reference weights spread over the respondents by a kernel of the distance in estimated "
          "propensity",
          "Wang, Graubard, Katki & Li (2020), JRSS A 183, 1293-1311",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<KernelWeighting>(config, schema);
          }};
}

}  // namespace steelyard
