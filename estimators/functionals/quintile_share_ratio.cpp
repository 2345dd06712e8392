#include <limits>

#include "estimators/functionals/law_functional.hpp"

namespace steelyard {

/// E[X; X > Q(0.8)] / E[X; X <= Q(0.2)]: each fifth holds a fifth of the persons, also where a law
/// of points has a step there.
FunctionalInfo quintile_share_ratio_info() {
  return law_statistic(
      "quintile_share_ratio", "income of the top fifth over that of the bottom fifth (S80/S20)",
      "Langel & Tillé (2011), Metrika 73, 87-105, section 2",
      [](const Law& law) {
        const double bottom = share_of_lowest(law, 0.2), all = law.mean();
        return bottom > 0 ? (all - share_of_lowest(law, 0.8)) / bottom
                          : std::numeric_limits<double>::infinity();
      },
      false);
}

}  // namespace steelyard
