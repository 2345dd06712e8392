#include "study/reproduction.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "core/sums.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

ReproductionRecord describe(const PublishedNumber& n) {
  ReproductionRecord record;
  record.id = n.id;
  record.scope = n.scope_text.empty() ? "all" : n.scope_text;
  if (n.view == View::sample) record.scope += " (before weighting)";
  record.quantity = n.quantity_text;
  if (n.statistic != Statistic::share && n.statistic != Statistic::count)
    record.quantity += (n.quantity_text.empty() ? "" : " ") + std::string(to_string(n.statistic));
  record.level = n.level_text;
  record.reported = n.printed;
  record.unit = n.unit;
  record.provenance = to_string(n.provenance);
  record.source = n.source;
  record.note = n.note;
  record.lower = record.upper = record.expected = record.simulated = record.simulated_mcse = kNone;
  return record;
}

}  // namespace

std::vector<ReproductionRecord> make_reproduction(const Population& population,
                                                  const std::vector<ReplicateResults>& replicates) {
  const Scenario& scenario = population.scenario();
  std::vector<ReproductionRecord> records;
  for (std::size_t i = 0; i < scenario.numbers.size(); ++i) {
    const PublishedNumber& n = scenario.numbers[i];
    if (n.view == View::population || n.provenance == Provenance::assumed) continue;
    ReproductionRecord record = describe(n);
    if (n.use == Use::not_modelled) {
      record.status = ReproductionStatus::not_modelled;
      records.push_back(std::move(record));
      continue;
    }
    const double unit = n.statistic == Statistic::share ? 100 : 1;
    double divisor = 1;
    if (n.statistic == Statistic::ratio_to_population) {
      const auto shares = population.share(n.quantity);
      divisor = 0;
      for (LevelCode level : n.levels) divisor += shares[level];
    }
    // Counts are of the survey as it was, whatever size of sample is drawn here.
    if (n.statistic == Statistic::count)
      divisor =
          static_cast<double>(scenario.sample_size) / static_cast<double>(scenario.reported_size);
    Moments simulated;
    for (const ReplicateResults& replicate : replicates) {
      const double value = n.quantity.empty() ? static_cast<double>(scenario.reported_size)
                                              : replicate.published[i] / divisor;
      if (!std::isnan(value)) simulated.add(value * unit);
    }
    record.lower = n.lower * unit;
    record.upper = n.upper * unit;
    record.expected = population.expected(n) * unit;
    record.simulated = simulated.n() > 0 ? simulated.mean() : kNone;
    record.simulated_mcse = simulated.mean_se();
    const double slack = 1e-6 * std::max(1.0, std::abs(n.value * unit));
    const auto outside = [&](double x, double allowance) {
      return !(x >= record.lower - allowance && x <= record.upper + allowance);
    };
    if (n.use == Use::excluded) {
      record.status = ReproductionStatus::contradicted;
    } else if (outside(record.expected, slack)) {
      record.status = ReproductionStatus::contradicted;
      record.note += fmt::format("{}the other numbers imply {:.6g}",
                                 record.note.empty() ? "" : "; ", record.expected);
    } else if (outside(record.simulated, 3 * record.simulated_mcse + slack)) {
      // By chance one number in 370 is; beyond 4.5 errors it is not chance.
      const double away =
          std::max(record.lower - record.simulated, record.simulated - record.upper);
      const double errors = away / record.simulated_mcse;
      if (errors > 4.5) record.status = ReproductionStatus::contradicted;
      record.note +=
          fmt::format("{}the simulated mean is {:.1f} Monte Carlo standard errors outside",
                      record.note.empty() ? "" : "; ", errors);
    }
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace steelyard
