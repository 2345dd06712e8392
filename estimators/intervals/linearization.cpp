#include "estimators/intervals/linearization.hpp"

#include <cmath>

#include "core/timing.hpp"
#include "estimators/intervals/level_covariance.hpp"
#include "estimators/survey/residuals.hpp"

namespace steelyard {
namespace {

/// With-replacement variance of the linearized total. z is the influence of the respondent's level
/// (zero outside the domain); after calibration e = z - x'β, β = (X'DX)⁻¹X'Dz with the weights d
/// before calibration; V = n/(n-1) Σ (w e - mean)², w = d g, or that of a Poisson sample where the
/// weighting estimates participation; in stages, with uncertain benchmarks and a reference sample
/// as Residuals says. Everything comes from sums by cell.
class PreparedLinearization final : public PreparedInterval {
 public:
  PreparedLinearization(const WeightedSample& sample, const IntervalOptions& options)
      : index_(sample.index),
        weights_(sample.weights),
        options_(options),
        df_(static_cast<double>(sample.index.n) - 1),
        t_(t_quantile(options.level, df_)),
        residuals_(sample.weights, sample.index.weight) {
    if (sample.many_of_a_table)
      level_covariance_ = LevelCovariance::make(index_, weights_, residuals_);
  }

  Result<Interval> interval(const MadeEstimate& made) const override {
    const Tabulation& table = made.tabulation;
    const PointEstimate& estimate = made.point;
    EXPECTS(estimate.influence.size() == table.levels);
    if (made.modelled != nullptr)
      return interval_of(made,
                         std::sqrt(std::max(0.0, made.modelled->variance(estimate.influence))));
    if (df_ < 1)
      return Failure{FailureKind::unsupported, "a variance needs at least two respondents"};
    if (made.kept != nullptr && level_covariance_ && !table.moments &&
        table.levels <= LevelCovariance::kMostLevels)
      return interval_of(made, std::sqrt(std::max(0.0, variance_by_level(made))));
    const std::size_t levels = table.levels;
    const std::span<const double> squared = table.squared();
    // By occupied cell: Σ d z, Σ d² z, Σ d² z².
    std::vector<double> first(table.cells.size(), 0.0), cross(table.cells.size(), 0.0),
        second(table.cells.size(), 0.0);
    if (table.moments)
      for (std::size_t c = 0; c < table.cells.size(); ++c) {
        const double a = estimate.influence[0], b = estimate.influence[1];
        const double* s = &squared[3 * c];
        first[c] = table.weight[2 * c] * a + table.weight[2 * c + 1] * b;
        cross[c] = s[0] * a + s[1] * b;
        second[c] = s[0] * a * a + 2 * s[1] * a * b + s[2] * b * b;
      }
    else
      for (std::size_t c = 0; c < table.cells.size(); ++c)
        for (std::size_t k = 0; k < levels; ++k) {
          const double z = estimate.influence[k];
          first[c] += table.weight[c * levels + k] * z;
          cross[c] += squared[c * levels + k] * z;
          second[c] += squared[c * levels + k] * z * z;
        }
    std::vector<double> fit;
    const TargetErrors targets = fitted(table, first, fit);
    if (const auto later = residuals_.later(); !later.empty())
      for (std::size_t i = 0; i < table.cells.size(); ++i) {
        const double t = later[table.cells[i]];
        first[i] *= t;
        cross[i] *= t;
        second[i] *= t * t;
      }
    // Σ w e and Σ w² e² over everybody: cells without a domain member have z = 0.
    const bool poisson = !weights_.participation.empty();
    const auto chance = [&](std::size_t c) {
      return poisson ? 1 - std::min(1.0, weights_.participation[c]) : 1.0;
    };
    double sum = 0, squares = 0;
    if (!fit.empty())
      for (std::size_t c = 0; c < index_.cells; ++c) {
        const double gf = factor(c) * fit[c];
        sum -= gf * index_.weight[c];
        squares += chance(c) * gf * gf * index_.weight_squared[c];
      }
    for (std::size_t i = 0; i < table.cells.size(); ++i) {
      const std::uint32_t c = table.cells[i];
      const double g = factor(c), f = fit.empty() ? 0.0 : fit[c];
      sum += g * first[i];
      squares += chance(c) * g * g * (second[i] - 2 * f * cross[i]);
    }
    const auto n = static_cast<double>(index_.n);
    const double sampling =
        std::max(0.0, poisson ? squares : n / (n - 1) * (squares - sum * sum / n));
    return interval_of(made, std::sqrt(sampling + targets.variance),
                       degrees_of_freedom(sampling, df_, targets));
  }

