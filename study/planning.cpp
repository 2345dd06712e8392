#include "study/planning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/csv.hpp"
#include "core/scenario_settings.hpp"
#include "core/text.hpp"
#include "estimators/indices/index_inference.hpp"
#include "study/paired.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

ScenarioDocument document_of(const std::string& scenario,
                             const std::vector<std::string>& settings) {
  Texts of_toml;
  for (const std::string& setting : settings)
    if (!setting.starts_with("number.")) of_toml.push_back(setting);
  return open_scenario(scenario, of_toml);
}

EdgeSearch read_edges(ConfigReader& c) {
  EdgeSearch search;
  search.variable = c.text("variable", {.help = "the bucketed question"});
  search.estimand = c.text("estimand", {.help = "what is to be estimated well"});
  search.value_rule = c.text("value_rule", {.help = "a [[value_rule]] of the scenario"});
  search.buckets = static_cast<std::size_t>(
      c.integer("buckets", {.min = 2, .max = 50, .help = "how many, the open one among them"}));
  const auto range = c.reals("range", {.help = "where inner edges may lie"});
  if (range.size() != 2 || !(range[0] < range[1]))
    c.fail("range", "must be LOW, HIGH with LOW < HIGH");
  search.lower = range[0];
  search.upper = range[1];
  search.step = c.real("step", {.min = 0, .help = "inner edges are LOW, LOW + step, ..."});
  if (!(search.step > 0)) c.fail("step", "must be above 0");
  const double candidates = std::floor((search.upper - search.lower) / search.step + 1e-9) + 1;
  if (candidates < static_cast<double>(search.buckets) - 1 || candidates > 2000)
    c.fail("step",
           fmt::format("gives {:.0f} candidates for {} edges", candidates, search.buckets - 1),
           "at least one an edge, at most 2000");
  search.respondents = c.real("respondents", {.min = 1, .help = "in the estimand's domain"});
  c.finish();
  return search;
}

ChangeQuestion read_change(ConfigReader& c) {
  ChangeQuestion change;
  change.power = c.real("power", {.min = 0.06, .max = 0.9999, .fallback = 0.8});
  change.level = c.real(
      "level", {.min = 0.5, .max = 0.9999, .fallback = 0.95, .help = "of the two-sided test"});
  if (!(change.power > 1 - change.level)) c.fail("power", "is not above 1 - level");
  const auto overlaps =
      c.reals("overlaps", {.required = false, .help = "shares of respondents in both quarters"});
  if (!overlaps.empty()) change.overlaps = overlaps;
  bool some = false;
  for (double overlap : change.overlaps) {
    if (!(overlap >= 0 && overlap <= 1)) c.fail("overlaps", "are shares, 0 to 1");
    some |= overlap > 0;
  }
  if (c.has("correlation"))
    change.correlation = c.real(
        "correlation", {.min = -1, .max = 0.9999, .help = "of the two answers of one respondent"});
  else if (some)
    c.fail("correlation", "is missing, and respondents are in both quarters",
           "give that of the two answers of one respondent");
  c.finish();
  return change;
}

std::string key_of(const StudyResults& s, std::size_t i) {
  const EstimatorRecord& m = s.estimators[i];
  const EstimandRecord& e = s.estimands[m.estimand];
  return join(Texts{e.estimand, e.domain, m.weighting, m.value_rule, m.interval}, "\n");
}

/// The estimators of `a` in the order of those of `b`; without results where it has none.
StudyResults aligned(const StudyResults& a, const StudyResults& b) {
  StudyResults out;
  out.replicates = a.replicates;
  out.estimands = b.estimands;
  out.estimators = b.estimators;
  Texts keys;
  for (std::size_t i = 0; i < a.estimators.size(); ++i) keys.push_back(key_of(a, i));
  PerformanceRecord none;
  none.truth = none.mean_estimate = none.bias = none.rmse = none.coverage = kNone;
  for (std::size_t i = 0; i < b.estimators.size(); ++i) {
    const auto at = std::find(keys.begin(), keys.end(), key_of(b, i));
    const auto j = static_cast<std::size_t>(at - keys.begin());
    out.performance.push_back(at == keys.end() ? none : a.performance[j]);
    for (auto member :
         {&StudyResults::estimate, &StudyResults::se, &StudyResults::lower, &StudyResults::upper})
      for (std::uint32_t r = 0; r < a.replicates; ++r)
        (out.*member).push_back(at == keys.end() ? kNone : a.at(a.*member, j, r));
  }
  return out;
}

