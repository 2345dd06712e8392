#include "estimators/weighting/donors.hpp"

#include <algorithm>
#include <cmath>

#include "estimators/weighting/predicted_totals.hpp"

namespace steelyard {

DonorPool::DonorPool(CovariateSpace space, std::vector<double> weight_, std::vector<double> rows_)
    : dimensions(space.dimensions),
      a(std::move(space.a)),
      b(std::move(space.b)),
      weight(std::move(weight_)),
      rows(std::move(rows_)),
      points(a, dimensions, weight, rows) {}

std::span<const double> DonorPool::at_a(std::size_t c) const {
  return std::span(a).subspan(c * dimensions, dimensions);
}
std::span<const double> DonorPool::at_b(std::size_t c) const {
  return std::span(b).subspan(c * dimensions, dimensions);
}

std::vector<double> Donors::factors(std::span<const double> weight_b, std::size_t cells) const {
  std::vector<double> g(cells, 0.0);
  for (std::size_t j = 0; j + 1 < first.size(); ++j)
    for (std::size_t k = first[j]; k < first[j + 1]; ++k) g[cell[k]] += weight_b[j] * share[k];
  return g;
}

Donors nearest_donors(const DonorPool& pool, std::span<const double> needed, double count) {
  Donors out;
  out.first.push_back(0);
  for (std::size_t j = 0; j < needed.size(); ++j) {
    if (needed[j] > 0) {
      const NearestPoint near = pool.points.find(pool.at_b(j), count);
      double size = 0;
      for (const std::uint32_t c : near.points) size += pool.weight[c];
      for (const std::uint32_t c : near.points) {
        out.cell.push_back(c);
        out.share.push_back(1 / size);
      }
    }
    out.first.push_back(out.cell.size());
  }
  return out;
}

namespace {

/// Shares of local regression at one point, κ_i (1, 0)'(Σ d κ v v')⁻¹ v_i, v = (1, (x - x_j)/h) on
/// the directions in which the respondents there differ.
/// @param share  κ, and the shares on return
void local_linear(const DonorPool& pool, std::span<const double> target, double h,
                  std::span<const std::uint32_t> near, std::span<double> share) {
  const auto d = static_cast<Eigen::Index>(pool.dimensions);
  Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(d + 1, d + 1), kept;
  Eigen::MatrixXd v(d + 1, static_cast<Eigen::Index>(near.size()));
  for (std::size_t k = 0; k < near.size(); ++k) {
    const auto x = pool.at_a(near[k]);
    double* column = v.col(static_cast<Eigen::Index>(k)).data();
    column[0] = 1;
    for (std::size_t i = 0; i < target.size(); ++i) column[i + 1] = (x[i] - target[i]) / h;
    const double weight = share[k] * pool.weight[near[k]];
    for (Eigen::Index j = 0; j <= d; ++j) {  // few columns: a call costs more than the sums
      const double times = weight * column[j];
      for (Eigen::Index i = j; i <= d; ++i) gram(i, j) += times * column[i];
    }
  }
  const std::vector<std::size_t> columns = independent_columns(gram, 1e-6);
  lower_part(gram, columns, kept);
  const Eigen::VectorXd first =
      kept.selfadjointView<Eigen::Lower>().llt().solve(Eigen::VectorXd::Unit(kept.rows(), 0));
  for (std::size_t k = 0; k < near.size(); ++k) {
    double line = 0;
    for (std::size_t j = 0; j < columns.size(); ++j)
      line += first[static_cast<Eigen::Index>(j)] *
              v(static_cast<Eigen::Index>(columns[j]), static_cast<Eigen::Index>(k));
    share[k] *= line;
  }
}

}  // namespace

Donors local_donors(const DonorPool& pool, std::span<const double> needed, double count,
                    int degree) {
  Donors out;
  out.first.push_back(0);
  const std::size_t most = needed.size() * static_cast<std::size_t>(std::min(count, 100.0));
  out.cell.reserve(most);
  out.share.reserve(most);
  std::vector<double> share;
  for (std::size_t j = 0; j < needed.size(); ++j) {
    if (needed[j] > 0) {
      const auto target = pool.at_b(j);
      NearestPoint near = pool.points.find(target, count);
      const double h = near.distance;
      share.clear();
      double size = 0;
      for (const std::uint32_t c : near.points) {
        double squares = 0;
        for (std::size_t k = 0; k < target.size(); ++k)
          squares += (pool.at_a(c)[k] - target[k]) * (pool.at_a(c)[k] - target[k]);
        share.push_back(h > 0 ? std::max(0.0, 1 - squares / (h * h)) : 1.0);
        size += share.back() * pool.weight[c];
      }
      if (!(size > 0)) {  // all as far as the last
        std::fill(share.begin(), share.end(), 1.0);
        size = 0;
        for (const std::uint32_t c : near.points) size += pool.weight[c];
      }
      if (degree == 1 && h > 0)
        local_linear(pool, target, h, near.points, share);
      else
        for (double& s : share) s /= size;
      out.cell.insert(out.cell.end(), near.points.begin(), near.points.end());
      out.share.insert(out.share.end(), share.begin(), share.end());
    }
    out.first.push_back(out.cell.size());
  }
  return out;
}

DonorPool pool_of(CovariateSpace space, const Tabulation& table, std::size_t cells) {
  std::vector<double> weight(cells, 0.0), rows(cells, 0.0);
  const std::span<const double> squared = table.squared();
  for (std::size_t i = 0; i < table.cells.size(); ++i) {
    const double d = tabulated_weight(table, i);
    double d2 = 0;
    if (table.moments)
      d2 = squared[3 * i];
    else
      for (std::size_t l = 0; l < table.levels; ++l) d2 += squared[i * table.levels + l];
    weight[table.cells[i]] = d;
    rows[table.cells[i]] = d2 > 0 ? d * d / d2 : 0.0;
  }
  return {std::move(space), std::move(weight), std::move(rows)};
}

namespace {

class DonorTotals final : public PredictedTotals {
 public:
  DonorTotals(std::shared_ptr<const TwoSamples> samples, DonorPool pool, Donors donors,
              const Tabulation& table, std::span<const std::uint32_t> reference_rows,
              std::optional<AnswerModel> model)
      : PredictedTotals(samples, table.levels, donor_means(donors, table, pool.weight.size()),
                        reference_rows),
        pool_(std::move(pool)),
        donors_(std::move(donors)),
        table_(table),
        model_(std::move(model)) {}

