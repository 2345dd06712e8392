#include "study/truth.hpp"

#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/sums.hpp"

namespace steelyard {
namespace {

/// Number of a level where no latent value and no value rule gives it.
std::vector<std::vector<double>> fixed_means(const Functional& functional) {
  std::vector<std::vector<double>> means;
  for (std::size_t k = 0; k < functional.variables().size(); ++k)
    means.push_back(functional.fixed_values(k));
  return means;
}

bool is_bucketed(const Schema& schema, const Functional& functional, std::size_t k) {
  return functional.uses_value_rule() &&
         schema[functional.variables()[k]].kind == VariableKind::bucketed;
}

/// Drops the "not applicable" states from a joint law over states.
std::vector<double> applicable(const Schema& schema, std::span<const VariableId> answers,
                               const std::vector<double>& law) {
  if (answers.size() == 1)
    return {law.begin(), law.begin() + static_cast<std::ptrdiff_t>(schema[answers[0]].size())};
  std::vector<double> joint;
  const Variable& a = schema[answers[0]];
  const Variable& b = schema[answers[1]];
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < b.size(); ++j) joint.push_back(law[i * b.states() + j]);
  return joint;
}

DomainTruth superpopulation_truth(const Population& population, const PlannedEstimand& e) {
  const Schema& schema = population.law().schema();
  const auto answers = e.functional->variables();
  DomainTruth truth;
  truth.totals = applicable(schema, answers, population.law().query(e.domain, answers));
  truth.means = fixed_means(*e.functional);
  truth.variances.resize(truth.means.size());
  for (std::size_t k = 0; k < answers.size(); ++k) {
    if (!is_bucketed(schema, *e.functional, k)) continue;
    const LatentLaw* latent = population.latent(answers[k]);
    if (!latent)
      throw UserError(schema[answers[k]].place, "variable " + schema[answers[k]].name,
                      "has no latent law, so its mean has no truth",
                      "add latent = { family = ... }");
    std::vector<VariableId> targets = latent->group();
    targets.push_back(answers[k]);
    const auto law = population.law().query(e.domain, targets);
    const std::size_t states = schema[answers[k]].states(), buckets = schema[answers[k]].size();
    std::vector<double> sum(buckets, 0.0), squares(buckets, 0.0), mass(buckets, 0.0);
    for (std::size_t g = 0; g < latent->groups(); ++g)
      for (std::size_t b = 0; b < buckets; ++b) {
        const double p = law[g * states + b], mean = latent->mean(g, b);
        sum[b] += p * mean;
        squares[b] += p * (latent->variance(g, b) + mean * mean);
        mass[b] += p;
      }
    for (std::size_t b = 0; b < buckets; ++b) {
      sum[b] = mass[b] > 0 ? sum[b] / mass[b] : 0.0;
      squares[b] = mass[b] > 0 ? squares[b] / mass[b] - sum[b] * sum[b] : 0.0;
    }
    truth.means[k] = std::move(sum);
    truth.variances[k] = std::move(squares);
  }
  return truth;
}

std::vector<BucketValues> bucket_values(const std::vector<std::vector<double>>& means) {
  std::vector<BucketValues> values;
  for (const auto& m : means) values.push_back({m, {}});
  return values;
}

double evaluate(const Functional& functional, const DomainTruth& truth) {
  const auto estimate = functional.estimate(truth.totals, bucket_values(truth.means));
  return estimate ? estimate.value().estimate : std::numeric_limits<double>::quiet_NaN();
}

/// Marginal totals of one answer of a joint tabulation.
std::vector<double> marginal(const Schema& schema, const Functional& functional,
                             const std::vector<double>& totals, std::size_t k) {
  const auto answers = functional.variables();
  if (answers.size() == 1) return totals;
  const std::size_t inner = schema[answers[1]].size();
  std::vector<double> sums(schema[answers[k]].size(), 0.0);
  for (std::size_t j = 0; j < totals.size(); ++j) sums[k == 0 ? j / inner : j % inner] += totals[j];
  return sums;
}

double under_rule(const Schema& schema, const Functional& functional, const DomainTruth& truth,
                  const ValueRule& rule) {
  std::vector<BucketValues> values;
  for (std::size_t k = 0; k < functional.variables().size(); ++k) {
    if (!is_bucketed(schema, functional, k)) {
      values.push_back({truth.means[k], {}});
      continue;
    }
    auto made = rule.values(schema[functional.variables()[k]],
                            marginal(schema, functional, truth.totals, k));
    if (!made) return std::numeric_limits<double>::quiet_NaN();
    values.push_back(std::move(made.value()));
  }
  const auto estimate = functional.estimate(truth.totals, values);
  return estimate ? estimate.value().estimate : std::numeric_limits<double>::quiet_NaN();
}

/// An upper bound on the sd of the finite truth (root cells are fixed, which only lowers it):
/// sum N_k psi_k² plus what the spread of the latent values inside the levels adds.
double finite_sd(const Schema& schema, const Functional& functional, const DomainTruth& truth) {
  const auto estimate = functional.estimate(truth.totals, bucket_values(truth.means));
  if (!estimate) return std::numeric_limits<double>::quiet_NaN();
  double variance = 0;
  for (std::size_t j = 0; j < truth.totals.size(); ++j)
    variance += truth.totals[j] * estimate.value().influence[j] * estimate.value().influence[j];
  for (std::size_t k = 0; k < truth.means.size(); ++k) {
    if (truth.variances[k].empty()) continue;
    const auto counts = marginal(schema, functional, truth.totals, k);
    for (std::size_t b = 0; b < counts.size(); ++b) {
      if (!(counts[b] > 0) || !(truth.variances[k][b] > 0)) continue;
      DomainTruth moved = truth;
      const double step = std::sqrt(truth.variances[k][b]);
      moved.means[k][b] += step;
      const double change = evaluate(functional, moved) - estimate.value().estimate;
      variance += change * change / counts[b];
    }
  }
  return std::sqrt(variance);
}

/// Tallies of one run of persons, for every estimand.
struct Counts {
  struct Level {
    double count = 0, sum = 0, squares = 0;
  };
  std::vector<std::vector<double>> totals;              ///< estimand, joint level
  std::vector<std::vector<std::vector<Level>>> latent;  ///< estimand, answer, level
};

class FinitePopulation {
 public:
  FinitePopulation(const Population& population, const PopulationFrame& frame,
                   const StudyPlan& plan, Seed seed)
      : frame_(frame),
        plan_(plan),
        schema_(population.law().schema()),
        seed_(seed),
        latents_(needed_latents()),
        synthesizer_(population, needed(), latents_) {
    for (const PlannedEstimand& e : plan.estimands) {
      std::size_t d = 0;
      while (d < domains_.size() && !same(domains_[d]->domain, e.domain)) ++d;
      if (d == domains_.size()) domains_.push_back(&e);
      domain_of_.push_back(d);
    }
  }

