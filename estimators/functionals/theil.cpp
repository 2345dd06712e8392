#include "estimators/functionals/law_functional.hpp"

namespace steelyard {

FunctionalInfo theil_info() {
  return law_statistic(
      "theil", "Theil's index, E[x ln x]/mean - ln mean, under the value rule's law",
      "Theil (1967), Economics and Information Theory, chapter 4",
      [](const Law& law) { return law.theil(); }, false);
}

}  // namespace steelyard
