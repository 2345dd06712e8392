#include "results/budget.hpp"

#include <cmath>

#include "core/csv.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

std::string number(double x) { return std::isnan(x) ? std::string{} : shortest(x); }

std::string pair(const Measured& m) { return "," + number(m.value) + "," + number(m.mcse); }

}  // namespace

bool concerns(const BudgetResults& results, const BudgetRecord& record, std::size_t source) {
  return record.value_rule != "-" || results.switches[source].name != "bucket_rule" ||
         record.parts[source].bias.value != 0;
}

std::string write_budget_csv(const BudgetResults& results) {
  std::string text =
      "estimand,domain,weighting,value_rule,reference,truth,mean_estimate,source,bias,bias_mcse,"
      "mse,"
      "mse_mcse,first_bias,first_bias_mcse,last_bias,last_bias_mcse,first_mse,first_mse_mcse,"
      "last_mse,last_mse_mcse,failures,replicates\n";
  for (const BudgetRecord& r : results.records) {
    const EstimandRecord& e = results.estimands[r.estimand];
    const std::string head = csv_field(e.estimand) + "," + csv_field(e.domain) + "," +
                             csv_field(r.weighting) + "," + csv_field(r.value_rule) + "," +
                             (r.reference ? "1" : "0") + "," + number(e.truth) + "," +
                             number(r.mean_estimate) + ",";
    const std::string tail =
        "," + std::to_string(r.failures) + "," + std::to_string(r.replicates) + "\n";
    for (std::size_t i = 0; i < r.parts.size(); ++i) {
      const BudgetPart& p = r.parts[i];
      text += head + results.switches[i].name + pair(p.bias) + pair(p.mse) + pair(p.first_bias) +
              pair(p.last_bias) + pair(p.first_mse) + pair(p.last_mse) + tail;
    }
    text += head + "total" + pair(r.bias) + pair(r.mse) + ",,,,,,,," + tail;
  }
  return text;
}

}  // namespace steelyard
