#include "estimators/weighting/answer_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"

namespace steelyard {
namespace {

/// Respondents' totals spread over all cells: cells × levels, zero where nobody is.
struct Observed {
  std::vector<double> weight;    ///< cells: Σ d
  std::vector<double> by_level;  ///< cells × levels
};

Observed spread(const TwoSamples& samples, const Tabulation& table) {
  Observed out;
  const std::size_t k = table.levels;
  out.weight.assign(samples.a.cells, 0.0);
  out.by_level.assign(samples.a.cells * k, 0.0);
  for (std::size_t i = 0; i < table.cells.size(); ++i) {
    const std::size_t c = table.cells[i];
    for (std::size_t l = 0; l < k; ++l) {
      out.by_level[c * k + l] = table.weight[i * k + l];
      if (!table.moments) out.weight[c] += table.weight[i * k + l];
    }
    if (table.moments) out.weight[c] = table.weight[i * k];
  }
  return out;
}

/// A column that some of B's domain has and no respondent of it.
std::optional<Failure> extrapolates(const TwoSamples& samples, std::span<const double> a,
                                    std::span<const double> b) {
  std::vector<double> have(samples.columns()), need(samples.columns());
  samples.a.transpose_multiply(a, have);
  samples.b.transpose_multiply(b, need);
  for (const Auxiliary::Block& block : samples.a.blocks) {
    if (!block.number.empty()) continue;
    for (std::size_t g = 0; g < block.size(); ++g)
      if (need[block.offset + g] > 0 && !(have[block.offset + g] > 0))
        return Failure{
            FailureKind::empty_cell,
            fmt::format("the outcome model has no respondent with {} in the domain, where "
                        "the reference sample has {:.4g} persons",
                        samples.describe(block.offset + g), need[block.offset + g])};
  }
  return std::nullopt;
}

/// Least squares of a number.
Result<AnswerModel> fit_linear(const TwoSamples& samples, const Observed& seen) {
  AnswerModel model;
  model.moments = true;
  model.levels = 2;
  model.free = {1};
  Eigen::MatrixXd gram;
  samples.a.gram(seen.weight, gram);
  model.columns = independent_columns(gram);
  Eigen::MatrixXd kept_gram;
  lower_part(gram, model.columns, kept_gram);
  model.information.compute(kept_gram);
  std::vector<double> sums(samples.a.cells), right(samples.columns());
  for (std::size_t c = 0; c < sums.size(); ++c) sums[c] = seen.by_level[2 * c + 1];
  samples.a.transpose_multiply(sums, right);
  Eigen::VectorXd kept(static_cast<Eigen::Index>(model.columns.size()));
  for (std::size_t j = 0; j < model.columns.size(); ++j)
    kept[static_cast<Eigen::Index>(j)] = right[model.columns[j]];
  const Eigen::VectorXd solved = model.information.solve(kept);
  std::vector<double> beta(samples.columns(), 0.0);
  for (std::size_t j = 0; j < model.columns.size(); ++j)
    beta[model.columns[j]] = solved[static_cast<Eigen::Index>(j)];
  const auto predict = [&](const Auxiliary& x, std::vector<double>& out) {
    std::vector<double> mean(x.cells);
    x.multiply(beta, mean);
    out.resize(x.cells * 2);
    for (std::size_t c = 0; c < x.cells; ++c) {
      out[2 * c] = 1;
      out[2 * c + 1] = mean[c];
    }
  };
  predict(samples.a, model.a);
  predict(samples.b, model.b);
  return model;
}

/// Newton's method for the multinomial logistic model.
class Logistic {
 public:
  Logistic(const TwoSamples& samples, const Observed& seen, std::size_t levels)
      : samples_(samples), seen_(seen) {
    model_.levels = levels;
    std::vector<double> count(levels, 0.0);
    for (std::size_t c = 0; c < samples.a.cells; ++c)
      for (std::size_t l = 0; l < levels; ++l) count[l] += seen.by_level[c * levels + l];
    const auto common =
        static_cast<std::size_t>(std::max_element(count.begin(), count.end()) - count.begin());
    for (std::size_t l = 0; l < levels; ++l) {
      occurs_.push_back(count[l] > 0);
      if (l != common && count[l] > 0) model_.free.push_back(l);
    }
    Eigen::MatrixXd gram;
    samples.a.gram(seen.weight, gram);
    model_.columns = independent_columns(gram);
    beta_.assign(model_.free.size(), std::vector<double>(samples.columns(), 0.0));
    const double everybody = total(count);
    for (std::size_t f = 0; f < beta_.size(); ++f) {
      beta_[f][0] = std::log(count[model_.free[f]] / count[common]);
      scale_.push_back(everybody);
    }
  }

