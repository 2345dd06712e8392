#include "study/tally.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/sums.hpp"
#include "estimators/functionals/quantile.hpp"
#include "study/parallel.hpp"

namespace steelyard {

std::vector<std::vector<double>> fixed_means(const Functional& functional) {
  std::vector<std::vector<double>> means;
  for (std::size_t k = 0; k < functional.variables().size(); ++k)
    means.push_back(functional.fixed_values(k));
  return means;
}

bool is_bucketed(const Schema& schema, const Functional& functional, std::size_t k) {
  return schema[functional.variables()[k]].kind == VariableKind::bucketed &&
         (functional.uses_value_rule() ||
          dynamic_cast<const QuantileFunctional*>(&functional) != nullptr);
}

namespace {

/// Tallies of one run of persons, for every estimand.
struct Counts {
  struct Level {
    double count = 0, sum = 0, squares = 0;
  };
  std::vector<std::vector<double>> totals;              ///< estimand, joint level
  std::vector<std::vector<std::vector<Level>>> latent;  ///< estimand, answer, level
  /// Estimand: persons below the window of its quantile, and the values inside it.
  std::vector<std::uint64_t> below;
  std::vector<std::vector<double>> inside;
};

class FinitePopulation {
 public:
  FinitePopulation(const Population& population, const PopulationFrame& frame,
                   const StudyPlan& plan, std::span<const std::optional<QuantileWindow>> windows,
                   Seed seed)
      : frame_(frame),
        plan_(plan),
        windows_(windows),
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

  std::vector<DomainTruth> tally(int threads, const std::function<void(double)>& progress) const {
    constexpr std::uint64_t kChunk = 128 * Synthesizer::kBlock;
    constexpr std::uint64_t kWave =
        256;  // chunks whose counts are kept until they are merged in order
    const std::uint64_t chunks = (frame_.size() + kChunk - 1) / kChunk;
    PerWorker<Synthesizer::Scratch> scratches(threads, [&] { return synthesizer_.scratch(); });
    std::atomic<std::uint64_t> done{0};
    std::mutex reporting;
    Counts sum = empty();
    for (std::uint64_t first = 0; first < chunks; first += kWave) {
      std::vector<Counts> parts(std::min(kWave, chunks - first));
      parallel_for(parts.size(), threads, [&](std::uint64_t i, std::size_t worker) {
        const std::uint64_t begin = (first + i) * kChunk;
        parts[i] = empty();
        run(begin, std::min(frame_.size(), begin + kChunk), scratches[worker], parts[i]);
        const std::uint64_t finished = ++done;
        if (!progress) return;
        const std::lock_guard lock(reporting);
        progress(static_cast<double>(finished) / static_cast<double>(chunks));
      });
      for (const Counts& part : parts) merge(sum, part);
    }
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
        const VariableId id = schema_.value_of(e.functional->variables()[k]);
        if (is_bucketed(schema_, *e.functional, k) &&
            std::find(ids.begin(), ids.end(), id) == ids.end())
          ids.push_back(id);
      }
    return ids;
  }

  Counts empty() const {
    Counts t;
    t.below.assign(plan_.estimands.size(), 0);
    t.inside.resize(plan_.estimands.size());
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
    std::vector<std::vector<std::uint16_t>> rows(domains_.size());
    frame_.each_block(begin, end, [&](const std::vector<PersonRef>& persons) {
      synthesizer_.make(persons, seed_, purpose("person"), {}, scratch);
      for (std::size_t d = 0; d < domains_.size(); ++d)
        select(domains_[d]->domain, scratch, persons.size(), rows[d]);
      for (std::size_t e = 0; e < plan_.estimands.size(); ++e)
        count(e, rows[domain_of_[e]], scratch, tally);
    });
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
          std::find(latents_.begin(), latents_.end(), schema_.value_of(answers[k])) -
          latents_.begin());
      const double* value = scratch.latent_values[position].data();
      const LevelCode* code = scratch.columns[index(answers[k])].data();
      auto& levels = tally.latent[e][k];
      for (std::uint16_t r : rows)
        if (code[r] < levels.size()) {
          levels[code[r]].count += 1;
          levels[code[r]].sum += value[r];
          levels[code[r]].squares += value[r] * value[r];
        }
      if (!windows_[e]) continue;
      for (std::uint16_t r : rows)
        if (code[r] < levels.size()) {
          if (value[r] < windows_[e]->lower)
            ++tally.below[e];
          else if (value[r] <= windows_[e]->upper)
            tally.inside[e].push_back(value[r]);
        }
    }
  }

  static void merge(Counts& into, const Counts& part) {
    for (std::size_t e = 0; e < into.totals.size(); ++e) {
      into.below[e] += part.below[e];
      into.inside[e].insert(into.inside[e].end(), part.inside[e].begin(), part.inside[e].end());
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

  /// The smallest value that at least p of the persons do not exceed.
  static double quantile(double p, double persons, std::uint64_t below,
                         std::vector<double> inside) {
    if (persons == 0) return std::numeric_limits<double>::quiet_NaN();
    const auto rank = std::max(1.0, std::ceil(p * persons - 1e-9));
    if (rank <= static_cast<double>(below)) return -std::numeric_limits<double>::infinity();
    const auto at = static_cast<std::size_t>(rank) - below - 1;
    if (at >= inside.size()) return std::numeric_limits<double>::infinity();
    const auto nth = inside.begin() + static_cast<std::ptrdiff_t>(at);
    std::nth_element(inside.begin(), nth, inside.end());
    return *nth;
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
      if (windows_[e]) {
        const auto& f = dynamic_cast<const QuantileFunctional&>(*plan_.estimands[e].functional);
        truth.quantile =
            quantile(f.probability(), total(truth.totals), tally.below[e], tally.inside[e]);
      }
      truths.push_back(std::move(truth));
    }
    return truths;
  }

  const PopulationFrame& frame_;
  const StudyPlan& plan_;
  std::span<const std::optional<QuantileWindow>> windows_;
  const Schema& schema_;
  Seed seed_;
  std::vector<VariableId> latents_;
  Synthesizer synthesizer_;
  std::vector<const PlannedEstimand*> domains_;  ///< one estimand for each distinct domain
  std::vector<std::size_t> domain_of_;
};

}  // namespace

std::vector<DomainTruth> tally_domains(const Population& population, const PopulationFrame& frame,
                                       const StudyPlan& plan,
                                       std::span<const std::optional<QuantileWindow>> windows,
                                       Seed seed, int threads,
                                       const std::function<void(double)>& progress) {
  return FinitePopulation(population, frame, plan, windows, seed).tally(threads, progress);
}

}  // namespace steelyard
