// Interval-censored maximum likelihood of one family, the best of ten, or their average.

#include <array>

#include "estimators/buckets/fitted_rules.hpp"

namespace steelyard {
namespace {

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
void add_families(std::vector<BucketRuleInfo>& list, std::index_sequence<kIndex...>) {
  (list.push_back({kTexts[kIndex].name, kTexts[kIndex].summary, kMcDonald, false,
                   make_fitted<FittedOptions{.family = kIndex}>, RuleKind::fitted}),
   ...);
}
template <std::size_t... kIndex>
void add_families_of_mean(std::vector<BucketRuleInfo>& list, std::index_sequence<kIndex...>) {
  (list.push_back({kTexts[kIndex].name_mean, kTexts[kIndex].summary_mean, kMcDonald, true,
                   make_fitted<FittedOptions{.family = kIndex, .mean = MeanUse::matched}>,
                   RuleKind::fitted}),
   ...);
}

template <Choice kChoice, Criterion kCriterion, MeanUse kUse>
void add_ten(std::vector<BucketRuleInfo>& list, std::string_view name, std::string_view summary) {
  list.push_back(
      {name, summary, kMultimodel, kUse == MeanUse::matched,
       make_fitted<FittedOptions{.choice = kChoice, .criterion = kCriterion, .mean = kUse}>,
       RuleKind::fitted});
}

}  // namespace

std::vector<BucketRuleInfo> ml_rules() {
  using enum Choice;
  using enum Criterion;
  using enum MeanUse;
  std::vector<BucketRuleInfo> list;
  constexpr std::make_index_sequence<kTexts.size()> kAll;
  add_families(list, kAll);
  add_ten<average, aic, ignored>(list, "AVG_aic",
                                 "average of the statistics of ten families, Akaike weights");
  add_ten<average, bic, ignored>(list, "AVG_bic",
                                 "average of the statistics of ten families, BIC weights");
  add_ten<best, aic, ignored>(list, "BEST_aic", "the one of ten families with the smallest AIC");
  add_ten<best, bic, ignored>(list, "BEST_bic", "the one of ten families with the smallest BIC");
  add_families_of_mean(list, kAll);
  add_ten<average, aic, matched>(list, "AVG_aic_mean",
                                 "average of ten families of the known mean, Akaike weights");
  add_ten<best, aic, matched>(list, "BEST_aic_mean",
                              "the one of ten families of the known mean of smallest AIC");
  return list;
}

}  // namespace steelyard
