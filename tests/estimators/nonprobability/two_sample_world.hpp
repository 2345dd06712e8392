#pragma once

// Two samples of one made-up population, small enough for derivatives by refitting.

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "estimators/survey/residuals.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard::testing {

/// region (3), sex (2), age and hours (numbers), noise (4 levels, in nothing). Respondents take
/// part by region and age; the reference sample has unequal design weights.
struct TwoSampleWorld {
  Schema schema;
  Sample a;
  std::shared_ptr<ReferenceSample> b = std::make_shared<ReferenceSample>();
  std::vector<double> y;

  explicit TwoSampleWorld(std::uint64_t seed, std::size_t n_a = 150, std::size_t n_b = 60) {
    schema.add(categorical("region", {"a", "b", "c"}));
    schema.add(categorical("sex", {"m", "f"}));
    schema.add(categorical("noise", {"1", "2", "3", "4"}));
    for (const char* name : {"age", "hours"}) {
      Variable v;
      v.name = name;
      v.kind = VariableKind::continuous;
      schema.add(v);
    }
    Stream stream({Seed{seed}, purpose("test"), {}, {}});
    for (Sample* s : {&a, &b->sample}) {
      s->schema = &schema;
      s->columns.resize(schema.size());
      s->numbers.resize(schema.size());
    }
    while (a.n < n_a || b->sample.n < n_b) {
      const auto region = static_cast<LevelCode>(stream.below(3));
      const auto sex = static_cast<LevelCode>(stream.below(2));
      const auto noise = static_cast<LevelCode>(stream.below(4));
      const double age = 20 + 45 * stream.uniform(), hours = 10 + 40 * stream.uniform();
      const double eta = -1.2 + 0.8 * (region == 1) - 0.6 * (region == 2) + 0.04 * (age - 42);
      Sample* into = nullptr;
      if (stream.uniform() < 1 / (1 + std::exp(-eta))) {
        if (a.n < n_a) into = &a;
        if (into != nullptr) y.push_back(2 + region + age / 20 + hours / 50 + stream.uniform());
      } else {  // drawn with probabilities in proportion to 1/d
        const double d = 20 + 10 * sex + age / 2 + 30 * stream.uniform();
        if (b->sample.n < n_b && stream.uniform() < 25 / d) {
          into = &b->sample;
          into->base_weights.push_back(d);
        }
      }
      if (into == nullptr) continue;
      into->columns[0].push_back(region);
      into->columns[1].push_back(sex);
      into->columns[2].push_back(noise);
      into->numbers[3].push_back(age);
      into->numbers[4].push_back(hours);
      ++into->n;
    }
  }

  Benchmarks benchmarks(std::shared_ptr<const ReferenceSample> reference) const {
    Benchmarks known(schema);
    known.add({{schema.id(0)}, {2000, 1500, 1800}});
    known.set_reference(std::move(reference));
    return known;
  }
  Benchmarks benchmarks() const { return benchmarks(b); }
  std::unique_ptr<const Weighting> weighting(std::string_view method, std::string_view toml) const {
    return make(weightings(), method, schema, toml);
  }
  CellIndex index(const Weighting& weighting) const {
    return make_cell_index(a, weighting.variables());
  }
  /// Every row of B `copies` times, row j once more or less.
  std::shared_ptr<ReferenceSample> copied(std::size_t copies, std::size_t j, int more) const {
    auto out = std::make_shared<ReferenceSample>();
    Sample& s = out->sample;
    s.schema = &schema;
    s.columns.resize(schema.size());
    s.numbers.resize(schema.size());
    const Sample& from = b->sample;
    for (std::size_t i = 0; i < from.n; ++i) {
      const std::size_t times = i == j ? copies + static_cast<std::size_t>(more + 1) - 1 : copies;
      for (std::size_t k = 0; k < times; ++k, ++s.n) {
        for (std::size_t v = 0; v < schema.size(); ++v) {
          if (!from.columns[v].empty()) s.columns[v].push_back(from.columns[v][i]);
          if (!from.numbers[v].empty()) s.numbers[v].push_back(from.numbers[v][i]);
        }
        s.base_weights.push_back(from.base_weights[i]);
      }
    }
    return out;
  }
};

