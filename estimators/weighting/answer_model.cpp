#include "estimators/weighting/answer_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/sums.hpp"
#include "estimators/survey/residuals.hpp"

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

Eigen::MatrixXd kept_part(const Eigen::MatrixXd& lower, std::span<const std::size_t> columns) {
  const auto k = static_cast<Eigen::Index>(columns.size());
  Eigen::MatrixXd out(k, k);
  for (Eigen::Index a = 0; a < k; ++a)
    for (Eigen::Index b = 0; b < k; ++b) {
      const auto i = static_cast<Eigen::Index>(columns[static_cast<std::size_t>(std::max(a, b))]);
      const auto j = static_cast<Eigen::Index>(columns[static_cast<std::size_t>(std::min(a, b))]);
      out(a, b) = lower(i, j);
    }
  return out;
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
  model.information.compute(kept_part(gram, model.columns));
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
    Eigen::MatrixXd all(size, size), part;
    std::vector<double> v(cells);
    for (std::size_t f = 0; f < model_.free.size(); ++f)
      for (std::size_t h = 0; h <= f; ++h) {
        for (std::size_t c = 0; c < cells; ++c) {
          const double pf = p_[c * k + model_.free[f]], ph = p_[c * k + model_.free[h]];
          v[c] = seen_.weight[c] * pf * ((f == h ? 1.0 : 0.0) - ph);
        }
        samples_.a.gram(v, part);
        const Eigen::MatrixXd kept = kept_part(part, model_.columns);
        const auto row = static_cast<Eigen::Index>(f * q),
                   column = static_cast<Eigen::Index>(h * q);
        all.block(row, column, kept.rows(), kept.cols()) = kept;
        if (f != h) all.block(column, row, kept.rows(), kept.cols()) = kept.transpose();
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

/// Totals Σ_B d m, and μ = Σ_k influence_k m_k by cell.
class PredictedTotals : public ModelledAnswer {
 public:
  PredictedTotals(std::shared_ptr<const TwoSamples> samples, AnswerModel model,
                  std::span<const std::uint32_t> reference_rows)
      : samples_(std::move(samples)),
        model_(std::move(model)),
        rows_(reference_rows.begin(), reference_rows.end()),
        design_(design_of(*samples_->reference)) {
    const std::vector<double> weight = reference_cell_weights(*samples_, rows_);
    totals_.assign(model_.levels, 0.0);
    for (std::size_t c = 0; c < weight.size(); ++c)
      for (std::size_t l = 0; l < model_.levels; ++l)
        totals_[l] += weight[c] * model_.b[c * model_.levels + l];
  }
  std::span<const double> totals() const override { return totals_; }

 protected:
  std::vector<double> expected(std::span<const double> influence,
                               const std::vector<double>& predicted) const {
    const std::size_t k = model_.levels;
    std::vector<double> mean(predicted.size() / k, 0.0);
    for (std::size_t c = 0; c < mean.size(); ++c)
      for (std::size_t l = 0; l < k; ++l) mean[c] += influence[l] * predicted[c * k + l];
    return mean;
  }
  /// z by row of B: μ in the domain, 0 elsewhere.
  std::vector<double> reference_influence(std::span<const double> influence) const {
    const std::vector<double> mean = expected(influence, model_.b);
    std::vector<double> z(samples_->reference->sample.n, 0.0);
    for (const std::uint32_t row : rows_) z[row] = mean[samples_->reference_index.cell_of[row]];
    return z;
  }
  double reference_variance(std::vector<double> z) const {
    const std::vector<double>& d = samples_->reference->sample.base_weights;
    for (std::size_t j = 0; j < z.size(); ++j) z[j] *= d[j];
    const auto variance = design_.variance(z);
    EXPECTS(variance.ok());
    return variance.value();
  }

  std::shared_ptr<const TwoSamples> samples_;
  AnswerModel model_;
  std::vector<std::uint32_t> rows_;
  SurveyDesign design_;
  std::vector<double> totals_;
};

/// Σ d² (value of the respondent)² in one tabulated cell; values by level, or a + b y.
double squares_of(const Tabulation& table, std::size_t i, std::span<const double> value) {
  const std::span<const double> squared = table.squared();
  if (table.moments) {
    const double* s = &squared[3 * i];
    return s[0] * value[0] * value[0] + 2 * s[1] * value[0] * value[1] + s[2] * value[1] * value[1];
  }
  double sum = 0;
  for (std::size_t l = 0; l < table.levels; ++l)
    sum += squared[i * table.levels + l] * value[l] * value[l];
  return sum;
}

class MassImputation final : public PredictedTotals {
 public:
  MassImputation(std::shared_ptr<const TwoSamples> samples, AnswerModel model,
                 const Tabulation& table, std::span<const std::uint32_t> reference_rows)
      : PredictedTotals(std::move(samples), std::move(model), reference_rows), table_(table) {}

  double variance(std::span<const double> influence) const override {
    return reference_variance(reference_influence(influence)) + coefficients_variance(influence);
  }

 private:
  /// Respondent i has the influence Σ_k (y_k - m_k) x'c_k on the coefficients' part,
  /// c = M⁻¹ Σ_B d dμ/dβ.
  double coefficients_variance(std::span<const double> influence) const {
    if (model_.free.empty()) return 0;
    const std::size_t k = model_.levels, q = model_.columns.size();
    const std::vector<double> weight = reference_cell_weights(*samples_, rows_);
    const std::vector<double> mean = expected(influence, model_.b);
    Eigen::VectorXd right(static_cast<Eigen::Index>(q * model_.free.size()));
    std::vector<double> v(weight.size()), sums(samples_->columns());
    for (std::size_t f = 0; f < model_.free.size(); ++f) {
      const std::size_t l = model_.free[f];
      for (std::size_t c = 0; c < v.size(); ++c)
        v[c] = weight[c] *
               (model_.moments ? influence[1] : model_.b[c * k + l] * (influence[l] - mean[c]));
      samples_->b.transpose_multiply(v, sums);
      for (std::size_t j = 0; j < q; ++j)
        right[static_cast<Eigen::Index>(f * q + j)] = sums[model_.columns[j]];
    }
    const Eigen::VectorXd solved = model_.information.solve(right);
    std::vector<std::vector<double>> alpha(model_.free.size(),
                                           std::vector<double>(samples_->a.cells));
    for (std::size_t f = 0; f < alpha.size(); ++f) {
      std::vector<double> c(samples_->columns(), 0.0);
      for (std::size_t j = 0; j < q; ++j)
        c[model_.columns[j]] = solved[static_cast<Eigen::Index>(f * q + j)];
      samples_->a.multiply(c, alpha[f]);
    }
    double sum = 0;
    std::vector<double> value(k);
    for (std::size_t i = 0; i < table_.cells.size(); ++i) {
      const std::size_t c = table_.cells[i];
      std::fill(value.begin(), value.end(), 0.0);
      double centre = 0;
      for (std::size_t f = 0; f < alpha.size(); ++f) {
        value[model_.free[f]] = alpha[f][c];
        centre += alpha[f][c] * model_.a[c * k + model_.free[f]];
      }
      if (model_.moments)
        value[0] = -centre;
      else
        for (double& x : value) x -= centre;
      sum += squares_of(table_, i, value);
    }
    const auto n = static_cast<double>(table_.respondents);
    return n > 1 ? sum * n / (n - 1) : sum;
  }

  const Tabulation& table_;
};

class DoublyRobust final : public PredictedTotals {
 public:
  DoublyRobust(std::shared_ptr<const TwoSamples> samples, AnswerModel model, const CellIndex& index,
               const Weights& weights, const Tabulation& table,
               std::span<const std::uint32_t> reference_rows, double reference_scale)
      : PredictedTotals(std::move(samples), std::move(model), reference_rows),
        reference_scale_(reference_scale),
        index_(index),
        weights_(weights),
        table_(table),
        residuals_(weights, index.weight) {
    const std::size_t k = model_.levels;
    for (std::size_t i = 0; i < table.cells.size(); ++i) {
      const std::size_t c = table.cells[i];
      const double d = cell_weight(i);
      for (std::size_t l = 0; l < k; ++l)
        totals_[l] += weights.factor[c] * (table.weight[i * k + l] - d * model_.a[c * k + l]);
    }
  }

  double variance(std::span<const double> influence) const override {
    const std::size_t k = model_.levels;
    const std::vector<double> mean = expected(influence, model_.a);
    std::vector<double> s(index_.cells, 0.0), fitted;
    for (std::size_t i = 0; i < table_.cells.size(); ++i) {
      const std::size_t c = table_.cells[i];
      for (std::size_t l = 0; l < k; ++l) s[c] += table_.weight[i * k + l] * influence[l];
      s[c] -= cell_weight(i) * mean[c];
    }
    // z by row of B joins what the propensity's coefficients give, so that their errors go
    // together.
    std::vector<double> beside = reference_influence(influence);
    for (double& z : beside) z *= reference_scale_;
    double variance = residuals_.fit(s, fitted, beside);
    const std::span<const double> first = residuals_.first(), later = residuals_.later();
    std::vector<double> own = index_.weight_squared;  // of those who are not in the table
    std::vector<double> value(k);
    for (std::size_t i = 0; i < table_.cells.size(); ++i) {
      const std::size_t c = table_.cells[i];
      const double t = later.empty() ? 1.0 : later[c];
      for (std::size_t l = 0; l < k; ++l) value[l] = t * influence[l];
      const double shift = t * mean[c] + fitted[c];
      if (table_.moments)
        value[0] -= shift;
      else
        for (double& x : value) x -= shift;
      variance += chance(c) * first[c] * first[c] * squares_of(table_, i, value);
      own[c] -= cell_squared(i);
    }
    for (std::size_t c = 0; c < own.size(); ++c)
      variance += chance(c) * first[c] * first[c] * fitted[c] * fitted[c] * std::max(0.0, own[c]);
    return variance;
  }

 private:
  double cell_weight(std::size_t i) const {
    if (table_.moments) return table_.weight[2 * i];
    double sum = 0;
    for (std::size_t l = 0; l < table_.levels; ++l) sum += table_.weight[i * table_.levels + l];
    return sum;
  }
  double cell_squared(std::size_t i) const {
    const std::span<const double> squared = table_.squared();
    if (table_.moments) return squared[3 * i];
    double sum = 0;
    for (std::size_t l = 0; l < table_.levels; ++l) sum += squared[i * table_.levels + l];
    return sum;
  }
  double chance(std::size_t c) const {
    return weights_.participation.empty() ? 1.0 : 1 - std::min(1.0, weights_.participation[c]);
  }

  double reference_scale_;
  const CellIndex& index_;
  const Weights& weights_;
  const Tabulation& table_;
  Residuals residuals_;
};

}  // namespace

std::vector<double> reference_cell_weights(const TwoSamples& samples,
                                           std::span<const std::uint32_t> rows) {
  std::vector<double> weight(samples.b.cells, 0.0);
  const std::vector<double>& d = samples.reference->sample.base_weights;
  for (const std::uint32_t row : rows) weight[samples.reference_index.cell_of[row]] += d[row];
  return weight;
}

Result<AnswerModel> fit_answer_model(const TwoSamples& samples, const Tabulation& table,
                                     std::span<const double> reference_weight) {
  if (table.respondents == 0)
    return Failure{FailureKind::empty_domain, "no respondent in the domain"};
  const Observed seen = spread(samples, table);
  if (auto wrong = extrapolates(samples, seen.weight, reference_weight)) return *wrong;
  if (table.moments) return fit_linear(samples, seen);
  return Logistic(samples, seen, table.levels).fit();
}

std::unique_ptr<const ModelledAnswer> mass_imputation_totals(
    std::shared_ptr<const TwoSamples> samples, AnswerModel model, const Tabulation& table,
    std::span<const std::uint32_t> reference_rows) {
  return std::make_unique<MassImputation>(std::move(samples), std::move(model), table,
                                          reference_rows);
}

std::unique_ptr<const ModelledAnswer> doubly_robust_totals(
    std::shared_ptr<const TwoSamples> samples, AnswerModel model, const CellIndex& index,
    const Weights& weights, const Tabulation& table, std::span<const std::uint32_t> reference_rows,
    double reference_scale) {
  return std::make_unique<DoublyRobust>(std::move(samples), std::move(model), index, weights, table,
                                        reference_rows, reference_scale);
}

}  // namespace steelyard