  double variance(std::span<const double> influence) const override {
    const std::vector<double> weight_b = reference_cell_weights(*samples_, rows_);
    const std::vector<double> g = donors_.factors(weight_b, pool_.weight.size());
    const std::vector<double> repeated = share_variances();
    std::vector<std::vector<double>> alpha;
    if (model_) {
      std::vector<double> a(g);
      for (std::size_t c = 0; c < a.size(); ++c) a[c] *= pool_.weight[c];
      alpha = coefficient_parts(*samples_, *model_, influence, weight_b, a);
    }
    double sum = reference_variance(reference_influence(influence));
    const std::vector<std::size_t> row_of = table_rows();
    std::vector<double> value(levels_), mean(levels_);
    for (const std::uint32_t c : pool_.points.order()) {
      if (g[c] == 0 && alpha.empty()) continue;
      const std::size_t i = row_of[c];
      const double growth = local_mean(c, row_of, mean);
      for (std::size_t l = 0; l < levels_; ++l) value[l] = g[c] * influence[l];
      for (std::size_t f = 0; f < alpha.size(); ++f) value[model_->free[f]] += alpha[f][c];
      sum += growth * error(i, value, mean);
      std::copy(influence.begin(), influence.end(), value.begin());
      sum -= growth * repeated[c] * error(i, value, mean);
    }
    return sum;
  }

 private:
  std::vector<std::size_t> table_rows() const {
    std::vector<std::size_t> row(pool_.weight.size(), 0);
    for (std::size_t i = 0; i < table_.cells.size(); ++i) row[table_.cells[i]] = i;
    return row;
  }

  /// Means by level over the nearest respondents. @return n/(n - 1) of them
  double local_mean(std::size_t c, const std::vector<std::size_t>& row_of,
                    std::vector<double>& mean) const {
    constexpr double kNeighbours = 6;
    const NearestPoint near = pool_.points.find(pool_.at_a(c), kNeighbours);
    double size = 0, rows = 0;
    std::fill(mean.begin(), mean.end(), 0.0);
    for (const std::uint32_t point : near.points) {
      size += pool_.weight[point];
      rows += pool_.rows[point];
      for (std::size_t l = 0; l < levels_; ++l)
        mean[l] += table_.weight[row_of[point] * levels_ + l];
    }
    for (double& m : mean) m /= size;
    return rows > 1 ? rows / (rows - 1) : 1.0;
  }

  /// Σ d² (value - its local mean)² of one tabulated cell.
  double error(std::size_t i, std::vector<double>& value, std::span<const double> mean) const {
    double centre = 0;
    for (std::size_t l = 0; l < levels_; ++l) centre += value[l] * mean[l];
    if (table_.moments)
      value[0] -= centre;
    else
      for (double& x : value) x -= centre;
    return squares_of(table_, i, value);
  }

