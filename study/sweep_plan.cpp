#include <fmt/format.h>

#include <cmath>

#include "core/text.hpp"
#include "study/sweep.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kMostConditions = 100'000;

SweepDesign design_named(const std::string& name, const Place& place) {
  const Texts names = sweep_design_names();
  for (std::size_t k = 0; k < names.size(); ++k)
    if (names[k] == name) return static_cast<SweepDesign>(k);
  throw UserError(place, "design", "\"" + name + "\" is not one of: " + join(names, ", "),
                  suggestion(name, names));
}

/// The values of each condition but the base.
std::vector<std::vector<double>> condition_values(const SweepPlan& plan, std::size_t points) {
  const auto& dials = plan.dials.list();
  std::vector<std::vector<double>> values;
  if (plan.design == SweepDesign::one_at_a_time) {
    std::vector<double> base;
    for (const Dial& dial : dials) base.push_back(dial.base);
    for (std::size_t k = 0; k < dials.size(); ++k) {
      const std::size_t levels = dials[k].levels == 0 ? 2 : dials[k].levels;
      for (std::size_t j = 0; j < levels; ++j) {
        values.push_back(base);
        values.back()[k] = dials[k].at(static_cast<double>(j) / static_cast<double>(levels - 1));
      }
    }
    return values;
  }
  DesignPoints at;
  if (plan.design == SweepDesign::grid) {
    std::vector<std::size_t> levels;
    for (const Dial& dial : dials) levels.push_back(dial.levels == 0 ? 2 : dial.levels);
    at = grid_points(levels);
  } else if (plan.design == SweepDesign::latin_hypercube) {
    at = latin_hypercube_points(dials.size(), points, plan.seed);
  } else if (plan.design == SweepDesign::sobol) {
    at = sobol_points(dials.size(), points);
  } else {
    at = saltelli_points(dials.size(), points);
  }
  for (std::size_t i = 0; i < at.size(); ++i) {
    auto& row = values.emplace_back();
    for (std::size_t k = 0; k < dials.size(); ++k) row.push_back(dials[k].at(at.at(i, k)));
  }
  return values;
}

void refuse_too_many(const SweepPlan& plan, std::size_t points, const Place& place) {
  double conditions = static_cast<double>(points);
  if (plan.design == SweepDesign::saltelli)
    conditions *= static_cast<double>(plan.dials.size() + 2);
  if (plan.design == SweepDesign::grid) {
    conditions = 1;
    for (const Dial& dial : plan.dials.list())
      conditions *= static_cast<double>(dial.levels == 0 ? 2 : dial.levels);
  }
  if (conditions > static_cast<double>(kMostConditions))
    throw UserError(
        place, "sweep",
        fmt::format("would have {:.0f} conditions, more than {}", conditions, kMostConditions),
        "take fewer dials, levels or points, or another design");
}

}  // namespace

std::string SweepPlan::identity() const {
  std::string text = "scenario = " + content + "\n";
  text +=
      fmt::format("design = {}\nseed = {}\nreplicates = {}\nconditions = {}\n", to_string(design),
                  static_cast<std::uint64_t>(seed), replicates, values.size());
  if (unmet == Population::Unmet::accept) text += "accept = yes\n";
  for (const Dial& dial : dials.list())
    text += fmt::format("dial {} = {}:{}\n", dial.key, shortest(dial.lower), shortest(dial.upper));
  std::string all;
  for (const std::string& setting : dials.base_settings()) all += setting + "\n";
  for (const auto& row : values)
    for (double value : row) all += shortest(value) + "\n";
  text += "values = " + content_hash(all) + "\n";
  return text;
}

SweepPlan plan_sweep(const std::string& scenario, const std::vector<std::string>& settings,
                     Seed seed, const SweepRequest& request) {
  Texts of_toml;
  for (const std::string& setting : settings)
    if (!setting.starts_with("number.")) of_toml.push_back(setting);
  const ScenarioDocument document = open_scenario(scenario, of_toml);
  ConfigReader root = document.reader();
  std::vector<DialRequest> dials = request.dials;
  std::string design = "sobol";
  std::int64_t points = 64, replicates = 200, bootstrap = 500;
  Place place = root.place();
  if (auto section = root.section("sweep")) {
    place = section->place();
    design = section->text("design", {.fallback = design,
                                      .choices = sweep_design_names(),
                                      .help = "how conditions are laid out over the dials"});
    points = section->integer(
        "points",
        {.min = 2, .max = 1'000'000, .fallback = points, .help = "points; of saltelli: base rows"});
    replicates = section->integer("replicates", {.min = 2,
                                                 .max = 100'000'000,
                                                 .fallback = replicates,
                                                 .help = "replicates in each condition"});
    bootstrap = section->integer("bootstrap", {.min = 20,
                                               .max = 100'000,
                                               .fallback = bootstrap,
                                               .help = "samples for the limits of indices"});
    dials = completed(std::move(dials), read_dials(*section));
    section->finish();
  }
  if (request.points) points = static_cast<std::int64_t>(*request.points);
  SweepPlan plan{.scenario = scenario, .dials = Dials(scenario, settings, dials)};
  plan.design = request.design.value_or(design_named(design, place));
  plan.seed = seed;
  plan.content = is_model_scenario(scenario) ? content_hash(document.text)
                                             : load_scenario(scenario, settings).hash;
  plan.replicates = request.replicates.value_or(static_cast<std::uint32_t>(replicates));
  plan.bootstrap = static_cast<std::uint32_t>(bootstrap);
  refuse_too_many(plan, static_cast<std::size_t>(points), place);
  if (plan.design == SweepDesign::saltelli) plan.base = static_cast<std::size_t>(points);
  auto& base = plan.values.emplace_back();
  for (const Dial& dial : plan.dials.list()) base.push_back(dial.base);
  for (auto& row : condition_values(plan, static_cast<std::size_t>(points)))
    plan.values.push_back(std::move(row));
  return plan;
}

}  // namespace steelyard
