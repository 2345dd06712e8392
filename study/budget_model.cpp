#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/random_blocks.hpp"
#include "study/budget_samples.hpp"

namespace steelyard {
namespace {

std::size_t at(ErrorSource source) { return static_cast<std::size_t>(source); }

/// The cell of each person in the cross of variables with levels, numbered from 0.
std::vector<std::size_t> cells_of(const Sample& everybody, std::span<const VariableId> variables) {
  std::vector<std::size_t> cell(everybody.n, 0);
  for (VariableId id : variables) {
    const std::size_t levels = (*everybody.schema)[id].size();
    const auto column = everybody.column(id);
    for (std::size_t i = 0; i < everybody.n; ++i) cell[i] = cell[i] * levels + column[i];
    // Empty cells go, so that numbers stay below the persons'.
    std::vector<std::size_t> known = cell;
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    for (std::size_t& c : cell)
      c = static_cast<std::size_t>(std::lower_bound(known.begin(), known.end(), c) - known.begin());
  }
  return cell;
}

/// Means of x in each person's cell.
std::vector<double> means_by(std::span<const std::size_t> cell, std::span<const double> x) {
  std::vector<double> sum(x.size(), 0.0), count(x.size(), 0.0), mean(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum[cell[i]] += x[i];
    count[cell[i]] += 1;
  }
  for (std::size_t i = 0; i < x.size(); ++i) mean[i] = sum[cell[i]] / count[cell[i]];
  return mean;
}

class ModelBudgetSamples final : public BudgetSampler {
 public:
  ModelBudgetSamples(const ModelStudy& study, const BudgetPlan& plan,
                     const ModelPopulation& population, const ModelSampler& sampler)
      : condition_(&study.condition(0)), sampler_(&sampler), present_(kErrorSources, false) {
    for (const MeasurementSource& source : condition_->measurement->sources())
      if (source.active) present_[at(source_of(source.component))] = true;
    for (const StaleBenchmark& stale : condition_->stale)
      if (stale.active) present_[at(ErrorSource::stale_benchmarks)] = true;
    if (condition_->model.participation) split_selection(plan, population);
  }

  bool has(ErrorSource source) const override { return present_[at(source)]; }
  std::unique_ptr<Scratch> scratch() const override { return std::make_unique<Own>(); }

  void start(Seed seed, Replicate replicate, Scratch& scratch) const override {
    Own& s = static_cast<Own&>(scratch);
    if (mean_ == 0) {
      sampler_->draw_units(seed, replicate, s.drawn);
      s.units = s.drawn.units;
      s.base_weights = s.drawn.sample.base_weights;
    }
    sampler_->draw_reference(seed, replicate, s.drawn);
    s.reference = s.drawn.reference;
    if (mean_ == 0) return;
    BulkStream stream({seed, purpose("budget participation"), replicate, Unit{}}, factors_.size());
    s.uniform.resize(factors_.size());
    for (double& u : s.uniform) u = std::ldexp(static_cast<double>(stream.bits64() >> 11), -53);
  }

  void draw(Seed seed, Replicate replicate, const SourceFlags& on,
            Scratch& scratch) const override {
    Own& s = static_cast<Own&>(scratch);
    std::vector<double> weights = s.base_weights;
    if (mean_ > 0) {
      const bool benchmarked = on[at(ErrorSource::selection_benchmarked)],
                 other = on[at(ErrorSource::selection_other)],
                 answers = on[at(ErrorSource::selection_answers)];
      s.units.clear();
      weights.clear();
      for (std::uint32_t i = 0; i < factors_.size(); ++i) {
        const Factors& f = factors_[i];
        const double prob = mean_ * (benchmarked ? f.benchmarked : 1) * (other ? f.other : 1) *
                            (answers ? f.answers : 1);
        if (!(s.uniform[i] < prob)) continue;
        s.units.push_back(i);
        weights.push_back(benchmarked ? 1 / f.benchmarked : 1);
      }
    }
    std::vector<bool> sources;
    for (const MeasurementSource& source : condition_->measurement->sources())
      sources.push_back(on[at(source_of(source.component))]);
    // Ideal weights go with the answers: a second answer has those of the first.
    s.drawn.sample.base_weights = weights;
    sampler_->answer(s.units, seed, replicate, sources, s.drawn);
    s.ideal = s.drawn.sample.base_weights;
    if (mean_ > 0) s.drawn.sample.base_weights.clear();
    s.sample = s.drawn.sample;
  }