 private:
  Result<Interval> interval_of(const MadeEstimate& made, double se) const {
    return interval_of(made, se, df_);
  }
  Result<Interval> interval_of(const MadeEstimate& made, double se, double df) const {
    const double t = df == df_ ? t_ : t_quantile(options_.level, df);
    return make_interval(options_, made.estimator ? &made.estimator->functional() : nullptr,
                         made.point.estimate, se, df, t, index_.n, made.tabulation.respondents);
  }

  /// z'Qz with the covariance of the table's totals, made for the first estimate of the table.
  double variance_by_level(const MadeEstimate& made) const {
    if (!made.kept->made) {
      const auto start = Clock::now();
      made.kept->made =
          std::make_shared<const Eigen::MatrixXd>(level_covariance_->of(made.tabulation));
      made.kept->seconds = seconds_since(start);
    }
    const auto& q = *static_cast<const Eigen::MatrixXd*>(made.kept->made.get());
    const Eigen::Map<const Eigen::VectorXd> z(made.point.influence.data(), q.rows());
    return z.dot(q * z);
  }

  /// a / d of Residuals: g after the first calibration.
  double factor(std::size_t c) const {
    return residuals_.none() ? weights_.factor[c] : residuals_.first()[c];
  }

  /// f of each cell (empty without calibration), and the variance of the benchmarks' own errors.
  TargetErrors fitted(const Tabulation& table, const std::vector<double>& first,
                      std::vector<double>& fit) const {
    if (residuals_.none()) return {};
    std::vector<double> by_cell(index_.cells, 0.0);
    for (std::size_t i = 0; i < table.cells.size(); ++i) by_cell[table.cells[i]] = first[i];
    return residuals_.fit(by_cell, fit);
  }

  const CellIndex& index_;
  const Weights& weights_;
  IntervalOptions options_;
  double df_, t_;
  Residuals residuals_;
  std::optional<LevelCovariance> level_covariance_;
};

class Linearization final : public IntervalMethod {
 public:
  explicit Linearization(ConfigReader& config) : options_(read_interval_options(config)) {}
  std::optional<std::string> objection(const Functional& functional) const override {
    if (functional.smooth()) return std::nullopt;
    return "a quantile that jumps from level to level has no derivative; use woodruff";
  }
  Result<std::unique_ptr<const PreparedInterval>> prepare(
      const WeightedSample& sample) const override {
    return prepare_linearization(sample, options_);
  }

 private:
  IntervalOptions options_;
};

}  // namespace

std::unique_ptr<const PreparedInterval> prepare_linearization(const WeightedSample& sample,
                                                              const IntervalOptions& options) {
  return std::make_unique<PreparedLinearization>(sample, options);
}

IntervalInfo linearization_info() {
  return {
      "linearization", "Taylor linearization with the residuals of the calibration, t interval",
      "Woodruff (1971), JASA 66, 411-414; Deville & Särndal (1992), JASA 87, 376-382, section 3.4",
      [](ConfigReader& config, const Schema&) -> std::unique_ptr<const IntervalMethod> {
        return std::make_unique<Linearization>(config);
      }};
}

}  // namespace steelyard
