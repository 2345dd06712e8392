#include "study/households.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "core/timing.hpp"
#include "study/parallel.hpp"

namespace steelyard {
namespace {

constexpr int kRounds = 200;
constexpr int kRoundStall = 10;  // rounds without halving the error of the common controls

/// The controls over all zones, and the multipliers with which they tilt the base weights.
class CommonControls {
 public:
  CommonControls(const HouseholdScenario& scenario) : scenario_(scenario) {
    for (std::size_t c = 0; c < scenario.columns.size(); ++c)
      if (scenario.is_meta(c)) columns_.push_back(static_cast<std::uint32_t>(c));
    multipliers_.assign(columns_.size(), 0.0);
  }

  const std::vector<std::uint32_t>& columns() const { return columns_; }
  bool empty() const { return columns_.empty(); }

  std::vector<double> base(std::size_t group) const {
    const Incidence& a = scenario_.groups[group];
    std::vector<double> tilt(a.columns), weights(a.rows());
    std::vector<bool> ruled_out(a.columns);
    for (std::size_t j = 0; j < columns_.size(); ++j) {
      tilt[columns_[j]] = multipliers_[j];
      ruled_out[columns_[j]] = target(j) == 0;
    }
    for (std::size_t i = 0; i < a.rows(); ++i) {
      double sum = 0;
      bool possible = true;
      for (std::size_t e = a.first[i]; e < a.first[i + 1]; ++e) {
        sum += tilt[a.column[e]] * static_cast<double>(a.count[e]);
        possible = possible && !ruled_out[a.column[e]];
      }
      weights[i] = possible ? scenario_.seeds.weight[a.seeds[i]] * std::exp(sum) : 0.0;
    }
    return weights;
  }

  double target(std::size_t j) const { return scenario_.columns[columns_[j]].targets[0]; }

  double error(const std::vector<double>& sums) const {
    double worst = 0;
    for (std::size_t j = 0; j < columns_.size(); ++j)
      worst = std::max(worst, std::abs(sums[columns_[j]] - target(j)) / std::max(target(j), 1.0));
    return worst;
  }

  /// @param response  sum of the zones' tilt_response(), m × m
  void newton(const std::vector<double>& sums, const std::vector<double>& response) {
    const auto m = static_cast<Eigen::Index>(columns_.size());
    Eigen::MatrixXd h = Eigen::Map<const Eigen::MatrixXd>(response.data(), m, m);
    Eigen::VectorXd off(m);
    for (Eigen::Index j = 0; j < m; ++j) {
      const auto at = static_cast<std::size_t>(j);
      off[j] = target(at) - sums[columns_[at]];
    }
    // Levels that sum to the zones' totals leave a direction without response.
    h.diagonal().array() += 1e-8 * std::max(h.diagonal().maxCoeff(), 1e-300);
    Eigen::VectorXd step = h.ldlt().solve(off);
    const double largest = step.cwiseAbs().maxCoeff();
    if (largest > 2) step *= 2 / largest;
    for (Eigen::Index j = 0; j < m; ++j) multipliers_[static_cast<std::size_t>(j)] += step[j];
  }

  void ratios(const std::vector<double>& sums) {
    for (std::size_t j = 0; j < columns_.size(); ++j)
      if (sums[columns_[j]] > 0 && target(j) > 0)
        multipliers_[j] += std::log(target(j) / sums[columns_[j]]);
  }

