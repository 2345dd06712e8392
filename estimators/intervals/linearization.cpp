#include <Eigen/Dense>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <optional>

#include "estimators/intervals/interval_method.hpp"

namespace steelyard {
namespace {

/// With-replacement variance of the linearized total. z is the influence of the respondent's level
/// (zero outside the domain); after calibration e = z - x'β, β = (X'DX)⁻¹X'Dz with the weights d
/// before calibration; V = n/(n-1) Σ (w e - mean)², w = d g. Everything comes from sums by cell.
class PreparedLinearization final : public PreparedInterval {
 public:
  PreparedLinearization(const CellIndex& index, const Weights& weights, double level)
      : index_(index), weights_(weights) {
    const auto n = static_cast<double>(index.n);
    df_ = n - 1;
    if (df_ >= 1) t_ = boost::math::quantile(boost::math::students_t(df_), 0.5 + level / 2);
    const auto& margins = weights.calibrated_on;
    offset_ = {0};
    for (const CellGroups& margin : margins)
      offset_.push_back(offset_.back() + static_cast<Eigen::Index>(margin.groups));
    if (margins.size() == 1) {
      group_weight_.assign(margins[0].groups, 0.0);
      for (std::size_t c = 0; c < index.cells; ++c)
        group_weight_[margins[0].group_of[c]] += index.weight[c];
    } else if (margins.size() > 1) {
      Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(offset_.back(), offset_.back());
      for (std::size_t c = 0; c < index.cells; ++c)
        for (std::size_t a = 0; a < margins.size(); ++a)
          for (std::size_t b = 0; b < margins.size(); ++b)
            normal(column(a, c), column(b, c)) += index.weight[c];
      // The indicators of several margins are dependent: the pseudo-inverse projects on their span.
      inverse_ = Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd>(normal).pseudoInverse();
    }
  }

  Result<Interval> interval(const Tabulation& table, const PointEstimate& estimate) const override {
    if (df_ < 1)
      return Failure{FailureKind::unsupported, "a variance needs at least two respondents"};
    const std::size_t levels = table.levels;
    const std::span<const double> squared = table.squared();
    // By occupied cell: Σ d z, Σ d² z, Σ d² z².
    std::vector<double> first(table.cells.size(), 0.0), cross(table.cells.size(), 0.0),
        second(table.cells.size(), 0.0);
    for (std::size_t c = 0; c < table.cells.size(); ++c)
      for (std::size_t k = 0; k < levels; ++k) {
        const double z = estimate.influence[k];
        first[c] += table.weight[c * levels + k] * z;
        cross[c] += squared[c * levels + k] * z;
        second[c] += squared[c * levels + k] * z * z;
      }
    const std::vector<double> fit = fitted(table, first);
    // Σ w e and Σ w² e² over everybody: cells without a domain member have z = 0.
    double sum = 0, squares = 0;
    if (!fit.empty())
      for (std::size_t c = 0; c < index_.cells; ++c) {
        const double gf = weights_.factor[c] * fit[c];
        sum -= gf * index_.weight[c];
        squares += gf * gf * index_.weight_squared[c];
      }
    for (std::size_t i = 0; i < table.cells.size(); ++i) {
      const std::uint32_t c = table.cells[i];
      const double g = weights_.factor[c], f = fit.empty() ? 0.0 : fit[c];
      sum += g * first[i];
      squares += g * g * (second[i] - 2 * f * cross[i]);
    }
    const auto n = static_cast<double>(index_.n);
    Interval interval;
    interval.se = std::sqrt(std::max(0.0, n / (n - 1) * (squares - sum * sum / n)));
    interval.df = df_;
    interval.lower = estimate.estimate - t_ * interval.se;
    interval.upper = estimate.estimate + t_ * interval.se;
    return interval;
  }

 private:
  Eigen::Index column(std::size_t margin, std::size_t cell) const {
    return offset_[margin] +
           static_cast<Eigen::Index>(weights_.calibrated_on[margin].group_of[cell]);
  }

  /// x'β of each cell; empty without calibration.
  std::vector<double> fitted(const Tabulation& table, const std::vector<double>& first) const {
    const auto& margins = weights_.calibrated_on;
    if (margins.empty()) return {};
    std::vector<double> fit(index_.cells, 0.0);
    if (margins.size() == 1) {
      std::vector<double> mean(margins[0].groups, 0.0);
      for (std::size_t i = 0; i < table.cells.size(); ++i)
        mean[margins[0].group_of[table.cells[i]]] += first[i];
      for (std::size_t g = 0; g < mean.size(); ++g)
        mean[g] = group_weight_[g] > 0 ? mean[g] / group_weight_[g] : 0.0;
      for (std::size_t c = 0; c < index_.cells; ++c) fit[c] = mean[margins[0].group_of[c]];
      return fit;
    }
    Eigen::VectorXd right = Eigen::VectorXd::Zero(offset_.back());
    for (std::size_t i = 0; i < table.cells.size(); ++i)
      for (std::size_t m = 0; m < margins.size(); ++m) right[column(m, table.cells[i])] += first[i];
    const Eigen::VectorXd beta = inverse_ * right;
    for (std::size_t m = 0; m < margins.size(); ++m)
      for (std::size_t c = 0; c < index_.cells; ++c) fit[c] += beta[column(m, c)];
    return fit;
  }

  const CellIndex& index_;
  const Weights& weights_;
  double df_ = 0, t_ = 0;
  std::vector<Eigen::Index> offset_;
  std::vector<double> group_weight_;
  Eigen::MatrixXd inverse_;
};

class Linearization final : public IntervalMethod {
 public:
  Linearization(ConfigReader& config, const Schema&)
      : level_(config.real(
            "level", {.min = 0.5, .max = 0.9999, .fallback = 0.95, .help = "nominal coverage"})) {}
  Result<std::unique_ptr<const PreparedInterval>> prepare(const CellIndex& index,
                                                          const Weights& weights) const override {
    return std::unique_ptr<const PreparedInterval>(
        std::make_unique<PreparedLinearization>(index, weights, level_));
  }

 private:
  double level_;
};

}  // namespace

IntervalInfo linearization_info() {
  return {
      "linearization", "Taylor linearization with the residuals of the calibration, t interval",
      "Woodruff (1971), JASA 66, 411-414; Deville & Särndal (1992), JASA 87, 376-382, section 3.4",
      [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const IntervalMethod> {
        return std::make_unique<Linearization>(config, schema);
      }};
}

}  // namespace steelyard
