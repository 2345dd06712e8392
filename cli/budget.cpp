#include "study/budget.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/progress.hpp"
#include "core/output.hpp"
#include "report/budget_report.hpp"
#include "sim/models/model_scenario.hpp"

namespace steelyard {
namespace {

/// One digit, or a whole number.
std::string error_text(double error) {
  return error >= 1 ? fmt::format("{:.0f}", error) : fmt::format("{:.1g}", error);
}

/// The parts of one estimator: per line a source, its share of the bias and of the MSE.
std::string record_text(const BudgetResults& b, const BudgetRecord& r) {
  const EstimandRecord& e = b.estimands[r.estimand];
  const double scale = e.unit == "%" ? 100 : 1;
  const int digits = std::abs(e.truth * scale) >= 1000 ? 0 : 2;
  const auto with_error = [&](const Measured& m, double factor, int shown) {
    // What rounding leaves is nothing.
    const double none = 1e-12 * (factor == scale ? std::abs(e.truth) * scale : 100);
    if (std::abs(m.value * factor) <= none && m.mcse * factor <= none) return std::string("0");
    return std::isnan(m.value)
               ? std::string("-")
               : fmt::format("{:+.{}f} ({})", m.value * factor, shown, error_text(m.mcse * factor));
  };
  std::string text = fmt::format(
      "\n{} ({}){}: {}{}\n  truth {:.{}f}, mean estimate {:.{}f}\n  {:<50} {:>18} {:>18} {:>18} "
      "{:>18}\n",
      e.label, e.domain_label, e.unit.empty() ? "" : ", " + e.unit, r.weighting,
      r.value_rule == "-" ? "" : ", " + r.value_rule, e.truth * scale, digits,
      r.mean_estimate * scale, digits, "source of error", "bias (MCSE)", "alone",
      "if it alone went", "part of MSE, %");
  for (std::size_t i = 0; i < r.parts.size(); ++i) {
    const BudgetPart& p = r.parts[i];
    if (!concerns(b, r, i)) continue;
    const double percent = 100 / r.mse.value;
    text += fmt::format("  {:<50} {:>18} {:>18} {:>18} {:>18}\n", b.switches[i].label,
                        with_error(p.bias, scale, digits), with_error(p.first_bias, scale, digits),
                        with_error({-p.last_bias.value, p.last_bias.mcse}, scale, digits),
                        with_error(p.mse, percent, 1));
  }
  const double rmse = std::sqrt(r.mse.value);
  const std::string size = std::isnan(rmse)
                               ? std::string("-")
                               : fmt::format("rmse {:.{}f} ({})", rmse * scale, digits,
                                             error_text(r.mse.mcse / (2 * rmse) * scale));
  text += fmt::format("  {:<50} {:>18} {:>37} {:>18}\n", "total", with_error(r.bias, scale, digits),
                      size, "100");
  if (r.failures > 0)
    text += fmt::format("  {} of {} replicates failed, for instance: {}\n", r.failures,
                        r.failures + r.replicates, r.failure);
  return text;
}

std::string budget_summary(const BudgetResults& b) {
  std::string text = fmt::format("error budget of {}: {} replicates of {} respondents, seed {}\n",
                                 b.scenario, b.replicates, b.sample_size, b.seed);
  for (const BudgetRecord& r : b.records)
    if (r.reference) text += record_text(b, r);
  return text;
}

nlohmann::ordered_json json_of(const Measured& m) {
  const auto number = [](double x) {
    return std::isfinite(x) ? nlohmann::ordered_json(x) : nlohmann::ordered_json();
  };
  return {{"value", number(m.value)}, {"mcse", number(m.mcse)}};
}

nlohmann::ordered_json json_of(const BudgetResults& b) {
  auto records = nlohmann::ordered_json::array();
  for (const BudgetRecord& r : b.records) {
    const EstimandRecord& e = b.estimands[r.estimand];
    auto parts = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < r.parts.size(); ++i)
      parts.push_back({{"source", b.switches[i].name},
                       {"bias", json_of(r.parts[i].bias)},
                       {"mse", json_of(r.parts[i].mse)},
                       {"first_bias", json_of(r.parts[i].first_bias)},
                       {"last_bias", json_of(r.parts[i].last_bias)},
                       {"first_mse", json_of(r.parts[i].first_mse)},
                       {"last_mse", json_of(r.parts[i].last_mse)}});
    records.push_back({{"estimand", e.estimand},
                       {"domain", e.domain},
                       {"unit", e.unit},
                       {"weighting", r.weighting},
                       {"value_rule", r.value_rule},
                       {"reference", r.reference},
                       {"truth", e.truth},
                       {"bias", json_of(r.bias)},
                       {"mse", json_of(r.mse)},
                       {"parts", parts},
                       {"failures", r.failures},
                       {"replicates", r.replicates}});
  }
  return {{"scenario", b.scenario},
          {"seed", b.seed},
          {"replicates", b.replicates},
          {"sample_size", b.sample_size},
          {"selection_on_answers", b.selection_on_answers},
          {"estimators", records}};
}

}  // namespace

int budget_command(const BudgetOptions& options) {
  const bool model = is_model_scenario(options.scenario);
  if (!model && !options.conditions.empty())
    throw UserError({}, "--condition", "is for populations by formulas", "leave it out");
  std::optional<Scenario> scenario;
  std::optional<ModelStudy> formulas;
  if (model)
    formulas.emplace(options.scenario, options.settings, options.conditions);
  else
    scenario.emplace(load_scenario(options.scenario, options.settings));
  const Seed seed{require_seed(options.seed, model ? formulas->scenario() : *scenario)};
  OutputFolder output(options.output, options.force ? Overwrite::replace : Overwrite::refuse);
  std::optional<Study> study;
  if (!model)
    study.emplace(*scenario,
                  options.accept ? Population::Unmet::accept : Population::Unmet::refuse);
  const BudgetPlan plan = model ? plan_budget(*formulas) : plan_budget(*study);
  StudyOptions settings;
  settings.seed = seed;
  settings.replicates = options.replicates.value_or(plan.replicates);
  settings.threads = options.threads;
  BudgetResults results;
  {
    Progress progress(options.quiet ? Progress::Mode::silent : Progress::Mode::automatic);
    const auto show = [&](const char* phase, double fraction) {
      progress.update(phase, fraction, settings.replicates, "replicates");
    };
    results = model ? run_budget(*formulas, plan, settings, show)
                    : run_budget(*study, plan, settings, show);
  }
  results.version = STEELYARD_VERSION;
  write_file(output.staging() / "budget.csv", write_budget_csv(results));
  write_file(output.staging() / "report.html",
             render_budget(results, options.language == "zh" ? Language::zh : Language::en));
  output.commit();
  if (options.json)
    fmt::print("{}\n", json_of(results).dump(2));
  else
    fmt::print("{}\nwritten to {}: budget.csv, report.html\n", budget_summary(results),
               options.output);
  return 0;
}

}  // namespace steelyard
