#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/sums.hpp"
#include "core/text.hpp"
#include "estimators/weighting/feasibility.hpp"
#include "estimators/weighting/solver.hpp"
#include "estimators/weighting/start.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// An assisting model of an answer on the predictors, fitted with base weights; the weights are
/// calibrated on the population size (or on given margins) and on the population total of the
/// model's predictions. With the linear model and no margins the estimated total of the answer is
/// that of the GREG estimator. A linear model needs each predictor's own totals, a logistic one
/// the population's cross of all predictors.
class ModelCalibration final : public Weighting {
 public:
  ModelCalibration(ConfigReader& config, const Schema& schema) {
    const std::string outcome = config.text("outcome", {.help = "the answer that the model is of"});
    predictors_ = read_margins(config, "predictors", schema,
                               "the model's terms: variables, or lists of variables to be crossed; "
                               "numbers alone");
    logistic_ =
        config.text("model", {.fallback = "linear",
                              .choices = {"linear", "logistic"},
                              .help = "logistic: for an answer that is yes or no"}) == "logistic";
    const Texts yes = config.texts(
        "levels", {.required = false, .help = "levels of the outcome that count as 1, others 0"});
    values_ = config.reals(
        "values", {.required = false,
                   .help = "a number for each level of the outcome; default: its assumed values, "
                           "or else its scores"});
    if (config.has("margins") || config.is_documenting())
      margins_ = read_margins(config, "margins", schema,
                              "margins that are met as well; default: the population size");
    if (config.is_documenting()) return;
    outcome_ = schema.require(outcome, config.place("outcome"));
    set_values(config, schema[outcome_], yes);
    cross_ = variables_of(predictors_);
    for (VariableId id : cross_)
      if (logistic_ && schema[id].kind == VariableKind::continuous)
        config.fail("predictors", "names \"" + schema[id].name + "\", which is a number",
                    "a logistic model needs the population's cross; put the number in classes");
  }

  std::vector<VariableId> variables() const override {
    MarginVariables all = predictors_;
    all.insert(all.end(), margins_.begin(), margins_.end());
    all.push_back({outcome_});
    return variables_of(all);
  }
  std::vector<std::vector<VariableId>> benchmarks() const override {
    MarginVariables all = logistic_ ? MarginVariables{cross_} : predictors_;
    all.insert(all.end(), margins_.begin(), margins_.end());
    return all;
  }
  std::vector<std::vector<VariableId>> margins() const override { return margins_; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    const Schema& schema = benchmarks.schema();
    if (logistic_ && !benchmarks.margin(cross_)) return missing_cross(schema);
    auto terms = make_auxiliary(predictors_, index, benchmarks);
    if (!terms) return terms.failure();
    auto made = make_auxiliary(margins_, index, benchmarks);
    if (!made) return made.failure();
    Auxiliary& x = made.value();
    const double population = population_of(benchmarks);
    if (!(population > 0))
      return Failure{FailureKind::unsupported,
                     "the population size is unknown; give a benchmark with levels"};
    if (x.blocks.empty()) x.add_number(std::vector<double>(index.cells, 1.0), population);
    Start start = starting_weights(index, x);
    if (margins_.empty() && index.unit_weights) {
      start.scale = population / static_cast<double>(index.n);
      for (std::size_t c = 0; c < index.cells; ++c) start.weight[c] = index.weight[c] * start.scale;
    }
    auto predicted = predict(terms.value(), index, benchmarks, start.weight, population);
    if (!predicted) return predicted.failure();
    x.add_number(std::move(predicted.value().by_cell), predicted.value().total);
    AssistingModel& model = predicted.value().model;
    model.column = x.columns() - 1;
    auto solved = calibrate(x, start.weight, {});
    if (!solved) return relabel(solved.failure(), x);
    Weights weights;
    weights.factor = std::move(solved.value().factor);
    weights.iterations = solved.value().iterations;
    weights.largest_margin_error = largest_error(x, start.weight, weights.factor).error;
    std::size_t negative = 0;
    for (std::size_t c = 0; c < index.cells; ++c) {
      if (weights.factor[c] < 0) negative += index.respondents[c];
      weights.factor[c] *= start.scale;
    }
    if (negative > 0)
      weights.notes.push_back(
          fmt::format("{} of {} respondents have a negative weight", negative, index.n));
    std::vector<double> moved(index.cells), sample_side(model.shift.size());
    for (std::size_t c = 0; c < index.cells; ++c)
      moved[c] = index.weight[c] * weights.factor[c] * model.slope[c];
    terms.value().transpose_multiply(moved, sample_side);
    for (std::size_t j = 0; j < sample_side.size(); ++j) model.shift[j] -= sample_side[j];
    model.multiplier = solved.value().lambda[model.column] * start.scale;
    weights.stages.push_back(calibration_stage(std::move(x)));
    weights.stages.back().model = std::move(model);
    return weights;
  }