std::vector<DesignRow> rows_of(const StudyResults& study, const StudyResults* first,
                               const ChangeQuestion& change) {
  std::vector<BaseChange> changes;
  if (first != nullptr) changes = paired_changes(aligned(*first, study), study);
  constexpr PairedChange kNoChange{kNone, kNone};
  std::vector<DesignRow> rows;
  for (std::size_t i = 0; i < study.estimators.size(); ++i) {
    DesignRow row{study.estimands[study.estimators[i].estimand],
                  study.estimators[i],
                  study.performance[i],
                  {kNoChange, kNoChange, kNoChange, kNoChange},
                  {},
                  {}};
    if (!changes.empty()) row.change = changes[i];
    const PerformanceRecord& p = row.performance;
    for (double overlap : change.overlaps) {
      // The estimates' own spread holds sample size and design: one "person" of that sd.
      const double found = detectable_change({.sd = p.sd,
                                              .overlap = overlap,
                                              .correlation = change.correlation,
                                              .level = change.level,
                                              .power = change.power},
                                             1);
      row.smallest_changes.push_back(found);
      row.smallest_changes_mcse.push_back(p.sd > 0 ? found * p.sd_mcse / p.sd : kNone);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string field(const std::string& text) { return csv_field(text); }
std::string field(double value) { return std::isnan(value) ? std::string{} : shortest(value); }
std::string field(std::uint32_t value) { return std::to_string(value); }

template <typename... Fields>
void fields(std::string& text, const Fields&... values) {
  ((text += text.empty() || text.back() == '\n' ? "" : ",", text += field(values)), ...);
}

}  // namespace

QuestionnairePlan read_questionnaire_plan(const std::string& scenario,
                                          const std::vector<std::string>& settings) {
  const ScenarioDocument document = document_of(scenario, settings);
  ConfigReader root = document.reader();
  auto section = root.section("plan");
  if (!section)
    throw UserError(
        {(document.folder / "scenario.toml").string()}, "plan", "is missing",
        "give [plan] with [[plan.design]] or [plan.edges]; see docs/scenario-reference.md");
  QuestionnairePlan plan;
  plan.replicates = static_cast<std::uint32_t>(section->integer(
      "replicates", {.min = 2, .max = 100'000'000, .fallback = 200, .help = "of each design"}));
  for (ConfigReader& c : section->sections("design")) {
    PlannedDesign design;
    design.name = c.text("name");
    for (const PlannedDesign& other : plan.designs)
      if (other.name == design.name)
        c.fail("name", "= \"" + design.name + "\" stands twice", "rename one");
    design.settings = c.texts("set", {.required = false, .help = "\"key=value\", as with --set"});
    if (c.has("cost")) design.cost = c.real("cost", {.min = 0, .help = "in any one unit"});
    const Place place = c.place("set");
    c.finish();
    std::vector<std::string> all = settings;
    all.insert(all.end(), design.settings.begin(), design.settings.end());
    try {
      check_settings(scenario, all);
    } catch (const UserError& error) {
      throw UserError(place, "design " + design.name, error.what(), {});
    }
    plan.designs.push_back(std::move(design));
  }
  if (auto edges = section->section("edges")) plan.edges = read_edges(*edges);
  if (auto change = section->section("change")) plan.change = read_change(*change);
  section->finish();
  if (plan.designs.empty() && !plan.edges)
    section->fail({}, "plans nothing", "give [[plan.design]] or [plan.edges]");
  return plan;
}

std::vector<DesignResults> compare_designs(const std::string& scenario,
                                           const std::vector<std::string>& settings,
                                           const QuestionnairePlan& plan,
                                           const StudyOptions& options, Population::Unmet unmet,
                                           const std::function<void(double)>& progress) {
  std::vector<DesignResults> results;
  std::optional<StudyResults> first;
  run_each_condition(
      scenario, plan.designs.size(),
      [&](std::size_t i) {
        std::vector<std::string> all = settings;
        const auto& own = plan.designs[i].settings;
        all.insert(all.end(), own.begin(), own.end());
        return all;
      },
      unmet, options,
      [&](std::size_t i, ConditionOutcome outcome) {
        DesignResults design{plan.designs[i], outcome.failure, {}};
        if (outcome.results)
          design.rows = rows_of(*outcome.results, first ? &*first : nullptr, plan.change);
        if (i == 0) first = std::move(outcome.results);
        results.push_back(std::move(design));
      },
      progress);
  return results;
}

std::string write_designs_csv(const std::vector<DesignResults>& results,
                              const ChangeQuestion& change) {
  std::string text =
      "design,cost,estimand,domain,weighting,value_rule,interval,truth,bias,bias_mcse,sd,rmse,"
      "rmse_mcse,coverage,coverage_mcse,bias_change,bias_change_mcse,rmse_change,rmse_change_mcse,"
      "coverage_change,coverage_change_mcse,failures,replicates";
  for (double overlap : change.overlaps)
    text += fmt::format(",smallest_change_overlap_{0},smallest_change_overlap_{0}_mcse",
                        shortest(overlap));
  text += ",status\n";
  for (const DesignResults& d : results) {
    std::string beginning;
    fields(beginning, d.design.name, d.design.cost.value_or(kNone));
    if (!d.failure.empty()) {
      text += beginning + std::string(22 + 2 * change.overlaps.size(), ',') + csv_field(d.failure) +
              "\n";
      continue;
    }
    for (const DesignRow& row : d.rows) {
      const PerformanceRecord& p = row.performance;
      text += beginning;
      fields(text, row.estimand.estimand, row.estimand.domain, row.estimator.weighting,
             row.estimator.value_rule, row.estimator.interval, p.truth, p.bias, p.bias_mcse, p.sd,
             p.rmse, p.rmse_mcse, p.coverage, p.coverage_mcse, row.change.bias.change,
             row.change.bias.mcse, row.change.rmse.change, row.change.rmse.mcse,
             row.change.coverage.change, row.change.coverage.mcse, p.failures, p.replicates);
      for (std::size_t k = 0; k < change.overlaps.size(); ++k)
        fields(text, row.smallest_changes[k], row.smallest_changes_mcse[k]);
      text += ",ok\n";
    }
  }
  return text;
}

std::string write_edges_csv(const std::vector<EdgeChoice>& choices) {
  std::string text = "choice,edges,bias,sd,rmse,status\n";
  for (const EdgeChoice& c : choices) {
    Texts edges;
    for (double edge : c.edges) edges.push_back(shortest(edge));
    fields(text, c.name, join(edges, " "), c.bias, c.sd, c.rmse,
           c.failure.empty() ? std::string("ok") : c.failure);
    text += '\n';
  }
  return text;
}

}  // namespace steelyard