  std::vector<DomainTruth> tally(const std::function<void(double)>& progress) const {
    constexpr std::uint64_t kChunk = 128 * Synthesizer::kBlock;
    const std::uint64_t chunks = (frame_.size() + kChunk - 1) / kChunk;
    std::vector<Counts> parts(chunks);
    oneapi::tbb::enumerable_thread_specific<Synthesizer::Scratch> scratches(
        [&] { return synthesizer_.scratch(); });
    std::atomic<std::uint64_t> done{0};
    std::mutex reporting;
    oneapi::tbb::parallel_for(std::uint64_t{0}, chunks, [&](std::uint64_t c) {
      parts[c] = empty();
      run(c * kChunk, std::min(frame_.size(), (c + 1) * kChunk), scratches.local(), parts[c]);
      const std::uint64_t finished = ++done;
      if (!progress) return;
      const std::lock_guard lock(reporting);
      progress(static_cast<double>(finished) / static_cast<double>(chunks));
    });
    Counts sum = empty();
    for (const Counts& part : parts) merge(sum, part);
    return finish(sum);
  }

 private:
  static bool same(const Domain& a, const Domain& b) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](const Condition& x, const Condition& y) {
             return x.variable == y.variable && x.levels == y.levels;
           });
  }

  std::vector<VariableId> needed() const {
    std::vector<VariableId> ids;
    for (const PlannedEstimand& e : plan_.estimands) {
      for (const Condition& c : e.domain) ids.push_back(c.variable);
      for (VariableId id : e.functional->variables()) ids.push_back(id);
    }
    return ids;
  }

  std::vector<VariableId> needed_latents() const {
    std::vector<VariableId> ids;
    for (const PlannedEstimand& e : plan_.estimands)
      for (std::size_t k = 0; k < e.functional->variables().size(); ++k) {
        const VariableId id = e.functional->variables()[k];
        if (is_bucketed(schema_, *e.functional, k) &&
            std::find(ids.begin(), ids.end(), id) == ids.end())
          ids.push_back(id);
      }
    return ids;
  }

  Counts empty() const {
    Counts t;
    for (const PlannedEstimand& e : plan_.estimands) {
      std::size_t levels = 1;
      auto& latent = t.latent.emplace_back();
      for (std::size_t k = 0; k < e.functional->variables().size(); ++k) {
        const std::size_t size = schema_[e.functional->variables()[k]].size();
        levels *= size;
        latent.emplace_back(is_bucketed(schema_, *e.functional, k) ? size : 0);
      }
      t.totals.emplace_back(levels, 0.0);
    }
    return t;
  }

  void run(std::uint64_t begin, std::uint64_t end, Synthesizer::Scratch& scratch,
           Counts& tally) const {
    std::vector<PersonRef> persons;
    std::vector<std::vector<std::uint16_t>> rows(domains_.size());
    std::uint32_t cell = frame_.cell_of(begin);
    for (std::uint64_t block = begin; block < end; block += Synthesizer::kBlock) {
      persons.clear();
      for (std::uint64_t i = block; i < std::min(end, block + Synthesizer::kBlock); ++i) {
        while (i >= frame_.first(cell) + frame_.count(cell)) ++cell;
        persons.push_back({cell, i});
      }
      synthesizer_.make(persons, seed_, purpose("person"), Replicate{0}, scratch);
      for (std::size_t d = 0; d < domains_.size(); ++d)
        select(domains_[d]->domain, scratch, persons.size(), rows[d]);
      for (std::size_t e = 0; e < plan_.estimands.size(); ++e)
        count(e, rows[domain_of_[e]], scratch, tally);
    }
  }

  static void select(const Domain& domain, const Synthesizer::Scratch& scratch, std::size_t n,
                     std::vector<std::uint16_t>& rows) {
    rows.resize(n);
    std::size_t kept = n;
    for (std::size_t i = 0; i < n; ++i) rows[i] = static_cast<std::uint16_t>(i);
    for (const Condition& condition : domain) {
      const LevelCode* column = scratch.columns[index(condition.variable)].data();
      bool wanted[256] = {};
      for (LevelCode level : condition.levels) wanted[level] = true;
      std::size_t next = 0;
      for (std::size_t r = 0; r < kept; ++r) {
        rows[next] = rows[r];
        next += wanted[column[rows[r]]];
      }
      kept = next;
    }
    rows.resize(kept);
  }

  void count(std::size_t e, const std::vector<std::uint16_t>& rows,
             const Synthesizer::Scratch& scratch, Counts& tally) const {
    const auto answers = plan_.estimands[e].functional->variables();
    const LevelCode* first = scratch.columns[index(answers[0])].data();
    const std::size_t first_size = schema_[answers[0]].size();
    if (answers.size() == 1) {
      for (std::uint16_t r : rows)
        if (first[r] < first_size) tally.totals[e][first[r]] += 1;
    } else {
      const LevelCode* second = scratch.columns[index(answers[1])].data();
      const std::size_t second_size = schema_[answers[1]].size();
      for (std::uint16_t r : rows)
        if (first[r] < first_size && second[r] < second_size)
          tally.totals[e][first[r] * second_size + second[r]] += 1;
    }
    for (std::size_t k = 0; k < answers.size(); ++k) {
      if (tally.latent[e][k].empty()) continue;
      const auto position = static_cast<std::size_t>(
          std::find(latents_.begin(), latents_.end(), answers[k]) - latents_.begin());
      const double* value = scratch.latent_values[position].data();
      const LevelCode* code = scratch.columns[index(answers[k])].data();
      auto& levels = tally.latent[e][k];
      for (std::uint16_t r : rows)
        if (code[r] < levels.size()) {
          levels[code[r]].count += 1;
          levels[code[r]].sum += value[r];
          levels[code[r]].squares += value[r] * value[r];
        }
    }
  }

  static void merge(Counts& into, const Counts& part) {
    for (std::size_t e = 0; e < into.totals.size(); ++e) {
      for (std::size_t j = 0; j < into.totals[e].size(); ++j)
        into.totals[e][j] += part.totals[e][j];
      for (std::size_t k = 0; k < into.latent[e].size(); ++k)
        for (std::size_t b = 0; b < into.latent[e][k].size(); ++b) {
          into.latent[e][k][b].count += part.latent[e][k][b].count;
          into.latent[e][k][b].sum += part.latent[e][k][b].sum;
          into.latent[e][k][b].squares += part.latent[e][k][b].squares;
        }
    }
  }

  std::vector<DomainTruth> finish(const Counts& tally) const {
    std::vector<DomainTruth> truths;
    for (std::size_t e = 0; e < plan_.estimands.size(); ++e) {
      DomainTruth truth;
      truth.totals = tally.totals[e];
      truth.means = fixed_means(*plan_.estimands[e].functional);
      truth.variances.resize(truth.means.size());
      for (std::size_t k = 0; k < truth.means.size(); ++k) {
        const auto& levels = tally.latent[e][k];
        if (levels.empty()) continue;
        truth.means[k].assign(levels.size(), 0.0);
        truth.variances[k].assign(levels.size(), 0.0);
        for (std::size_t b = 0; b < levels.size(); ++b) {
          if (levels[b].count == 0) continue;
          truth.means[k][b] = levels[b].sum / levels[b].count;
          truth.variances[k][b] = std::max(
              0.0, levels[b].squares / levels[b].count - truth.means[k][b] * truth.means[k][b]);
        }
      }
      truths.push_back(std::move(truth));
    }
    return truths;
  }

  const PopulationFrame& frame_;
  const StudyPlan& plan_;
  const Schema& schema_;
  Seed seed_;
  std::vector<VariableId> latents_;
  Synthesizer synthesizer_;
  std::vector<const PlannedEstimand*> domains_;  ///< one estimand for each distinct domain
  std::vector<std::size_t> domain_of_;
};

}  // namespace