  Result<AnswerModel> fit() {
    constexpr int kMaxIterations = 40;
    double error = evaluate(beta_);
    previous_ = likelihood_;
    bool settled = model_.free.empty();
    for (int iteration = 0; iteration < kMaxIterations && !settled; ++iteration) {
      if (!information()) return singular();
      const Eigen::VectorXd step = model_.information.solve(gradient_);
      settled = error < 1e-12;
      auto next = beta_;
      double length = 1, after = error;
      for (int halving = 0; halving < 20; ++halving, length /= 2) {
        next = beta_;
        move(next, step, length);
        after = evaluate(next);
        if (likelihood_ >= previous_ - 1e-9 * std::abs(previous_) || settled) break;
      }
      if (after >= error && error < 1e-9) {
        evaluate(beta_);
        settled = true;
        break;
      }
      beta_ = next;
      error = after;
      previous_ = likelihood_;
    }
    if (!settled || far_off()) return separated();
    if (!model_.free.empty() && !information()) return singular();
    model_.a = std::move(p_);
    predict(samples_.b, beta_, model_.b);
    return std::move(model_);
  }

 private:
  void predict(const Auxiliary& x, const std::vector<std::vector<double>>& beta,
               std::vector<double>& p) const {
    const std::size_t k = model_.levels;
    p.assign(x.cells * k, 0.0);
    std::vector<std::vector<double>> eta(beta.size(), std::vector<double>(x.cells));
    for (std::size_t f = 0; f < beta.size(); ++f) x.multiply(beta[f], eta[f]);
    for (std::size_t c = 0; c < x.cells; ++c) {
      double largest = 0, sum = 0;
      for (const auto& e : eta) largest = std::max(largest, e[c]);
      for (std::size_t l = 0; l < k; ++l) {
        const auto at = std::find(model_.free.begin(), model_.free.end(), l);
        if (at == model_.free.end() && !occurs_[l]) continue;
        const double e = at == model_.free.end()
                             ? 0
                             : eta[static_cast<std::size_t>(at - model_.free.begin())][c];
        p[c * k + l] = std::exp(e - largest);
        sum += p[c * k + l];
      }
      for (std::size_t l = 0; l < k; ++l) p[c * k + l] /= sum;
    }
  }

  /// Probabilities, likelihood, gradient. @return the gradient's largest element, of the weight
  double evaluate(const std::vector<std::vector<double>>& beta) {
    const std::size_t k = model_.levels, cells = samples_.a.cells, q = model_.columns.size();
    predict(samples_.a, beta, p_);
    Sum likelihood;
    for (std::size_t j = 0; j < p_.size(); ++j)
      if (seen_.by_level[j] > 0) likelihood.add(seen_.by_level[j] * std::log(p_[j]));
    likelihood_ = likelihood.value();
    gradient_.resize(static_cast<Eigen::Index>(q * beta.size()));
    double largest = 0;
    std::vector<double> residual(cells), sums(samples_.columns());
    for (std::size_t f = 0; f < beta.size(); ++f) {
      const std::size_t l = model_.free[f];
      for (std::size_t c = 0; c < cells; ++c)
        residual[c] = seen_.by_level[c * k + l] - seen_.weight[c] * p_[c * k + l];
      samples_.a.transpose_multiply(residual, sums);
      for (std::size_t j = 0; j < q; ++j) {
        gradient_[static_cast<Eigen::Index>(f * q + j)] = sums[model_.columns[j]];
        largest = std::max(largest, std::abs(sums[model_.columns[j]]) / column_size(j));
      }
    }
    return std::isfinite(likelihood_) ? largest : std::numeric_limits<double>::infinity();
  }

