#include "estimators/multilevel/fit.hpp"

#include <cmath>

namespace steelyard {
namespace detail {

PriorTerms prior_terms(const DeviationPrior& prior, double sigma) {
  switch (prior.kind) {
    case DeviationPrior::Kind::none:
      return {};
    case DeviationPrior::Kind::boundary_avoiding:
      return {std::log(std::abs(sigma)), 1 / sigma};
    case DeviationPrior::Kind::half_normal: {
      const double z = sigma / prior.scale;
      return {-z * z / 2, -z / prior.scale};
    }
  }
  return {};
}

std::vector<Eigen::Index> term_of_effects(const MultilevelDesign& design) {
  std::vector<Eigen::Index> term;
  for (std::size_t k = 0; k < design.groups(); ++k)
    term.insert(term.end(), design.random.blocks[k].size(), static_cast<Eigen::Index>(k));
  return term;
}

Eigen::MatrixXd joint_gram(const MultilevelDesign& design, const std::vector<std::size_t>& columns,
                           std::span<const double> v) {
  Auxiliary all;
  all.cells = design.cells();
  for (const auto* part : {&design.fixed, &design.random})
    for (const auto& block : part->blocks)
      if (block.number.empty())
        all.add_groups(block.groups, std::vector<double>(block.size(), 0.0));
      else
        all.add_number(block.number, 0);
  Eigen::MatrixXd gram;
  all.gram(v, gram);
  gram.triangularView<Eigen::StrictlyUpper>() = gram.transpose();
  std::vector<Eigen::Index> rows;
  for (std::size_t j : columns) rows.push_back(static_cast<Eigen::Index>(j));
  for (std::size_t j = 0; j < design.effects(); ++j)
    rows.push_back(static_cast<Eigen::Index>(design.fixed.columns() + j));
  return gram(rows, rows);
}

Eigen::MatrixXd fixed_gram(const MultilevelDesign& design, const std::vector<std::size_t>& columns,
                           std::span<const double> v) {
  Eigen::MatrixXd gram;
  design.fixed.gram(v, gram);
  gram.triangularView<Eigen::StrictlyUpper>() = gram.transpose();
  return gram(columns, columns);
}

Eigen::MatrixXd cross_gram(const MultilevelDesign& design, const std::vector<std::size_t>& columns,
                           std::span<const double> v) {
  const auto effects = static_cast<Eigen::Index>(design.effects());
  Eigen::MatrixXd full =
      Eigen::MatrixXd::Zero(effects, static_cast<Eigen::Index>(design.fixed.columns()));
  for (const auto& fixed : design.fixed.blocks)
    for (const auto& random : design.random.blocks) {
      const std::uint32_t *row = random.groups.group_of.data(),
                          *column = fixed.groups.group_of.data();
      double* corner = full.data() + random.offset + fixed.offset * design.effects();
      if (!fixed.number.empty())
        for (std::size_t c = 0; c < v.size(); ++c) corner[row[c]] += v[c] * fixed.number[c];
      else
        for (std::size_t c = 0; c < v.size(); ++c)
          corner[row[c] + column[c] * design.effects()] += v[c];
    }
  return full(Eigen::all, columns);
}

Eigen::VectorXd fixed_product(const MultilevelDesign& design,
                              const std::vector<std::size_t>& columns, std::span<const double> v) {
  std::vector<double> full(design.fixed.columns());
  design.fixed.transpose_multiply(v, full);
  Eigen::VectorXd out(static_cast<Eigen::Index>(columns.size()));
  for (std::size_t a = 0; a < columns.size(); ++a)
    out[static_cast<Eigen::Index>(a)] = full[columns[a]];
  return out;
}

Eigen::VectorXd random_product(const MultilevelDesign& design, std::span<const double> v) {
  Eigen::VectorXd out(static_cast<Eigen::Index>(design.effects()));
  design.random.transpose_multiply(v, {out.data(), design.effects()});
  return out;
}

void fixed_predictor(const MultilevelDesign& design, const std::vector<std::size_t>& columns,
                     const Eigen::VectorXd& beta, std::vector<double>& eta) {
  std::vector<double> full(design.fixed.columns(), 0.0);
  for (std::size_t a = 0; a < columns.size(); ++a)
    full[columns[a]] = beta[static_cast<Eigen::Index>(a)];
  eta.resize(design.cells());
  design.fixed.multiply(full, eta);
}

void add_effects(const MultilevelDesign& design, const Eigen::VectorXd& effects,
                 std::vector<double>& eta) {
  std::size_t offset = 0;
  for (std::size_t k = 0; k < design.groups(); ++k) {
    const std::uint32_t* group = design.group(k).data();
    const double* b = effects.data() + offset;
    for (std::size_t c = 0; c < eta.size(); ++c) eta[c] += b[group[c]];
    offset += design.random.blocks[k].size();
  }
}

}  // namespace detail

Result<MultilevelFit> fit_multilevel(const MultilevelDesign& design, const CellAnswers& answers,
                                     const MultilevelOptions& options) {
  EXPECTS(answers.cells() == design.cells());
  return answers.model == OutcomeModel::linear ? detail::fit_linear(design, answers, options)
                                               : detail::fit_laplace(design, answers, options);
}

}  // namespace steelyard
