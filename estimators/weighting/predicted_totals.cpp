#include "estimators/weighting/predicted_totals.hpp"

#include "estimators/survey/residuals.hpp"
#include "estimators/weighting/donors.hpp"

namespace steelyard {

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

double tabulated_weight(const Tabulation& table, std::size_t i) {
  if (table.moments) return table.weight[2 * i];
  double sum = 0;
  for (std::size_t l = 0; l < table.levels; ++l) sum += table.weight[i * table.levels + l];
  return sum;
}

std::vector<double> expected_influence(std::span<const double> influence,
                                       std::span<const double> predicted) {
  const std::size_t k = influence.size();
  std::vector<double> mean(predicted.size() / k, 0.0);
  for (std::size_t c = 0; c < mean.size(); ++c)
    for (std::size_t l = 0; l < k; ++l) mean[c] += influence[l] * predicted[c * k + l];
  return mean;
}

std::vector<std::vector<double>> coefficient_parts(const TwoSamples& samples,
                                                   const AnswerModel& model,
                                                   std::span<const double> influence,
                                                   std::span<const double> b,
                                                   std::span<const double> a) {
  const std::size_t k = model.levels, q = model.columns.size();
  std::vector<std::vector<double>> alpha(model.free.size(), std::vector<double>(samples.a.cells));
  if (model.free.empty()) return alpha;
  Eigen::VectorXd right = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(q * model.free.size()));
  const auto add = [&](const Auxiliary& x, std::span<const double> predicted,
                       std::span<const double> weight, double sign) {
    const std::vector<double> mean = expected_influence(influence, predicted);
    std::vector<double> v(weight.size()), sums(x.columns());
    for (std::size_t f = 0; f < model.free.size(); ++f) {
      const std::size_t l = model.free[f];
      for (std::size_t c = 0; c < v.size(); ++c)
        v[c] = weight[c] *
               (model.moments ? influence[1] : predicted[c * k + l] * (influence[l] - mean[c]));
      x.transpose_multiply(v, sums);
      for (std::size_t j = 0; j < q; ++j)
        right[static_cast<Eigen::Index>(f * q + j)] += sign * sums[model.columns[j]];
    }
  };
  add(samples.b, model.b, b, 1);
  if (!a.empty()) add(samples.a, model.a, a, -1);
  const Eigen::VectorXd solved = model.information.solve(right);
  for (std::size_t f = 0; f < alpha.size(); ++f) {
    std::vector<double> c(samples.columns(), 0.0);
    for (std::size_t j = 0; j < q; ++j)
      c[model.columns[j]] = solved[static_cast<Eigen::Index>(f * q + j)];
    samples.a.multiply(c, alpha[f]);
  }
  return alpha;
}

std::vector<double> donor_means(const Donors& donors, const Tabulation& table, std::size_t cells) {
  const std::size_t k = table.levels;
  std::vector<const double*> sums(cells, nullptr);
  for (std::size_t i = 0; i < table.cells.size(); ++i) sums[table.cells[i]] = &table.weight[i * k];
  std::vector<double> out((donors.first.size() - 1) * k, 0.0);
  for (std::size_t j = 0; j + 1 < donors.first.size(); ++j)
    for (std::size_t at = donors.first[j]; at < donors.first[j + 1]; ++at)
      for (std::size_t l = 0; l < k; ++l)
        out[j * k + l] += donors.share[at] * sums[donors.cell[at]][l];
  return out;
}

PredictedTotals::PredictedTotals(std::shared_ptr<const TwoSamples> samples, std::size_t levels,
                                 std::vector<double> predicted,
                                 std::span<const std::uint32_t> reference_rows)
    : samples_(std::move(samples)),
      levels_(levels),
      predicted_(std::move(predicted)),
      rows_(reference_rows.begin(), reference_rows.end()),
      design_(design_of(*samples_->reference)) {
  const std::vector<double> weight = reference_cell_weights(*samples_, rows_);
  totals_.assign(levels_, 0.0);
  for (std::size_t c = 0; c < weight.size(); ++c)
    for (std::size_t l = 0; l < levels_; ++l) totals_[l] += weight[c] * predicted_[c * levels_ + l];
}

