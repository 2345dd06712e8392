#include "estimators/survey/design.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace steelyard {
namespace {

/// Numbers pairs (parent, code) in order of first appearance.
struct Numbered {
  std::vector<std::uint32_t> of_row, parent;
};

Numbered number_pairs(std::span<const std::uint32_t> parent_of_row,
                      std::span<const std::uint32_t> code, std::size_t n) {
  Numbered out;
  out.of_row.resize(n);
  std::unordered_map<std::uint64_t, std::uint32_t> seen;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t parent = parent_of_row.empty() ? 0 : parent_of_row[i];
    const std::uint64_t key = (std::uint64_t{parent} << 32) | (code.empty() ? 0 : code[i]);
    const auto [at, fresh] = seen.try_emplace(key, static_cast<std::uint32_t>(out.parent.size()));
    if (fresh) out.parent.push_back(parent);
    out.of_row[i] = at->second;
  }
  return out;
}

/// Sampling fraction of each parent, from its population size or fraction in every row.
Result<std::vector<double>> fractions(const DesignStage& stage, std::span<const double> size,
                                      std::span<const std::uint32_t> parent_of_row, std::size_t s) {
  const bool given = std::all_of(size.begin(), size.end(), [](double v) { return v <= 1; });
  std::vector<double> first(stage.parents, -1.0);
  for (std::size_t i = 0; i < size.size(); ++i) {
    const std::size_t p = parent_of_row.empty() ? 0 : parent_of_row[i];
    if (first[p] < 0) first[p] = size[i];
    if (size[i] != first[p] || !(size[i] > 0))
      return Failure{FailureKind::unsupported,
                     fmt::format("the finite population correction of stage {} is {:g} in row "
                                 "{} and {:g} in another row of the same stratum; it must be "
                                 "one positive number a stratum",
                                 s + 1, size[i], i + 1, first[p])};
  }
  std::vector<double> fraction(stage.parents);
  for (std::size_t p = 0; p < stage.parents; ++p) {
    fraction[p] = given ? first[p] : stage.units_in_parent[p] / first[p];
    if (fraction[p] > 1 + 1e-9)
      return Failure{
          FailureKind::unsupported,
          fmt::format("a stratum of stage {} has {:g} sampled units and a population of {:g}",
                      s + 1, stage.units_in_parent[p], first[p])};
  }
  return fraction;
}

/// The first stage's unequal probabilities, by unit instead of by row.
Result<PpsVariance> first_stage_pps(const DesignStage& stage, const DesignColumns& columns) {
  const std::vector<double>& by_row = columns.pps->probability;
  const auto fault = [](std::string text) {
    return Failure{FailureKind::unsupported, std::move(text)};
  };
  if (by_row.size() != columns.n)
    return fault(fmt::format("{} inclusion probabilities for {} rows; every row needs one",
                             by_row.size(), columns.n));
  if (!columns.fpc.empty() && !columns.fpc[0].empty())
    return fault(
        "the first stage has both population sizes and inclusion probabilities; give only the "
        "probabilities, they hold the finite population correction");
  std::vector<double> of_unit(stage.units, -1.0);
  for (std::size_t i = 0; i < columns.n; ++i) {
    const double p = by_row[i];
    if (std::isnan(p))
      return fault(fmt::format("row {} has no inclusion probability; every row needs one", i + 1));
    if (!(p > 0 && p <= 1))
      return fault(
          fmt::format("the inclusion probability of row {} is {:g}; it must be above 0 and "
                      "at most 1 (a design weight is its reciprocal)",
                      i + 1, p));
    double& unit = of_unit[stage.unit_of_row.empty() ? i : stage.unit_of_row[i]];
    if (unit < 0) unit = p;
    if (unit != p)
      return fault(
          fmt::format("the inclusion probability is {:g} in row {} and {:g} in another row "
                      "of the same cluster; it must be that of the cluster",
                      p, i + 1, unit));
  }
  PpsColumns by_unit = *columns.pps;
  by_unit.probability = std::move(of_unit);
  return PpsVariance::make(by_unit, stage.parent_of_unit, stage.parents, columns.lonely);
}

}  // namespace

SurveyDesign SurveyDesign::rows(std::size_t n) {
  DesignColumns columns;
  columns.n = n;
  return make(columns).value();
}

