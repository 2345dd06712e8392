#include "estimators/survey/contrasts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <unordered_map>

namespace steelyard {
namespace {

/// Variances below this share of the parts they are made of are rounding.
constexpr double kRounding = 1e-24;

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double smallest_df(const JointEstimates& estimates, std::span<const Term> terms) {
  double df = std::numeric_limits<double>::infinity();
  for (const Term& term : terms) df = std::min(df, estimates.rows()[term.estimate].df);
  return df;
}

/// Deviations of replicates: e_r = sqrt(scale rscale_r) (θ_r - centre), so that variance = Σ e².
std::vector<double> replicate_deviations(const ReplicateDesign& design,
                                         std::span<const double> theta, double full) {
  double centre = full;
  if (!design.mse) {
    double sum = 0, count = 0;
    for (std::size_t r = 0; r < theta.size(); ++r)
      if (design.rscales.empty() || design.rscales[r] > 0) {
        sum += theta[r];
        count += 1;
      }
    centre = sum / count;
  }
  std::vector<double> out(theta.size());
  for (std::size_t r = 0; r < theta.size(); ++r) {
    const double rscale = design.rscales.empty() ? 1.0 : design.rscales[r];
    out[r] = rscale > 0 ? std::sqrt(design.scale * rscale) * (theta[r] - centre) : 0.0;
  }
  return out;
}

}  // namespace

Result<ContrastRow> t_interval(double estimate, double variance, double df, double level,
                               double null_value) {
  if (!(df >= 1))
    return Failure{FailureKind::unsupported,
                   fmt::format("{:g} degrees of freedom: too few for an interval", df)};
  ContrastRow out;
  out.estimate = estimate;
  out.se = std::sqrt(variance);
  out.df = df;
  const double half = t_quantile(level, df) * out.se;
  out.lower = estimate - half;
  out.upper = estimate + half;
  out.p_value = std::numeric_limits<double>::quiet_NaN();
  if (out.se > 0) {
    const double t = std::abs(estimate - null_value) / out.se;
    const boost::math::students_t distribution(std::min(df, 1e15));
    out.p_value = 2 * boost::math::cdf(boost::math::complement(distribution, t));
  }
  return out;
}

JointEstimates JointEstimates::make(const SurveyData& data,
                                    std::span<const EstimateRequest> requests,
                                    const EstimationOptions& options) {
  JointEstimates out;
  out.design_ = data.design;
  out.replicates_ = options.replicates;
  out.level_ = options.level;
  out.domains_ = data.domains.size();
  if (options.replicates != nullptr) {
    std::vector<double> theta;
    out.rows_ = estimate_all(data, requests, options, &theta);
    const std::size_t replicates = options.replicates->replicates;
    for (std::size_t j = 0; j < out.rows_.size(); ++j) {
      const std::span<const double> of(theta.data() + j * replicates, replicates);
      out.theta_.emplace_back(of.begin(), of.end());
      out.deviations_.push_back(out.rows_[j].failure ? std::vector<double>()
                                                     : replicate_deviations(*options.replicates, of,
                                                                            out.rows_[j].estimate));
      out.totals_.emplace_back();
    }
    return out;
  }
  InfluenceValues influence = influence_values(data, requests, options);
  out.rows_ = std::move(influence.rows);
  for (std::size_t j = 0; j < out.rows_.size(); ++j) {
    out.theta_.emplace_back();
    auto& deviations = out.deviations_.emplace_back();
    auto& totals = out.totals_.emplace_back();
    std::vector<double> u = std::move(influence.u[j]);
    if (out.rows_[j].failure || u.empty()) continue;
    totals = data.design->psu_totals(u);
    if (data.design->pps()) {
      deviations = std::move(u);
      continue;
    }
    auto made = data.design->deviations(u);
    if (made)
      deviations = std::move(made.value());
    else
      out.rows_[j].failure = made.failure();
  }
  return out;
}

std::optional<Failure> JointEstimates::append(const JointEstimates& other) {
  if (other.design_ != design_)
    return Failure{FailureKind::unsupported,
                   "the estimates come from different designs; only estimates of the same rows can "
                   "be paired, waves are compared by across_waves"};
  if (other.replicates_ != replicates_)
    return Failure{FailureKind::unsupported,
                   "the estimates come from different replicates; make both with the same ones"};
  rows_.insert(rows_.end(), other.rows_.begin(), other.rows_.end());
  deviations_.insert(deviations_.end(), other.deviations_.begin(), other.deviations_.end());
  totals_.insert(totals_.end(), other.totals_.begin(), other.totals_.end());
  theta_.insert(theta_.end(), other.theta_.begin(), other.theta_.end());
  return std::nullopt;
}

std::optional<Failure> JointEstimates::broken(std::size_t estimate) const {
  EXPECTS(estimate < size());
  return rows_[estimate].failure;
}

std::vector<double> JointEstimates::combined(std::span<const Term> terms) const {
  std::vector<double> out(deviations_[terms[0].estimate].size(), 0.0);
  for (const Term& term : terms)
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] += term.coefficient * deviations_[term.estimate][i];
  return out;
}

