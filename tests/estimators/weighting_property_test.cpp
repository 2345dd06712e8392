// Properties of every registered weighting on random surveys.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <numeric>

#include "estimators/weighting/margin_report.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard {
namespace {

using testing::cells_for;
using testing::make;
using testing::RandomWorld;

/// Options without a rule that looks at the order of levels or counts rows (collapsing does both),
/// solved far enough that two ways to the same weights differ by rounding only.
std::string plain_options(std::string_view weighting) {
  if (weighting == "poststratification") return "cross = [\"region\", \"sex\"]";
  if (weighting == "optimal_representative")
    return testing::options_for(weighting) + "\ntolerance = 1e-14";
  // Silverman's rule counts rows.
  if (weighting == "kernel_weighting") return testing::options_for(weighting) + "\nbandwidth = 0.1";
  return testing::options_for(weighting);
}

void add_base_weights(RandomWorld& world, std::uint64_t seed) {
  Stream stream({Seed{seed}, purpose("base"), {}, {}});
  for (std::size_t i = 0; i < world.sample.n; ++i)
    world.sample.base_weights.push_back(100 + 300 * stream.uniform());
}

std::vector<std::size_t> permutation(std::size_t n, std::uint64_t seed) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Stream stream({Seed{seed}, purpose("order"), {}, {}});
  for (std::size_t i = n; i-- > 1;) std::swap(order[i], order[stream.below(i + 1)]);
  return order;
}

/// Final weights of the rows; empty if the weighting failed.
std::vector<double> final_weights(const RandomWorld& world, const Weighting& weighting) {
  const CellIndex index = make_cell_index(world.sample, cells_for(world, weighting));
  const auto made = weighting.weigh(index, *world.benchmarks);
  if (!made) return {};
  std::vector<double> w(world.sample.n);
  for (std::size_t i = 0; i < w.size(); ++i)
    w[i] = made.value().factor[index.cell_of[i]] *
           (world.sample.base_weights.empty() ? 1.0 : world.sample.base_weights[i]);
  return w;
}

/// Relative to the mean weight too: a weight near zero is a difference of large terms.
bool near(double a, double b, double mean) {
  return std::abs(a - b) <= 1e-9 * std::max({std::abs(a), std::abs(b), std::abs(mean)});
}
double mean_of(const std::vector<double>& w) {
  return std::accumulate(w.begin(), w.end(), 0.0) / static_cast<double>(w.size());
}

RC_GTEST_PROP(EveryWeighting, MeetsItsMarginsOrReportsAFailure,
              (std::uint64_t seed, bool base, std::uint8_t size)) {
  RandomWorld world(seed, 20 + size);
  if (base) add_base_weights(world, seed);
  for (const WeightingInfo& info : weightings()) {
    const auto weighting =
        make(weightings(), info.name, world.schema, testing::options_for(info.name));
    const CellIndex index = make_cell_index(world.sample, cells_for(world, *weighting));
    const auto made = weighting->weigh(index, *world.benchmarks);
    if (!made) {
      RC_ASSERT(made.failure().kind != FailureKind::none);
      RC_ASSERT(!made.failure().detail.empty());
      continue;
    }
    // Collapsed cells are met together, not one by one.
    if (info.name == "poststratification") continue;
    // The reference sample's totals are the benchmarks.
    const auto margins = testing::meets_reference_totals(info.name) ? testing::terms_of(world)
                                                                    : weighting->margins();
    const auto rows = margin_report(made.value(), index, *world.benchmarks, margins).value();
    RC_ASSERT(!testing::meets_reference_totals(info.name) || rows.size() == 11u);
    double population = 0;
    for (double t : world.benchmarks->tables()[0].totals) population += t;
    if (testing::spreads_reference_weights(info.name)) {
      double sum = 0;
      for (std::size_t c = 0; c < index.cells; ++c) sum += index.weight[c] * made.value().factor[c];
      RC_ASSERT(std::abs(sum - population) <= 1e-8 * population);
    }
    for (const MarginRow& row : rows)
      if (info.name == "optimal_representative")
        RC_ASSERT(std::abs(row.after - row.target) <= (0.005 + 1e-8) * population);
      else
        RC_ASSERT(std::abs(row.relative_error) <= 1e-8);
  }
}

