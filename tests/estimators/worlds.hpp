#pragma once

// Samples made by hand or at random, for the estimator tests.

#include <toml++/toml.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "estimators/functionals/functional.hpp"
#include "estimators/intervals/interval_method.hpp"
#include "estimators/tabulate.hpp"
#include "estimators/values/value_rule.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard::testing {

/// Makes a registered plug-in from TOML text.
template <typename Info>
auto make(std::span<const Info> infos, std::string_view method, const Schema& schema,
          std::string_view toml = "") {
  const toml::table table = toml::parse(toml);
  for (const Info& info : infos)
    if (info.name == method) {
      ConfigReader reader(table, "test.toml", std::string(method));
      auto plugin = info.make(reader, schema);
      reader.finish();
      return plugin;
    }
  throw std::runtime_error("no method " + std::string(method));
}

inline Variable categorical(std::string name, std::vector<std::string> levels,
                            std::vector<double> values = {}) {
  Variable v;
  v.name = std::move(name);
  v.levels = std::move(levels);
  v.assumed_values = std::move(values);
  return v;
}

/// A sample over region (3), sex (2), age (4, ordered) and an answer with five numbers; benchmarks
/// for the full cross of the first three, and a reference sample of 120 or so without the answer,
/// at least one person in each cell of the cross, whose unequal design weights add up to the
/// benchmarks.
struct RandomWorld {
  Schema schema;
  Sample sample;
  std::unique_ptr<Benchmarks> benchmarks;

  explicit RandomWorld(std::uint64_t seed, std::size_t n = 400) {
    schema.add(categorical("region", {"a", "b", "c"}));
    schema.add(categorical("sex", {"m", "f"}));
    Variable age = categorical("age", {"1", "2", "3", "4"});
    age.kind = VariableKind::ordered;
    schema.add(age);
    Variable answer = categorical("answer", {"0", "1", "2", "3", "4"}, {0, 1, 2, 3, 4});
    answer.scores = {1, 0.5, 0, -0.5, -1};
    schema.add(answer);
    sample.schema = &schema;
    sample.n = n;
    sample.columns.resize(4);
    Stream stream({Seed{seed}, purpose("test"), {}, {}});
    for (std::size_t i = 0; i < n; ++i) {
      sample.columns[0].push_back(static_cast<LevelCode>(stream.below(3)));
      sample.columns[1].push_back(static_cast<LevelCode>(stream.uniform() < 0.7 ? 0 : 1));
      sample.columns[2].push_back(
          static_cast<LevelCode>(std::min(stream.below(4), stream.below(4))));
      sample.columns[3].push_back(static_cast<LevelCode>(
          (sample.columns[1][i] + sample.columns[2][i] + stream.below(3)) % 5));
    }
    std::vector<double> totals;
    for (int k = 0; k < 24; ++k) totals.push_back(1000 + static_cast<double>(stream.below(3000)));
    benchmarks = std::make_unique<Benchmarks>(schema);
    benchmarks->add({{schema.id(0), schema.id(1), schema.id(2)}, totals});
    draw_reference(totals, stream);
    benchmarks->set_reference(reference);
  }
  std::shared_ptr<ReferenceSample> reference = std::make_shared<ReferenceSample>();

  void draw_reference(const std::vector<double>& totals, Stream& stream) {
    Sample& b = reference->sample;
    b.schema = &schema;
    b.columns.resize(4);
    for (std::size_t g = 0; g < totals.size(); ++g) {
      std::vector<double> size(1 + stream.below(8));
      double sum = 0;
      for (double& x : size) sum += x = 0.5 + stream.uniform();
      for (const double x : size) {
        b.columns[0].push_back(static_cast<LevelCode>(g / 8));
        b.columns[1].push_back(static_cast<LevelCode>(g / 4 % 2));
        b.columns[2].push_back(static_cast<LevelCode>(g % 4));
        b.base_weights.push_back(totals[g] * x / sum);
        ++b.n;
      }
    }
  }
  std::vector<VariableId> cross() const { return {schema.id(0), schema.id(1), schema.id(2)}; }
};