Result<double> JointEstimates::variance_of(std::span<const double> e) const {
  if (replicates_ != nullptr || !design_->pps()) return dot(e, e);
  const auto variance = design_->variance(e);
  if (variance && variance.value() < 0)
    return Failure{FailureKind::unsupported,
                   fmt::format("the variance of the combination is estimated as {:g}, below zero, "
                               "as this estimator allows; choose --pps brewer",
                               variance.value())};
  return variance;
}

Result<ContrastRow> JointEstimates::linear(std::span<const Term> terms) const {
  EXPECTS(!terms.empty());
  double estimate = 0, parts = 0;
  for (const Term& term : terms) {
    if (const auto failure = broken(term.estimate)) return *failure;
    estimate += term.coefficient * rows_[term.estimate].estimate;
    const double se = term.coefficient * rows_[term.estimate].se;
    parts += se * se;
  }
  const auto variance = variance_of(combined(terms));
  if (!variance) return variance.failure();
  return t_interval(estimate, variance.value() > kRounding * parts ? variance.value() : 0.0,
                    smallest_df(*this, terms), level_, 0);
}

Result<ContrastRow> JointEstimates::ratio(std::size_t numerator, std::size_t denominator) const {
  for (const std::size_t j : {numerator, denominator})
    if (const auto failure = broken(j)) return *failure;
  const double below = rows_[denominator].estimate, above = rows_[numerator].estimate;
  if (below == 0)
    return Failure{FailureKind::unsupported, "the denominator of a ratio of estimates is zero"};
  const double ratio = above / below;
  const Term terms[] = {{numerator, 1 / below}, {denominator, -ratio / below}};
  double variance = 0;
  if (replicates_ != nullptr) {
    std::vector<double> theta(theta_[numerator].size());
    for (std::size_t r = 0; r < theta.size(); ++r) {
      theta[r] = theta_[numerator][r] / theta_[denominator][r];
      if (!std::isfinite(theta[r]) && (replicates_->rscales.empty() || replicates_->rscales[r] > 0))
        return Failure{FailureKind::unsupported,
                       fmt::format("the denominator of a ratio of estimates is zero in replicate "
                                   "{} of {}",
                                   r + 1, theta.size())};
    }
    const std::vector<double> e = replicate_deviations(*replicates_, theta, ratio);
    variance = dot(e, e);
  } else {
    const auto delta = variance_of(combined(terms));
    if (!delta) return delta.failure();
    variance = delta.value();
  }
  return t_interval(ratio, variance, smallest_df(*this, terms), level_, 1);
}

Result<std::vector<double>> JointEstimates::covariance(
    std::span<const std::size_t> estimates) const {
  const std::size_t k = estimates.size();
  std::vector<double> out(k * k);
  for (std::size_t a = 0; a < k; ++a) {
    if (const auto failure = broken(estimates[a])) return *failure;
    for (std::size_t b = 0; b <= a; ++b) {
      double value = 0;
      if (replicates_ == nullptr && design_->pps()) {  // (V(a + b) - V(a - b)) / 4
        for (const double sign : {1.0, -1.0}) {
          const Term terms[] = {{estimates[a], 1}, {estimates[b], sign}};
          const auto variance = design_->variance(combined(terms));
          if (!variance) return variance.failure();
          value += sign * variance.value() / 4;
        }
      } else {
        value = dot(deviations_[estimates[a]], deviations_[estimates[b]]);
      }
      out[a * k + b] = out[b * k + a] = value;
    }
  }
  return out;
}