Result<SurveyDesign> SurveyDesign::make(const DesignColumns& columns) {
  SurveyDesign design;
  const std::size_t n = columns.n;
  design.n_ = n;
  design.lonely_ = columns.lonely;
  std::vector<std::uint32_t> parent_of_row;  // empty: one parent
  std::size_t parents = 1;
  if (!columns.strata.empty()) {
    Numbered strata = number_pairs({}, columns.strata, n);
    parents = strata.parent.size();
    parent_of_row = std::move(strata.of_row);
  }
  const std::size_t stages = std::max<std::size_t>(1, columns.clusters.size());
  if (columns.fpc.size() > stages)
    return Failure{FailureKind::unsupported,
                   fmt::format("there are {} population sizes for {} stages of clusters",
                               columns.fpc.size(), stages)};
  std::vector<double> above(parents, 1.0);  // product of fractions of the stages before
  for (std::size_t s = 0; s < stages; ++s) {
    DesignStage stage;
    stage.parents = parents;
    if (columns.clusters.empty()) {
      stage.units = n;
      stage.parent_of_unit =
          parent_of_row.empty() ? std::vector<std::uint32_t>(n, 0) : parent_of_row;
    } else {
      Numbered units = number_pairs(parent_of_row, columns.clusters[s], n);
      stage.units = units.parent.size();
      stage.parent_of_unit = std::move(units.parent);
      stage.unit_of_row = std::move(units.of_row);
    }
    stage.units_in_parent.assign(parents, 0.0);
    for (std::uint32_t p : stage.parent_of_unit) stage.units_in_parent[p] += 1;
    stage.fraction.assign(parents, 0.0);
    if (s == 0 && columns.pps) {
      auto pps = first_stage_pps(stage, columns);
      if (!pps) return pps.failure();
      design.pps_ = std::move(pps.value());
    } else if (s < columns.fpc.size()) {
      auto fraction = fractions(stage, columns.fpc[s], parent_of_row, s);
      if (!fraction) return fraction.failure();
      stage.fraction = std::move(fraction.value());
    }
    design.multiplier_.push_back(above);
    std::vector<double> next(stage.units);
    double any = 0;
    for (std::size_t u = 0; u < stage.units; ++u) {
      const std::uint32_t p = stage.parent_of_unit[u];
      next[u] =
          s == 0 && design.pps_ ? design.pps_->probability()[u] : above[p] * stage.fraction[p];
      any += next[u];
    }
    above = std::move(next);
    parent_of_row = stage.unit_of_row;
    parents = stage.units;
    design.stages_.push_back(std::move(stage));
    design.effective_stages_ = design.stages_.size();
    if (any == 0) break;  // sampled with replacement: later stages add nothing
  }
  return design;
}

Failure SurveyDesign::single(std::size_t stage, std::size_t parent) const {
  const char* remedy = "merge strata or choose --lonely-psu certainty, adjust or average";
  if (stage > 0)
    return {FailureKind::single_unit,
            fmt::format("unit {} of stage {} has a single unit of stage {}, so the variance within "
                        "it cannot be estimated; {}",
                        parent + 1, stage, stage + 1, remedy)};
  return {FailureKind::single_unit,
          fmt::format("stratum {} has a single primary unit, so its variance cannot be estimated; "
                      "{}",
                      parent + 1, remedy)};
}

std::optional<Failure> SurveyDesign::add_deviations(std::size_t s, std::span<const double> totals,
                                                    std::vector<double>& out) const {
  const DesignStage& stage = stages_[s];
  std::vector<double> mean(stage.parents, 0.0), scale(stage.parents, 0.0);
  for (std::size_t u = 0; u < stage.units; ++u) mean[stage.parent_of_unit[u]] += totals[u];
  double counted = 0, lonely = 0;
  for (std::size_t p = 0; p < stage.parents; ++p) {
    const double n = stage.units_in_parent[p];
    const double factor = multiplier_[s][p] * (1 - stage.fraction[p]);
    mean[p] /= n;
    if (factor <= 1e-15 || n > 1) {
      scale[p] = factor <= 1e-15 ? 0.0 : std::sqrt(factor * n / (n - 1));
      counted += 1;
    } else if (lonely_ == LonelyPsu::fail) {
      return single(s, p);
    } else if (lonely_ == LonelyPsu::adjust) {
      mean[p] = 0;
      scale[p] = std::sqrt(factor);
    } else if (lonely_ == LonelyPsu::average) {
      lonely += 1;
    }
  }
  const double more = lonely > 0 && counted > 0 ? std::sqrt((counted + lonely) / counted) : 1.0;
  for (std::size_t u = 0; u < stage.units; ++u) {
    const std::uint32_t p = stage.parent_of_unit[u];
    out.push_back(more * scale[p] * (totals[u] - mean[p]));
  }
  return std::nullopt;
}

