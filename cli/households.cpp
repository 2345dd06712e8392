// The verbs of household scenarios: check and synthesize.

#include "study/households.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "core/csv.hpp"
#include "core/output.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kShown = 10;  // controls named on the terminal; controls.csv has all

std::string zone_name(const HouseholdScenario& s, const ControlOutcome& outcome) {
  return outcome.zone ? s.zones[*outcome.zone].name : "(all)";
}

const HouseholdControl& control_of(const HouseholdScenario& s, const ControlOutcome& outcome) {
  return s.controls[s.columns[outcome.column].control];
}

std::vector<ControlOutcome> not_met(const HouseholdScenario& s, const HouseholdFit& fit) {
  std::vector<ControlOutcome> list;
  std::copy_if(fit.outcomes.begin(), fit.outcomes.end(), std::back_inserter(list),
               [&](const ControlOutcome& o) { return o.error() > s.fitting.tolerance; });
  std::stable_sort(list.begin(), list.end(), [](const ControlOutcome& a, const ControlOutcome& b) {
    return a.error() > b.error();
  });
  return list;
}

std::string place_of(const HouseholdScenario& s, const ControlOutcome& o) {
  return fmt::format("{}:{}", control_of(s, o).file, s.columns[o.column].lines[o.zone.value_or(0)]);
}

/// Errors by control: the largest relative error of the fit, and the counts after integerisation.
void print_controls(const HouseholdScenario& s, const HouseholdFit& fit, bool whole) {
  fmt::print("{:<20} {:<11} {:<10} {:>7} {:>8} {:>14}{}\n", "control", "counts", "provenance",
             "cells", "not met", "largest error", whole ? "   off, whole   of" : "");
  for (std::size_t k = 0; k < s.controls.size(); ++k) {
    std::size_t cells = 0, unmet = 0;
    double largest = 0, off = 0, total = 0;
    for (const ControlOutcome& o : fit.outcomes) {
      if (s.columns[o.column].control != k) continue;
      ++cells;
      unmet += o.error() > s.fitting.tolerance;
      largest = std::max(largest, o.error());
      off += std::abs(static_cast<double>(o.whole) - o.target);
      total += o.target;
    }
    fmt::print("{:<20} {:<11} {:<10} {:>7} {:>8} {:>14.2g}", s.controls[k].id,
               s.controls[k].of_households ? "households" : "persons",
               to_string(s.controls[k].provenance), cells, unmet, largest);
    if (whole) fmt::print(" {:>12.1f} {:>9.0f}", off, total);
    fmt::print("\n");
  }
}

void print_not_met(const HouseholdScenario& s, const std::vector<ControlOutcome>& bad) {
  if (bad.empty()) {
    fmt::print("every control is met within {:.1g} of its count\n", s.fitting.tolerance);
    return;
  }
  fmt::print("{} counts cannot be met together with the others:\n", bad.size());
  for (std::size_t i = 0; i < std::min(bad.size(), kShown); ++i)
    fmt::print("  {}: [{}] zone {}, {}: wanted {:.6g}, fitted {:.6g}\n", place_of(s, bad[i]),
               control_of(s, bad[i]).id, zone_name(s, bad[i]), s.columns[bad[i].column].text,
               bad[i].target, bad[i].fitted);
  if (bad.size() > kShown) fmt::print("  and {} more\n", bad.size() - kShown);
}

void print_fit(const HouseholdScenario& s, const HouseholdFit& fit) {
  std::uint64_t households = 0;
  int steps = 0;
  std::size_t relaxed = 0;
  for (std::uint64_t total : s.totals) households += total;
  for (const ZoneFit& zone : fit.zones) {
    steps = std::max(steps, zone.iterations);
    relaxed += zone.relaxed;
  }
  fmt::print("{}: {} seed households with {} persons, {} zones, {} households\n", s.name,
             s.seeds.households(), s.seeds.persons(), s.zones.size(), households);
  fmt::print("fit by {}: at most {} {} a zone, {} rounds of all zones, {:.2f} s{}\n",
             to_string(s.fitting.method), steps,
             s.fitting.method == FittingMethod::ipu ? "sweeps" : "steps", fit.rounds,
             fit.fit_seconds,
             relaxed ? fmt::format("; {} zones relaxed, their controls contradict", relaxed) : "");
}