namespace {

std::vector<double> combined_totals(const JointEstimates& of, std::span<const Term> terms) {
  std::vector<double> out(of.design().psus(), 0.0);
  for (const Term& term : terms)
    for (std::size_t u = 0; u < out.size(); ++u)
      out[u] += term.coefficient * of.unit_totals(term.estimate)[u];
  return out;
}

/// Id of each primary unit, checked to be one.
Result<std::vector<std::uint32_t>> ids_of_units(const SurveyDesign& design,
                                                std::span<const std::uint32_t> id_of_row,
                                                const char* wave) {
  EXPECTS(id_of_row.size() == design.n());
  std::vector<std::uint32_t> id(design.psus());
  std::vector<bool> seen(design.psus(), false);
  for (std::size_t i = 0; i < design.n(); ++i) {
    const std::uint32_t u = design.psu(i);
    if (seen[u] && id[u] != id_of_row[i])
      return Failure{
          FailureKind::unsupported,
          fmt::format("row {} of the {} wave has another unit id than the rows before it "
                      "in its primary unit; match waves by the primary unit",
                      i + 1, wave)};
    id[u] = id_of_row[i];
    seen[u] = true;
  }
  return id;
}

/// Matched units of one pair of strata: moments of their totals.
struct Matched {
  double count = 0, a = 0, b = 0, product = 0;  ///< means and sum of products about them
  void add(double x, double y) {
    count += 1;
    const double from = x - a;
    a += from / count;
    b += (y - b) / count;
    product += from * (y - b);
  }
};

Result<double> wave_covariance(const JointEstimates& a, std::span<const Term> terms_a,
                               const JointEstimates& b, std::span<const Term> terms_b,
                               const WaveOverlap& overlap) {
  if (a.replicates() != nullptr || b.replicates() != nullptr)
    return Failure{FailureKind::unsupported,
                   "overlapping waves need linearization: replicates of two files are drawn apart"};
  if (a.design().pps() || b.design().pps())
    return Failure{FailureKind::unsupported,
                   "overlapping waves need equal probabilities within strata; leave out the "
                   "probabilities for clusters drawn with replacement"};
  if (!a.design().one_stage() || !b.design().one_stage())
    return Failure{FailureKind::unsupported,
                   "the covariance of overlapping waves is that of primary units; leave out the "
                   "population sizes of the later stages"};
  const auto ids_a = ids_of_units(a.design(), overlap.units_a, "first");
  const auto ids_b = ids_of_units(b.design(), overlap.units_b, "second");
  if (!ids_a) return ids_a.failure();
  if (!ids_b) return ids_b.failure();
  const auto totals_a = combined_totals(a, terms_a), totals_b = combined_totals(b, terms_b);
  const DesignStage &first = a.design().stages()[0], &second = b.design().stages()[0];
  std::unordered_map<std::uint32_t, std::uint32_t> unit_b;
  for (std::uint32_t u = 0; u < second.units; ++u)
    if (!unit_b.try_emplace(ids_b.value()[u], u).second)
      return Failure{FailureKind::unsupported,
                     fmt::format("two primary units of the second wave have the same id {}",
                                 ids_b.value()[u])};
  std::map<std::pair<std::uint32_t, std::uint32_t>, Matched> strata;
  std::unordered_map<std::uint32_t, std::uint32_t> used;
  for (std::uint32_t u = 0; u < first.units; ++u) {
    const auto found = unit_b.find(ids_a.value()[u]);
    if (found == unit_b.end()) continue;
    if (!used.try_emplace(found->second, u).second)
      return Failure{
          FailureKind::unsupported,
          fmt::format("two primary units of the first wave have the same id {}", ids_a.value()[u])};
    strata[{first.parent_of_unit[u], second.parent_of_unit[found->second]}].add(
        totals_a[u], totals_b[found->second]);
  }
  std::map<std::uint32_t, std::uint32_t> partner, back;
  double covariance = 0;
  for (const auto& [pair, matched] : strata) {
    const double fa = first.fraction[pair.first], fb = second.fraction[pair.second];
    double by_chance = 0;
    if (fa > 0 || fb > 0) {
      const double na = first.units_in_parent[pair.first] / fa;
      const double nb = second.units_in_parent[pair.second] / fb;
      if (!(std::abs(na - nb) <= 1e-9 * na) ||
          !partner.try_emplace(pair.first, pair.second).second ||
          !back.try_emplace(pair.second, pair.first).second)
        return Failure{FailureKind::unsupported,
                       fmt::format("stratum {} of the first wave has matched units in another "
                                   "stratum, or one of another population size, in the second; "
                                   "leave out the population sizes",
                                   pair.first + 1)};
      by_chance = fa * second.units_in_parent[pair.second];
    }
    if (matched.count > 1)
      covariance += (matched.count - by_chance) * matched.product / (matched.count - 1);
  }
  return covariance;
}

}  // namespace

Result<ContrastRow> across_waves(const JointEstimates& a, std::span<const Term> terms_a,
                                 const JointEstimates& b, std::span<const Term> terms_b,
                                 const WaveOverlap* overlap) {
  const auto one = a.linear(terms_a), two = b.linear(terms_b);
  if (!one) return one.failure();
  if (!two) return two.failure();
  const double va = one.value().se * one.value().se, vb = two.value().se * two.value().se;
  const double estimate = one.value().estimate + two.value().estimate;
  const double dfa = one.value().df, dfb = two.value().df;
  if (overlap == nullptr) {
    const double sum = va + vb, below = va * va / dfa + vb * vb / dfb;
    return t_interval(estimate, sum, below > 0 ? sum * sum / below : std::min(dfa, dfb), a.level(),
                      0);
  }
  const auto covariance = wave_covariance(a, terms_a, b, terms_b, *overlap);
  if (!covariance) return covariance.failure();
  const double variance = va + vb + 2 * covariance.value();
  if (variance < -1e-12 * (va + vb))
    return Failure{FailureKind::unsupported,
                   fmt::format("the variance of the difference is estimated as {:g}, below zero: "
                               "too few units are matched; treat the waves as independent",
                               variance)};
  return t_interval(estimate, variance > 1e-14 * (va + vb) ? variance : 0.0, std::min(dfa, dfb),
                    a.level(), 0);
}

}  // namespace steelyard