 private:
  struct Predicted {
    std::vector<double> by_cell;
    double total = 0;
    AssistingModel model;  ///< its shift is that of the total alone
  };

  void set_values(ConfigReader& config, const Variable& outcome, const Texts& yes) {
    if (outcome.kind == VariableKind::continuous) {
      if (logistic_)
        config.fail("model", "= \"logistic\" needs an outcome with levels",
                    "\"" + outcome.name + "\" is a number; use model = \"linear\"");
      return;
    }
    if (!yes.empty()) {
      values_.assign(outcome.size(), 0.0);
      for (const std::string& level : yes) {
        const auto at = std::find(outcome.levels.begin(), outcome.levels.end(), level);
        if (at == outcome.levels.end())
          config.fail("levels", "names \"" + level + "\", which is no level of " + outcome.name,
                      suggestion(level, outcome.levels));
        values_[static_cast<std::size_t>(at - outcome.levels.begin())] = 1;
      }
    }
    if (values_.empty()) values_ = outcome.assumed_values;
    if (values_.empty()) values_ = outcome.scores;
    if (values_.size() != outcome.size())
      config.fail("outcome", "= \"" + outcome.name + "\" has no number for each level",
                  "give values = [...] or the levels that count as 1");
    if (logistic_ &&
        !std::all_of(values_.begin(), values_.end(), [](double v) { return v == 0 || v == 1; }))
      config.fail("model", "= \"logistic\" needs an outcome of 0 and 1",
                  "name the levels that count as 1: levels = [...]");
  }

  Failure missing_cross(const Schema& schema) const {
    std::string names;
    for (VariableId id : cross_) names += (names.empty() ? "" : " * ") + schema[id].name;
    return {FailureKind::unsupported,
            "no benchmark holds the cross of the predictors, " + names +
                ", which the total of a logistic model's predictions needs; add it or use model = "
                "\"linear\""};
  }

  static double population_of(const Benchmarks& benchmarks) {
    return benchmarks.tables().empty() ? 0.0 : total(benchmarks.tables()[0].totals);
  }

  /// The outcome's number in each cell; NaN where it was not answered.
  std::vector<double> outcomes(const CellIndex& index) const {
    if (const auto number = index.number_position(outcome_)) return index.numbers[*number];
    EXPECTS(index.position(outcome_));
    std::vector<double> y(index.cells, std::numeric_limits<double>::quiet_NaN());
    const std::size_t position = *index.position(outcome_);
    for (std::size_t c = 0; c < index.cells; ++c)
      if (index.code(c, position) < values_.size()) y[c] = values_[index.code(c, position)];
    return y;
  }

