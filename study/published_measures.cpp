#include "study/published_measures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>

#include "core/csv.hpp"
#include "core/sums.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct Measured {
  double value = kNone, mcse = kNone;
};

struct Measure {
  std::string_view name, unit;
  std::function<Measured(const StudyResults&, std::size_t)> of;
};

/// mean(se²) / var(estimates) - 1 in per cent; its error from those of both, taken as independent.
Measured variance_bias(const StudyResults& r, std::size_t i) {
  Moments estimates, variances;
  for (std::size_t k = 0; k < r.replicates; ++k) {
    const double estimate = r.at(r.estimate, i, k), se = r.at(r.se, i, k);
    if (!std::isfinite(estimate) || !std::isfinite(se)) continue;
    estimates.add(estimate);
    variances.add(se * se);
  }
  if (estimates.n() < 2) return {};
  const double variance = estimates.variance(), mean = estimates.mean();
  Moments fourth;
  for (std::size_t k = 0; k < r.replicates; ++k) {
    const double estimate = r.at(r.estimate, i, k), se = r.at(r.se, i, k);
    if (std::isfinite(estimate) && std::isfinite(se)) fourth.add(std::pow(estimate - mean, 4));
  }
  const auto n = static_cast<double>(estimates.n());
  const double ratio = variances.mean() / variance;
  const double kurtosis = fourth.mean() / (variance * variance);
  const double relative_error = std::sqrt(std::max(0.0, kurtosis - 1) / n);
  return {100 * (ratio - 1),
          100 * std::hypot(variances.mean_se() / variance, ratio * relative_error)};
}

const std::vector<Measure>& measures() {
  const auto performance = [](auto of) {
    return [of](const StudyResults& r, std::size_t i) -> Measured { return of(r.performance[i]); };
  };
  using P = const PerformanceRecord&;
  static const std::vector<Measure> list{
      {"bias", "", performance([](P p) {
         return Measured{p.bias, p.bias_mcse};
       })},
      {"relative_bias", "%", performance([](P p) {
         return Measured{p.rel_bias_pct, 100 * p.bias_mcse / std::abs(p.truth)};
       })},
      {"sd", "", performance([](P p) {
         return Measured{p.sd, p.sd_mcse};
       })},
      {"mse", "", performance([](P p) {
         return Measured{p.rmse * p.rmse, 2 * p.rmse * p.rmse_mcse};
       })},
      {"rmse", "", performance([](P p) {
         return Measured{p.rmse, p.rmse_mcse};
       })},
      {"coverage", "%", performance([](P p) {
         return Measured{100 * p.coverage, 100 * p.coverage_mcse};
       })},
      {"mean_width", "", performance([](P p) {
         return Measured{p.mean_width, kNone};
       })},
      {"variance_bias", "%", variance_bias},
  };
  return list;
}

double number(const std::string& text, const Place& place, const char* column) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    throw UserError(place, column, "is \"" + text + "\", not a number", {});
  return value;
}

}  // namespace

std::vector<std::string> published_measure_names() {
  std::vector<std::string> names;
  for (const Measure& measure : measures()) names.emplace_back(measure.name);
  return names;
}

