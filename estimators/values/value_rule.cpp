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
  const double here = f(*law);
  for (std::size_t k = 0; k < step.size(); ++k)
    if (more[k]) out[k] = (f(*more[k]) - here) / step[k];
  return out;
}

Result<LawNearby> ValueRule::laws(const Variable& variable, std::span<const double> totals,
                                  double respondents, FamilyFits*, Around around) const {
  if (respondents <= 0) respondents = total(totals);
  auto made = law(variable, totals, respondents);
  if (!made) return made.failure();
  std::vector<double> moved(totals.begin(), totals.end());
  return laws_around(std::move(made.value()), totals, around, [&](std::size_t k, double change) {
    moved[k] = totals[k] + change;
    auto near = law(variable, moved, respondents);
    moved[k] = totals[k];
    return near;
  });
}

Result<LawNearby> ValueRule::laws_around(std::shared_ptr<const Law> law,
                                         std::span<const double> totals, Around around,
                                         const Nearby& nearby) {
  // Of the whole: curvature costs an influence about 1e-5 of itself, the rounding of a fitted law
  // about 1e-4. Central differences would cost twice the fits and change no digit of an error.
  constexpr double kStep = 1e-5;
  LawNearby out{std::move(law), {}, {}};
  out.more.resize(totals.size());
  out.step.assign(totals.size(), kStep * total(totals));
  for (std::size_t k = 0; k < totals.size(); ++k) {
    if (!(totals[k] > 0) || around == Around::none) continue;
    auto near = nearby(k, out.step[k]);
    if (!near) return near.failure();
    out.more[k] = std::move(near.value());
  }
  return out;
}

}  // namespace steelyard
