#include "estimators/weighting/participation_moments.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "estimators/survey/residuals.hpp"

namespace steelyard {
namespace {

/// Adds Σ s u_r u_t x x' for every pair of moments; lower triangles of the blocks below the
/// diagonal are enough, since each block is symmetric.
void add_grams(const Auxiliary& x, std::span<const double> s,
               std::span<const std::vector<double>* const> scores, Eigen::MatrixXd& out) {
  const auto p = static_cast<Eigen::Index>(x.columns());
  std::vector<double> weight(x.cells);
  Eigen::MatrixXd gram;
  for (std::size_t r = 0; r < scores.size(); ++r)
    for (std::size_t t = 0; t <= r; ++t) {
      for (std::size_t c = 0; c < x.cells; ++c)
        weight[c] = s[c] * (*scores[r])[c] * (*scores[t])[c];
      x.gram(weight, gram);
      gram.triangularView<Eigen::StrictlyUpper>() = gram.transpose();
      out.block(static_cast<Eigen::Index>(r) * p, static_cast<Eigen::Index>(t) * p, p, p) += gram;
    }
}

/// The design's deviations of every column's total, n × columns.
Eigen::MatrixXd deviations(const TwoSamples& samples, const ReferenceDesign& design,
                           std::span<const std::vector<double>* const> scores) {
  const Auxiliary& x = samples.b;
  const std::vector<std::uint32_t>& cell_of = samples.reference_index.cell_of;
  const std::vector<double>& d = samples.reference->sample.base_weights;
  Eigen::MatrixXd out;
  std::vector<double> total(cell_of.size());
  for (std::size_t r = 0; r < scores.size(); ++r)
    for (std::size_t column = 0; column < x.columns(); ++column) {
      const Auxiliary::Block& block = x.blocks[x.block_of(column)];
      for (std::size_t j = 0; j < total.size(); ++j) {
        const std::uint32_t c = cell_of[j];
        const double value = block.number.empty()
                                 ? block.offset + block.groups.group_of[c] == column
                                 : block.number[c];
        total[j] = d[j] * (*scores[r])[c] * value;
      }
      const auto e = design.deviations(total);
      EXPECTS(e.ok());
      if (out.size() == 0)
        out.resize(static_cast<Eigen::Index>(e.value().size()),
                   static_cast<Eigen::Index>(x.columns() * scores.size()));
      out.col(static_cast<Eigen::Index>(r * x.columns() + column)) =
          Eigen::Map<const Eigen::VectorXd>(e.value().data(),
                                            static_cast<Eigen::Index>(e.value().size()));
    }
  return out;
}

}  // namespace

Eigen::MatrixXd moment_covariance(const TwoSamples& samples, std::span<const MomentScores> moments,
                                  std::span<const double> weight_squared,
                                  std::span<const double> pi) {
  const std::size_t p = samples.columns();
  const auto size = static_cast<Eigen::Index>(p * moments.size());
  Eigen::MatrixXd out = Eigen::MatrixXd::Zero(size, size);
  std::vector<const std::vector<double>*> u, v;
  for (const MomentScores& m : moments) {
    u.push_back(&m.u);
    v.push_back(&m.v);
  }
  std::vector<double> s(samples.a.cells);
  for (std::size_t c = 0; c < s.size(); ++c) s[c] = (1 - std::min(1.0, pi[c])) * weight_squared[c];
  add_grams(samples.a, s, u, out);
  const ReferenceDesign design = design_of(*samples.reference);
  const auto n = static_cast<double>(samples.reference_index.n);
  if (design.plain() && n > 1) {
    const double f = n / (n - 1);
    std::vector<double> squares(samples.reference_index.weight_squared);
    for (double& x : squares) x *= f;
    add_grams(samples.b, squares, v, out);
    Eigen::VectorXd total(size);
    for (std::size_t r = 0; r < v.size(); ++r) {
      std::vector<double> weighted(*v[r]);
      for (std::size_t c = 0; c < weighted.size(); ++c)
        weighted[c] *= samples.reference_index.weight[c];
      samples.b.transpose_multiply(weighted, std::span(total.data() + r * p, p));
    }
    out -= f / n * total * total.transpose();
  } else {
    const Eigen::MatrixXd e = deviations(samples, design, v);
    out += e.transpose() * e;
  }
  out.triangularView<Eigen::StrictlyUpper>() = out.transpose();
  return out;
}

void reduce_reference_bias(const TwoSamples& samples, const ParticipationFit& fit,
                           ParticipationEquation equation, Link link, Weights& weights) {
  const auto k = static_cast<Eigen::Index>(fit.columns.size());
  const Eigen::MatrixXd kept = fit.jacobian(fit.columns, fit.columns);
  const Eigen::MatrixXd kept_inverse = kept.partialPivLu().solve(Eigen::MatrixXd::Identity(k, k));
  Eigen::MatrixXd inverse = Eigen::MatrixXd::Zero(fit.jacobian.rows(), fit.jacobian.cols());
  inverse(fit.columns, fit.columns) = kept_inverse;
  // A cell has one column in each block.
  std::vector<double> leverage(samples.b.cells, 0.0);
  const auto entry = [](const Auxiliary::Block& block, std::size_t c) {
    return block.number.empty()
               ? std::pair(static_cast<Eigen::Index>(block.offset + block.groups.group_of[c]), 1.0)
               : std::pair(static_cast<Eigen::Index>(block.offset), block.number[c]);
  };
  for (const Auxiliary::Block& row : samples.b.blocks)
    for (const Auxiliary::Block& column : samples.b.blocks)
      for (std::size_t c = 0; c < leverage.size(); ++c) {
        const auto [i, x] = entry(row, c);
        const auto [j, z] = entry(column, c);
        leverage[c] += x * z * inverse(i, j);
      }
  for (std::size_t c = 0; c < leverage.size(); ++c)
    leverage[c] *= participation_terms(equation, link, fit.eta_b[c]).dv;
  ReferenceEquation& eq = *weights.stages[0].equation;
  const std::vector<double>& d = samples.reference->sample.base_weights;
  constexpr double kMost = 0.99;  // a row that alone decides a coefficient has 1
  for (std::size_t j = 0; j < d.size(); ++j) {
    const double own = equation == ParticipationEquation::pooled ? 1.0 : d[j];
    eq.reference_score[j] /= std::sqrt(1 - std::min(kMost, own * leverage[eq.cell_of[j]]));
  }
}

}  // namespace steelyard
