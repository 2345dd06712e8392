#include "estimators/survey/pps_variance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>

#include "core/text.hpp"

namespace steelyard {
namespace {

constexpr std::array<std::pair<PpsMethod, const char*>, 7> kNames{{
    {PpsMethod::brewer, "brewer"},
    {PpsMethod::deville, "deville"},
    {PpsMethod::overton, "overton"},
    {PpsMethod::hartley_rao, "hartley_rao"},
    {PpsMethod::yates_grundy, "yates_grundy"},
    {PpsMethod::horvitz_thompson, "horvitz_thompson"},
    {PpsMethod::poisson, "poisson"},
}};

bool needs_joint(PpsMethod method) {
  return method == PpsMethod::yates_grundy || method == PpsMethod::horvitz_thompson;
}

std::optional<std::string> fault_of(const PpsColumns& columns) {
  const std::vector<double>&p = columns.probability, &joint = columns.joint;
  const std::size_t n = p.size();
  if (!needs_joint(columns.method)) return std::nullopt;
  if (joint.empty())
    return fmt::format(
        "the {} variance needs the joint inclusion probabilities of the sampled "
        "units; give them, or choose brewer, deville, overton or hartley_rao",
        to_string(columns.method));
  if (joint.size() != n * n)
    return fmt::format(
        "{} joint inclusion probabilities for {} sampled units; there must be {} "
        "rows of {}",
        joint.size(), n, n, n);
  for (std::size_t i = 0; i < n; ++i) {
    if (!(std::abs(joint[i * n + i] - p[i]) <= 1e-6 * p[i]))
      return fmt::format(
          "the joint inclusion probability of unit {} with itself is {:g}, but its "
          "inclusion probability is {:g}; are the rows in the file's order?",
          i + 1, joint[i * n + i], p[i]);
    for (std::size_t j = 0; j < i; ++j) {
      const double pair = joint[i * n + j];
      if (!(pair > 0) || pair > std::min(p[i], p[j]) * (1 + 1e-6))
        return fmt::format(
            "the joint inclusion probability of units {} and {} is {:g}; of two "
            "sampled units it must be above 0 and at most {:g}",
            i + 1, j + 1, pair, std::min(p[i], p[j]));
      if (!(std::abs(pair - joint[j * n + i]) <= 1e-6 * pair))
        return fmt::format(
            "the joint inclusion probabilities of units {} and {} are {:g} and {:g}; "
            "the matrix must be symmetric",
            i + 1, j + 1, pair, joint[j * n + i]);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(PpsMethod method) {
  for (const auto& [value, name] : kNames)
    if (value == method) return name;
  return "";
}

Result<PpsMethod> pps_method(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& [value, known] : kNames) {
    if (name == known) return value;
    names.emplace_back(known);
  }
  const std::string nearest = suggestion(name, names);
  return Failure{
      FailureKind::unsupported,
      fmt::format("there is no variance for unequal probabilities named \"{}\"; {}", name,
                  nearest.empty() ? "choose from: " + join(names, ", ") : nearest)};
}

Result<PpsVariance> PpsVariance::make(const PpsColumns& columns,
                                      std::span<const std::uint32_t> stratum, std::size_t strata,
                                      LonelyPsu lonely) {
  const std::size_t n = columns.probability.size();
  EXPECTS(stratum.empty() || stratum.size() == n);
  for (std::size_t i = 0; i < n; ++i) {
    const double p = columns.probability[i];
    if (std::isnan(p))
      return Failure{FailureKind::unsupported,
                     fmt::format("unit {} has no inclusion probability; every sampled unit needs "
                                 "one",
                                 i + 1)};
    if (!(p > 0 && p <= 1))
      return Failure{FailureKind::unsupported,
                     fmt::format("the inclusion probability of unit {} is {:g}; it must be above 0 "
                                 "and at most 1 (a weight is its reciprocal)",
                                 i + 1, p)};
  }
  if (const auto fault = fault_of(columns)) return Failure{FailureKind::unsupported, *fault};
  PpsVariance out;
  out.method_ = columns.method;
  out.lonely_ = lonely;
  out.probability_ = columns.probability;
  out.stratum_.assign(stratum.begin(), stratum.end());
  out.strata_.resize(strata);
  for (std::size_t i = 0; i < n; ++i) {
    if (!out.counts(i)) continue;
    Stratum& s = out.strata_[out.stratum(i)];
    s.n += 1;
    s.sum += out.probability_[i];
  }
  for (const Stratum& s : out.strata_) out.df_ += s.n > 0 ? s.n - 1 : 0.0;
  if (needs_joint(columns.method)) {
    out.joint_.resize(n * n);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        out.joint_[i * n + j] =
            1 - (i == j ? out.probability_[i]
                        : out.probability_[i] * out.probability_[j] / columns.joint[i * n + j]);
  } else {
    out.approximate(columns.method, columns.pairs);
  }
  return out;
}

/// Overton's and Hartley-Rao's pair sums in O(n). With e = u - mean u and row sums r of the pairs'
/// coefficients D, which sum to 0: Σ D u u = Σ D e e + 2 (mean u) Σ r e, and Yates-Grundy's sum is
/// Σ D e e - Σ r e². D is linear in π_i and π_j off the diagonal, so Σ D e e is a sum of squares.
/// Overton: r = -nπ/(2(n-1)) + const; Hartley-Rao: r = (mean π - π)/(n-1).
void PpsVariance::approximate(PpsMethod method, PairSum pairs) {
  const std::size_t n = probability_.size();
  c_.assign(n, 0.0);
  a_.assign(n, 0.0);
  t_.assign(n, 0.0);
  const bool yates = pairs == PairSum::yates_grundy;
  std::vector<double> open(strata_.size(), 0.0), open_squared(strata_.size(), 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    const double q = 1 - probability_[i];
    open[stratum(i)] += q;
    open_squared[stratum(i)] += q * q;
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (!counts(i)) continue;
    const std::uint32_t h = stratum(i);
    const Stratum& s = strata_[h];
    const double p = probability_[i], mean = s.sum / s.n;
    if (method == PpsMethod::poisson) {
      c_[i] = 1 - p;
      continue;
    }
    a_[i] = 1 / s.n;
    if (s.n < 2) {
      c_[i] = 1 - p;  // of LonelyPsu::adjust alone
      continue;
    }
    const double brewer = s.n / (s.n - 1) * (1 - p);
    switch (method) {
      case PpsMethod::deville:
        a_[i] = (1 - p) / open[h];
        c_[i] = (1 - p) / (1 - open_squared[h] / (open[h] * open[h]));
        break;
      case PpsMethod::overton:
        c_[i] = brewer + (yates ? s.n * (p - mean) / (2 * (s.n - 1)) : 0.0);
        t_[i] = yates ? 0.0 : s.n / (s.n - 1) * p;
        break;
      case PpsMethod::hartley_rao:
        c_[i] = yates ? brewer : 1 - p + (1 + mean - 2 * p) / (s.n - 1);
        t_[i] = yates ? 0.0 : 2 / (s.n - 1) * p;
        break;
      default:
        c_[i] = brewer;
    }
  }
}

double PpsVariance::of_pairs(std::span<const double> u) const {
  const std::size_t n = u.size();
  double variance = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double row = 0;
    if (method_ == PpsMethod::yates_grundy) {
      for (std::size_t j = 0; j < i; ++j) row -= joint_[i * n + j] * (u[i] - u[j]) * (u[i] - u[j]);
    } else {
      for (std::size_t j = 0; j < i; ++j) row += 2 * joint_[i * n + j] * u[j];
      row = (row + joint_[i * n + i] * u[i]) * u[i];
    }
    variance += row;
  }
  return variance;
}

Result<double> PpsVariance::of(std::span<const double> u) const {
  EXPECTS(u.size() == probability_.size());
  const bool fixed = method_ != PpsMethod::poisson && method_ != PpsMethod::horvitz_thompson;
  double lonely = 0, counted = 0;
  for (std::size_t h = 0; fixed && h < strata_.size(); ++h) {
    lonely += strata_[h].n == 1;
    counted += strata_[h].n > 1;
    if (strata_[h].n == 1 && lonely_ == LonelyPsu::fail)
      return Failure{
          FailureKind::single_unit,
          fmt::format("stratum {} has a single primary unit that is not certain, so its variance "
                      "cannot be estimated; merge strata or choose --lonely-psu certainty, adjust "
                      "or average",
                      h + 1)};
  }
  std::vector<double> mean(strata_.size(), 0.0);
  double grand = 0, units = 0;
  if (!joint_.empty() && !(lonely > 0 && lonely_ == LonelyPsu::adjust)) {
    const double variance = of_pairs(u);
    return lonely > 0 && counted > 0 && lonely_ == LonelyPsu::average
               ? variance * (counted + lonely) / counted
               : variance;
  }
  if (!joint_.empty())
    return Failure{FailureKind::unsupported,
                   "--lonely-psu adjust has no meaning for the yates_grundy variance; choose "
                   "certainty or average, or the brewer variance"};
  for (std::size_t i = 0; i < u.size(); ++i) {
    mean[stratum(i)] += a_[i] * u[i];
    if (!counts(i)) continue;
    grand += u[i];
    units += 1;
  }
  std::vector<double> tilt(strata_.size(), 0.0);
  double variance = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    if (!counts(i)) continue;
    const std::uint32_t h = stratum(i);
    const bool alone = fixed && strata_[h].n == 1;
    if (alone && lonely_ != LonelyPsu::adjust) continue;
    const double e = u[i] - (alone ? grand / units : mean[h]);
    variance += c_[i] * e * e;
    tilt[h] += t_[i] * e;
  }
  for (std::size_t h = 0; h < strata_.size(); ++h) variance -= mean[h] * tilt[h];
  if (lonely_ == LonelyPsu::average && lonely > 0 && counted > 0)
    variance *= (counted + lonely) / counted;
  return variance;
}

}  // namespace steelyard
