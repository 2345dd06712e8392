// Families fitted by maximum likelihood, calibrated to the bucket masses, and tilted to a known
// mean.

#include <array>

#include "estimators/buckets/calibrated.hpp"
#include "estimators/buckets/family_fits.hpp"

namespace steelyard {
namespace {

std::optional<double> target(const BucketTable& table, MeanUse use) {
  return use == MeanUse::matched ? table.known_mean : std::nullopt;
}

std::optional<Failure> refusal(const BucketTable& table, MeanUse use) {
  if (use == MeanUse::matched && !table.known_mean)
    return Failure{FailureKind::infeasible, "no mean"};
  if (table.edges[0] < 0)
    return Failure{FailureKind::unsupported, "needs positive amounts: the table starts below 0"};
  return std::nullopt;
}

class CalibratedFamily final : public BucketRule {
 public:
  CalibratedFamily(const NamedFamily& family, MeanUse use) : family_(family), use_(use) {}
  Result<BucketFit> fit(const BucketTable& table) const override {
    if (const auto failure = refusal(table, use_)) return *failure;
    const Result<IntervalFit> fit = fit_family(family_, table, MeanUse::ignored);
    if (!fit) return fit.failure();
    const Shape shape{fit.value().law, 1};
    auto law = calibrated_law({&shape, 1}, table, target(table, use_));
    if (!law) return law.failure();
    BucketFit out{law.value(), findings(fit.value(), table.n), {}};
    if (fit.value().status != FitStatus::ok)
      out.notes.push_back(boundary_note(family_.name, fit.value()));
    return out;
  }

 private:
  NamedFamily family_;
  MeanUse use_;
};

enum class Choice { best, average };

class CalibratedMembers final : public BucketRule {
 public:
  CalibratedMembers(Choice choice, MeanUse use) : choice_(choice), use_(use) {}
  Result<BucketFit> fit(const BucketTable& table) const override {
    if (const auto failure = refusal(table, use_)) return *failure;
    const Result<Members> members =
        fit_members(ten_families(), table, MeanUse::ignored, Criterion::aic, Needed::sound_mean);
    if (!members) return members.failure();
    const auto& [fits, weights, notes] = members.value();
    std::vector<Shape> shapes;
    BucketFit out{nullptr, {}, notes};
    for (std::size_t i = 0; i < fits.size(); ++i) {
      const bool best = i == members.value().best();
      const double weight = choice_ == Choice::average ? weights[i] : best ? 1 : 0;
      // A member this light changes no digit that is asked for.
      if (weight > kNoWeight) shapes.push_back({fits[i].second.law, weight});
      if (weight > 0) out.found.emplace_back("w:" + std::string(fits[i].first), weight);
    }
    double sum = 0;
    for (const Shape& shape : shapes) sum += shape.weight;
    for (Shape& shape : shapes) shape.weight /= sum;
    auto law = calibrated_law(shapes, table, target(table, use_));
    if (!law) return law.failure();
    out.law = law.value();
    return out;
  }

 private:
  static constexpr double kNoWeight = 1e-12;
  Choice choice_;
  MeanUse use_;
};

using Made = std::unique_ptr<const BucketRule>;
template <std::size_t kFamily, MeanUse kUse>
Made make_family() {
  return std::make_unique<CalibratedFamily>(ten_families()[kFamily], kUse);
}
template <Choice kChoice, MeanUse kUse>
Made make_members() {
  return std::make_unique<CalibratedMembers>(kChoice, kUse);
}

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

template <std::size_t... kIndex>
void add_families(std::vector<BucketRuleInfo>& list, std::index_sequence<kIndex...>) {
  (list.push_back(
       {kNames[kIndex].plain, kFamily, kSource, false, make_family<kIndex, MeanUse::ignored>}),
   ...);
  (list.push_back({kNames[kIndex].with_mean, kFamilyMean, kSource, true,
                   make_family<kIndex, MeanUse::matched>}),
   ...);
}

}  // namespace

std::vector<BucketRuleInfo> calibrated_rules() {
  using enum MeanUse;
  std::vector<BucketRuleInfo> list;
  add_families(list, std::make_index_sequence<kNames.size()>{});
  list.push_back({"BEST_calibrated", kBest, kSource, false, make_members<Choice::best, ignored>});
  list.push_back(
      {"AVG_calibrated", kAverage, kSource, false, make_members<Choice::average, ignored>});
  list.push_back(
      {"BEST_calibrated_mean", kBestMean, kSource, true, make_members<Choice::best, matched>});
  list.push_back(
      {"AVG_calibrated_mean", kAverageMean, kSource, true, make_members<Choice::average, matched>});
  return list;
}

}  // namespace steelyard
