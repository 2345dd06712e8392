#include "estimators/functionals/law_functional.hpp"

namespace steelyard {

FunctionalInfo mean_log_deviation_info() {
  return law_statistic(
      "mean_log_deviation",
      "mean logarithmic deviation, ln mean - E ln x, under the value rule's law",
      "Theil (1967), Economics and Information Theory, chapter 4",
      [](const Law& law) { return law.mld(); }, false);
}

}  // namespace steelyard
