#include "estimators/survey/answers_by_value.hpp"

#include <cmath>
#include <numeric>

namespace steelyard {

void AnswersByValue::answered(std::size_t column, std::size_t domain,
                              std::vector<std::uint32_t>& rows) const {
  rows.clear();
  const std::vector<double>& y = data_.columns[column];
  for (std::uint32_t i : domains_.rows(domain))
    if (!std::isnan(y[i])) rows.push_back(i);
}

const AnswersByValue::Sorted& AnswersByValue::sorted(std::size_t column, std::size_t domain) {
  const auto [at, fresh] = sorted_.try_emplace({column, domain});
  Sorted& s = at->second;
  if (!fresh) return s;
  answered(column, domain, s.rows);
  const std::vector<double>& y = data_.columns[column];
  sort_by_value(y, s.rows);
  s.values.resize(s.rows.size());
  for (std::size_t i = 0; i < s.values.size(); ++i) s.values[i] = y[s.rows[i]];
  s.identity.resize(s.rows.size());
  std::iota(s.identity.begin(), s.identity.end(), 0u);
  return s;
}

const WeightedDistribution& AnswersByValue::distribution(std::size_t column, std::size_t domain) {
  auto& kept = distributions_[{column, domain}];
  if (!kept) kept = distribution(column, domain, data_.w);
  return *kept;
}

WeightedDistribution AnswersByValue::distribution(std::size_t column, std::size_t domain,
                                                  std::span<const double> w) {
  const Sorted& s = sorted(column, domain);
  scratch_.resize(s.rows.size());
  for (std::size_t i = 0; i < scratch_.size(); ++i) scratch_[i] = w[s.rows[i]];
  return WeightedDistribution(s.values, scratch_, s.identity);
}

double AnswersByValue::gini(std::size_t column, std::size_t domain, std::span<const double> w,
                            std::vector<double>* influence) {
  const Sorted& s = sorted(column, domain);
  const std::size_t n = s.rows.size();
  double weight = 0, sum = 0, pairs = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double wi = w[s.rows[i]];
    pairs += wi * s.values[i] * (2 * weight + wi);
    weight += wi;
    sum += wi * s.values[i];
  }
  const double g = pairs / (weight * sum) - 1;
  if (influence == nullptr) return g;
  influence->resize(n);
  double below = 0, above = sum;
  for (std::size_t i = 0; i < n; ++i) {
    below += w[s.rows[i]];
    above -= w[s.rows[i]] * s.values[i];
    (*influence)[i] = (2 * (s.values[i] * below + above) - (g + 1) * (sum + weight * s.values[i])) /
                      (weight * sum);
  }
  return g;
}

double AnswersByValue::quantile_as_survey(std::size_t column, std::size_t domain, double p,
                                          QuantileRule rule) {
  if (rule == QuantileRule::hf7) return distribution(column, domain).quantile(p, rule);
  const Sorted& s = sorted(column, domain);
  long double total = 0, running = 0;
  for (std::size_t i = 0; i < data_.n; ++i) total += data_.w[i];
  const auto sum = static_cast<double>(total);
  std::vector<double> cumulated;
  for (std::uint32_t i : s.rows) cumulated.push_back(static_cast<double>(running += data_.w[i]));
  const std::size_t n = cumulated.size();
  std::size_t at = 0;
  for (std::size_t i = 0; i < n; ++i)
    if (cumulated[i] <= p * sum) at = i;
  const std::size_t next = at + 1 < n ? at + 1 : at;
  if (p - cumulated[at] / sum != 0) return s.values[next];
  return rule == QuantileRule::math ? s.values[at] : (s.values[at] + s.values[next]) / 2;
}

}  // namespace steelyard
