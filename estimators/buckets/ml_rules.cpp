// Interval-censored maximum likelihood of one family, the best of ten, or their average.

#include <array>

#include "estimators/buckets/family_fits.hpp"
#include "estimators/buckets/parametric.hpp"

namespace steelyard {
namespace {

class FamilyRule final : public BucketRule {
 public:
  FamilyRule(const NamedFamily& family, MeanUse use) : family_(family), use_(use) {}
  Result<BucketFit> fit(const BucketTable& table) const override {
    const Result<IntervalFit> fit = fit_family(family_, table, use_);
    if (!fit) return fit.failure();
    BucketFit out{
        std::make_shared<ParametricLaw>(fit.value().law), findings(fit.value(), table.n), {}};
    if (fit.value().status != FitStatus::ok)
      out.notes.push_back(boundary_note(family_.name, fit.value()));
    return out;
  }

 private:
  NamedFamily family_;
  MeanUse use_;
};

class AverageRule final : public BucketRule {
 public:
  AverageRule(Criterion criterion, MeanUse use) : criterion_(criterion), use_(use) {}
  Result<BucketFit> fit(const BucketTable& table) const override {
    const Result<Members> members =
        fit_members(ten_families(), table, use_, criterion_, Needed::variance);
    if (!members) return members.failure();
    const auto& [fits, weights, notes] = members.value();
    BucketFit out{nullptr, {}, notes};
    std::vector<std::shared_ptr<const Law>> laws;
    for (std::size_t i = 0; i < fits.size(); ++i) {
      laws.push_back(std::make_shared<ParametricLaw>(fits[i].second.law));
      out.found.emplace_back("w:" + std::string(fits[i].first), weights[i]);
    }
    out.law = std::make_shared<AveragedLaw>(std::move(laws), weights);
    return out;
  }

 private:
  Criterion criterion_;
  MeanUse use_;
};

class BestRule final : public BucketRule {
 public:
  BestRule(Criterion criterion, MeanUse use) : criterion_(criterion), use_(use) {}
  Result<BucketFit> fit(const BucketTable& table) const override {
    const Result<Members> members =
        fit_members(ten_families(), table, use_, criterion_, Needed::variance);
    if (!members) return members.failure();
    const auto& [name, fit] = members.value().fits[members.value().best()];
    BucketFit out{std::make_shared<ParametricLaw>(fit.law), findings(fit, table.n),
                  members.value().notes};
    out.found.emplace_back("w:" + std::string(name), 1);
    return out;
  }

 private:
  Criterion criterion_;
  MeanUse use_;
};

using Made = std::unique_ptr<const BucketRule>;
template <std::size_t kFamily, MeanUse kUse>
Made make_family() {
  return std::make_unique<FamilyRule>(ml_families()[kFamily], kUse);
}
template <typename Rule, Criterion kCriterion, MeanUse kUse>
Made make() {
  return std::make_unique<Rule>(kCriterion, kUse);
}

constexpr std::string_view kMcDonald = "McDonald (1984), Econometrica 52, 647-663";
constexpr std::string_view kMultimodel =
    "von Hippel, Scarpino & Holas (2016), Sociological Methodology 46, 212-251";

struct Text {
  std::string_view name, name_mean, summary, summary_mean;
};
constexpr std::array<Text, 12> kTexts{{
    {"GB2", "GB2_mean",
     "generalized beta of the second kind by interval-censored maximum likelihood",
     "generalized beta of the second kind of the known mean, by maximum likelihood"},
    {"GG", "GG_mean", "generalized gamma by interval-censored maximum likelihood",
     "generalized gamma of the known mean, by maximum likelihood"},
    {"BETA2", "BETA2_mean", "beta of the second kind by interval-censored maximum likelihood",
     "beta of the second kind of the known mean, by maximum likelihood"},
    {"DAGUM", "DAGUM_mean", "Dagum by interval-censored maximum likelihood",
     "Dagum of the known mean, by maximum likelihood"},
    {"SM", "SM_mean", "Singh-Maddala by interval-censored maximum likelihood",
     "Singh-Maddala of the known mean, by maximum likelihood"},
    {"LN", "LN_mean", "lognormal by interval-censored maximum likelihood",
     "lognormal of the known mean, by maximum likelihood"},
    {"WEI", "WEI_mean", "Weibull by interval-censored maximum likelihood",
     "Weibull of the known mean, by maximum likelihood"},
    {"GA", "GA_mean", "gamma by interval-censored maximum likelihood",
     "gamma of the known mean, by maximum likelihood"},
    {"FISK", "FISK_mean", "Fisk (log-logistic) by interval-censored maximum likelihood",
     "Fisk (log-logistic) of the known mean, by maximum likelihood"},
    {"LOMAX", "LOMAX_mean", "Lomax (Pareto II) by interval-censored maximum likelihood",
     "Lomax (Pareto II) of the known mean, by maximum likelihood"},
    {"EXP", "EXP_mean", "exponential by interval-censored maximum likelihood",
     "exponential of the known mean"},
    {"NORM", "NORM_mean", "normal by interval-censored maximum likelihood",
     "normal of the known mean, by maximum likelihood"},
}};

template <std::size_t... kIndex>
void add_families(std::vector<BucketRuleInfo>& list, MeanUse use, std::index_sequence<kIndex...>) {
  if (use == MeanUse::ignored)
    (list.push_back({kTexts[kIndex].name, kTexts[kIndex].summary, kMcDonald, false,
                     make_family<kIndex, MeanUse::ignored>}),
     ...);
  else
    (list.push_back({kTexts[kIndex].name_mean, kTexts[kIndex].summary_mean, kMcDonald, true,
                     make_family<kIndex, MeanUse::matched>}),
     ...);
}

}  // namespace

std::vector<BucketRuleInfo> ml_rules() {
  using enum Criterion;
  using enum MeanUse;
  std::vector<BucketRuleInfo> list;
  constexpr std::make_index_sequence<kTexts.size()> kAll;
  add_families(list, ignored, kAll);
  list.push_back({"AVG_aic", "average of the statistics of ten families, Akaike weights",
                  kMultimodel, false, make<AverageRule, aic, ignored>});
  list.push_back({"AVG_bic", "average of the statistics of ten families, BIC weights", kMultimodel,
                  false, make<AverageRule, bic, ignored>});
  list.push_back({"BEST_aic", "the one of ten families with the smallest AIC", kMultimodel, false,
                  make<BestRule, aic, ignored>});
  list.push_back({"BEST_bic", "the one of ten families with the smallest BIC", kMultimodel, false,
                  make<BestRule, bic, ignored>});
  add_families(list, matched, kAll);
  list.push_back({"AVG_aic_mean", "average of ten families of the known mean, Akaike weights",
                  kMultimodel, true, make<AverageRule, aic, matched>});
  list.push_back({"BEST_aic_mean", "the one of ten families of the known mean of smallest AIC",
                  kMultimodel, true, make<BestRule, aic, matched>});
  return list;
}

}  // namespace steelyard
