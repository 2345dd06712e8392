#include "study/planning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

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

/// The estimates' own spread holds sample size and design: one "person" of that sd.
double smallest_change(const ChangeQuestion& change, double overlap, double sd) {
  return detectable_change({.sd = sd,
                            .overlap = overlap,
                            .correlation = change.correlation,
                            .level = change.level,
                            .power = change.power},
                           1);
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
      const double found = smallest_change(change, overlap, p.sd);
      row.smallest_changes.push_back(found);
      row.smallest_changes_mcse.push_back(p.sd > 0 ? found * p.sd_mcse / p.sd : kNone);
    }
    rows.push_back(std::move(row));
  }
  return rows;
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

DetectableCurve detectable_curve(const ChangeQuestion& change) {
  DetectableCurve curve;
  constexpr int kSteps = 50;
  for (int i = 0; i <= kSteps; ++i) {
    curve.overlaps.push_back(static_cast<double>(i) / kSteps);
    curve.changes.push_back(smallest_change(change, curve.overlaps.back(), 1));
  }
  return curve;
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
        DesignResults design{plan.designs[i], outcome.failure, 0, {}};
        if (outcome.results) {
          design.sample_size = outcome.results->sample_size;
          design.rows = rows_of(*outcome.results, first ? &*first : nullptr, plan.change);
        }
        if (i == 0) first = std::move(outcome.results);
        results.push_back(std::move(design));
      },
      progress);
  return results;
}

}  // namespace steelyard