  Result<Predicted> predict(Auxiliary& terms, const CellIndex& index, const Benchmarks& benchmarks,
                            const std::vector<double>& d, double population) const {
    // With an intercept: indicators already span it, numbers alone do not.
    terms.add_number(std::vector<double>(index.cells, 1.0), population);
    std::vector<double> weight = d, y = outcomes(index);
    Predicted out;
    AssistingModel& model = out.model;
    model.answered.assign(index.cells, 1);
    for (std::size_t c = 0; c < index.cells; ++c)
      if (std::isnan(y[c])) model.answered[c] = 0, weight[c] = y[c] = 0;
    auto beta = logistic_ ? fit_logistic(terms, weight, y) : fit_linear(terms, weight, y);
    if (!beta) return beta.failure();
    out.by_cell.resize(index.cells);
    terms.multiply(beta.value(), out.by_cell);
    model.slope.assign(index.cells, 1.0);
    if (!logistic_) {
      Sum sum;
      for (std::size_t j = 0; j < terms.columns(); ++j) sum.add(terms.targets[j] * beta.value()[j]);
      out.total = sum.value();
      model.shift = terms.targets;
    } else {
      for (std::size_t c = 0; c < index.cells; ++c) {
        out.by_cell[c] = 1 / (1 + std::exp(-out.by_cell[c]));
        model.slope[c] = out.by_cell[c] * (1 - out.by_cell[c]);
      }
      model.shift.assign(terms.columns(), 0.0);
      out.total = total_over_cross(terms, beta.value(), benchmarks, model.shift);
    }
    model.residual.assign(index.cells, 0.0);
    for (std::size_t c = 0; c < index.cells; ++c)
      if (model.answered[c]) model.residual[c] = y[c] - out.by_cell[c];
    for (const auto& block : terms.blocks) model.terms.push_back(block);
    return out;
  }

  static Result<std::vector<double>> fit_linear(const Auxiliary& x, std::span<const double> weight,
                                                std::span<const double> y) {
    std::vector<double> zero(x.columns(), 0.0);
    return step(x, weight, weight, y, zero);
  }

  /// β + (X'diag(v)X)⁻¹ X'diag(weight) r, dependent columns left at zero.
  static Result<std::vector<double>> step(const Auxiliary& x, std::span<const double> v,
                                          std::span<const double> weight, std::span<const double> r,
                                          std::vector<double> beta) {
    Eigen::MatrixXd gram;
    x.gram(v, gram);
    const std::vector<std::size_t> kept = independent_columns(gram);
    if (kept.empty())
      return Failure{FailureKind::empty_domain, "nobody answered the outcome of the model"};
    const auto k = static_cast<Eigen::Index>(kept.size());
    Eigen::MatrixXd part;
    lower_part(gram, kept, part);
    std::vector<double> wr(x.cells), right(x.columns());
    for (std::size_t c = 0; c < x.cells; ++c) wr[c] = weight[c] * r[c];
    x.transpose_multiply(wr, right);
    Eigen::VectorXd move(k);
    for (Eigen::Index a = 0; a < k; ++a) move[a] = right[kept[static_cast<std::size_t>(a)]];
    part.selfadjointView<Eigen::Lower>().llt().solveInPlace(move);
    for (Eigen::Index a = 0; a < k; ++a) beta[kept[static_cast<std::size_t>(a)]] += move[a];
    return beta;
  }

  /// Maximum pseudo-likelihood by Newton's method with step halving.
  Result<std::vector<double>> fit_logistic(const Auxiliary& x, std::span<const double> weight,
                                           std::span<const double> y) const {
    std::vector<double> beta(x.columns(), 0.0), u(x.cells), v(x.cells), r(x.cells);
    const auto likelihood = [&](const std::vector<double>& b) {
      x.multiply(b, u);
      double sum = 0;
      for (std::size_t c = 0; c < x.cells; ++c)
        sum +=
            weight[c] * (y[c] * u[c] - std::max(u[c], 0.0) - std::log1p(std::exp(-std::abs(u[c]))));
      return sum;
    };
    double value = likelihood(beta);
    for (int iteration = 0; iteration < kMaxIterations; ++iteration) {
      for (std::size_t c = 0; c < x.cells; ++c) {
        const double p = 1 / (1 + std::exp(-u[c]));
        v[c] = weight[c] * p * (1 - p);
        r[c] = y[c] - p;
      }
      auto next = step(x, v, weight, r, beta);
      if (!next) return next;
      double size = 1, reached = likelihood(next.value());
      while (!(reached >= value) && size > 1e-6) {
        size /= 2;
        std::vector<double> shorter = beta;
        for (std::size_t j = 0; j < beta.size(); ++j)
          shorter[j] += size * (next.value()[j] - beta[j]);
        reached = likelihood(shorter);
        if (reached >= value || size <= 1e-6) next = std::move(shorter);
      }
      double moved = 0, largest = 0;
      for (std::size_t j = 0; j < beta.size(); ++j) {
        moved = std::max(moved, std::abs(next.value()[j] - beta[j]));
        largest = std::max(largest, std::abs(next.value()[j]));
      }
      if (largest > kSeparated) break;
      beta = std::move(next.value());
      value = std::max(value, reached);
      (void)likelihood(beta);  // u at beta
      if (moved <= 1e-10 * (1 + largest)) return beta;
    }
    for (std::size_t j = 0; j + 1 < x.columns(); ++j)
      if (std::abs(beta[j]) > kSeparated / 2)
        return Failure{FailureKind::no_convergence,
                       fmt::format("the logistic model separates the answers at {}: all of them "
                                   "say the same; merge it with another level",
                                   x.describe(j))};
    return Failure{FailureKind::no_convergence, "the logistic model did not converge"};
  }

