#include "study/bucket_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "core/timing.hpp"
#include "estimators/buckets/bounds.hpp"
#include "estimators/buckets/family_fits.hpp"
#include "estimators/buckets/table_errors.hpp"
#include "study/parallel.hpp"
#include "study/unfold.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::array<double, 5> kQuantiles = {0.10, 0.25, 0.50, 0.75, 0.90};
constexpr std::string_view kTurnbull = "turnbull";

/// @param with_mean  whether some table has a known mean: rules that need it are among the defaults
std::vector<std::string> chosen_rules(const std::vector<std::string>& asked, bool with_mean) {
  std::vector<std::string> all, names;
  for (const BucketRuleInfo& info : bucket_rules()) all.emplace_back(info.name);
  for (const std::string& name : asked) {
    if (name == kTurnbull) {
      continue;
    } else if (name == "all") {
      names.insert(names.end(), all.begin(), all.end());
    } else if (name == "default") {
      for (const char* one : {"mid_report", "rpme_harm1", "step_top2", "mcib_pareto2", "pchip_top2",
                              "AVG_aic", "LN_calibrated", "AVG_calibrated"})
        names.emplace_back(one);
      if (with_mean)
        for (const char* one : {"maxent_mean", "AVG_calibrated_mean"}) names.emplace_back(one);
    } else if (std::find(all.begin(), all.end(), name) == all.end()) {
      all.emplace_back(kTurnbull);
      const std::string nearest = suggestion(name, all);
      throw UserError({}, "--rules", "names \"" + name + "\", which is no bucket rule",
                      nearest.empty() ? "see `steelyard list bucket-rules`" : nearest);
    } else {
      names.push_back(name);
    }
  }
  std::vector<std::string> once;
  for (const std::string& name : names)
    if (std::find(once.begin(), once.end(), name) == once.end()) once.push_back(name);
  return once;
}

const std::vector<LawStatistic>& law_statistics() {
  static const std::vector<LawStatistic> list = [] {
    std::vector<LawStatistic> all = {{"mean", [](const Law& l) { return l.mean(); }, {}},
                                     {"var", [](const Law& l) { return l.variance(); }, {}},
                                     {"gini", [](const Law& l) { return l.gini(); }, {}},
                                     {"theil", [](const Law& l) { return l.theil(); }, {}},
                                     {"mld", [](const Law& l) { return l.mld(); }, {}}};
    for (double p : kQuantiles)
      all.push_back({"q", [p](const Law& l) { return l.quantile(p); }, {}});
    return all;
  }();
  return list;
}

/// f at 400 points from the lowest edge to the 99th percentile.
std::vector<std::pair<double, double>> density_of(const Law& law, const BucketTable& table) {
  constexpr std::size_t kPoints = 400;
  const double from = table.edges.front();
  const double to = table.open_top()
                        ? std::max(law.quantile(0.99), 1.2 * table.edges[table.size() - 1])
                        : table.edges.back();
  std::vector<std::pair<double, double>> points;
  for (std::size_t k = 0; k < kPoints; ++k) {
    const double x = from + (to - from) * (static_cast<double>(k) + 0.5) / kPoints;
    const double f = law.density(x);
    if (std::isnan(f)) return {};
    points.emplace_back(x, f);
  }
  return points;
}

/// Of n persons drawn at random.
void add_errors(const BucketRule& rule, const Sampled& sampled, const BucketFit& fit,
                BucketRuleRecord& record) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!sampled.no_errors.empty()) {
    record.notes.push_back("no standard errors: " + sampled.no_errors);
    return;
  }
  const auto rows =
      table_errors(rule, sampled.table, fit, law_statistics(), sampled.covariance, kInfinity, 0.95);
  // The quantiles of a law of points jump, so they have no slope.
  const bool points = std::isnan(fit.law->density(fit.law->mean()));
  for (std::size_t s = 0; s < record.se.size(); ++s)
    if (!rows[s].failure && !(points && s >= kFirstQuantile)) record.se[s] = rows[s].se;
}

