#pragma once

// A scenario in memory, small enough to reason about: region and sex select, income is bucketed.

#include <cmath>
#include <limits>

#include "core/scenario.hpp"

namespace steelyard::testing {

/// `size` persons, or a superpopulation for 0.
inline Scenario small_scenario(std::uint64_t size, std::uint64_t sample) {
  Scenario s;
  s.name = "small";
  s.folder = "small";
  for (const char* name : {"region", "sex"}) {
    Variable v;
    v.name = name;
    v.levels = {"a", "b"};
    s.schema.add(v);
  }
  Variable job;
  job.name = "job";
  job.levels = {"yes", "no"};
  job.kind = VariableKind::yes_no;
  s.schema.add(job);
  Variable income;
  income.name = "income";
  income.kind = VariableKind::bucketed;
  income.levels = {"low", "middle", "high"};
  income.edges = {0, 1000, 3000, std::numeric_limits<double>::infinity()};
  income.assumed_values = {500, 2000, 5000};
  income.universe = {{s.schema.id(2), {0}}};
  s.schema.add(income);
  MarginTable census;
  census.id = "census";
  census.variables = {s.schema.id(0), s.schema.id(1)};
  census.codes = {0, 0, 0, 1, 1, 0, 1, 1};
  census.values = {30, 20, 10, 40};
  s.tables.push_back(census);
  MarginTable seed;
  seed.id = "job by sex";
  seed.role = TableRole::seed;
  seed.side = Side::answers;
  seed.variables = {s.schema.id(1), s.schema.id(2)};
  seed.codes = {0, 0, 0, 1, 1, 0, 1, 1};
  seed.values = {0.8, 0.2, 0.5, 0.5};
  s.tables.push_back(seed);
  const double shares[2][3] = {{0.2, 0.5, 0.3}, {0.4, 0.4, 0.2}};
  for (LevelCode sex = 0; sex < 2; ++sex)
    for (LevelCode level = 0; level < 3; ++level) {
      PublishedNumber n;
      n.id = "income " + std::to_string(sex) + std::to_string(level);
      n.view = View::sample;
      n.scope = {{s.schema.id(1), {sex}}};
      n.quantity = {s.schema.id(3)};
      n.levels = {level};
      n.value = n.lower = n.upper = shares[sex][level];
      s.numbers.push_back(n);
    }
  SelectionOdds odds;
  odds.variables = {s.schema.id(0), s.schema.id(1)};
  odds.codes = {0, 0, 0, 1, 1, 0, 1, 1};
  odds.odds = {4, 1, 2, 1};
  s.selection.push_back(odds);
  LatentSpec latent;
  latent.variable = s.schema.id(3);
  latent.family = "lognormal";
  latent.group = {s.schema.id(1)};
  s.latents.push_back(latent);
  if (size > 0) s.population_size = size;
  s.root = {s.schema.id(0), s.schema.id(1)};
  s.sample_size = s.reported_size = sample;
  return s;
}

}  // namespace steelyard::testing
