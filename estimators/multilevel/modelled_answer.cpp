#include "estimators/multilevel/modelled_answer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/sums.hpp"
#include "estimators/survey/residuals.hpp"

namespace steelyard {
namespace {

using Eigen::Index;

/// One fitted model and the states whose shares it gives, in order.
struct StateModel {
  MultilevelFit fit;
  std::vector<std::size_t> states;
  std::unique_ptr<const Poststratifier> cells;
  /// By cell of the sample, of a separate model: its share, and d ℓ/d η for one answer of 1 less
  /// that for one of 0.
  std::vector<double> share, score;
};

class PoststratifiedAnswer final : public ModelledAnswer {
 public:
  PoststratifiedAnswer(MrpModel model, MrpAnswers answers, MrpPopulation population)
      : model_(std::move(model)),
        answers_(std::move(answers)),
        population_(std::move(population)) {}

  std::optional<Failure> fit(const Schema& schema) {
    persons_ =
        answers_.continuous ? answers_.numbers.n : std::vector<double>(answers_.cells.cells, 0.0);
    for (std::size_t i = 0; i < answers_.counts.size(); ++i)
      persons_[i / answers_.states] += answers_.counts[i];
    auto design = make_multilevel_design(model_.terms, answers_.cells, schema, persons_);
    if (!design) return design.failure();
    design_ = std::move(design.value());
    auto target = make_target_cells(design_, population_.cells, schema, population_.size);
    if (!target) return target.failure();
    target_ = std::move(target.value());
    if (population_.reference) {
      reference_.emplace(design_of(*population_.reference));
      const std::vector<double> none(population_.row_cell.size(), 0.0);
      if (const auto checked = reference_->variance(none); !checked) return checked.failure();
    }
    if (auto failed = fit_states()) return failed;
    predict_states();
    return std::nullopt;
  }

  std::span<const double> totals() const override { return totals_; }

  double variance(std::span<const double> influence) const override {
    EXPECTS(influence.size() == totals_.size());
    return model_variance(influence) + reference_variance(influence);
  }

 private:
  std::optional<Failure> fit_states() {
    if (answers_.continuous) return add(answers_.numbers, {0});
    std::vector<double> total(answers_.states, 0.0);
    for (std::size_t i = 0; i < answers_.counts.size(); ++i)
      total[i % answers_.states] += answers_.counts[i];
    std::vector<std::size_t> present;
    for (std::size_t s = 0; s < total.size(); ++s)
      if (total[s] > 0) present.push_back(s);
    if (present.empty()) return Failure{FailureKind::empty_domain, "nobody answered"};
    present_ = present;
    if (present.size() == 1) return std::nullopt;
    if (model_.levels == LevelModel::ordered) {
      CellAnswers data{.model = OutcomeModel::ordered, .levels = present.size()};
      for (std::size_t c = 0; c < answers_.cells.cells; ++c)
        for (std::size_t s : present)
          data.counts.push_back(answers_.counts[c * answers_.states + s]);
      return add(data, present);
    }
    if (present.size() == 2) return add(one_against_others(present[1]), {present[1]});
    for (std::size_t s : present)
      if (auto failed = add(one_against_others(s), {s})) return failed;
    return std::nullopt;
  }

  CellAnswers one_against_others(std::size_t state) const {
    CellAnswers data{.model = model_.link};
    for (std::size_t c = 0; c < answers_.cells.cells; ++c) {
      const double ones = answers_.counts[c * answers_.states + state];
      data.counts.insert(data.counts.end(), {std::max(0.0, persons_[c] - ones), ones});
    }
    return data;
  }

  std::optional<Failure> add(const CellAnswers& data, std::vector<std::size_t> states) {
    auto fit = fit_multilevel(design_, data, model_.options);
    if (!fit) return fit.failure();
    models_.push_back({std::move(fit.value()), std::move(states), nullptr, {}, {}});
    return std::nullopt;
  }

  /// Predictions, once no model moves in memory any more.
  void predict_states() {
    const std::size_t cells = target_.cells();
    for (StateModel& m : models_) {
      m.cells = std::make_unique<Poststratifier>(design_, m.fit, target_);
      if (m.fit.model == OutcomeModel::logit || m.fit.model == OutcomeModel::probit) score(m);
    }
    if (answers_.continuous) {
      share_.assign(models_[0].cells->predicted().begin(), models_[0].cells->predicted().end());
      totals_ = {steelyard::total(population_.size), weighted(0, 1)};
      return;
    }
    share_.assign(cells * answers_.states, 0.0);
    sum_.assign(cells, 1.0);
    for (std::size_t c = 0; c < cells; ++c) {
      double* share = &share_[c * answers_.states];
      if (models_.empty()) {
        share[present_[0]] = 1;
        continue;
      }
      for (const StateModel& m : models_)
        for (std::size_t s = 0; s < m.states.size(); ++s)
          share[m.states[s]] = m.cells->predicted()[c * m.states.size() + s];
      if (complement()) {
        share[present_[0]] = 1 - share[present_[1]];
      } else {
        sum_[c] = std::accumulate(share, share + answers_.states, 0.0);
        for (std::size_t s = 0; s < answers_.states; ++s) share[s] /= sum_[c];
      }
    }
    for (std::size_t k = 0; k < answers_.levels; ++k)
      totals_.push_back(weighted(k, answers_.states));
  }

  /// One model of two states.
  bool complement() const {
    return models_.size() == 1 && models_[0].states.size() == 1 && present_.size() == 2;
  }

