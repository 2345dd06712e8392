#include "study/selection_measures.hpp"

#include <cmath>
#include <limits>

#include "core/sums.hpp"

namespace steelyard {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

void measure_selection(std::span<const SurveySize> sizes, StudyResults& results) {
  std::size_t condition = 0;
  for (std::size_t i = 0; i < results.estimators.size(); ++i) {
    while (condition + 1 < sizes.size() && sizes[condition + 1].first_estimator <= i) ++condition;
    const SurveySize& size = sizes[condition];
    const double f = size.population > 0 ? size.sample / size.population : 0;
    const EstimandRecord& estimand = results.estimands[results.estimators[i].estimand];
    SelectionRecord record;
    record.estimator = static_cast<std::uint32_t>(i);
    record.unit_sd = estimand.unit_sd;
    Moments defect;
    Sum cv2;
    std::size_t weighted = 0;
    for (std::size_t r = 0; r < results.replicates; ++r) {
      const double error = results.at(results.estimate, i, r) - estimand.truth;
      const double cv = results.at(results.survey_weights_cv2, i, r);
      if (!std::isfinite(error) || !std::isfinite(cv)) continue;
      cv2.add(cv);
      ++weighted;
      if (f > 0 && f < 1) defect.add(error / (record.unit_sd * std::sqrt((1 - f + cv) / f)));
    }
    record.weights_cv =
        weighted > 0 ? std::sqrt(cv2.value() / static_cast<double>(weighted)) : kNaN;
    const bool known = record.unit_sd > 0 && defect.n() > 0;
    record.ddc = known ? defect.mean() : kNaN;
    record.ddc_mcse = known && defect.n() > 1 ? defect.mean_se() : kNaN;
    const PerformanceRecord& p = results.performance[i];
    record.effective_n =
        record.unit_sd > 0 && p.rmse > 0 ? std::pow(record.unit_sd / p.rmse, 2) : kNaN;
    record.effective_n_mcse = 2 * record.effective_n * p.rmse_mcse / p.rmse;
    results.selection.push_back(record);
  }
}

}  // namespace steelyard