/// Weightings with a reference sample whose totals, of the terms, their weights meet.
inline bool meets_reference_totals(std::string_view weighting) {
  return weighting == "mass_imputation" || weighting == "doubly_robust" || weighting == "cbps";
}
/// Those that bring its design weights to the respondents, and so its size alone.
inline bool spreads_reference_weights(std::string_view weighting) {
  return weighting == "kernel_weighting" || weighting == "matching";
}
/// Those whose weights estimate one over a probability: the population's size follows only on
/// average, so that no sum of them is known beforehand.
inline bool inverts_probabilities(std::string_view weighting) {
  return weighting == "ipw" || weighting == "elliott_valliant";
}
inline bool estimates_from_reference(std::string_view weighting) {
  return meets_reference_totals(weighting) || spreads_reference_weights(weighting) ||
         inverts_probabilities(weighting);
}

/// The options that make each registered weighting work on a RandomWorld.
inline std::string options_for(std::string_view weighting) {
  if (weighting == "none") return "";
  if (weighting == "poststratification")
    return "cross = [\"region\", \"sex\", \"age\"]\nminimum_cell = 5\ncollapse = [\"age\", "
           "\"region\", \"sex\"]";
  if (weighting == "model_calibration")
    return "outcome = \"answer\"\npredictors = [\"region\", [\"sex\", \"age\"]]\nmargins = "
           "[\"region\"]";
  if (weighting == "sequential")
    return "steps = [{method = \"poststratification\", cross = [\"region\"]}, "
           "{method = \"raking\", margins = [\"region\", [\"sex\", \"age\"]]}]";
  if (estimates_from_reference(weighting)) return "covariates = [\"region\", [\"sex\", \"age\"]]";
  if (weighting == "mrp") return "fixed = [\"sex\"]\ngroups = [\"region\", \"age\"]";
  return "margins = [\"region\", [\"sex\", \"age\"]]";
}

/// The margins and terms of options_for, [region, [sex, age]].
inline std::vector<std::vector<VariableId>> terms_of(const RandomWorld& world) {
  return {{world.schema.id(0)}, {world.schema.id(1), world.schema.id(2)}};
}

/// The world's cross and whatever else the weighting reads.
inline std::vector<VariableId> cells_for(const RandomWorld& world, const Weighting& weighting) {
  std::vector<VariableId> cells = world.cross();
  for (VariableId id : weighting.variables())
    if (std::find(cells.begin(), cells.end(), id) == cells.end()) cells.push_back(id);
  return cells;
}

struct Estimated {
  PointEstimate point;
  Interval interval;
};

/// Weighs, tabulates, estimates and gives the interval of a functional of one answer.
inline Result<Estimated> estimate(const Sample& sample, const Benchmarks& benchmarks,
                                  const Weighting& weighting, std::span<const VariableId> cells,
                                  const Functional& functional, const Domain& domain) {
  const CellIndex index = make_cell_index(sample, cells);
  const auto weights = weighting.weigh(index, benchmarks);
  if (!weights) return weights.failure();
  const auto method = make(intervals(), "linearization", *sample.schema);
  const auto prepared = method->prepare({index, weights.value()});
  if (!prepared) return prepared.failure();
  Tabulator tabulator(sample, index);
  const Tabulation table = tabulator.tabulate(functional.variables(), domain_rows(sample, domain));
  std::vector<BucketValues> values;
  for (std::size_t k = 0; k < functional.variables().size(); ++k)
    values.push_back({functional.fixed_values(k), {}});
  const auto point = functional.estimate(level_totals(table, weights.value()), values);
  if (!point) return point.failure();
  const auto interval = prepared.value()->interval({table, point.value()});
  if (!interval) return interval.failure();
  return Estimated{point.value(), interval.value()};
}

}  // namespace steelyard::testing
