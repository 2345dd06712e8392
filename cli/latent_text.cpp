#include "cli/latent_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace steelyard {
namespace {

const LatentSpec& spec_of(const Scenario& scenario, VariableId variable) {
  return *std::find_if(scenario.latents.begin(), scenario.latents.end(),
                       [&](const LatentSpec& spec) { return spec.variable == variable; });
}

/// The groups that anybody is in.
std::vector<std::size_t> populated(const LatentLaw& law) {
  std::vector<std::size_t> groups;
  for (std::size_t g = 0; g < law.groups(); ++g)
    if (law.fit(g).weight > 0) groups.push_back(g);
  return groups;
}

double worst_error(const LatentLaw& law) {
  double worst = 0;
  for (std::size_t g : populated(law)) worst = std::max(worst, law.fit(g).table_error);
  return worst;
}

}  // namespace

std::string latent_text(const Scenario& scenario, const Population& population) {
  std::string text;
  for (const LatentLaw& law : population.latents()) {
    const Variable& v = scenario.schema[law.variable()];
    const LatentSpec& spec = spec_of(scenario, law.variable());
    const auto groups = populated(law);
    text += fmt::format("{}latent {}: {}, {} group{}", text.empty() ? "" : "\n", v.name,
                        spec.family, groups.size(), groups.size() == 1 ? "" : "s");
    if (spec.family == "density") continue;
    double aic = 0;
    std::size_t not_ok = 0;
    for (std::size_t g : groups) {
      aic += law.fit(g).fit->aic;
      not_ok += law.fit(g).fit->status != FitStatus::ok;
    }
    text +=
        fmt::format(", AIC {:.1f}{}; bucket means of the tables within {:.1g} of the law's", aic,
                    not_ok ? fmt::format(" ({} at a boundary)", not_ok) : "", worst_error(law));
    for (const FamilyComparison& row :
         compare_families(law, scenario.schema, survey_size(scenario)))
      text +=
          fmt::format("\n  {:<18} AIC {:>12.1f}  {:>3} parameters  mean {:.6g}{}{}",
                      to_string(row.family), row.aic, row.parameters, row.mean,
                      std::isfinite(row.mean) && !v.unit.empty() ? " " + v.unit : "",
                      row.not_ok ? fmt::format(", {} of {} groups at a boundary or not converged",
                                               row.not_ok, groups.size())
                                 : "");
  }
  return text;
}

nlohmann::ordered_json latent_json(const Scenario& scenario, const Population& population) {
  auto list = nlohmann::ordered_json::array();
  for (const LatentLaw& law : population.latents()) {
    const LatentSpec& spec = spec_of(scenario, law.variable());
    nlohmann::ordered_json item{{"variable", scenario.schema[law.variable()].name},
                                {"family", spec.family},
                                {"tilt", spec.tilt},
                                {"table_error", worst_error(law)}};
    item["groups"] = nlohmann::ordered_json::array();
    for (std::size_t g : populated(law)) {
      const LatentFit& fit = law.fit(g);
      nlohmann::ordered_json group{{"group", law.describe(scenario.schema, g)},
                                   {"weight", fit.weight}};
      if (fit.tail_index) group["tail_index"] = *fit.tail_index;
      if (fit.fit) {
        group["family"] = to_string(fit.fit->law.family());
        group["status"] = to_string(fit.fit->status);
        const auto names = parameter_names(fit.fit->law.family());
        const auto values = fit.fit->law.free_parameters();
        for (std::size_t j = 0; j < names.size(); ++j) {
          group[names[j]] = values[j];
          group[names[j] == "mu" ? "se_mu" : "se_log_" + names[j]] = fit.fit->standard_error[j];
        }
        group["log_likelihood"] = fit.fit->log_likelihood;
        group["aic"] = fit.fit->aic;
        group["deviance"] = fit.fit->deviance;
      }
      item["groups"].push_back(std::move(group));
    }
    item["families"] = nlohmann::ordered_json::array();
    if (spec.family != "density")
      for (const FamilyComparison& row :
           compare_families(law, scenario.schema, survey_size(scenario)))
        item["families"].push_back({{"family", to_string(row.family)},
                                    {"aic", row.aic},
                                    {"parameters", row.parameters},
                                    {"mean", row.mean},
                                    {"groups_not_ok", row.not_ok}});
    list.push_back(std::move(item));
  }
  return list;
}

}  // namespace steelyard