  double weighted(std::size_t state, std::size_t states) const {
    Sum sum;
    for (std::size_t c = 0; c < target_.cells(); ++c)
      sum.add(population_.size[c] * share_[c * states + state]);
    return sum.value();
  }

  void score(StateModel& m) const {
    std::vector<double> eta;
    detail::fixed_predictor(design_, m.fit.columns, m.fit.beta, eta);
    detail::add_effects(design_, m.fit.effects, eta);
    Predicted at;
    for (double e : eta) {
      predict(m.fit.model, e, m.fit.thresholds, at);
      const double p = at.value[0];
      m.share.push_back(p);
      m.score.push_back(m.fit.model == OutcomeModel::logit ? 1.0 : at.by_eta[0] / (p * (1 - p)));
    }
  }

  /// d Σ influence × total / d μ of each model, by cell of the target and value.
  std::vector<double> multiplier(const StateModel& m, std::span<const double> influence) const {
    const std::size_t cells = target_.cells(), states = answers_.states;
    std::vector<double> out(cells * m.cells->values());
    const auto of = [&](std::size_t s) { return s < influence.size() ? influence[s] : 0.0; };
    for (std::size_t c = 0; c < cells; ++c) {
      const double size = population_.size[c];
      if (answers_.continuous) {
        out[c] = size * influence[1];
      } else if (m.states.size() > 1) {
        for (std::size_t s = 0; s < m.states.size(); ++s)
          out[c * m.states.size() + s] = size * of(m.states[s]);
      } else if (complement()) {
        out[c] = size * (of(present_[1]) - of(present_[0]));
      } else {
        double mean = 0;
        for (std::size_t k = 0; k < influence.size(); ++k)
          mean += influence[k] * share_[c * states + k];
        out[c] = size * (of(m.states[0]) - mean) / sum_[c];
      }
    }
    return out;
  }

  double model_variance(std::span<const double> influence) const {
    std::vector<double> se;
    std::vector<std::vector<double>> phi;  // what one score in each cell moves the sum by
    for (const StateModel& m : models_) {
      const auto gradient = m.cells->gradient(multiplier(m, influence));
      se.push_back(std::sqrt(std::max(0.0, m.cells->variance(gradient))));
      if (models_.size() == 1) return se[0] * se[0];
      phi.push_back(m.cells->leverage(gradient));
      for (std::size_t c = 0; c < phi.back().size(); ++c) phi.back()[c] *= m.score[c];
    }
    Eigen::MatrixXd scores = Eigen::MatrixXd::Zero(static_cast<Index>(models_.size()),
                                                   static_cast<Index>(models_.size()));
    std::vector<double> p(models_.size());
    for (std::size_t c = 0; c < persons_.size(); ++c) {
      double all = 0;
      for (std::size_t f = 0; f < p.size(); ++f) all += p[f] = models_[f].share[c];
      for (std::size_t f = 0; f < p.size(); ++f)
        for (std::size_t g = 0; g <= f; ++g)
          scores(static_cast<Index>(f), static_cast<Index>(g)) +=
              persons_[c] * phi[f][c] * phi[g][c] * p[f] / all *
              ((f == g ? 1.0 : 0.0) - p[g] / all);
    }
    double variance = 0;
    for (Index f = 0; f < scores.rows(); ++f)
      for (Index g = 0; g <= f; ++g) {
        const double scale = std::sqrt(scores(f, f) * scores(g, g));
        const double correlation = f == g ? 1.0 : scale > 0 ? scores(f, g) / scale : 0.0;
        variance += (f == g ? 1 : 2) * correlation * se[static_cast<std::size_t>(f)] *
                    se[static_cast<std::size_t>(g)];
      }
    return std::max(0.0, variance);
  }

  /// Of Σ_B d z over the domain's rows, z what the model predicts for the row's cell.
  double reference_variance(std::span<const double> influence) const {
    if (!reference_) return 0;
    const auto& weights = population_.reference->sample.base_weights;
    std::vector<double> u(population_.row_cell.size(), 0.0);
    for (std::uint32_t row : population_.rows) {
      const std::size_t c = population_.row_cell[row];
      double z = 0;
      if (answers_.continuous)
        z = influence[0] + influence[1] * share_[c];
      else
        for (std::size_t k = 0; k < influence.size(); ++k)
          z += influence[k] * share_[c * answers_.states + k];
      u[row] = weights[row] * z;
    }
    return reference_->variance(u).value();
  }

  MrpModel model_;
  MrpAnswers answers_;
  MrpPopulation population_;
  MultilevelDesign design_;
  TargetCells target_;
  std::vector<double> persons_;       ///< by cell of the sample
  std::vector<std::size_t> present_;  ///< states with an answer
  std::vector<StateModel> models_;
  std::vector<double> share_, sum_;  ///< by cell of the target: × states; before division
  std::vector<double> totals_;
  std::optional<SurveyDesign> reference_;
};

}  // namespace

Result<std::unique_ptr<const ModelledAnswer>> post_stratify(const MrpModel& model,
                                                            MrpAnswers answers,
                                                            MrpPopulation population,
                                                            const Schema& schema) {
  auto made =
      std::make_unique<PoststratifiedAnswer>(model, std::move(answers), std::move(population));
  if (auto failed = made->fit(schema)) return *failed;
  return std::unique_ptr<const ModelledAnswer>(std::move(made));
}

}  // namespace steelyard