std::vector<EstimandTruth> make_truths(const Population& population, const PopulationFrame& frame,
                                       const StudyPlan& plan, Seed seed, Tally tally,
                                       const std::function<void(double)>& progress) {
  const Schema& schema = population.law().schema();
  std::vector<DomainTruth> laws;
  for (const PlannedEstimand& e : plan.estimands)
    laws.push_back(superpopulation_truth(population, e));
  const bool tallied = frame.finite() && tally == Tally::yes;
  std::vector<DomainTruth> tallies;
  if (tallied) tallies = FinitePopulation(population, frame, plan, seed).tally(progress);
  std::vector<EstimandTruth> truths;
  for (std::size_t i = 0; i < plan.estimands.size(); ++i) {
    const Functional& functional = *plan.estimands[i].functional;
    EstimandTruth truth;
    truth.superpopulation = evaluate(functional, laws[i]);
    truth.finite =
        tallied ? evaluate(functional, tallies[i]) : std::numeric_limits<double>::quiet_NaN();
    if (frame.finite()) {
      DomainTruth persons = laws[i];
      for (double& total : persons.totals) total *= static_cast<double>(frame.size());
      truth.finite_se = finite_sd(schema, functional, persons);
    }
    if (functional.uses_value_rule())
      for (const auto& rule : plan.value_rules)
        truth.rule_values.push_back(
            under_rule(schema, functional, tallied ? tallies[i] : laws[i], *rule.plugin));
    truths.push_back(std::move(truth));
  }
  return truths;
}

std::vector<double> population_totals(const Population& population, const PopulationFrame& frame,
                                      std::span<const VariableId> variables) {
  const Schema& schema = population.law().schema();
  const Clique& root = population.law().root();
  double scale = 0;
  for (const MarginTable& table : population.scenario().tables)
    if (scale == 0 && table.role == TableRole::margin) scale = total(table.values);
  if (scale == 0) scale = 1;
  std::size_t groups = 1;
  for (VariableId id : variables) groups *= schema[id].size();
  std::vector<double> totals(groups, 0.0);
  for (std::size_t c = 0; c < root.cells; ++c) {
    std::size_t g = 0;
    for (VariableId id : variables) {
      const Variable& v = schema[id];
      const bool direct = root.contains({&id, 1});
      const LevelCode code = direct ? root.code(c, root.position(id))
                                    : v.group_map[root.code(c, root.position(*v.group_of))];
      g = g * v.size() + code;
    }
    totals[g] += frame.finite() ? static_cast<double>(frame.count(c)) : root.p[c] * scale;
  }
  return totals;
}

}  // namespace steelyard
