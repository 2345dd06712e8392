// Verbs on scenarios whose population is a model.

#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "cli/sample_text.hpp"
#include "core/output.hpp"
#include "core/sums.hpp"
#include "core/text.hpp"
#include "sim/models/model_sampler.hpp"
#include "study/model_study.hpp"

namespace steelyard {
namespace {

std::string draws(const ModelScenario& model) {
  std::string text;
  if (const auto& p = model.participation)
    text += fmt::format("volunteers, {}", p->expected_size
                                              ? fmt::format("{:g} expected", *p->expected_size)
                                              : fmt::format("intercept {:g}", p->intercept));
  else
    text += model.sample->design;
  if (model.reference) text += fmt::format("; reference sample: {}", model.reference->design);
  return text;
}

/// What the population of one condition looks like, and how its samples are drawn.
void show_condition(const ModelCondition& condition, Seed seed) {
  const ModelScenario& model = condition.model;
  const ModelPopulation population(model, seed, Replicate{0});
  const ModelSampler sampler(model, population);
  if (!condition.name.empty()) fmt::print("\n{}\n", condition.label);
  fmt::print("  {:<24} {:>12} {:>12} {:>12} {:>12}\n", "column", "mean", "sd", "smallest",
             "largest");
  for (const ModelVariable& v : model.variables) {
    const std::vector<double>& values = *population.columns().find(v.name);
    Moments moments;
    for (double x : values) moments.add(x);
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    fmt::print("  {:<24} {:>12.5g} {:>12.5g} {:>12.5g} {:>12.5g}{}\n", v.name, moments.mean(),
               moments.sd(), *low, *high, v.id ? "" : "  not observed");
  }
  const auto probability = sampler.probabilities();
  const auto [low, high] = std::minmax_element(probability.begin(), probability.end());
  fmt::print("  sample                   {:.1f} expected; probabilities {:.3g} to {:.3g}{}\n",
             sampler.expected_size(), *low, *high,
             sampler.intercept() ? fmt::format(", intercept {:.6g}", *sampler.intercept()) : "");
  if (const SamplingDesign* reference = sampler.reference_design()) {
    const auto p = reference->probabilities();
    const auto [least, most] = std::minmax_element(p.begin(), p.end());
    fmt::print("  reference sample         {:.1f} expected; probabilities {:.3g} to {:.3g}\n",
               total(p), *least, *most);
  }
  if (model.redraw == Redraw::replicate) return;
  const auto truths = model_truths(population, condition.plan);
  for (std::size_t e = 0; e < truths.size(); ++e)
    fmt::print("  truth of {:<15} {:.6g} ({})\n", condition.plan.estimands[e].id, truths[e].finite,
               condition.plan.estimands[e].domain_label);
}

}  // namespace

void describe_model(const std::string& name) {
  const ModelStudy study(name);
  const ModelScenario& model = study.condition(0).model;
  const Scenario& s = model.scenario;
  fmt::print(
      "{}: {}\n{}\n\npopulation  {} by formulas{}\nsample      {}\nconditions  {}\nestimands   "
      "{}\nvariables   {}\n",
      name, s.title, s.description, *s.population_size,
      model.redraw == Redraw::replicate ? ", drawn anew in each replicate" : "", draws(model),
      study.conditions(), study.plan().estimands.size(), s.schema.size());
  for (const Variable& v : s.schema.variables())
    fmt::print("  {:<32} {:<12} {} levels  {}\n", v.name, to_string(v.kind), v.size(), v.label);
}

int check_model(const CheckOptions& options) {
  for (const auto& [given, option] : {std::pair{options.as_printed, "--as-printed"},
                                      {!options.reconcile.empty(), "--reconcile"},
                                      {options.json, "--json"}})
    if (given)
      throw UserError({}, option, "is for published numbers of a survey",
                      "leave it out: a population by formulas has none");
  const ModelStudy study(options.scenario, options.settings);
  const Scenario& s = study.scenario();
  fmt::print("{}: {} persons by formulas; {}; {} conditions, {} estimands, {} weightings\n",
             s.title, *s.population_size, draws(study.condition(0).model), study.conditions(),
             study.plan().estimands.size(), study.plan().weightings.size());
  for (const MeasurementSource& source : study.condition(0).measurement->sources())
    fmt::print("  measurement {}: {}{}\n", source.name, source.kind,
               source.active ? "" : ", not active");
  for (const StaleBenchmark& stale : study.condition(0).stale)
    fmt::print("  stale benchmark {}: {}{}\n", stale.name, s.schema[stale.variable].name,
               stale.active ? "" : ", not active");
  for (std::size_t c = 0; c < study.conditions(); ++c)
    show_condition(study.condition(c), Seed{s.seed.value_or(1)});
  return 0;
}

int draw_model(const DrawOptions& options) {
  const ModelScenario model = load_model_scenario(options.scenario, options.settings);
  plan_study(model.scenario);
  const Seed seed{require_seed(options.seed, model.scenario)};
  if (options.format != "csv")
    throw UserError({}, "--format", "= \"" + options.format + "\" cannot hold numbers",
                    "use csv for a population by formulas");
  const Measurement measurement(model.scenario, PopulationKind::formulas),
      of_reference(model.scenario, PopulationKind::formulas, Reporting::reference);
  OutputFolder output(options.output, options.force ? Overwrite::replace : Overwrite::refuse);
  std::optional<ModelPopulation> population;
  std::optional<ModelSampler> sampler;
  ModelSampler::Scratch scratch;
  Progress progress(options.quiet ? Progress::Mode::silent : Progress::Mode::automatic);
  for (std::uint32_t r = 0; r < options.replicates; ++r) {
    if (!population || model.redraw == Redraw::replicate) {
      sampler.reset();
      population.emplace(model, seed, Replicate{r});
      sampler.emplace(model, *population, &measurement, &of_reference);
    }
    sampler->draw(seed, Replicate{r}, scratch);
    write_file(output.staging() / fmt::format("sample_{:06}.csv", r), sample_csv(scratch.sample));
    if (scratch.reference)
      write_file(output.staging() / fmt::format("reference_{:06}.csv", r),
                 sample_csv(scratch.reference->sample));
    progress.update("samples", (r + 1.0) / options.replicates, options.replicates, "samples");
  }
  output.commit();
  progress.finish();
  fmt::print("written to {}: {} samples{}\n", options.output, options.replicates,
             model.reference ? ", each with its reference sample" : "");
  return 0;
}

}  // namespace steelyard
