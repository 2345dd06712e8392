#include "estimators/multilevel/modelled_answer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/sums.hpp"
#include "estimators/survey/residuals.hpp"

namespace steelyard {
namespace {

using Eigen::Index;

/// Predictions of one of the fit's models, by cell of the sample and for the cells of a domain.
struct StatePrediction {
  const MrpFit::State* model = nullptr;
  std::unique_ptr<const Poststratifier> cells;
  /// By cell of the sample, of a separate model: its share, and d ℓ/d η for one answer of 1 less
  /// that for one of 0.
  std::vector<double> share, score;
};

/// The models of one answer.
class MrpFitter {
 public:
  explicit MrpFitter(MrpFit& fit) : fit_(fit), answers_(fit.answers) {}

  std::optional<Failure> run(const Schema& schema) {
    auto& persons = fit_.persons;
    persons =
        answers_.continuous ? answers_.numbers.n : std::vector<double>(answers_.cells.cells, 0.0);
    for (std::size_t i = 0; i < answers_.counts.size(); ++i)
      persons[i / answers_.states] += answers_.counts[i];
    auto design = make_multilevel_design(fit_.model.terms, answers_.cells, schema, persons);
    if (!design) return design.failure();
    fit_.design = std::move(design.value());
    return fit_states();
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
    fit_.present = present;
    if (present.size() == 1) return std::nullopt;
    if (fit_.model.levels == LevelModel::ordered) {
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
    CellAnswers data{.model = fit_.model.link};
    for (std::size_t c = 0; c < answers_.cells.cells; ++c) {
      const double ones = answers_.counts[c * answers_.states + state];
      data.counts.insert(data.counts.end(), {std::max(0.0, fit_.persons[c] - ones), ones});
    }
    return data;
  }

  std::optional<Failure> add(const CellAnswers& data, std::vector<std::size_t> states) {
    auto fit = fit_multilevel(fit_.design, data, fit_.model.options);
    if (!fit) return fit.failure();
    fit_.models.push_back({std::move(fit.value()), std::move(states)});
    return std::nullopt;
  }
  MrpFit& fit_;
  const MrpAnswers& answers_;
};

class PoststratifiedAnswer final : public ModelledAnswer {
 public:
  PoststratifiedAnswer(std::shared_ptr<const MrpFit> fit, MrpPopulation population)
      : fit_(std::move(fit)),
        answers_(fit_->answers),
        design_(fit_->design),
        persons_(fit_->persons),
        present_(fit_->present),
        population_(std::move(population)) {}

  std::optional<Failure> predict_for(const Schema& schema) {
    auto target = make_target_cells(design_, population_.cells, schema, population_.size);
    if (!target) return target.failure();
    target_ = std::move(target.value());
    if (population_.reference) {
      reference_.emplace(design_of(*population_.reference));
      const std::vector<double> none(population_.row_cell.size(), 0.0);
      if (const auto checked = reference_->variance(none); !checked) return checked.failure();
    }
    predict_states();
    return std::nullopt;
  }

  std::span<const double> totals() const override { return totals_; }

  double variance(std::span<const double> influence) const override {
    EXPECTS(influence.size() == totals_.size());
    return model_variance(influence) + reference_variance(influence);
  }

 private:
  void predict_states() {
    const std::size_t cells = target_.cells();
    for (const MrpFit::State& state : fit_->models) {
      StatePrediction& m = models_.emplace_back();
      m.model = &state;
      m.cells = std::make_unique<Poststratifier>(design_, state.fit, target_);
      if (state.fit.model == OutcomeModel::logit || state.fit.model == OutcomeModel::probit)
        score(m);
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
      for (const StatePrediction& m : models_)
        for (std::size_t s = 0; s < m.model->states.size(); ++s)
          share[m.model->states[s]] = m.cells->predicted()[c * m.model->states.size() + s];
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
    return models_.size() == 1 && models_[0].model->states.size() == 1 && present_.size() == 2;
  }

  double weighted(std::size_t state, std::size_t states) const {
    Sum sum;
    for (std::size_t c = 0; c < target_.cells(); ++c)
      sum.add(population_.size[c] * share_[c * states + state]);
    return sum.value();
  }

  void score(StatePrediction& m) const {
    std::vector<double> eta;
    detail::fixed_predictor(design_, m.model->fit.columns, m.model->fit.beta, eta);
    detail::add_effects(design_, m.model->fit.effects, eta);
    Predicted at;
    for (double e : eta) {
      predict(m.model->fit.model, e, m.model->fit.thresholds, at);
      const double p = at.value[0];
      m.share.push_back(p);
      m.score.push_back(m.model->fit.model == OutcomeModel::logit ? 1.0
                                                                  : at.by_eta[0] / (p * (1 - p)));
    }
  }

  /// d Σ influence × total / d μ of each model, by cell of the target and value.
  std::vector<double> multiplier(const StatePrediction& m,
                                 std::span<const double> influence) const {
    const std::size_t cells = target_.cells(), states = answers_.states;
    std::vector<double> out(cells * m.cells->values());
    const auto of = [&](std::size_t s) { return s < influence.size() ? influence[s] : 0.0; };
    for (std::size_t c = 0; c < cells; ++c) {
      const double size = population_.size[c];
      if (answers_.continuous) {
        out[c] = size * influence[1];
      } else if (m.model->states.size() > 1) {
        for (std::size_t s = 0; s < m.model->states.size(); ++s)
          out[c * m.model->states.size() + s] = size * of(m.model->states[s]);
      } else if (complement()) {
        out[c] = size * (of(present_[1]) - of(present_[0]));
      } else {
        double mean = 0;
        for (std::size_t k = 0; k < influence.size(); ++k)
          mean += influence[k] * share_[c * states + k];
        out[c] = size * (of(m.model->states[0]) - mean) / sum_[c];
      }
    }
    return out;
  }

  double model_variance(std::span<const double> influence) const {
    std::vector<double> se;
    std::vector<std::vector<double>> phi;  // what one score in each cell moves the sum by
    for (const StatePrediction& m : models_) {
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

  std::shared_ptr<const MrpFit> fit_;
  const MrpAnswers& answers_;
  const MultilevelDesign& design_;
  const std::vector<double>& persons_;
  const std::vector<std::size_t>& present_;
  MrpPopulation population_;
  TargetCells target_;
  std::vector<StatePrediction> models_;
  std::vector<double> share_, sum_;  ///< by cell of the target: × states; before division
  std::vector<double> totals_;
  std::optional<ReferenceDesign> reference_;
};

}  // namespace

Result<std::shared_ptr<const MrpFit>> fit_answers(const MrpModel& model, MrpAnswers answers,
                                                  const Schema& schema) {
  auto fit = std::make_shared<MrpFit>();
  fit->model = model;
  fit->answers = std::move(answers);
  if (auto failed = MrpFitter(*fit).run(schema)) return *failed;
  return std::shared_ptr<const MrpFit>(std::move(fit));
}

Result<std::unique_ptr<const ModelledAnswer>> post_stratify(std::shared_ptr<const MrpFit> fit,
                                                            MrpPopulation population,
                                                            const Schema& schema) {
  auto made = std::make_unique<PoststratifiedAnswer>(std::move(fit), std::move(population));
  if (auto failed = made->predict_for(schema)) return *failed;
  return std::unique_ptr<const ModelledAnswer>(std::move(made));
}

}  // namespace steelyard
