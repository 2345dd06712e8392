#include "estimators/buckets/fitted_rules.hpp"

#include <algorithm>
#include <cmath>

#include "estimators/buckets/calibrated.hpp"
#include "estimators/buckets/parametric.hpp"

namespace steelyard {
namespace {

/// A member this light changes no digit of a mixture that is asked for.
constexpr double kNoWeight = 1e-12;

/// The fits that enter a law.
struct Chosen {
  struct Member {
    std::string_view name;
    const IntervalFit* fit;
    double weight;
  };
  std::vector<Member> members;
  std::vector<std::string> notes;
};

void scale_to_one(std::vector<Shape>& shapes) {
  double sum = 0;
  for (const Shape& shape : shapes) sum += shape.weight;
  for (Shape& shape : shapes) shape.weight /= sum;
}

/// The law of shapes under the options; `made(shape)` is a fitted law with its statistics.
template <typename Made>
Result<std::shared_ptr<const Law>> law_of(const FittedOptions& options,
                                          std::span<const Shape> shapes, const BucketTable& table,
                                          Made made) {
  if (options.within == Within::calibrated)
    return calibrated_law(shapes, table,
                          options.mean == MeanUse::matched ? table.known_mean : std::nullopt);
  if (options.choice != Choice::average) return std::shared_ptr<const Law>(made(shapes[0].law));
  std::vector<std::shared_ptr<const Law>> laws;
  std::vector<double> weights;
  for (const Shape& shape : shapes) {
    laws.push_back(made(shape.law));
    weights.push_back(shape.weight);
  }
  return std::shared_ptr<const Law>(
      std::make_shared<AveragedLaw>(std::move(laws), std::move(weights)));
}

/// Solves the location from the mean: along a derivative it is kept to first order only.
void keep_mean(Family family, double mean, std::array<double, 4>& at) {
  if (family == Family::normal)
    at[0] = mean;
  else if (family == Family::lognormal)
    at[0] = std::log(mean) - at[1] * at[1] / 2;
  else
    at[1] *= mean / SizeDistribution(family, at).mean();
}

/// Members whose parameters and weights follow the shares of one table, to first order.
class Moving {
 public:
  Moving(const FittedOptions& options, const BucketTable& table, const Chosen& chosen)
      : options_(options), table_(table), shares_(table.shares()) {
    for (const auto& member : chosen.members) fits_.push_back({*member.fit, member.weight});
  }

  Result<std::shared_ptr<const Law>> law(std::size_t k, double change) const {
    EXPECTS(table_.weights[k] > 0);
    const double step = change / table_.total();
    std::vector<Shape> shapes;
    for (const auto& [fit, weight] : fits_) {
      std::array<double, 4> at = fit.law.parameters();
      const bool normal = kind_of(fit.law.family()) == FamilyKind::normal;
      for (std::size_t j : free_slots(fit.law.family())) {
        const double move = step * fit.slopes[k][j];
        at[j] = normal && j == 0 ? at[j] + move : at[j] * std::exp(move);
      }
      if (options_.mean == MeanUse::matched && options_.within == Within::fitted)
        keep_mean(fit.law.family(), *table_.known_mean, at);
      // The maximum of a likelihood moves with the shares alone (envelope theorem).
      double mean = 0;
      for (std::size_t i = 0; i < shares_.size(); ++i) mean += shares_[i] * fit.log_probability[i];
      const double grown = table_.n * step * (fit.log_probability[k] - mean);
      shapes.push_back({SizeDistribution(fit.law.family(), at), weight * std::exp(grown)});
    }
    scale_to_one(shapes);
    BucketTable moved = table_;
    moved.weights[k] += change;
    return law_of(options_, shapes, moved,
                  [](const SizeDistribution& d) { return std::make_shared<ParametricLaw>(d); });
  }

 private:
  struct Fit {
    IntervalFit fit;
    double weight;
  };
  FittedOptions options_;
  BucketTable table_;
  std::vector<double> shares_;
  std::vector<Fit> fits_;
};

class FittedRule final : public BucketRule {
 public:
  explicit FittedRule(const FittedOptions& options)
      : options_(options), calibrated_(options.within == Within::calibrated) {}

  Result<BucketFit> fit(const BucketTable& table) const override {
    FamilyFits own(table);
    return fit_with(table, own);
  }

  Result<BucketFit> fit_with(const BucketTable& table, FamilyFits& shared) const override {
    if (calibrated_) {
      if (options_.mean == MeanUse::matched && !table.known_mean)
        return Failure{FailureKind::infeasible, "no mean"};
      if (table.edges[0] < 0)
        return Failure{FailureKind::unsupported,
                       "needs positive amounts: the table starts below 0"};
    }
    Result<Chosen> chosen =
        options_.choice == Choice::one ? one(table, shared) : ten(table, shared);
    if (!chosen) return chosen.failure();
    auto& [members, notes] = chosen.value();
    BucketFit out{nullptr, {}, std::move(notes), {}};
    if (options_.choice == Choice::one || (options_.choice == Choice::best && !calibrated_))
      out.found = findings(*members[0].fit, table.n);
    if (options_.choice != Choice::one)
      for (const auto& member : members)
        if (member.weight > 0 || !calibrated_)
          out.found.emplace_back("w:" + std::string(member.name), member.weight);
    if (calibrated_)
      std::erase_if(members, [](const auto& member) { return !(member.weight > kNoWeight); });
    std::vector<Shape> shapes;
    for (const auto& member : members) shapes.push_back({member.fit->law, member.weight});
    if (calibrated_) scale_to_one(shapes);
    auto law =
        law_of(options_, shapes, table, [&](const SizeDistribution& d) { return shared.law(d); });
    if (!law) return law.failure();
    out.law = std::move(law.value());
    if (std::all_of(members.begin(), members.end(),
                    [](const auto& member) { return !member.fit->slopes.empty(); }))
      out.nearby = [moving = std::make_shared<const Moving>(options_, table, chosen.value())](
                       std::size_t k, double change) { return moving->law(k, change); };
    return out;
  }

 private:
  /// Calibration needs no fit of the known mean: it tilts the law to it.
  MeanUse mean_of_fits() const { return calibrated_ ? MeanUse::ignored : options_.mean; }

  Result<Chosen> one(const BucketTable& table, FamilyFits& shared) const {
    const NamedFamily& family = ml_families()[options_.family];
    const Result<IntervalFit>& fit = shared.fit(family, table, mean_of_fits());
    if (!fit) return fit.failure();
    Chosen chosen{{{family.name, &fit.value(), 1}}, {}};
    if (fit.value().status != FitStatus::ok)
      chosen.notes.push_back(boundary_note(family.name, fit.value()));
    return chosen;
  }

  Result<Chosen> ten(const BucketTable& table, FamilyFits& shared) const {
    Result<Members> found =
        fit_members(ten_families(), table, mean_of_fits(), options_.criterion,
                    calibrated_ ? Needed::sound_mean : Needed::variance, shared);
    if (!found) return found.failure();
    const Members& members = found.value();
    Chosen chosen{{}, members.notes};
    for (std::size_t i = 0; i < members.fits.size(); ++i) {
      const auto& [name, fit] = members.fits[i];
      if (options_.choice == Choice::average)
        chosen.members.push_back({name, fit, members.weights[i]});
      else if (i == members.best())
        chosen.members.push_back({name, fit, 1});
    }
    return chosen;
  }

  FittedOptions options_;
  bool calibrated_;
};

}  // namespace

std::unique_ptr<const BucketRule> make_fitted_rule(const FittedOptions& options) {
  return std::make_unique<FittedRule>(options);
}

}  // namespace steelyard
