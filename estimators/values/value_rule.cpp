#include "estimators/values/value_rule.hpp"

#include <algorithm>

#include "core/sums.hpp"
#include "estimators/buckets/points.hpp"

namespace steelyard {

Result<std::shared_ptr<const Law>> ValueRule::law(const Variable& variable,
                                                  std::span<const double> totals,
                                                  double respondents) const {
  const auto made = values(variable, totals, respondents);
  if (!made) return made.failure();
  const double sum = total(totals);
  std::vector<PointLaw::Point> points;
  for (std::size_t k = 0; k < totals.size(); ++k)
    if (totals[k] > 0) points.push_back({made.value().value[k], totals[k] / sum});
  std::sort(points.begin(), points.end(),
            [](const auto& a, const auto& b) { return a.value < b.value; });
  return std::shared_ptr<const Law>(std::make_shared<PointLaw>(std::move(points)));
}

std::vector<double> LawNearby::influence(const std::function<double(const Law&)>& f) const {
  std::vector<double> out(step.size(), 0.0);
  for (std::size_t k = 0; k < step.size(); ++k)
    if (more[k]) out[k] = (f(*more[k]) - f(*less[k])) / (2 * step[k]);
  return out;
}

Result<LawNearby> ValueRule::laws(const Variable& variable, std::span<const double> totals,
                                  double respondents) const {
  // Of the whole: curvature then costs 1e-10, the rounding of a fitted law 1e-7 of an influence.
  constexpr double kStep = 1e-5;
  const double sum = total(totals);
  if (respondents <= 0) respondents = sum;
  auto made = law(variable, totals, respondents);
  if (!made) return made.failure();
  LawNearby out{std::move(made.value()), {}, {}, {}};
  out.more.resize(totals.size());
  out.less.resize(totals.size());
  out.step.assign(totals.size(), 0.0);
  std::vector<double> moved(totals.begin(), totals.end());
  for (std::size_t k = 0; k < totals.size(); ++k) {
    if (!(totals[k] > 0)) continue;
    out.step[k] = std::min(kStep * sum, totals[k] / 2);
    for (const bool up : {true, false}) {
      moved[k] = totals[k] + (up ? out.step[k] : -out.step[k]);
      auto near = law(variable, moved, respondents);
      if (!near) return near.failure();
      (up ? out.more : out.less)[k] = std::move(near.value());
    }
    moved[k] = totals[k];
  }
  return out;
}

}  // namespace steelyard
