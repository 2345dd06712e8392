// Multilevel regression and post-stratification: one binary answer of 26,252 persons by province
// (31), residence (2), sex (2), age (6) and education (5). The question: can a study fit such a
// model to every answer of every replicate, in less than 30 ms? R's lme4 (glmer) takes 0.76 s for
// the like. Last answer, processor time: logit 6, probit 8, with the cross of province and age 16.

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>

#include "core/random.hpp"
#include "estimators/multilevel/poststratify.hpp"

namespace steelyard {
namespace {

struct Flagship {
  Schema schema;
  CellIndex index;
  MultilevelTerms terms;
  CellAnswers answers;
  std::vector<double> population;

  explicit Flagship(bool crosses) {
    for (const auto& [name, size] : {std::pair<const char*, int>{"province", 31},
                                     {"residence", 2},
                                     {"sex", 2},
                                     {"age", 6},
                                     {"education", 5}}) {
      Variable v;
      v.name = name;
      for (int k = 0; k < size; ++k) v.levels.push_back(std::to_string(k));
      index.variables.push_back(schema.add(v));
    }
    Stream stream({Seed{1}, purpose("mrp_bench"), {}, {}});
    std::vector<double> effect(50);
    for (double& e : effect) e = 1.2 * (stream.uniform() - 0.5);
    std::vector<double> size;
    double all = 0;
    for (std::uint32_t p = 0; p < 31; ++p)
      for (std::uint32_t r = 0; r < 2; ++r)
        for (std::uint32_t s = 0; s < 2; ++s)
          for (std::uint32_t a = 0; a < 6; ++a)
            for (std::uint32_t e = 0; e < 5; ++e) {
              if (stream.uniform() < 0.6) continue;
              index.codes.insert(index.codes.end(), {p, r, s, a, e});
              size.push_back(std::pow(stream.uniform(), 3) + 0.02);
              all += size.back();
            }
    index.cells = size.size();
    index.weight.assign(index.cells, 1.0);
    for (std::size_t c = 0; c < index.cells; ++c) {
      const double n = std::max(1.0, std::round(26252 * size[c] / all));
      const std::uint32_t* code = &index.codes[5 * c];
      const double eta = -0.8 + effect[code[0]] + 0.3 * code[1] - 0.2 * code[2] +
                         effect[31 + code[3]] + effect[37 + code[4]];
      double yes = 0;
      for (int i = 0; i < static_cast<int>(n); ++i)
        yes += stream.uniform() < 1 / (1 + std::exp(-eta));
      answers.counts.insert(answers.counts.end(), {n - yes, yes});
      population.push_back(4e4 * n * (0.5 + stream.uniform()));
    }
    const auto id = [&](std::size_t k) { return schema.id(k); };
    terms.fixed = {{id(1)}, {id(2)}};
    terms.groups = {{id(0)}, {id(3)}, {id(4)}};
    if (crosses) terms.groups.push_back({id(0), id(3)});
  }
};

double estimate(const Flagship& data, OutcomeModel model) {
  const auto design =
      make_multilevel_design(data.terms, data.index, data.schema, data.answers.sizes());
  CellAnswers answers = data.answers;
  answers.model = model;
  const auto fit = fit_multilevel(design.value(), answers);
  if (!fit) std::abort();
  const auto target = make_target_cells(design.value(), data.index, data.schema, data.population);
  const Poststratifier cells(design.value(), fit.value(), target.value());
  double sum = 0;
  for (std::size_t c = 0; c < data.population.size(); ++c)
    sum += data.population[c] * cells.predicted()[c];
  return sum + std::sqrt(cells.variance(cells.gradient(data.population)));
}

void BM_Mrp(benchmark::State& state) {
  const Flagship data(state.range(1) != 0);
  double raw = 0, all = 0;
  for (std::size_t c = 0; c < data.population.size(); ++c) {
    const double n = data.answers.counts[2 * c] + data.answers.counts[2 * c + 1];
    raw += data.population[c] * data.answers.counts[2 * c + 1] / n;
    all += data.population[c];
  }
  const auto model = state.range(0) == 0 ? OutcomeModel::logit : OutcomeModel::probit;
  // Near the cells' own shares, which have no model.
  if (std::abs(estimate(data, model) - raw) > 0.02 * all) std::abort();
  for (auto _ : state) benchmark::DoNotOptimize(estimate(data, model));
  state.counters["cells"] = static_cast<double>(data.index.cells);
}
BENCHMARK(BM_Mrp)
    ->ArgNames({"probit", "crosses"})
    ->Args({0, 0})
    ->Args({1, 0})
    ->Args({0, 1})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace steelyard