BucketRuleRecord run_rule(const std::string& name, const BucketRule& rule, const Sampled& sampled,
                          FamilyFits& shared, const BucketRequest& request) {
  const BucketTable& table = sampled.table;
  BucketRuleRecord record;
  record.rule = name;
  record.value.fill(kNone);
  record.se.fill(kNone);
  const auto begin = Clock::now();
  auto fit = rule.fit_with(table, shared);
  if (!fit) {
    record.failure = fit.failure().detail;
    if (fit.failure().kind == FailureKind::infeasible)
      record.failure = "infeasible: " + record.failure;
  } else {
    for (std::size_t s = 0; s < record.value.size(); ++s)
      record.value[s] = law_statistics()[s].of(*fit.value().law);
  }
  record.microseconds = 1e6 * seconds_since(begin);
  if (!fit) return record;
  record.found = std::move(fit.value().found);
  record.notes = std::move(fit.value().notes);
  if (request.densities) record.density = density_of(*fit.value().law, table);
  if (request.errors) add_errors(rule, sampled, fit.value(), record);
  return record;
}

/// No bounds where nothing is known.
void add_bounds(const BucketTable& table, BucketCaseRecord& record) {
  const Range mean = mean_bounds(table), gini = gini_bounds(table);
  record.bounds[kMeanStatistic] = {mean.lower, mean.upper};
  record.bounds[kGiniStatistic] = {gini.lower, gini.upper};
  if (table.known_mean)
    if (const auto given = gini_bounds_given_mean(table, *table.known_mean))
      record.gini_given_mean = {given.value().lower, given.value().upper};
  for (std::size_t k = 0; k < kQuantiles.size(); ++k) {
    const Range q = quantile_bounds(table, kQuantiles[k]);
    record.bounds[kFirstQuantile + k] = {q.lower, q.upper};
  }
}

/// Families take the masses as those of n answers that told their interval: their parameters'
/// errors would be too small.
void drop_parameter_errors(BucketCaseRecord& record) {
  bool fitted = false;
  for (BucketRuleRecord& rule : record.rules)
    std::erase_if(rule.found, [&](const auto& found) {
      fitted = fitted || found.first == "loglik" || found.first.starts_with("w:");
      return found.first.starts_with("se:") || found.first.starts_with("se_log:");
    });
  if (fitted)
    record.turnbull->notes.push_back(
        "families are fitted to the masses as if all had told their interval: log-likelihood, AIC, "
        "Akaike weights and G2 are of that, and errors of parameters are left out");
}

BucketCaseRecord run_case(const NamedBucketTable& named, std::span<const std::string> names,
                          std::span<const std::unique_ptr<const BucketRule>> rules,
                          const BucketRequest& request) {
  BucketCaseRecord record;
  record.name = named.name;
  record.n = named.table.n;
  record.known_mean = named.table.known_mean;
  const bool asked =
      std::find(request.rules.begin(), request.rules.end(), kTurnbull) != request.rules.end();
  Sampled sampled{named.table, {}, {}};
  record.unfolded = !named.answers.empty();
  std::string failure;
  if (record.unfolded || asked) {
    Unfolded unfolded = unfold(named, request.errors);
    record.turnbull = std::move(unfolded.record);
    failure = unfolded.no_rules;
    if (record.unfolded) sampled = std::move(unfolded.sampled);
  }
  if (!record.unfolded && request.errors)
    sampled.covariance = multinomial_covariance(sampled.table.shares(), sampled.table.n);
  record.edges = sampled.table.edges;
  record.weights = sampled.table.weights;
  FamilyFits shared(sampled.table);
  for (std::size_t r = 0; r < rules.size(); ++r) {
    if (record.unfolded && !failure.empty()) {
      BucketRuleRecord& none = record.rules.emplace_back();
      none.rule = names[r];
      none.value.fill(kNone);
      none.se.fill(kNone);
      none.failure = failure;
    } else {
      record.rules.push_back(run_rule(names[r], *rules[r], sampled, shared, request));
    }
  }
  if (record.unfolded) drop_parameter_errors(record);
  if (!record.unfolded || failure.empty()) add_bounds(sampled.table, record);
  return record;
}

}  // namespace