 private:
  /// P(taking part) over its mean: of the benchmarked cell, of the other variables in it, of the
  /// rest of the person in both.
  struct Factors {
    double benchmarked = 1, other = 1, answers = 1;
  };
  struct Own final : Scratch {
    ModelSampler::Scratch drawn;
    std::vector<std::uint32_t> units;
    std::vector<double> base_weights, uniform;
  };

  void split_selection(const BudgetPlan& plan, const ModelPopulation& population);
  void require_probabilities() const;

  const ModelCondition* condition_;
  const ModelSampler* sampler_;
  std::vector<bool> present_;  ///< by ErrorSource
  double mean_ = 0;            ///< of the probabilities; 0: a designed sample
  std::vector<Factors> factors_;
};

void ModelBudgetSamples::split_selection(const BudgetPlan& plan,
                                         const ModelPopulation& population) {
  const Scenario& scenario = condition_->model.scenario;
  std::vector<VariableId> benchmarked, known;
  const auto add = [](std::vector<VariableId>& ids, VariableId id) {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  };
  for (const auto& table : condition_->plan.benchmarks)
    for (VariableId id : table) add(benchmarked, id);
  known = benchmarked;
  std::vector<VariableId> answers;
  for (std::size_t e : plan.estimands)
    for (VariableId id : condition_->plan.estimands[e].functional->variables()) add(answers, id);
  for (VariableId id : scenario.root)
    if (std::find(answers.begin(), answers.end(), id) == answers.end()) add(known, id);
  const auto prob = sampler_->probabilities();
  mean_ = sampler_->expected_size() / static_cast<double>(prob.size());
  const auto of_benchmarked = means_by(cells_of(population.everybody(), benchmarked), prob),
             of_known = means_by(cells_of(population.everybody(), known), prob);
  for (std::size_t i = 0; i < prob.size(); ++i)
    factors_.push_back({of_benchmarked[i] / mean_,
                        of_benchmarked[i] > 0 ? of_known[i] / of_benchmarked[i] : 1,
                        of_known[i] > 0 ? prob[i] / of_known[i] : 1});
  constexpr double kSame = 1e-9;
  for (const Factors& f : factors_) {
    if (std::abs(f.benchmarked - 1) > kSame)
      present_[at(ErrorSource::selection_benchmarked)] = true;
    if (std::abs(f.other - 1) > kSame) present_[at(ErrorSource::selection_other)] = true;
    if (std::abs(f.answers - 1) > kSame) present_[at(ErrorSource::selection_answers)] = true;
  }
  require_probabilities();
}

/// With some parts of the selection off, others may ask for more than everybody.
void ModelBudgetSamples::require_probabilities() const {
  for (std::size_t i = 0; i < factors_.size(); ++i) {
    const Factors& f = factors_[i];
    const double most =
        mean_ * std::max(1.0, f.benchmarked) * std::max(1.0, f.other) * std::max(1.0, f.answers);
    if (most > 1)
      throw UserError(
          condition_->model.participation->place, "budget",
          fmt::format("person {} would take part with probability {:.3g} where a part of the "
                      "selection is off",
                      i + 1, most),
          "lower participation.expected_size, or enlarge population.size");
  }
}

}  // namespace

std::unique_ptr<const BudgetSampler> model_budget_samples(const ModelStudy& study,
                                                          const BudgetPlan& plan,
                                                          const ModelPopulation& population,
                                                          const ModelSampler& sampler) {
  return std::make_unique<ModelBudgetSamples>(study, plan, population, sampler);
}

}  // namespace steelyard
