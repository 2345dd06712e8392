// Families fitted by maximum likelihood, calibrated to the bucket masses, and tilted to a known
// mean.

#include <array>

#include "estimators/buckets/fitted_rules.hpp"

namespace steelyard {
namespace {

constexpr std::string_view kSource =
    "Deville & Särndal (1992), JASA 87, 376-382 (raking distance), applied to densities";

struct Names {
  std::string_view plain, with_mean;
};
constexpr std::array<Names, 10> kNames{{{"GB2_calibrated", "GB2_calibrated_mean"},
                                        {"GG_calibrated", "GG_calibrated_mean"},
                                        {"BETA2_calibrated", "BETA2_calibrated_mean"},
                                        {"DAGUM_calibrated", "DAGUM_calibrated_mean"},
                                        {"SM_calibrated", "SM_calibrated_mean"},
                                        {"LN_calibrated", "LN_calibrated_mean"},
                                        {"WEI_calibrated", "WEI_calibrated_mean"},
                                        {"GA_calibrated", "GA_calibrated_mean"},
                                        {"FISK_calibrated", "FISK_calibrated_mean"},
                                        {"LOMAX_calibrated", "LOMAX_calibrated_mean"}}};
constexpr std::string_view kFamily =
                               "the family's shape within buckets, the observed bucket masses",
                           kFamilyMean =
                               "calibrated family, tilted exponentially to the known mean",
                           kBest = "calibrated family of smallest AIC among ten",
                           kBestMean =
                               "calibrated family of smallest AIC, tilted to the known mean",
                           kAverage = "calibrated mixture of ten families by Akaike weights",
                           kAverageMean =
                               "calibrated mixture by Akaike weights, tilted to the known mean";

constexpr FittedOptions options(Choice choice, MeanUse use, std::size_t family = 0) {
  return {.choice = choice, .family = family, .mean = use, .within = Within::calibrated};
}

template <FittedOptions kOptions>
BucketRuleInfo rule(std::string_view name, std::string_view summary) {
  return {name,
          summary,
          kSource,
          kOptions.mean == MeanUse::matched,
          make_fitted<kOptions>,
          RuleKind::fitted};
}

template <std::size_t... kIndex>
void add_families(std::vector<BucketRuleInfo>& list, std::index_sequence<kIndex...>) {
  using enum MeanUse;
  (list.push_back(rule<options(Choice::one, ignored, kIndex)>(kNames[kIndex].plain, kFamily)), ...);
  (list.push_back(
       rule<options(Choice::one, matched, kIndex)>(kNames[kIndex].with_mean, kFamilyMean)),
   ...);
}

}  // namespace

std::vector<BucketRuleInfo> calibrated_rules() {
  using enum Choice;
  using enum MeanUse;
  std::vector<BucketRuleInfo> list;
  add_families(list, std::make_index_sequence<kNames.size()>{});
  list.push_back(rule<options(best, ignored)>("BEST_calibrated", kBest));
  list.push_back(rule<options(average, ignored)>("AVG_calibrated", kAverage));
  list.push_back(rule<options(best, matched)>("BEST_calibrated_mean", kBestMean));
  list.push_back(rule<options(average, matched)>("AVG_calibrated_mean", kAverageMean));
  return list;
}

}  // namespace steelyard
