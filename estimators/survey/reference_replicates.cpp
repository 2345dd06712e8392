#include "estimators/survey/reference_replicates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "estimators/survey/reference_design.hpp"

namespace steelyard {
namespace {

/// Of random draws: those of the two samples are independent, and either's rows may be dealt anew.
bool same_constants(const ReplicateDesign& a, const ReplicateDesign& b) {
  return a.replicates == b.replicates && a.scale == b.scale && a.mse == b.mse &&
         a.rscales.empty() && b.rscales.empty();
}

/// Constants of a's replicates and then b's: scale 1, deviations from the full estimate.
std::vector<double> joint_rscales(const ReplicateDesign& a, const ReplicateDesign& b) {
  std::vector<double> out;
  for (const ReplicateDesign* part : {&a, &b})
    for (std::size_t r = 0; r < part->replicates; ++r)
      out.push_back(part->scale * (part->rscales.empty() ? 1.0 : part->rscales[r]));
  return out;
}

}  // namespace

Result<std::shared_ptr<const ReferenceSample>> resampled(const ReferenceSample& from,
                                                         std::span<const double> factor,
                                                         std::vector<std::uint32_t>& kept) {
  auto out = std::make_shared<ReferenceSample>();
  kept.clear();
  for (std::uint32_t j = 0; j < from.sample.n; ++j)
    if (factor[j] > 0) kept.push_back(j);
  out->sample.schema = from.sample.schema;
  out->sample.n = kept.size();
  const auto keep = [&](const auto& column, auto& into) {
    if (column.empty()) return;
    into.reserve(kept.size());
    for (const std::uint32_t j : kept) into.push_back(column[j]);
  };
  out->sample.columns.resize(from.sample.columns.size());
  for (std::size_t v = 0; v < from.sample.columns.size(); ++v)
    keep(from.sample.columns[v], out->sample.columns[v]);
  out->sample.numbers.resize(from.sample.numbers.size());
  for (std::size_t v = 0; v < from.sample.numbers.size(); ++v)
    keep(from.sample.numbers[v], out->sample.numbers[v]);
  const bool calibrated = !from.calibrated_to.empty();
  std::vector<double>& w = calibrated ? out->design_weights : out->sample.base_weights;
  keep(calibrated ? from.design_weights : from.sample.base_weights, w);
  for (std::size_t k = 0; k < kept.size(); ++k) w[k] *= factor[kept[k]];
  keep(from.stratum, out->stratum);
  keep(from.unit, out->unit);
  keep(from.unit_prob, out->unit_prob);
  keep(from.within_share, out->within_share);
  if (calibrated) {
    out->calibrated_to = from.calibrated_to;
    if (auto failure = calibrate_reference(*out)) return *failure;
  }
  return std::shared_ptr<const ReferenceSample>(std::move(out));
}

std::vector<std::uint32_t> places_of(std::span<const std::uint32_t> rows,
                                     std::span<const std::uint32_t> kept) {
  std::vector<std::uint32_t> out;
  std::size_t k = 0;
  for (const std::uint32_t row : rows) {
    while (k < kept.size() && kept[k] < row) ++k;
    if (k < kept.size() && kept[k] == row) out.push_back(static_cast<std::uint32_t>(k));
  }
  return out;
}

Result<ReplicateDesign> reference_replicates(const ReferenceSample& reference,
                                             const ReplicateOptions& options) {
  const auto design = std::make_shared<const SurveyDesign>(design_of(reference).drawn());
  ReplicateOptions own = options;
  if (own.method == ReplicateMethod::jk1) own.method = ReplicateMethod::jkn;
  if (own.method == ReplicateMethod::bootstrap && design->pps())
    own.method = ReplicateMethod::rao_wu_yue_beaumont;
  auto made = make_replicates(*design, own);
  if (!made) return Failure{made.failure().kind, "reference sample: " + made.failure().detail};
  ReplicateDesign out = std::move(made.value());
  out.fill = [design, fill = std::move(out.fill)](std::size_t r, std::span<double> factor) {
    fill(r, factor);
  };
  return out;
}

ReplicateDesign join_replicates(ReplicateDesign own, ReplicateDesign reference, Joining joining) {
  EXPECTS(!own.combined && !own.fill_reference && !reference.fill_reference);
  ReplicateDesign out;
  out.n = own.n;
  out.df = std::min(own.df, reference.df);
  if (joining == Joining::side_by_side && same_constants(own, reference)) {
    out = std::move(own);
    out.df = std::min(out.df, reference.df);
    out.fill_reference = [fill = std::move(reference.fill)](std::size_t r,
                                                            std::span<double> factor) {
      fill(r, factor);
      return true;
    };
    return out;
  }
  const std::size_t first = own.replicates;
  out.replicates = first + reference.replicates;
  out.rscales = joint_rscales(own, reference);
  out.mse = true;
  out.fill = [first, fill = std::move(own.fill)](std::size_t r, std::span<double> factor) {
    if (r < first)
      fill(r, factor);
    else
      std::fill(factor.begin(), factor.end(), 1.0);
  };
  out.fill_reference = [first, fill = std::move(reference.fill)](std::size_t r,
                                                                 std::span<double> factor) {
    if (r < first) return false;
    fill(r - first, factor);
    return true;
  };
  return out;
}

ReferenceResampler::ReferenceResampler(std::shared_ptr<const ReferenceSample> reference,
                                       const ReplicateDesign& design)
    : reference_(design.fill_reference ? std::move(reference) : nullptr), design_(&design) {
  if (!reference_) return;
  factor_.resize(reference_->sample.n);
}

std::optional<Failure> ReferenceResampler::set(std::size_t r, Benchmarks& benchmarks) {
  if (!reference_ || !design_->fill_reference(r, factor_)) {
    const auto& whole = reference_ ? reference_ : benchmarks.reference();
    kept_.resize(whole ? whole->sample.n : 0);
    std::iota(kept_.begin(), kept_.end(), 0u);
    benchmarks.set_reference(whole);
    return std::nullopt;
  }
  if (std::any_of(factor_.begin(), factor_.end(), [](double f) { return f < 0; }))
    return Failure{
        FailureKind::unsupported,
        fmt::format("replicate {} of {} gives rows of the reference sample weights below "
                    "zero; use another replication method",
                    r + 1, design_->replicates)};
  auto made = resampled(*reference_, factor_, kept_);
  if (!made)
    return Failure{made.failure().kind, fmt::format("replicate {} of {}: {}", r + 1,
                                                    design_->replicates, made.failure().detail)};
  benchmarks.set_reference(std::move(made.value()));
  return std::nullopt;
}

}  // namespace steelyard