std::vector<BucketCaseRecord> run_bucket_rules(std::span<const NamedBucketTable> tables,
                                               const BucketRequest& request,
                                               const std::function<void(double)>& progress) {
  const bool with_mean = std::any_of(tables.begin(), tables.end(), [](const auto& table) {
    return table.table.known_mean.has_value();
  });
  const std::vector<std::string> names = chosen_rules(request.rules, with_mean);
  std::vector<std::unique_ptr<const BucketRule>> rules;
  for (const std::string& name : names) rules.push_back(find_bucket_rule(name)->make());
  std::vector<BucketCaseRecord> cases(tables.size());
  std::atomic<std::size_t> done{0};
  parallel_for(tables.size(), request.threads, [&](std::uint64_t k, std::size_t) {
    cases[k] = run_case(tables[k], names, rules, request);
    if (progress) progress(static_cast<double>(++done) / static_cast<double>(tables.size()));
  });
  return cases;
}

namespace {

/// A number as it stands in a file: the shortest digits that read back as the same.
void append_number(std::string& text, double value) {
  if (std::isnan(value)) {
    text += "NA";
  } else if (std::isinf(value)) {
    text += value > 0 ? "Inf" : "-Inf";
  } else {
    char digits[32];
    text.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
}

}  // namespace

void append_bucket_rows(const BucketCaseRecord& record, std::string& text) {
  const std::string name = csv_field(record.name);
  const auto begin = [&](std::string_view rule) {
    text.append(name).append(1, ',').append(rule).append(1, ',');
  };
  const auto row = [&](std::string_view rule, std::string_view stat, std::string_view value) {
    begin(rule);
    text.append(stat).append(1, ',').append(value).append(1, '\n');
  };
  // The statistic in up to three parts: "se:" mean, mean "_lo".
  const auto number = [&](std::string_view rule, std::string_view before, std::string_view stat,
                          std::string_view after, double value) {
    begin(rule);
    text.append(before).append(stat).append(after).append(1, ',');
    append_number(text, value);
    text += '\n';
  };
  if (record.turnbull) unfolded_rows(*record.turnbull, row);
  for (const BucketRuleRecord& rule : record.rules) {
    row(rule.rule, "status", rule.ok() ? "ok" : csv_field(rule.failure));
    if (!rule.ok()) continue;
    for (std::size_t k = 0; k < kBucketStatistics.size(); ++k)
      number(rule.rule, "", kBucketStatistics[k], "", rule.value[k]);
    for (std::size_t k = 0; k < kBucketStatistics.size(); ++k)
      if (!std::isnan(rule.se[k])) number(rule.rule, "se:", kBucketStatistics[k], "", rule.se[k]);
    for (const auto& [stat, value] : rule.found) number(rule.rule, "", stat, "", value);
  }
  for (std::size_t k = 0; k < kBucketStatistics.size(); ++k) {
    const BucketBound& bound = record.bounds[k];
    if (std::isnan(bound.lower)) continue;
    number("bounds", "", kBucketStatistics[k], "_lo", bound.lower);
    number("bounds", "", kBucketStatistics[k], "_hi", bound.upper);
  }
  if (std::isnan(record.gini_given_mean.lower)) return;
  number("bounds", "", "gini_lo_mean", "", record.gini_given_mean.lower);
  number("bounds", "", "gini_hi_mean", "", record.gini_given_mean.upper);
}

}  // namespace steelyard
