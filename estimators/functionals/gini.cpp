#include "estimators/functionals/law_functional.hpp"

namespace steelyard {

FunctionalInfo gini_info() {
  return law_statistic(
      "gini", "Gini coefficient of a bucketed answer, under the value rule's law",
      "Gastwirth (1972), Review of Economics and Statistics 54, 306-316",
      [](const Law& law) { return law.gini(); }, true);
}

}  // namespace steelyard