RC_GTEST_PROP(EveryWeighting, DoesNotDependOnTheOrderOfRows, (std::uint64_t seed, bool base)) {
  RandomWorld world(seed, 150), turned(seed, 150);
  if (base) add_base_weights(world, seed);
  const auto order = permutation(world.sample.n, seed);
  for (std::size_t v = 0; v < world.sample.columns.size(); ++v)
    for (std::size_t i = 0; i < order.size(); ++i)
      turned.sample.columns[v][i] = world.sample.columns[v][order[i]];
  for (std::size_t i = 0; base && i < order.size(); ++i)
    turned.sample.base_weights.push_back(world.sample.base_weights[order[i]]);
  for (const WeightingInfo& info : weightings()) {
    const auto weighting =
        make(weightings(), info.name, world.schema, testing::options_for(info.name));
    const auto a = final_weights(world, *weighting), b = final_weights(turned, *weighting);
    RC_ASSERT(a.size() == b.size());
    if (a.empty()) continue;
    const double mean = mean_of(a);
    for (std::size_t i = 0; i < order.size(); ++i) RC_ASSERT(near(a[order[i]], b[i], mean));
  }
}

RC_GTEST_PROP(EveryWeighting, DoesNotDependOnTheOrderOfLevels, (std::uint64_t seed)) {
  RandomWorld world(seed, 150), renamed(seed, 150);
  const std::size_t sizes[] = {3, 2, 4};
  std::vector<std::vector<std::size_t>> to;
  for (std::size_t v = 0; v < 3; ++v) {
    to.push_back(permutation(sizes[v], seed + v));
    for (LevelCode& code : renamed.sample.columns[v]) code = static_cast<LevelCode>(to[v][code]);
  }
  std::vector<double> totals(24);
  for (std::size_t g = 0; g < 24; ++g)
    totals[(to[0][g / 8] * 2 + to[1][g / 4 % 2]) * 4 + to[2][g % 4]] =
        world.benchmarks->tables()[0].totals[g];
  renamed.benchmarks = std::make_unique<Benchmarks>(renamed.schema);
  renamed.benchmarks->add({renamed.cross(), totals});
  for (std::size_t v = 0; v < 3; ++v)
    for (LevelCode& code : renamed.reference->sample.columns[v])
      code = static_cast<LevelCode>(to[v][code]);
  renamed.benchmarks->set_reference(renamed.reference);
  for (const WeightingInfo& info : weightings()) {
    const auto weighting = make(weightings(), info.name, world.schema, plain_options(info.name));
    const auto a = final_weights(world, *weighting), b = final_weights(renamed, *weighting);
    RC_ASSERT(a.size() == b.size());
    if (a.empty()) continue;
    const double mean = mean_of(a);
    for (std::size_t i = 0; i < a.size(); ++i) RC_ASSERT(near(a[i], b[i], mean));
  }
}

RC_GTEST_PROP(EveryWeighting, ARowSplitInTwoHalvesChangesNothing, (std::uint64_t seed)) {
  RandomWorld world(seed, 150), split(seed, 150);
  add_base_weights(world, seed);
  const std::size_t which = seed % world.sample.n;
  split.sample.base_weights = world.sample.base_weights;
  split.sample.base_weights[which] /= 2;
  split.sample.base_weights.push_back(split.sample.base_weights[which]);
  for (auto& column : split.sample.columns) column.push_back(column[which]);
  ++split.sample.n;
  for (const WeightingInfo& info : weightings()) {
    const auto weighting = make(weightings(), info.name, world.schema, plain_options(info.name));
    const auto a = final_weights(world, *weighting);
    auto b = final_weights(split, *weighting);
    RC_ASSERT(a.empty() == b.empty());
    if (a.empty()) continue;
    b[which] += b.back();
    const double mean = mean_of(a);
    double one = 0, other = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      RC_ASSERT(near(a[i], b[i], mean));
      one += a[i] * world.sample.columns[3][i];
      other += b[i] * world.sample.columns[3][i];
    }
    RC_ASSERT(std::abs(one - other) <= 1e-9 * std::abs(one));
  }
}

/// Margins, among them a cross and a number, that any of the exponential methods can meet.
struct NumericWorld : RandomWorld {
  explicit NumericWorld(std::uint64_t seed) : RandomWorld(seed, 120) {
    Variable income;
    income.name = "income";
    income.kind = VariableKind::continuous;
    const VariableId id = schema.add(income);
    sample.columns.resize(5);
    sample.numbers.resize(5);
    Stream stream({Seed{seed}, purpose("income"), {}, {}});
    double total = 0, population = 0;
    for (double t : benchmarks->tables()[0].totals) population += t;
    for (std::size_t i = 0; i < sample.n; ++i) {
      sample.numbers[4].push_back(1000 * (1 + 5 * stream.uniform()) * (1 + sample.columns[1][i]));
      total += sample.numbers[4][i] * population / static_cast<double>(sample.n);
    }
    benchmarks->add_number(id, total * (0.97 + 0.06 * stream.uniform()));
  }
};

