#include "study/worlds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.hpp"
#include "results/performance.hpp"
#include "sim/population/constraints.hpp"

namespace steelyard {
namespace {

std::string world_name(const Scenario& s, const World& w) {
  Texts names;
  for (VariableId id : w.variables) names.push_back(s.schema[id].name);
  return names.empty()
             ? fmt::format("{} {:g}", to_string(w.dial), w.value)
             : fmt::format("{} {} {:g}", to_string(w.dial), join(names, " and "), w.value);
}

void read_selection_dial(const Scenario& s, ConfigReader& c, WorldsPlan& plan) {
  World world;
  world.dial = World::Dial::selection;
  const std::vector<double> values = c.reals(
      "values", {.help = "strengths of selection on the answers: odds of being in the sample are "
                         "multiplied by exp(strength x score)"});
  world.source = c.text("source");
  auto score = c.section("score");
  if (!score) c.fail("score", "is missing", "give a number for each level of some answers");
  for (const std::string& name : score->keys()) {
    ScorePart part;
    part.variable = s.schema.require(name, score->place(name));
    part.values = score->reals(name);
    if (part.values.size() != s.schema[part.variable].size())
      score->fail(name,
                  fmt::format("has {} numbers for {} levels", part.values.size(),
                              s.schema[part.variable].size()),
                  "give one a level");
    if (std::find(s.root.begin(), s.root.end(), part.variable) != s.root.end())
      score->fail(name, "is in population.root, whose shares the census fixes in every world",
                  "score answers that are not in the root");
    world.variables.push_back(part.variable);
    world.score.push_back(std::move(part));
  }
  score->finish();
  c.finish();
  for (double value : values) {
    world.value = value;
    plan.worlds.push_back(world);
  }
}

void read_dial(const Scenario& s, ConfigReader& c, World::Dial dial, WorldsPlan& plan) {
  World world;
  world.dial = dial;
  const bool pair = dial == World::Dial::association;
  const Texts names = pair ? c.texts("variables", {.help = "two variables that no margin ties"})
                           : Texts{c.text("variable")};
  if (pair && names.size() != 2) c.fail("variables", "must name two variables");
  for (const std::string& name : names)
    world.variables.push_back(s.schema.require(name, c.place(pair ? "variables" : "variable")));
  const std::vector<double> values = c.reals(
      "values",
      {.help = pair ? "log odds ratios between neighbouring levels" : "positions of the dial"});
  world.source = c.text("source");
  c.finish();
  for (double value : values) {
    if (dial == World::Dial::tail && !(value > 1))
      c.fail("values", fmt::format("holds {}: a tail index is above 1", value),
             "the mean is infinite otherwise");
    world.value = value;
    plan.worlds.push_back(world);
  }
}

/// The change of a published number's expectation that is largest for the spread of its values.
void compare_tables(const Scenario& s, const Population& neutral, const Population& other,
                    WorldRecord& record) {
  for (const PublishedNumber& n : s.numbers) {
    if (n.use != Use::fit && n.use != Use::check) continue;
    if (n.view == View::population) continue;
    double spread = 1;
    if (n.statistic == Statistic::count) {
      spread = static_cast<double>(s.reported_size);
    } else if (n.statistic != Statistic::ratio_to_population) {
      const auto values = level_values(s.schema, n, 0);
      const auto [low, high] = std::minmax_element(values.begin(), values.end());
      spread = std::max(*high - *low, 1e-300);
    }
    const double change = std::abs(other.expected(n) - neutral.expected(n)) / spread;
    if (!(change > record.largest_change)) continue;
    record.largest_change = change;
    record.changed_most = n.id;
  }
}

WorldRecord measure_world(const StudyResults& results, const std::vector<double>& truths) {
  WorldRecord record;
  record.truths = truths;
  const std::size_t r = results.replicates;
  for (std::size_t i = 0; i < results.estimators.size(); ++i) {
    const auto row = [&](const std::vector<double>& values) {
      return std::span(values).subspan(i * r, r);
    };
    record.performance.push_back(performance(truths[results.estimators[i].estimand],
                                             row(results.estimate), row(results.se),
                                             row(results.lower), row(results.upper)));
    record.performance.back().mean_us = results.performance[i].mean_us;
  }
  return record;
}

std::vector<double> truths_of(const Study& study, const Population& population) {
  std::vector<double> truths;
  for (const EstimandTruth& t :
       make_truths(population, study.frame(), study.plan(), Seed{0}, Tally::no, 1))
    truths.push_back(t.superpopulation);
  return truths;
}

/// Every published number held at its expectation in the neutral world.
Scenario with_held_tables(Scenario scenario, const Population& neutral) {
  for (PublishedNumber& n : scenario.numbers)
    if (n.use == Use::fit && n.view != View::population && !n.quantity.empty())
      n.lower = n.upper = neutral.expected(n);
  return scenario;
}

}  // namespace

WorldsPlan plan_worlds(const Scenario& s) {
  ConfigReader root = s.reader();
  auto section = root.section("worlds");
  if (!section)
    throw UserError({(s.folder / "scenario.toml").string()}, "worlds", "is missing",
                    "give [worlds] with [worlds.selection], [[worlds.tilt]], [[worlds.tail]] or "
                    "[[worlds.association]]; see docs/scenario-reference.md");
  WorldsPlan plan;
  plan.replicates = static_cast<std::uint32_t>(section->integer(
      "replicates", {.min = 2, .max = 1'000'000, .fallback = 100, .help = "samples drawn"}));
  if (auto dial = section->section("selection")) read_selection_dial(s, *dial, plan);
  for (const auto& [key, dial] : {std::pair{"tilt", World::Dial::tilt},
                                  {"tail", World::Dial::tail},
                                  {"association", World::Dial::association}})
    for (ConfigReader& c : section->sections(key)) read_dial(s, c, dial, plan);
  section->finish();
  if (plan.worlds.empty()) section->fail({}, "turns no dial", "give at least one list of values");
  for (World& world : plan.worlds) world.name = world_name(s, world);
  return plan;
}

WorldsResults run_worlds(const Scenario& scenario, const WorldsPlan& plan,
                         const StudyOptions& options,
                         const std::function<void(const std::string&)>& progress) {
  const auto tell = [&](const std::string& line) {
    if (progress) progress(line);
  };
  tell("the neutral world: fit and study");
  const Study study(scenario);
  StudyOptions settings = options;
  settings.replicates = plan.replicates;
  settings.tally = Tally::no;
  WorldsResults results;
  results.study = study.run(settings);
  const Population& neutral = study.population();
  std::vector<double> truths;
  for (const EstimandRecord& e : results.study.estimands) truths.push_back(e.truth);
  results.worlds.push_back(measure_world(results.study, truths));
  results.worlds[0].name = results.worlds[0].dial = "neutral";
  for (const World& world : plan.worlds) {
    tell(world.name);
    WorldRecord record;
    if (world.dial == World::Dial::association) {
      const Scenario tied = with_held_tables(with_association(scenario, world), neutral);
      const Study other(tied, Population::Unmet::accept);
      record = measure_world(other.run(settings), truths_of(other, other.population()));
      compare_tables(scenario, neutral, other.population(), record);
    } else {
      const Population other = in_world(neutral, world);
      record = measure_world(results.study, truths_of(study, other));
      compare_tables(scenario, neutral, other, record);
    }
    record.name = world.name;
    record.dial = to_string(world.dial);
    record.value = world.value;
    record.source = world.source;
    Texts names;
    for (VariableId id : world.variables) names.push_back(scenario.schema[id].name);
    record.subject = join(names, "*");
    double range = 0;
    for (const ScorePart& part : world.score) {
      const auto [low, high] = std::minmax_element(part.values.begin(), part.values.end());
      range += *high - *low;
    }
    if (!world.score.empty()) record.odds_ratio = std::exp(std::abs(world.value) * range);
    results.worlds.push_back(std::move(record));
  }
  const auto& reported = study.measurement().reported();
  if (std::any_of(reported.begin(), reported.end(), [](const auto& m) { return !m.empty(); })) {
    results.bounds_refused =
        "the published numbers are of misreported answers (keep_observed), and bounds are of true "
        "ones";
    return results;
  }
  tell("bounds over all joint laws behind the published numbers");
  results.bounds = estimand_bounds(study);
  if (results.bounds.empty())
    results.bounds_refused =
        "the published numbers contradict each other (steelyard check), or there are none";
  return results;
}

}  // namespace steelyard
