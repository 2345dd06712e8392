#include "results/plan.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "core/config.hpp"
#include "core/csv.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::string field(const std::string& text) { return csv_field(text); }
std::string field(double value) { return std::isnan(value) ? std::string{} : shortest(value); }
std::string field(std::uint32_t value) { return std::to_string(value); }

template <typename... Fields>
void fields(std::string& text, const Fields&... values) {
  ((text += text.empty() || text.back() == '\n' ? "" : ",", text += field(values)), ...);
}

}  // namespace

std::string write_designs_csv(const PlanResults& results) {
  std::string text =
      "design,cost,estimand,domain,weighting,value_rule,interval,truth,bias,bias_mcse,sd,rmse,"
      "rmse_mcse,coverage,coverage_mcse,bias_change,bias_change_mcse,rmse_change,rmse_change_mcse,"
      "coverage_change,coverage_change_mcse,failures,replicates";
  for (double overlap : results.change.overlaps)
    text += fmt::format(",smallest_change_overlap_{0},smallest_change_overlap_{0}_mcse",
                        shortest(overlap));
  text += ",status\n";
  for (const DesignResults& d : results.designs) {
    std::string beginning;
    fields(beginning, d.design.name, d.design.cost.value_or(kNone));
    if (!d.failure.empty()) {
      text += beginning + std::string(22 + 2 * results.change.overlaps.size(), ',') +
              csv_field(d.failure) + "\n";
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
      for (std::size_t k = 0; k < results.change.overlaps.size(); ++k)
        fields(text, row.smallest_changes[k], row.smallest_changes_mcse[k]);
      text += ",ok\n";
    }
  }
  return text;
}

std::string write_edges_csv(const EdgeResults& results) {
  std::string text = "choice,edges,bias,sd,rmse,status\n";
  for (const auto* choices : {&results.choices, &results.by_number})
    for (const EdgeChoice& c : *choices) {
      Texts edges;
      for (double edge : c.edges) edges.push_back(shortest(edge));
      fields(text, c.name, join(edges, " "), c.bias, c.sd, c.rmse,
             c.failure.empty() ? std::string("ok") : c.failure);
      text += '\n';
    }
  return text;
}

}  // namespace steelyard