  /// Σ d |x_j|, what a gradient is measured against.
  double column_size(std::size_t j) {
    if (sizes_.empty()) {
      sizes_.assign(model_.columns.size(), 0.0);
      for (std::size_t i = 0; i < sizes_.size(); ++i) {
        const std::size_t column = model_.columns[i];
        const Auxiliary::Block& block = samples_.a.blocks[samples_.a.block_of(column)];
        for (std::size_t c = 0; c < samples_.a.cells; ++c)
          if (!block.number.empty())
            sizes_[i] += seen_.weight[c] * std::abs(block.number[c]);
          else if (block.groups.group_of[c] == column - block.offset)
            sizes_[i] += seen_.weight[c];
      }
    }
    return sizes_[j] > 0 ? sizes_[j] : 1.0;
  }

  bool information() {
    const std::size_t k = model_.levels, cells = samples_.a.cells, q = model_.columns.size();
    const auto size = static_cast<Eigen::Index>(q * model_.free.size());
    Eigen::MatrixXd all(size, size), part, kept;
    std::vector<double> v(cells);
    for (std::size_t f = 0; f < model_.free.size(); ++f)
      for (std::size_t h = 0; h <= f; ++h) {
        for (std::size_t c = 0; c < cells; ++c) {
          const double pf = p_[c * k + model_.free[f]], ph = p_[c * k + model_.free[h]];
          v[c] = seen_.weight[c] * pf * ((f == h ? 1.0 : 0.0) - ph);
        }
        samples_.a.gram(v, part);
        lower_part(part, model_.columns, kept);
        kept.triangularView<Eigen::StrictlyUpper>() = kept.transpose();
        const auto row = static_cast<Eigen::Index>(f * q),
                   column = static_cast<Eigen::Index>(h * q);
        all.block(row, column, kept.rows(), kept.cols()) = kept;  // its lower triangle is read
      }
    model_.information.compute(all);
    return model_.information.info() == Eigen::Success && model_.information.isPositive();
  }

  void move(std::vector<std::vector<double>>& beta, const Eigen::VectorXd& step,
            double length) const {
    const std::size_t q = model_.columns.size();
    for (std::size_t f = 0; f < beta.size(); ++f)
      for (std::size_t j = 0; j < q; ++j)
        beta[f][model_.columns[j]] += length * step[static_cast<Eigen::Index>(f * q + j)];
  }

  bool far_off() const {
    constexpr double kFar = 25;
    std::vector<double> eta(samples_.a.cells);
    for (const auto& beta : beta_) {
      samples_.a.multiply(beta, eta);
      for (std::size_t c = 0; c < eta.size(); ++c)
        if (seen_.weight[c] > 0 && std::abs(eta[c]) > kFar) return true;
    }
    return false;
  }
  Failure separated() const {
    std::size_t worst = 0;
    double largest = -1;
    for (const auto& beta : beta_)
      for (std::size_t j = 1; j < beta.size(); ++j)
        if (std::abs(beta[j]) > largest) {
          largest = std::abs(beta[j]);
          worst = j;
        }
    return {FailureKind::no_convergence,
            fmt::format("the outcome model does not converge: {} separates the answer's levels (or "
                        "nearly so); leave it out or merge levels",
                        samples_.describe(worst))};
  }
  Failure singular() const {
    return {FailureKind::singular_matrix,
            "the covariates of the outcome model depend linearly on each other, or separate the "
            "answer's levels"};
  }

  const TwoSamples& samples_;
  const Observed& seen_;
  AnswerModel model_;
  std::vector<bool> occurs_;
  std::vector<std::vector<double>> beta_;  ///< by free level, by column
  std::vector<double> scale_, sizes_, p_;
  Eigen::VectorXd gradient_;
  double likelihood_ = 0, previous_ = -std::numeric_limits<double>::infinity();
};

}  // namespace

Result<AnswerModel> fit_answer_model(const TwoSamples& samples, const Tabulation& table,
                                     std::span<const double> reference_weight) {
  if (table.respondents == 0)
    return Failure{FailureKind::empty_domain, "no respondent in the domain"};
  const Observed seen = spread(samples, table);
  if (auto wrong = extrapolates(samples, seen.weight, reference_weight)) return *wrong;
  if (table.moments) return fit_linear(samples, seen);
  return Logistic(samples, seen, table.levels).fit();
}

}  // namespace steelyard