Result<std::vector<double>> SurveyDesign::deviations(std::span<const double> u) const {
  EXPECTS(u.size() == n_);
  if (pps_)
    return Failure{FailureKind::unsupported,
                   "a variance under unequal probabilities is not a sum of squares"};
  std::vector<double> out, totals;
  for (std::size_t s = 0; s < effective_stages_; ++s) {
    const DesignStage& stage = stages_[s];
    std::span<const double> of_units = u;
    if (!stage.unit_of_row.empty()) {
      totals.assign(stage.units, 0.0);
      for (std::size_t i = 0; i < n_; ++i) totals[stage.unit_of_row[i]] += u[i];
      of_units = totals;
    }
    if (const auto failure = add_deviations(s, of_units, out)) return *failure;
  }
  return out;
}

std::vector<double> SurveyDesign::psu_totals(std::span<const double> u) const {
  std::vector<double> totals(psus(), 0.0);
  for (std::size_t i = 0; i < n_; ++i) totals[psu(i)] += u[i];
  return totals;
}

double SurveyDesign::df_of_rows(std::span<const std::uint32_t> rows,
                                std::span<const double> w) const {
  std::vector<bool> unit(psus(), false), stratum(strata(), false);
  double df = 0;
  for (const std::uint32_t i : rows) {
    if (w[i] == 0 || unit[psu(i)]) continue;
    unit[psu(i)] = true;
    if (pps_ && pps_->probability()[psu(i)] >= 1) continue;  // certain: no part of the sample
    df += 1;
    const std::uint32_t h = stages_[0].parent_of_unit[psu(i)];
    if (!stratum[h]) df -= 1;
    stratum[h] = true;
  }
  return df;
}

Result<double> SurveyDesign::stage_variance(std::size_t s, std::span<const double> totals) const {
  if (s == 0 && pps_) return pps_->of(totals);
  const DesignStage& stage = stages_[s];
  std::vector<double> mean(stage.parents, 0.0), squares(stage.parents, 0.0);
  for (std::size_t u = 0; u < stage.units; ++u) mean[stage.parent_of_unit[u]] += totals[u];
  for (std::size_t p = 0; p < stage.parents; ++p) mean[p] /= stage.units_in_parent[p];
  if (lonely_ == LonelyPsu::adjust)
    for (std::size_t p = 0; p < stage.parents; ++p)
      if (stage.units_in_parent[p] == 1) mean[p] = 0;
  for (std::size_t u = 0; u < stage.units; ++u) {
    const double e = totals[u] - mean[stage.parent_of_unit[u]];
    squares[stage.parent_of_unit[u]] += e * e;
  }
  double variance = 0, counted = 0, lonely = 0;
  for (std::size_t p = 0; p < stage.parents; ++p) {
    const double n = stage.units_in_parent[p];
    const double factor = multiplier_[s][p] * (1 - stage.fraction[p]);
    if (factor <= 1e-15) {
      counted += 1;
    } else if (n > 1) {
      variance += factor * n / (n - 1) * squares[p];
      counted += 1;
    } else if (lonely_ == LonelyPsu::fail) {
      return single(s, p);
    } else if (lonely_ == LonelyPsu::adjust) {
      variance += factor * squares[p];
    } else if (lonely_ == LonelyPsu::average) {
      lonely += 1;
    }
  }
  if (lonely > 0 && counted > 0) variance *= (counted + lonely) / counted;
  return variance;
}

Result<double> SurveyDesign::variance_of_moments(std::span<const double> sum,
                                                 std::span<const double> squares) const {
  EXPECTS(element_sampling());
  const DesignStage& stage = stages_[0];
  double variance = 0, counted = 0, lonely = 0;
  for (std::size_t p = 0; p < stage.parents; ++p) {
    const double n = stage.units_in_parent[p], factor = 1 - stage.fraction[p];
    if (factor <= 1e-15) {
      counted += 1;
    } else if (n > 1) {
      variance += factor * n / (n - 1) * squares[p];
      counted += 1;
    } else if (lonely_ == LonelyPsu::fail) {
      return single(0, p);
    } else if (lonely_ == LonelyPsu::adjust) {
      variance += factor * sum[p] * sum[p];
    } else if (lonely_ == LonelyPsu::average) {
      lonely += 1;
    }
  }
  if (lonely > 0 && counted > 0) variance *= (counted + lonely) / counted;
  return variance;
}

Result<double> SurveyDesign::variance(std::span<const double> u) const {
  double variance = 0;
  std::vector<double> totals;
  for (std::size_t s = 0; s < effective_stages_; ++s) {
    const DesignStage& stage = stages_[s];
    std::span<const double> of_units = u;
    if (!stage.unit_of_row.empty()) {
      totals.assign(stage.units, 0.0);
      for (std::size_t i = 0; i < n_; ++i) totals[stage.unit_of_row[i]] += u[i];
      of_units = totals;
    }
    const auto part = stage_variance(s, of_units);
    if (!part) return part;
    variance += part.value();
  }
  return variance;
}

}  // namespace steelyard