  /// Q by cell of A: design variance of Σ_B d share, primary units as if drawn with
  /// replacement and weights as the design's: not below that without, or of calibrated weights.
  std::vector<double> share_variances() const {
    const std::vector<double>& d = samples_->reference->sample.base_weights;
    const SurveyDesign& drawn = design_.drawn();
    const DesignStage& stage = drawn.stages()[0];
    std::vector<std::uint32_t> order(rows_);
    const auto stratum = [&](std::uint32_t row) { return stage.parent_of_unit[drawn.psu(row)]; };
    std::sort(order.begin(), order.end(), [&](std::uint32_t x, std::uint32_t y) {
      const auto h = stratum(x), k = stratum(y);
      return h != k ? h < k : drawn.psu(x) < drawn.psu(y);
    });
    std::vector<double> out(pool_.weight.size(), 0.0);
    Sparse unit(out.size()), whole(out.size());
    for (std::size_t r = 0; r < order.size(); ++r) {
      const std::uint32_t row = order[r];
      const std::size_t cell = samples_->reference_index.cell_of[row];
      for (std::size_t at = donors_.first[cell]; at < donors_.first[cell + 1]; ++at)
        unit.add(donors_.cell[at], d[row] * donors_.share[at]);
      const bool last = r + 1 == order.size();
      const double n = stage.units_in_parent[stratum(row)];
      const double f = n > 1 ? n / (n - 1) : 1.0;
      if (last || drawn.psu(order[r + 1]) != drawn.psu(row))
        unit.clear([&](std::uint32_t c, double total) {
          out[c] += f * total * total;
          whole.add(c, total);
        });
      if (last || stratum(order[r + 1]) != stratum(row))
        whole.clear([&](std::uint32_t c, double total) {
          if (n > 1) out[c] -= f / n * total * total;
        });
    }
    return out;
  }

  /// Totals of few of many cells.
  class Sparse {
   public:
    explicit Sparse(std::size_t cells) : total_(cells, 0.0), seen_(cells, false) {}
    void add(std::uint32_t c, double x) {
      if (!seen_[c]) touched_.push_back(c);
      seen_[c] = true;
      total_[c] += x;
    }
    template <typename Take>
    void clear(Take take) {
      for (const std::uint32_t c : touched_) {
        take(c, total_[c]);
        total_[c] = 0;
        seen_[c] = false;
      }
      touched_.clear();
    }

   private:
    std::vector<double> total_;
    std::vector<bool> seen_;
    std::vector<std::uint32_t> touched_;
  };

  DonorPool pool_;
  Donors donors_;
  const Tabulation& table_;
  std::optional<AnswerModel> model_;
};

/// What the model predicts, as coordinates: the mean of a number, the levels' probabilities.
CovariateSpace predicted_space(const AnswerModel& model) {
  if (!model.moments) return {model.levels, model.a, model.b};
  CovariateSpace space;
  for (std::size_t c = 0; 2 * c < model.a.size(); ++c) space.a.push_back(model.a[2 * c + 1]);
  for (std::size_t c = 0; 2 * c < model.b.size(); ++c) space.b.push_back(model.b[2 * c + 1]);
  return space;
}

}  // namespace

std::unique_ptr<const ModelledAnswer> donor_totals(std::shared_ptr<const TwoSamples> samples,
                                                   DonorPool pool, Donors donors,
                                                   const Tabulation& table,
                                                   std::span<const std::uint32_t> reference_rows,
                                                   std::optional<AnswerModel> model) {
  return std::make_unique<DonorTotals>(std::move(samples), std::move(pool), std::move(donors),
                                       table, reference_rows, std::move(model));
}

Result<std::unique_ptr<const ModelledAnswer>> predictive_mean_totals(
    std::shared_ptr<const TwoSamples> samples, const Tabulation& table,
    std::span<const std::uint32_t> reference_rows, double donors, PredictiveMatch match) {
  const std::vector<double> needed = reference_cell_weights(*samples, reference_rows);
  auto model = fit_answer_model(*samples, table, needed);
  if (!model) return model.failure();
  CovariateSpace space = predicted_space(model.value());
  if (match == PredictiveMatch::predicted) {
    DonorPool pool = pool_of(std::move(space), table, samples->a.cells);
    Donors found = nearest_donors(pool, needed, donors);
    return donor_totals(samples, std::move(pool), std::move(found), table, reference_rows,
                        std::move(model.value()));
  }
  if (!table.moments)
    return Failure{FailureKind::unsupported,
                   "donors cannot be near in observed categories; use matching = \"predicted\""};
  for (std::size_t i = 0; i < table.cells.size(); ++i)
    space.a[table.cells[i]] = table.weight[2 * i + 1] / table.weight[2 * i];
  const DonorPool pool = pool_of(std::move(space), table, samples->a.cells);
  if (std::any_of(pool.rows.begin(), pool.rows.end(), [](double rows) { return rows > 1.5; }))
    return Failure{FailureKind::unsupported,
                   "respondents with equal covariates are one, and their own answers are not "
                   "known; use matching = \"predicted\""};
  const Donors found = nearest_donors(pool, needed, donors);
  return mass_imputation_totals(samples, std::move(model.value()), table, reference_rows, &found);
}

}  // namespace steelyard