std::vector<double> PredictedTotals::reference_influence(std::span<const double> influence) const {
  const std::vector<double> mean = expected_influence(influence, predicted_);
  std::vector<double> z(samples_->reference->sample.n, 0.0);
  for (const std::uint32_t row : rows_) z[row] = mean[samples_->reference_index.cell_of[row]];
  return z;
}

double PredictedTotals::reference_variance(std::vector<double> z) const {
  const std::vector<double>& d = samples_->reference->sample.base_weights;
  for (std::size_t j = 0; j < z.size(); ++j) z[j] *= d[j];
  const auto variance = design_.variance(z);
  EXPECTS(variance.ok());
  return variance.value();
}

namespace {

class MassImputation final : public PredictedTotals {
 public:
  MassImputation(std::shared_ptr<const TwoSamples> samples, AnswerModel model,
                 const Tabulation& table, std::span<const std::uint32_t> reference_rows,
                 const Donors* donors)
      : PredictedTotals(samples, model.levels,
                        donors ? donor_means(*donors, table, samples->a.cells) : model.b,
                        reference_rows),
        model_(std::move(model)),
        table_(table) {}

  double variance(std::span<const double> influence) const override {
    return reference_variance(reference_influence(influence)) + coefficients_variance(influence);
  }

 private:
  /// Respondent i has the influence Σ_k (y_k - m_k) α_k on the coefficients' part.
  double coefficients_variance(std::span<const double> influence) const {
    const std::vector<std::vector<double>> alpha =
        coefficient_parts(*samples_, model_, influence, reference_cell_weights(*samples_, rows_));
    const std::size_t k = model_.levels;
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

  AnswerModel model_;
  const Tabulation& table_;
};

class DoublyRobust final : public PredictedTotals {
 public:
  DoublyRobust(std::shared_ptr<const TwoSamples> samples, AnswerModel model, const CellIndex& index,
               const Weights& weights, const Tabulation& table,
               std::span<const std::uint32_t> reference_rows, double reference_scale)
      : PredictedTotals(std::move(samples), model.levels, model.b, reference_rows),
        model_(std::move(model)),
        reference_scale_(reference_scale),
        index_(index),
        weights_(weights),
        table_(table),
        residuals_(weights, index.weight) {
    const std::size_t k = model_.levels;
    for (std::size_t i = 0; i < table.cells.size(); ++i) {
      const std::size_t c = table.cells[i];
      const double d = tabulated_weight(table, i);
      for (std::size_t l = 0; l < k; ++l)
        totals_[l] += weights.factor[c] * (table.weight[i * k + l] - d * model_.a[c * k + l]);
    }
  }

  double variance(std::span<const double> influence) const override {
    const std::size_t k = model_.levels;
    const std::vector<double> mean = expected_influence(influence, model_.a);
    std::vector<double> s(index_.cells, 0.0), fitted;
    for (std::size_t i = 0; i < table_.cells.size(); ++i) {
      const std::size_t c = table_.cells[i];
      for (std::size_t l = 0; l < k; ++l) s[c] += table_.weight[i * k + l] * influence[l];
      s[c] -= tabulated_weight(table_, i) * mean[c];
    }
    // z by row of B joins what the propensity's coefficients give, so that their errors go
    // together.
    std::vector<double> beside = reference_influence(influence);
    for (double& z : beside) z *= reference_scale_;
    double variance = residuals_.fit(s, fitted, beside).variance;
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

  AnswerModel model_;
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

std::unique_ptr<const ModelledAnswer> mass_imputation_totals(
    std::shared_ptr<const TwoSamples> samples, AnswerModel model, const Tabulation& table,
    std::span<const std::uint32_t> reference_rows, const Donors* donors) {
  return std::make_unique<MassImputation>(std::move(samples), std::move(model), table,
                                          reference_rows, donors);
}

std::unique_ptr<const ModelledAnswer> doubly_robust_totals(
    std::shared_ptr<const TwoSamples> samples, AnswerModel model, const CellIndex& index,
    const Weights& weights, const Tabulation& table, std::span<const std::uint32_t> reference_rows,
    double reference_scale) {
  return std::make_unique<DoublyRobust>(std::move(samples), std::move(model), index, weights, table,
                                        reference_rows, reference_scale);
}

}  // namespace steelyard