  /// Σ over the population's cross of N × prediction.
  /// @param slope  by column: its derivative, added to what is there
  double total_over_cross(const Auxiliary& x, const std::vector<double>& beta,
                          const Benchmarks& benchmarks, std::vector<double>& slope) const {
    const Schema& schema = benchmarks.schema();
    const std::vector<double> totals = *benchmarks.margin(cross_);
    std::vector<std::size_t> level(cross_.size()), columns;
    Sum sum;
    for (std::size_t g = 0; g < totals.size(); ++g) {
      for (std::size_t k = cross_.size(), rest = g; k-- > 0;) {
        level[k] = rest % schema[cross_[k]].size();
        rest /= schema[cross_[k]].size();
      }
      double u = beta.back();
      columns.clear();
      for (std::size_t b = 0; b < predictors_.size(); ++b) {
        std::size_t group = 0;
        for (VariableId id : predictors_[b]) {
          const auto at = static_cast<std::size_t>(std::find(cross_.begin(), cross_.end(), id) -
                                                   cross_.begin());
          group = group * schema[id].size() + level[at];
        }
        columns.push_back(x.blocks[b].offset + group);
        u += beta[columns.back()];
      }
      const double mu = 1 / (1 + std::exp(-u));
      sum.add(totals[g] * mu);
      for (std::size_t j : columns) slope[j] += totals[g] * mu * (1 - mu);
      slope.back() += totals[g] * mu * (1 - mu);  // the intercept
    }
    return sum.value();
  }

  /// The columns of population size and of predictions are no variables.
  Failure relabel(Failure failure, const Auxiliary& x) const {
    const auto rename = [&](std::size_t column, std::string_view name) {
      const std::string plain = "column " + std::to_string(column);
      if (const std::size_t at = failure.detail.find(plain); at != std::string::npos)
        failure.detail.replace(at, plain.size(), name);
    };
    rename(x.columns(), "the total of the model's predictions");
    if (margins_.empty()) rename(1, "the population size");
    return failure;
  }

  static constexpr int kMaxIterations = 50;
  static constexpr double kSeparated = 30;  ///< a log odds that data do not give

  VariableId outcome_{};
  MarginVariables predictors_, margins_;
  std::vector<VariableId> cross_;
  std::vector<double> values_;
  bool logistic_ = false;
};

}  // namespace

WeightingInfo model_calibration_info() {
  return {"model_calibration",
          "calibration on the predictions of a linear or logistic model of one answer (linear: the "
          "GREG estimator)",
          "Wu & Sitter (2001), JASA 96, 185-193, section 3; linear: Särndal, Swensson & Wretman "
          "(1992), Model Assisted Survey Sampling, section 6.4; logistic: Lehtonen & Veijanen "
          "(1998), Survey Methodology 24, 51-55",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<ModelCalibration>(config, schema);
          }};
}

}  // namespace steelyard
