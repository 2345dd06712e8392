#include "estimators/survey/replicate_weigher.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>

#include "estimators/weighting/auxiliary.hpp"

namespace steelyard {
namespace {

/// All replicate weights, n × R.
Result<Eigen::MatrixXd> weight_matrix(const SurveyData& data, const ReplicateDesign& design) {
  Eigen::MatrixXd all(static_cast<Eigen::Index>(data.n),
                      static_cast<Eigen::Index>(design.replicates));
  ReplicateWeigher weigher(data, design);
  for (Eigen::Index r = 0; r < all.cols(); ++r)
    if (const auto failure =
            weigher.weigh(static_cast<std::size_t>(r), {all.col(r).data(), data.n}))
      return *failure;
  return all;
}

}  // namespace

ReplicateWeigher::ReplicateWeigher(const SurveyData& data, const ReplicateDesign& design)
    : data_(data), design_(design) {
  if (!data.weighting) return;
  index_ = index_for_any_weights(*data.weighting, *data.index);
  benchmarks_.emplace(*data.benchmarks);
  if (data.weighting->needs_reference()) reference_.emplace(data.benchmarks->reference(), design);
}

std::optional<Failure> ReplicateWeigher::weigh(std::size_t r, std::span<double> w) {
  if (design_.combined || !data_.weighting) {
    design_.fill(r, w);
    for (std::size_t i = 0; i < data_.n && !design_.combined; ++i) w[i] *= data_.w[i];
    return std::nullopt;
  }
  const auto made = weights(r, w);
  if (!made) return made.failure();
  const std::vector<double>& g = made.value().factor;
  for (std::size_t i = 0; i < data_.n; ++i) w[i] *= g[index_.cell_of[i]];
  return std::nullopt;
}

Result<Weights> ReplicateWeigher::weights(std::size_t r, std::span<double> w) {
  EXPECTS(!design_.combined && data_.weighting);
  design_.fill(r, w);
  // Beside a reference sample weights count respondents: they are relative where all are 1.
  const double scale = reference_ ? 1.0 : data_.start_scale;
  for (std::size_t i = 0; i < data_.n; ++i) w[i] *= data_.d[i] * scale;
  reweigh_cells(index_, w);
  if (reference_) {
    index_.unit_weights = data_.index->unit_weights;
    if (auto failure = reference_->set(r, *benchmarks_)) return *failure;
  }
  auto made = data_.weighting->weigh(index_, *benchmarks_);
  if (made) return made;
  return Failure{made.failure().kind,
                 fmt::format("replicate {} of {} cannot be weighted: {}", r + 1, design_.replicates,
                             made.failure().detail)};
}

Result<std::vector<std::vector<double>>> replicate_weights(const SurveyData& data,
                                                           const ReplicateDesign& replicates) {
  const auto weights = weight_matrix(data, replicates);
  if (!weights) return weights.failure();
  std::vector<std::vector<double>> columns;
  for (Eigen::Index r = 0; r < weights.value().cols(); ++r)
    columns.emplace_back(weights.value().col(r).begin(), weights.value().col(r).end());
  return columns;
}

double replicate_rank(const SurveyData& data, const ReplicateDesign& replicates) {
  const auto weights = weight_matrix(data, replicates);
  if (!weights) return replicates.df;
  Eigen::MatrixXd centred = weights.value();
  centred.colwise() -= centred.rowwise().mean().eval();
  Eigen::MatrixXd gram = centred.transpose() * centred;
  return static_cast<double>(independent_columns(gram, 1e-9).size());
}

}  // namespace steelyard
