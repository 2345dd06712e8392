#include "study/synthesize.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "core/csv.hpp"
#include "core/output.hpp"
#include "core/text.hpp"
#include "results/columns_store.hpp"
#include "sim/households/household_scenario.hpp"
#include "sim/population/exact.hpp"

namespace steelyard {

namespace {

int tally(const SynthesizeOptions& options, std::optional<OutputFile>& file,
          const Population& population, const PopulationFrame& frame, Seed seed,
          Progress& progress) {
  const auto counts = tally_population(population, frame, seed, options.threads, [&](double f) {
    progress.update("population", f, static_cast<double>(frame.size()), "persons");
  });
  progress.finish();
  const Schema& schema = population.law().schema();
  std::string text = "variable,level,persons,share,expected_share,sd\n";
  for (std::size_t v = 0; v < schema.size(); ++v) {
    const Variable& variable = schema[schema.id(v)];
    const VariableId id = schema.id(v);
    const auto law = population.law().query({}, {&id, 1});
    for (std::size_t level = 0; level < counts[v].size(); ++level) {
      const auto n = static_cast<double>(frame.size());
      text += fmt::format(
          "{},{},{},{:.8f},{:.8f},{:.2g}\n", csv_field(variable.name),
          level < variable.size() ? csv_field(variable.levels[level]) : "not_applicable",
          counts[v][level], static_cast<double>(counts[v][level]) / n, law[level],
          std::sqrt(law[level] * (1 - law[level]) / n));
    }
  }
  if (!file) {
    fmt::print("{}", text);
    return 0;
  }
  write_file(file->staging(), text);
  file->commit();
  fmt::print("written: {}\n", options.output);
  return 0;
}

/// Says what is met to the person. @throws NegativeAnswer if something is not, unless accepted
void report_exact(const ExactCounts& exact, const SynthesizeOptions& options) {
  if (exact.left > 0) {
    const std::string missed =
        fmt::format("{} cannot be met to the person: {} persons are left over in them",
                    join(exact.unmet, ", "), exact.left);
    if (!options.accept)
      throw NegativeAnswer(missed +
                           "; correct the tables, choose another --size, or pass --accept");
    fmt::print(stderr, "{}\n", missed);
    return;
  }
  if (!options.quiet)
    fmt::print(stderr,
               "{} tables of {} cells and every one- and two-way margin of the root variables are "
               "met to the person ({} moves, {:.2f} s)\n",
               exact.tables, exact.cells, exact.moves, exact.seconds);
}

}  // namespace

int synthesize_command(const SynthesizeOptions& options) {
  if (is_household_scenario(options.scenario)) return synthesize_households(options);
  std::vector<std::string> settings = options.settings;
  if (options.size) settings.push_back("population.size=" + std::to_string(*options.size));
  const Scenario scenario = load_scenario(options.scenario, settings);
  const Seed seed{require_seed(options.seed, scenario)};
  if (!scenario.population_size)
    throw UserError({}, "synthesize",
                    "the scenario's population is a superpopulation, without persons",
                    "pass --size N");
  if (options.output.empty() && !options.tally_only)
    throw UserError({}, "synthesize", "no output is named", "pass -o FILE.h5, or --tally-only");
  if (options.tally_only && !options.slice.empty())
    throw UserError({}, "synthesize", "--slice and --tally-only do not go together",
                    "leave one out");
  const PersonRange range = parse_slice(options.slice, *scenario.population_size);
  std::optional<OutputFile> file;  // refused before the work, not after it
  if (!options.output.empty())
    file.emplace(options.output, options.force ? Overwrite::replace : Overwrite::refuse);
  const Population population(
      scenario, options.accept ? Population::Unmet::accept : Population::Unmet::refuse);
  std::optional<ExactCounts> exact;
  if (options.exact) exact = exact_counts(population, *scenario.population_size);
  if (exact) report_exact(*exact, options);
  const PopulationFrame frame =
      exact ? PopulationFrame(exact->persons) : PopulationFrame(population);
  Progress progress(options.quiet ? Progress::Mode::silent : Progress::Mode::automatic);
  if (options.tally_only) return tally(options, file, population, frame, seed, progress);

  const Schema& schema = scenario.schema;
  std::vector<VariableId> all, latents;
  std::vector<CodeColumn> codes;
  std::vector<ValueColumn> values;
  for (std::size_t v = 0; v < schema.size(); ++v) {
    all.push_back(schema.id(v));
    codes.push_back({schema[all.back()].name, schema[all.back()].label, schema[all.back()].levels});
  }
  for (const LatentLaw& law : population.latents()) {
    latents.push_back(law.variable());
    values.push_back({schema[law.variable()].name, schema[law.variable()].unit});
  }
  ColumnsWriter writer(file->staging(), "steelyard population", codes, values,
                       {{"scenario", scenario.name},
                        {"scenario_hash", scenario.hash},
                        {"counts", options.exact ? "exact" : "expected"},
                        {"seed", std::to_string(static_cast<std::uint64_t>(seed))},
                        {"version", STEELYARD_VERSION}});
  synthesize_blocks(population, frame, range, all, latents, seed, options.threads,
                    [&](const PersonBlock& block) {
                      std::vector<std::span<const std::uint8_t>> code_spans;
                      for (const auto& column : block.columns) code_spans.emplace_back(column);
                      std::vector<std::vector<double>> latent = block.latent_values;
                      std::vector<std::span<const double>> value_spans;
                      for (std::size_t l = 0; l < latents.size(); ++l) {
                        const auto& bucket = block.columns[index(latents[l])];
                        for (std::size_t i = 0; i < block.n; ++i)
                          if (bucket[i] >= schema[latents[l]].size())
                            latent[l][i] = std::numeric_limits<double>::quiet_NaN();
                        value_spans.emplace_back(latent[l]);
                      }
                      writer.append(code_spans, value_spans);
                      progress.update("population",
                                      static_cast<double>(block.first + block.n - range.first) /
                                          static_cast<double>(range.last - range.first),
                                      static_cast<double>(range.last - range.first), "persons");
                    });
  writer.close();
  file->commit();
  progress.finish();
  fmt::print("written: {} ({} persons, {} variables, {} latent values)\n", options.output,
             range.last - range.first, schema.size(), latents.size());
  return 0;
}

}  // namespace steelyard