std::vector<PublishedMeasure> read_published_measures(const Scenario& scenario) {
  std::vector<PublishedMeasure> list;
  auto section = scenario.reader().section("published");
  if (!section) return list;
  const std::string file =
      (scenario.folder / section->text("file", {.help = "measures that were printed"})).string();
  section->finish();
  const CsvFile csv = CsvFile::read(file);
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    PublishedMeasure m;
    m.place = {file, csv.line(row), 0};
    for (const auto& [column, to] : {std::pair{"id", &m.id},
                                     {"condition", &m.condition},
                                     {"estimand", &m.estimand},
                                     {"weighting", &m.weighting},
                                     {"measure", &m.measure},
                                     {"value", &m.printed},
                                     {"source", &m.source}})
      *to = csv.field(row, csv.column(column));
    for (const auto& [column, to] :
         {std::pair{"value_rule", &m.value_rule}, {"interval", &m.interval}})
      if (csv.has_column(column)) *to = csv.field(row, csv.column(column));
    m.value = number(m.printed, m.place, "value");
    std::string tolerance = csv.field(row, csv.column("tolerance"));
    const bool relative = tolerance.ends_with('%');
    if (relative) tolerance.pop_back();
    m.tolerance = number(tolerance, m.place, "tolerance");
    if (relative) m.tolerance *= std::abs(m.value) / 100;
    if (!(m.tolerance >= 0)) throw UserError(m.place, "tolerance", "is negative", {});
    const auto names = published_measure_names();
    if (std::find(names.begin(), names.end(), m.measure) == names.end())
      throw UserError(m.place, "measure", "\"" + m.measure + "\" is not known",
                      suggestion(m.measure, names));
    list.push_back(std::move(m));
  }
  return list;
}

std::size_t find_published(const PublishedMeasure& m, const StudyResults& results) {
  Texts known[5];
  static constexpr const char* kColumns[] = {"condition", "estimand", "weighting", "value_rule",
                                             "interval"};
  const std::string* wanted[] = {&m.condition, &m.estimand, &m.weighting, &m.value_rule,
                                 &m.interval};
  for (std::size_t i = 0; i < results.estimators.size(); ++i) {
    const EstimatorRecord& t = results.estimators[i];
    const EstimandRecord& e = results.estimands[t.estimand];
    const std::string* has[] = {&e.domain, &e.estimand, &t.weighting, &t.value_rule, &t.interval};
    std::size_t met = 0;
    while (met < 5 && (*has[met] == *wanted[met] || wanted[met]->empty())) ++met;
    if (met == 5) return i;
    // What the first column that differs could have been, the others being as wanted.
    if (std::find(known[met].begin(), known[met].end(), *has[met]) == known[met].end())
      known[met].push_back(*has[met]);
  }
  std::size_t wrong = 5;
  while (wrong > 1 && known[wrong - 1].empty()) --wrong;
  --wrong;
  throw UserError(m.place, kColumns[wrong], "\"" + *wanted[wrong] + "\" is not in the study",
                  suggestion(*wanted[wrong], known[wrong]));
}

std::vector<ReproductionRecord> compare_published(const std::vector<PublishedMeasure>& published,
                                                  const StudyResults& results) {
  std::vector<ReproductionRecord> records;
  for (const PublishedMeasure& m : published) {
    const std::size_t i = find_published(m, results);
    const Measure& measure = *std::find_if(measures().begin(), measures().end(),
                                           [&](const Measure& x) { return x.name == m.measure; });
    const Measured found = measure.of(results, i);
    ReproductionRecord record;
    record.id = m.id;
    record.scope = results.estimands[results.estimators[i].estimand].domain;
    record.quantity = m.estimand + " " + m.measure;
    record.level = m.weighting;
    if (!m.interval.empty()) record.level += ", " + m.interval;
    record.reported = m.printed;
    record.unit = measure.unit;
    record.provenance = "published";
    record.source = m.source;
    record.lower = m.value - m.tolerance;
    record.upper = m.value + m.tolerance;
    record.expected = kNone;
    record.simulated = found.value;
    record.simulated_mcse = found.mcse;
    if (std::isnan(found.value)) {
      record.status = ReproductionStatus::not_modelled;
      record.note = "no replicate gives it";
    } else if (!(found.value >= record.lower && found.value <= record.upper)) {
      record.status = ReproductionStatus::contradicted;
      const double away = std::max(record.lower - found.value, found.value - record.upper);
      record.note = fmt::format("{:.3g} outside the tolerance of {:.3g}", away, m.tolerance);
      if (found.mcse > 0)
        record.note += fmt::format(", {:.1f} Monte Carlo standard errors", away / found.mcse);
    }
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace steelyard