nlohmann::ordered_json fit_json(const HouseholdScenario& s, const HouseholdFit& fit,
                                const std::vector<ControlOutcome>& bad) {
  nlohmann::ordered_json unmet = nlohmann::ordered_json::array();
  for (const ControlOutcome& o : bad)
    unmet.push_back({{"place", place_of(s, o)},
                     {"control", control_of(s, o).id},
                     {"zone", zone_name(s, o)},
                     {"cell", s.columns[o.column].text},
                     {"target", o.target},
                     {"fitted", o.fitted}});
  return {{"scenario", s.name},
          {"ok", bad.empty()},
          {"method", to_string(s.fitting.method)},
          {"seed_households", s.seeds.households()},
          {"seed_persons", s.seeds.persons()},
          {"zones", s.zones.size()},
          {"counts", fit.outcomes.size()},
          {"tolerance", s.fitting.tolerance},
          {"largest_error", fit.largest_error()},
          {"not_met", unmet}};
}

std::string controls_csv(const HouseholdScenario& s, const HouseholdFit& fit) {
  std::string text = "control,counts,zone,cell,target,fitted,integer,provenance\n";
  for (const ControlOutcome& o : fit.outcomes)
    text += fmt::format("{},{},{},{},{:.6f},{:.6f},{},{}\n", csv_field(control_of(s, o).id),
                        control_of(s, o).of_households ? "households" : "persons",
                        csv_field(zone_name(s, o)), csv_field(s.columns[o.column].text), o.target,
                        o.fitted, s.integerise ? std::to_string(o.whole) : "",
                        to_string(control_of(s, o).provenance));
  return text;
}

/// The level names of one household or person, each after a comma.
void append_levels(const HouseholdScenario& s, bool household, std::size_t record,
                   std::string& text) {
  for (std::size_t v = 0; v < s.schema.size(); ++v)
    if (s.of_household[v] == household) {
      text += ',';
      text += csv_field(s.schema[s.schema.id(v)].levels[s.seeds.codes[v][record]]);
    }
}

std::string header(const HouseholdScenario& s, bool household, std::string text) {
  for (std::size_t v = 0; v < s.schema.size(); ++v)
    if (s.of_household[v] == household) text += "," + csv_field(s.schema[s.schema.id(v)].name);
  return text + "\n";
}

struct Written {
  std::uint64_t households = 0, persons = 0;
};

/// Whole households, numbered from 1 in the order of zones and seed records.
Written write_whole(const HouseholdScenario& s, const HouseholdFit& fit,
                    const std::filesystem::path& folder) {
  std::string households = header(s, true, "household,zone,seed_household");
  std::string persons = header(s, false, "household,person");
  Written written;
  for (std::size_t z = 0; z < s.zones.size(); ++z) {
    const Incidence& a = s.groups[s.zones[z].group];
    const std::string zone = csv_field(s.zones[z].name);
    for (std::size_t i = 0; i < a.rows(); ++i)
      for (std::uint32_t copy = 0; copy < fit.counts[z][i]; ++copy) {
        const std::size_t h = a.seeds[i];
        const std::string number = std::to_string(++written.households);
        households += number + "," + zone + "," + csv_field(s.seeds.id[h]);
        append_levels(s, true, h, households);
        households += '\n';
        for (std::size_t p = s.seeds.first[h]; p < s.seeds.first[h + 1]; ++p) {
          persons += number + "," + std::to_string(1 + p - s.seeds.first[h]);
          append_levels(s, false, p, persons);
          persons += '\n';
          ++written.persons;
        }
      }
  }
  write_file(folder / "households.csv", households);
  write_file(folder / "persons.csv", persons);
  return written;
}