/// Weighted mean of y, and Σ w.
struct WeightedMean {
  double mean = 0, size = 0;
  WeightedMean(const CellIndex& index, const Weights& weights, const std::vector<double>& y) {
    std::vector<double> people(index.cells, 0.0);
    for (const std::uint32_t c : index.cell_of) people[c] += 1;
    for (std::size_t i = 0; i < index.n; ++i) {
      const std::uint32_t c = index.cell_of[i];
      const double w = index.weight[c] / people[c] * weights.factor[c];
      mean += w * y[i];
      size += w;
    }
    mean /= size;
  }
};

/// What the weights' stages say of the weighted mean: the influence of each cell of respondents
/// (by base weight), and the variance from the reference sample.
struct ClaimedInfluence {
  std::vector<double> a;
  double variance_b = 0;
  ClaimedInfluence(const CellIndex& index, const Weights& weights, const std::vector<double>& y) {
    const WeightedMean here(index, weights, y);
    std::vector<double> z(index.cells, 0.0), s(index.cells, 0.0), fitted;
    for (std::size_t i = 0; i < index.n; ++i)
      z[index.cell_of[i]] += (y[i] - here.mean) / here.size / index.respondents[index.cell_of[i]];
    for (std::size_t c = 0; c < index.cells; ++c) s[c] = index.weight[c] * z[c];
    const Residuals residuals(weights, index.weight);
    if (residuals.none()) {  // the weights are fixed
      for (std::size_t c = 0; c < index.cells; ++c) a.push_back(weights.factor[c] * z[c]);
      return;
    }
    variance_b = residuals.fit(s, fitted).variance;
    for (std::size_t c = 0; c < index.cells; ++c)
      a.push_back(residuals.first()[c] *
                  ((residuals.later().empty() ? 1 : residuals.later()[c]) * z[c] - fitted[c]));
  }
};

/// The weighted mean after a change of the respondents' weights or of the reference sample moves as
/// the stages say.
inline void expect_derivatives(const TwoSampleWorld& world, const Weighting& weighting,
                               std::shared_ptr<const ReferenceSample> b) {
  const CellIndex index = world.index(weighting);
  const auto mean = [&](const CellIndex& cells) {
    const auto w = weighting.weigh(cells, world.benchmarks(b));
    EXPECT_TRUE(w.ok()) << (w.ok() ? "" : w.failure().detail);
    return WeightedMean(cells, w.value(), world.y).mean;
  };
  const auto weights = weighting.weigh(index, world.benchmarks(b));
  ASSERT_TRUE(weights.ok()) << weights.failure().detail;
  const ClaimedInfluence claimed(index, weights.value(), world.y);
  constexpr double kStep = 1e-4;
  for (std::size_t i = 0; i < index.n; i += 17) {
    double moved[2];
    for (int side = 0; side < 2; ++side) {
      CellIndex cells = index;
      cells.weight[cells.cell_of[i]] += side == 0 ? -kStep : kStep;
      cells.unit_weights = false;
      moved[side] = mean(cells);
    }
    const double influence = claimed.a[index.cell_of[i]];
    EXPECT_NEAR((moved[1] - moved[0]) / (2 * kStep), influence, 2e-5 * std::abs(influence) + 1e-8)
        << "respondent " << i;
  }
}

/// The reference sample's variance is that of the derivatives by its design weights.
inline void expect_reference_variance(const TwoSampleWorld& world, const Weighting& weighting) {
  const CellIndex index = world.index(weighting);
  const auto weights = weighting.weigh(index, world.benchmarks());
  ASSERT_TRUE(weights.ok());
  std::vector<double> u;
  for (std::size_t j = 0; j < world.b->sample.n; ++j) {
    double moved[2];
    for (int side = 0; side < 2; ++side) {
      auto b = std::make_shared<ReferenceSample>(*world.b);
      b->sample.base_weights[j] *= side == 0 ? 1 - 1e-4 : 1 + 1e-4;
      moved[side] =
          WeightedMean(index, weighting.weigh(index, world.benchmarks(b)).value(), world.y).mean;
    }
    u.push_back((moved[1] - moved[0]) / 2e-4);
  }
  const double variance = design_of(*world.b).variance(u).value();
  EXPECT_GT(variance, 0);
  EXPECT_NEAR(ClaimedInfluence(index, weights.value(), world.y).variance_b / variance, 1, 1e-5);
}

}  // namespace steelyard::testing
