#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "cli/sample_text.hpp"
#include "core/csv.hpp"
#include "core/missing.hpp"
#include "core/output.hpp"
#include "results/columns_store.hpp"
#include "sim/models/model_scenario.hpp"
#include "study/engine.hpp"

namespace steelyard {

namespace {

std::vector<VariableId> all_variables(const Schema& schema) {
  std::vector<VariableId> ids;
  for (std::size_t i = 0; i < schema.size(); ++i) ids.push_back(schema.id(i));
  return ids;
}

/// The one-way totals that estimators may know, in the form that `weigh --margins` reads.
std::string margins_csv(const Study& study) {
  const Schema& schema = study.scenario().schema;
  std::string text = "variable,level,target\n";
  std::vector<VariableId> known;
  for (const auto& table : study.plan().benchmarks)
    for (VariableId id : table)
      if (std::find(known.begin(), known.end(), id) == known.end()) known.push_back(id);
  for (VariableId id : known) {
    const auto totals = population_totals(study.population(), study.frame(), {&id, 1});
    for (std::size_t level = 0; level < totals.size(); ++level)
      text += fmt::format("{},{},{:.0f}\n", csv_field(schema[id].name),
                          csv_field(schema[id].levels[level]), totals[level]);
  }
  return text;
}

void write_h5(const Sample& sample, const std::filesystem::path& path, std::uint64_t seed,
              std::uint32_t replicate) {
  std::vector<CodeColumn> columns;
  // The file has one code for "no answer", whether it was not asked or not given.
  std::vector<std::vector<std::uint8_t>> stored = sample.columns;
  std::vector<std::span<const std::uint8_t>> codes;
  for (std::size_t k = 0; k < sample.schema->size(); ++k) {
    const Variable& v = (*sample.schema)[sample.schema->id(k)];
    columns.push_back({v.name, v.label, v.levels});
    std::replace(stored[k].begin(), stored[k].end(), kMissing, v.not_applicable());
    codes.emplace_back(stored[k]);
  }
  ColumnsWriter writer(path, "steelyard sample", columns, {},
                       {{"seed", std::to_string(seed)}, {"replicate", std::to_string(replicate)}});
  writer.append(codes, {});
  writer.close();
}

}  // namespace

int draw_command(const DrawOptions& options) {
  if (is_model_scenario(options.scenario)) return draw_model(options);
  const Scenario scenario = load_scenario(options.scenario, options.settings);
  const std::uint64_t seed = require_seed(options.seed, scenario);
  OutputFolder output(options.output, options.force ? Overwrite::replace : Overwrite::refuse);
  const Study study(scenario,
                    options.accept ? Population::Unmet::accept : Population::Unmet::refuse);
  const Synthesizer synthesizer = study.sample_synthesizer(all_variables(scenario.schema));
  Study::Scratch scratch = study.scratch(synthesizer);
  const std::optional<Synthesizer> asked = study.reference_synthesizer(study.population());
  Progress progress(options.quiet ? Progress::Mode::silent : Progress::Mode::automatic);
  for (std::uint32_t r = 0; r < options.replicates; ++r) {
    const Sample& sample = study.draw_sample(Seed{seed}, Replicate{r}, synthesizer, scratch);
    const std::string name = fmt::format("sample_{:06}", r);
    if (options.format == "csv")
      write_file(output.staging() / (name + ".csv"), sample_csv(sample));
    else
      write_h5(sample, output.staging() / (name + ".h5"), seed, r);
    const auto reference =
        study.draw_reference(Seed{seed}, Replicate{r}, asked ? &*asked : nullptr, scratch);
    if (!reference) throw NegativeAnswer(reference.failure().detail);
    if (reference.value())
      write_file(output.staging() / fmt::format("reference_{:06}.csv", r),
                 sample_csv(reference.value()->sample));
    progress.update("samples", (r + 1.0) / options.replicates, options.replicates, "samples");
  }
  write_file(output.staging() / "margins.csv", margins_csv(study));
  output.commit();
  progress.finish();
  fmt::print(
      "written to {}: {} samples of {} respondents{}, and margins.csv (the population totals that "
      "estimators may know)\n",
      options.output, options.replicates, scenario.sample_size,
      asked ? ", each with its reference sample" : "");
  return 0;
}

}  // namespace steelyard
