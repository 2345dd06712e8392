#include "estimators/buckets/family_fits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/text.hpp"
#include "estimators/buckets/parametric.hpp"

namespace steelyard {
namespace {

constexpr std::array<NamedFamily, 12> kFamilies{{{"GB2", Family::gb2},
                                                 {"GG", Family::generalized_gamma},
                                                 {"BETA2", Family::beta2},
                                                 {"DAGUM", Family::dagum},
                                                 {"SM", Family::singh_maddala},
                                                 {"LN", Family::lognormal},
                                                 {"WEI", Family::weibull},
                                                 {"GA", Family::gamma},
                                                 {"FISK", Family::fisk},
                                                 {"LOMAX", Family::lomax},
                                                 {"EXP", Family::exponential},
                                                 {"NORM", Family::normal}}};

/// Between a tail index of 1, where the mean is infinite, and 2, where the variance is. Measured:
/// on US counties an index above 1 alone triples the error of means; above 2 populations without a
/// variance are missed by 8 %.
constexpr double kMomentOfSoundMean = 1.5;

std::size_t free_parameters(const IntervalFit& fit) { return fit.standard_error.size(); }

}  // namespace

std::span<const NamedFamily> ml_families() { return kFamilies; }
std::span<const NamedFamily> ten_families() { return std::span(kFamilies).first(10); }

const NamedFamily& ml_family(std::string_view name) {
  const auto found = std::find_if(kFamilies.begin(), kFamilies.end(),
                                  [&](const NamedFamily& f) { return f.name == name; });
  EXPECTS(found != kFamilies.end());
  return *found;
}

Result<IntervalFit> fit_family(const NamedFamily& family, const BucketTable& table, MeanUse use) {
  const bool normal = family.family == Family::normal;
  const bool matched = use == MeanUse::matched;
  const auto fail = [&](FailureKind kind, std::string why) {
    return Failure{kind, fmt::format("{}: {}", family.name, why)};
  };
  if (matched && !table.known_mean) return Failure{FailureKind::infeasible, "no mean"};
  if (!normal && table.edges[0] < 0)
    return fail(FailureKind::unsupported,
                fmt::format("is a law of positive amounts, the table starts at {:g}; use NORM",
                            table.edges[0]));
  if (matched && !normal && !(*table.known_mean > 0))
    return fail(FailureKind::infeasible, fmt::format("has no law of mean {:g}", *table.known_mean));
  const std::size_t k = free_slots(family.family).size() - (matched ? 1 : 0);
  if (k >= table.size())
    return fail(FailureKind::unsupported,
                fmt::format("{} free parameters need {} buckets, the table has {}", k, k + 1,
                            table.size()));
  if (k == 4 && table.size() < 6)
    return fail(FailureKind::unsupported,
                "four free parameters fit five buckets exactly, whatever they are; give six");
  const auto populated = static_cast<std::size_t>(
      std::count_if(table.weights.begin(), table.weights.end(), [](double w) { return w > 0; }));
  if (populated <= k)
    return fail(FailureKind::unsupported,
                fmt::format("{} free parameters need {} populated buckets, the table has {}", k,
                            k + 1, populated));
  std::vector<double> edges = table.edges;
  edges[0] = normal ? -std::numeric_limits<double>::infinity() : 0.0;
  const std::vector<double> shares = table.shares();
  IntervalFit fit =
      matched ? fit_intervals_to_mean(family.family, edges, shares, table.n, *table.known_mean)
              : fit_intervals(family.family, edges, shares, table.n);
  if (fit.status == FitStatus::not_converged)
    return fail(FailureKind::no_convergence,
                fmt::format("no maximum of the likelihood was found (gradient {:.1e} a person)",
                            fit.gradient));
  return fit;
}

FamilyFits::FamilyFits(const BucketTable& table) : table_(table) {}

const Result<IntervalFit>& FamilyFits::fit(const NamedFamily& family, const BucketTable& table,
                                           MeanUse use) {
  EXPECTS(table.edges == table_.edges && table.weights == table_.weights && table.n == table_.n);
  const auto mean = use == MeanUse::matched ? table.known_mean : std::nullopt;
  // Without its mean a matched fit fails at once: there is nothing to share.
  static const Result<IntervalFit> no_mean = Failure{FailureKind::infeasible, "no mean"};
  if (use == MeanUse::matched && !mean) return no_mean;
  const std::pair key{family.family, mean};
  auto at = fits_.find(key);
  if (at == fits_.end()) at = fits_.emplace(key, fit_family(family, table, use)).first;
  return at->second;
}

std::shared_ptr<const Law> FamilyFits::law(const SizeDistribution& fitted) {
  auto& law = laws_[{fitted.family(), fitted.parameters()}];
  if (!law) law = std::make_shared<ParametricLaw>(fitted);
  return law;
}

double bic_of(const IntervalFit& fit, double n) {
  return static_cast<double>(free_parameters(fit)) * std::log(n) - 2 * fit.log_likelihood;
}

std::vector<std::pair<std::string, double>> findings(const IntervalFit& fit, double n) {
  std::vector<std::pair<std::string, double>> list;
  const std::vector<std::string> names = parameter_names(fit.law.family());
  const std::vector<double> values = fit.law.free_parameters();
  for (std::size_t j = 0; j < names.size(); ++j) list.emplace_back("par:" + names[j], values[j]);
  if (fit.status == FitStatus::ok) {
    // With a known mean the location is not estimated and has none.
    const bool matched = free_parameters(fit) < names.size();
    std::size_t l = 0;
    for (const std::string& name : names) {
      if (matched && (name == "b" || name == "mu")) continue;
      list.emplace_back((name == "mu" ? "se:" : "se_log:") + name, fit.standard_error[l++]);
    }
  } else {
    list.emplace_back("boundary", 1);
  }
  list.emplace_back("loglik", fit.log_likelihood);
  list.emplace_back("aic", fit.aic);
  list.emplace_back("bic", bic_of(fit, n));
  list.emplace_back("G2", fit.deviance);
  return list;
}

std::string boundary_note(std::string_view family, const IntervalFit& fit) {
  std::vector<std::string> parts;
  const std::vector<std::string> names = parameter_names(fit.law.family());
  const std::vector<double> values = fit.law.free_parameters();
  for (std::size_t j = 0; j < names.size(); ++j)
    parts.push_back(fmt::format("{} = {:.4g}", names[j], values[j]));
  return fmt::format(
      "{}: the likelihood increases towards an infinite or vanishing parameter ({}); the law is "
      "near the limiting family, without standard errors",
      family, join(parts, ", "));
}

std::size_t Members::best() const {
  return static_cast<std::size_t>(std::max_element(weights.begin(), weights.end()) -
                                  weights.begin());
}

Result<Members> fit_members(std::span<const NamedFamily> families, const BucketTable& table,
                            MeanUse use, Criterion criterion, Needed needed, FamilyFits& shared) {
  if (use == MeanUse::matched && !table.known_mean)
    return Failure{FailureKind::infeasible, "no mean"};
  const double least_moment = needed == Needed::variance ? 2 : kMomentOfSoundMean;
  Members members;
  std::vector<double> criteria;
  for (const NamedFamily& family : families) {
    const Result<IntervalFit>& fit = shared.fit(family, table, use);
    if (!fit) {
      members.notes.push_back(fit.failure().detail);
      continue;
    }
    if (fit.value().status != FitStatus::ok) {
      members.notes.push_back(boundary_note(family.name, fit.value()));
      continue;
    }
    if (!fit.value().law.has_moment(least_moment)) {
      members.notes.push_back(
          fmt::format("{}: its moment of order {:g} is infinite", family.name, least_moment));
      continue;
    }
    criteria.push_back(criterion == Criterion::aic ? fit.value().aic
                                                   : bic_of(fit.value(), table.n));
    members.fits.emplace_back(family.name, &fit.value());
  }
  if (members.fits.empty())
    return Failure{FailureKind::unsupported,
                   "no family enters the average: " + join(members.notes, "; ")};
  const double least = *std::min_element(criteria.begin(), criteria.end());
  double sum = 0;
  for (double value : criteria) sum += members.weights.emplace_back(std::exp((least - value) / 2));
  for (double& weight : members.weights) weight /= sum;
  return members;
}

}  // namespace steelyard