RC_GTEST_PROP(ExponentialWeights, AreOneByThreeNames, (std::uint64_t seed, bool number)) {
  NumericWorld world(seed);
  const std::string margins =
      std::string("margins = [\"region\", [\"sex\", \"age\"]") + (number ? ", \"income\"]" : "]");
  std::vector<VariableId> cells = world.cross();
  if (number) cells.push_back(world.schema.id(4));
  const CellIndex index = make_cell_index(world.sample, cells);
  const auto weigh = [&](const char* method, const std::string& options) {
    return make(weightings(), method, world.schema, options)->weigh(index, *world.benchmarks);
  };
  const auto raking = weigh("raking", margins);
  const auto entropy = weigh("entropy_balancing", margins);
  const auto calibration = weigh("calibration", margins + "\ndistance = \"raking\"");
  RC_ASSERT(raking.ok() == entropy.ok());
  RC_ASSERT(raking.ok() == calibration.ok());
  RC_PRE(raking.ok());
  for (std::size_t c = 0; c < index.cells; ++c) {
    const double g = raking.value().factor[c];
    RC_ASSERT(std::abs(entropy.value().factor[c] - g) <= 1e-8 * g);
    RC_ASSERT(std::abs(calibration.value().factor[c] - g) <= 1e-8 * g);
  }
}

RC_GTEST_PROP(BoundedWeights, StayWithinTheirBounds, (std::uint64_t seed, bool number)) {
  NumericWorld world(seed);
  const std::string options = std::string("margins = [\"region\", \"sex\"") +
                              (number ? ", \"income\"]" : "]") + "\nbounds = [0.4, 2.5]";
  std::vector<VariableId> cells = world.cross();
  if (number) cells.push_back(world.schema.id(4));
  const CellIndex index = make_cell_index(world.sample, cells);
  double population = 0;
  for (double t : world.benchmarks->tables()[0].totals) population += t;
  const double d = population / static_cast<double>(world.sample.n);
  const auto check = [&](const char* method, const std::string& more) {
    const auto made =
        make(weightings(), method, world.schema, options + more)->weigh(index, *world.benchmarks);
    if (!made) {
      RC_ASSERT(!made.failure().detail.empty());
      return;
    }
    for (double g : made.value().factor) {
      RC_ASSERT(g / d >= 0.4 * (1 - 1e-12));
      RC_ASSERT(g / d <= 2.5 * (1 + 1e-12));
    }
    RC_ASSERT(made.value().largest_margin_error <= 1e-8);
  };
  check("raking", "");
  check("calibration", "");
  check("calibration", "\ndistance = \"raking\"");
  check("calibration", "\ndistance = \"logit\"");
}

/// Targets at a distance ε from the sample's own totals: with half of ε the weights of two
/// distances differ by a quarter.
RC_GTEST_PROP(CalibrationDistances, AgreeToFirstOrder, (std::uint64_t seed)) {
  RandomWorld world(seed, 200);
  world.sample.base_weights.assign(world.sample.n, 10.0);
  const CellIndex index = make_cell_index(world.sample, world.cross());
  const auto weigh = [&](double epsilon, const std::string& distance) {
    Benchmarks benchmarks(world.schema);
    Stream stream({Seed{seed}, purpose("moved"), {}, {}});
    for (std::size_t v = 0; v < 3; ++v) {
      const VariableId id = world.schema.id(v);
      std::vector<double> totals(world.schema[id].size(), 0.0);
      for (LevelCode code : world.sample.columns[v]) totals[code] += 10;
      double moved = 0;
      for (std::size_t k = 1; k < totals.size(); ++k) {
        const double change = epsilon * totals[k] * (2 * stream.uniform() - 1);
        totals[k] += change;
        moved += change;
      }
      totals[0] -= moved;
      benchmarks.add({{id}, totals});
    }
    return make(weightings(), "calibration", world.schema,
                "margins = [\"region\", \"sex\", \"age\"]\ntolerance = 1e-14\n" + distance)
        ->weigh(index, benchmarks);
  };
  const auto largest = [&](double epsilon, const char* distance) {
    const auto one = weigh(epsilon, "distance = \"linear\""), other = weigh(epsilon, distance);
    if (!one || !other) return -1.0;
    double worst = 0;
    for (std::size_t c = 0; c < index.cells; ++c)
      worst = std::max(worst, std::abs(one.value().factor[c] - other.value().factor[c]));
    return worst;
  };
  for (const char* distance :
       {"distance = \"raking\"", "distance = \"logit\"\nbounds = [0.2, 3]"}) {
    const double whole = largest(4e-3, distance), half = largest(2e-3, distance);
    RC_PRE(whole > 0 && half > 0);
    RC_ASSERT(whole < 1e-3);
    RC_ASSERT(whole / half > 3.5);
    RC_ASSERT(whole / half < 4.5);
  }
  RC_ASSERT(largest(4e-3, "distance = \"linear\"\nbounds = [0.2, 3]") <= 1e-11);
}

}  // namespace
}  // namespace steelyard
