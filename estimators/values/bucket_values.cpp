#include "estimators/values/bucket_values.hpp"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cmath>

#include "core/sums.hpp"

namespace steelyard {
namespace {

/// The numbers of a law: its mean within each bucket; where the law does not keep the buckets'
/// shares of the totals, all times the factor that gives their weighted mean the law's.
std::vector<double> bucket_means(const Law& law, std::span<const double> edges,
                                 std::span<const double> totals) {
  const std::size_t m = totals.size();
  const double sum = total(totals);
  std::vector<double> value(m);
  boost::container::small_vector<double, 32> room(2 * m);
  const std::span<double> p(room.data(), m), first(room.data() + m, m);
  law.cumulate(edges.subspan(1), p, first);
  double weighted = 0;
  for (std::size_t b = 0; b < m; ++b) {
    const double lower = edges[b], upper = edges[b + 1];
    const double mass = p[b] - (b > 0 ? p[b - 1] : 0.0);
    // Where the law holds nothing any number of the bucket does: nobody has it.
    value[b] = mass > 1e-12        ? (first[b] - (b > 0 ? first[b - 1] : 0.0)) / mass
               : std::isinf(upper) ? lower
                                   : (lower + upper) / 2;
    weighted += totals[b] / sum * value[b];
  }
  const double mean = law.mean();
  if (weighted != 0 && std::abs(mean / weighted - 1) > 1e-12)
    for (double& v : value) v *= mean / weighted;
  return value;
}

class FromBucketRule final : public ValueRule {
 public:
  FromBucketRule(ConfigReader& config, const BucketRuleInfo& info)
      : name_(info.name), rule_(info.make()) {
    if (!info.needs_mean) return;
    const double mean = config.real(
        "known_mean", {.help = "overall mean of the answer, which the rule reproduces; it is of "
                               "everybody, so leave the rule out for domains"});
    if (!config.is_documenting()) known_mean_ = mean;
  }

  std::optional<std::string> objection(const Variable& v) const override {
    if (!std::isfinite(v.edges.front())) return "its bottom bucket is open";
    return std::nullopt;
  }

  Result<std::shared_ptr<const Law>> law(const Variable& v, std::span<const double> totals,
                                         double respondents) const override {
    auto made = rule_->fit(table(v, totals, respondents));
    if (!made) return made.failure();
    return std::move(made.value().law);
  }

  bool numbers_from_law() const override { return true; }

  Result<LawNearby> laws(const Variable& v, std::span<const double> totals, double respondents,
                         FamilyFits* shared, Around around) const override {
    const BucketTable here = table(v, totals, respondents);
    auto fit = shared != nullptr ? rule_->fit_with(here, *shared) : rule_->fit(here);
    if (!fit) return fit.failure();
    return laws_around(fit.value().law, totals, around, [&](std::size_t k, double change) {
      return law_nearby(*rule_, here, fit.value(), k, change);
    });
  }

  Result<BucketValues> values(const Variable& v, std::span<const double> totals,
                              double respondents) const override {
    const auto near = laws(v, totals, respondents, nullptr, Around::levels);
    if (!near) return near.failure();
    return values_of(v, totals, near.value());
  }

  Result<BucketValues> values_of(const Variable& v, std::span<const double> totals,
                                 const LawNearby& near) const override {
    auto out = numbers_of(v, totals, *near.law);
    if (!out) return out;
    const std::size_t m = v.size();
    out.value().jacobian.assign(m * m, 0.0);
    std::vector<double> moved(totals.begin(), totals.end());
    for (std::size_t k = 0; k < m; ++k) {
      if (!near.more[k]) continue;
      moved[k] = totals[k] + near.step[k];
      const auto up = numbers_of(v, moved, *near.more[k]);
      moved[k] = totals[k];
      if (!up) return up.failure();
      for (std::size_t j = 0; j < m; ++j)
        out.value().jacobian[j * m + k] =
            (up.value().value[j] - out.value().value[j]) / near.step[k];
    }
    return out;
  }

  Result<BucketValues> numbers(const Variable& v, std::span<const double> totals,
                               double respondents) const override {
    const auto made = law(v, totals, respondents);
    if (!made) return made.failure();
    return numbers_of(v, totals, *made.value());
  }

 private:
  BucketTable table(const Variable& v, std::span<const double> totals, double respondents) const {
    BucketTable table = table_of(v, totals, respondents);
    table.known_mean = known_mean_;
    return table;
  }

  Result<BucketValues> numbers_of(const Variable& v, std::span<const double> totals,
                                  const Law& law) const {
    if (!std::isfinite(law.mean()))
      return Failure{FailureKind::unbounded_tail, name_ + " gives the open bucket no finite mean"};
    return BucketValues{bucket_means(law, v.edges, totals), {}};
  }

  std::string name_;
  std::unique_ptr<const BucketRule> rule_;
  std::optional<double> known_mean_;
};

}  // namespace

BucketTable table_of(const Variable& variable, std::span<const double> totals, double respondents) {
  return {variable.edges,
          {totals.begin(), totals.end()},
          respondents > 0 ? respondents : total(totals),
          std::nullopt};
}

std::vector<ValueRuleInfo> bucket_value_rules() {
  std::vector<ValueRuleInfo> list;
  for (const BucketRuleInfo& info : bucket_rules())
    list.push_back(
        {info.name, info.summary, info.source, [info](ConfigReader& config, const Schema&) {
           return std::make_unique<const FromBucketRule>(config, info);
         }});
  return list;
}

}  // namespace steelyard