/// Without integerisation: the fitted weights, one row a zone and seed household of weight > 0.
std::string weights_csv(const HouseholdScenario& s, const HouseholdFit& fit) {
  std::string text = "zone,seed_household,weight\n";
  for (std::size_t z = 0; z < s.zones.size(); ++z) {
    const Incidence& a = s.groups[s.zones[z].group];
    for (std::size_t i = 0; i < a.rows(); ++i)
      if (fit.zones[z].weights[i] > 0)
        text += fmt::format("{},{},{}\n", csv_field(s.zones[z].name),
                            csv_field(s.seeds.id[a.seeds[i]]), fit.zones[z].weights[i]);
  }
  return text;
}

}  // namespace

int check_households(const CheckOptions& options) {
  if (options.as_printed || !options.reconcile.empty())
    throw UserError({}, "check", "--as-printed and --reconcile do not go with household scenarios",
                    "leave them out; counts that contradict each other are listed");
  const HouseholdScenario scenario = load_household_scenario(options.scenario, options.settings);
  const HouseholdFit fit = fit_households(scenario, 0);
  const auto bad = not_met(scenario, fit);
  if (options.json) {
    fmt::print("{}\n", fit_json(scenario, fit, bad).dump(2));
    return bad.empty() || options.accept ? 0 : 1;
  }
  print_fit(scenario, fit);
  print_controls(scenario, fit, false);
  print_not_met(scenario, bad);
  return bad.empty() || options.accept ? 0 : 1;
}

int synthesize_households(const SynthesizeOptions& options) {
  if (options.tally_only || options.exact || !options.slice.empty())
    throw UserError({}, "synthesize",
                    "--tally-only, --exact and --slice do not go with household scenarios",
                    "leave them out; controls.csv has the counts");
  if (options.output.empty())
    throw UserError({}, "synthesize", "no output is named", "pass -o FOLDER");
  std::vector<std::string> settings = options.settings;
  if (options.size) settings.push_back("households.size=" + std::to_string(*options.size));
  const HouseholdScenario scenario = load_household_scenario(options.scenario, settings);
  if (scenario.integerise && !options.seed && !scenario.seed)
    throw UserError({}, "synthesize", "no seed is given",
                    "pass --seed N, so that the run can be repeated");
  OutputFolder output(options.output, options.force ? Overwrite::replace : Overwrite::refuse);
  HouseholdFit fit = fit_households(scenario, options.threads);
  const auto bad = not_met(scenario, fit);
  if (!bad.empty() && !options.accept)
    throw NegativeAnswer(fmt::format(
        "{}: {} counts cannot be met together with the others, for instance [{}] zone {}, {}: "
        "wanted {:.6g}, fitted {:.6g}; see steelyard check, or pass --accept",
        place_of(scenario, bad[0]), bad.size(), control_of(scenario, bad[0]).id,
        zone_name(scenario, bad[0]), scenario.columns[bad[0].column].text, bad[0].target,
        bad[0].fitted));
  Written written;
  if (scenario.integerise) {
    const Seed seed{options.seed ? *options.seed : *scenario.seed};
    integerise_households(scenario, seed, options.threads, fit);
    written = write_whole(scenario, fit, output.staging());
  } else {
    write_file(output.staging() / "weights.csv", weights_csv(scenario, fit));
  }
  write_file(output.staging() / "controls.csv", controls_csv(scenario, fit));
  output.commit();
  if (!options.quiet) {
    print_fit(scenario, fit);
    print_controls(scenario, fit, scenario.integerise);
    if (!bad.empty()) print_not_met(scenario, bad);
  }
  if (scenario.integerise)
    fmt::print("written to {}: households.csv ({}), persons.csv ({}), controls.csv\n",
               options.output, written.households, written.persons);
  else
    fmt::print("written to {}: weights.csv, controls.csv\n", options.output);
  return 0;
}

}  // namespace steelyard