 private:
  const HouseholdScenario& scenario_;
  std::vector<std::uint32_t> columns_;
  std::vector<double> multipliers_;
};

/// Fits every zone once more, each from its last multipliers. @return the zones' column sums
std::vector<std::vector<double>> fit_zones(const HouseholdScenario& scenario,
                                           const CommonControls& common, int threads,
                                           HouseholdFit& fit) {
  std::vector<std::vector<double>> bases, sums(scenario.zones.size());
  for (std::size_t g = 0; g < scenario.groups.size(); ++g) bases.push_back(common.base(g));
  const std::vector<double> importance = scenario.importance();
  parallel_for(scenario.zones.size(), threads, [&](std::uint64_t z, std::size_t) {
    const std::size_t g = scenario.zones[z].group;
    const std::vector<double> start = std::move(fit.zones[z].multipliers);
    fit.zones[z] = fit_zone(scenario.groups[g], bases[g], scenario.zone_targets(z), importance,
                            scenario.fitting, start);
    sums[z] = column_sums(scenario.groups[g], fit.zones[z].weights);
  });
  return sums;
}

std::vector<double> total(const std::vector<std::vector<double>>& parts) {
  std::vector<double> sum(parts.front().size());
  for (const auto& part : parts)
    for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += part[c];
  return sum;
}

std::vector<double> common_response(const HouseholdScenario& scenario, const CommonControls& common,
                                    int threads, const HouseholdFit& fit) {
  const std::vector<double> importance = scenario.importance();
  std::vector<std::vector<double>> parts(scenario.zones.size());
  parallel_for(scenario.zones.size(), threads, [&](std::uint64_t z, std::size_t) {
    parts[z] =
        tilt_response(scenario.groups[scenario.zones[z].group], fit.zones[z],
                      scenario.zone_targets(z), importance, scenario.fitting, common.columns());
  });
  return total(parts);
}

void list_outcomes(const HouseholdScenario& scenario, const std::vector<std::vector<double>>& sums,
                   HouseholdFit& fit) {
  const std::vector<double> all = total(sums);
  for (std::size_t c = 0; c < scenario.columns.size(); ++c) {
    const std::vector<double>& targets = scenario.columns[c].targets;
    if (scenario.is_meta(c)) {
      fit.outcomes.push_back({c, std::nullopt, targets[0], all[c]});
      continue;
    }
    for (std::size_t z = 0; z < targets.size(); ++z)
      if (!std::isnan(targets[z])) fit.outcomes.push_back({c, z, targets[z], sums[z][c]});
  }
}

}  // namespace

double ControlOutcome::error() const { return std::abs(fitted - target) / std::max(target, 1.0); }

double HouseholdFit::largest_error() const {
  double worst = 0;
  for (const ControlOutcome& outcome : outcomes) worst = std::max(worst, outcome.error());
  return worst;
}

HouseholdFit fit_households(const HouseholdScenario& scenario, int threads) {
  const auto start = Clock::now();
  HouseholdFit fit;
  fit.zones.resize(scenario.zones.size());
  CommonControls common(scenario);
  std::vector<std::vector<double>> sums;
  double mark = std::numeric_limits<double>::infinity();
  for (int since = 0; fit.rounds < kRounds;) {
    sums = fit_zones(scenario, common, threads, fit);
    ++fit.rounds;
    if (common.empty()) break;
    const std::vector<double> all = total(sums);
    const double error = common.error(all);
    if (!(error > scenario.fitting.tolerance)) break;
    if (error < mark / 2) {
      mark = error;
      since = 0;
    } else if (++since > kRoundStall) {
      break;
    }
    if (scenario.fitting.method == FittingMethod::ipu)
      common.ratios(all);
    else
      common.newton(all, common_response(scenario, common, threads, fit));
  }
  list_outcomes(scenario, sums, fit);
  fit.fit_seconds = seconds_since(start);
  return fit;
}

void integerise_households(const HouseholdScenario& scenario, Seed seed, int threads,
                           HouseholdFit& fit) {
  const auto start = Clock::now();
  const std::size_t n = scenario.zones.size(), k = scenario.columns.size();
  std::vector<std::vector<double>> wholes(n);
  const std::vector<ColumnKind> kinds = scenario.kinds();
  const std::vector<double> importance = scenario.importance();
  fit.counts.assign(n, {});
  parallel_for(n, threads, [&](std::uint64_t z, std::size_t) {
    const Incidence& a = scenario.groups[scenario.zones[z].group];
    // What the weights give, as they meet the controls; a zone's part of a control over all zones.
    const std::vector<double> targets = scenario.zone_targets(z);
    std::vector<double> aims = column_sums(a, fit.zones[z].weights);
    for (std::size_t c = 0; c < k; ++c)
      if (std::isnan(targets[c]) && !scenario.is_meta(c)) aims[c] = kNoTarget;
    Stream stream({seed, purpose("households"), Replicate{0}, Unit{z}});
    fit.counts[z] =
        integerise(a, fit.zones[z].weights, aims, kinds, importance, scenario.totals[z], stream);
    wholes[z] = column_sums(a, std::vector<double>(fit.counts[z].begin(), fit.counts[z].end()));
  });
  const std::vector<double> all = total(wholes);
  for (ControlOutcome& outcome : fit.outcomes)
    outcome.whole = static_cast<std::uint64_t>(
        std::llround(outcome.zone ? wholes[*outcome.zone][outcome.column] : all[outcome.column]));
  fit.integerise_seconds = seconds_since(start);
}

}  // namespace steelyard
