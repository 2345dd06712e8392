// Kernel weighting and matching: by hand, against sums and searches over all pairs, and in their
// limits.

#include <gtest/gtest.h>

#include <cmath>

#include "core/sums.hpp"
#include "estimators/weighting/kernel_sums.hpp"
#include "estimators/weighting/nearest_points.hpp"
#include "estimators/weighting/propensity_scores.hpp"
#include "two_sample_world.hpp"

namespace steelyard {
namespace {

using testing::ClaimedInfluence;
using testing::TwoSampleWorld;
using testing::WeightedMean;

std::vector<double> uniforms(std::size_t n, std::uint64_t seed) {
  Stream stream({Seed{seed}, purpose("test"), {}, {}});
  std::vector<double> out(n);
  for (double& x : out) x = stream.uniform();
  return out;
}

TEST(KernelSums, AreTheSumsOverAllPairs) {
  std::vector<double> point = uniforms(700, 1), coefficient = uniforms(700, 2);
  for (std::size_t i = 0; i < 700; i += 3) point[i] *= point[i] * point[i];  // crowded near 0
  for (std::size_t i = 0; i < 700; i += 10) coefficient[i] = 0;
  for (const Kernel kernel : {Kernel::gaussian, Kernel::triangular})
    for (const double h : {1e-4, 0.003, 0.05, 2.0, 1e6}) {
      const KernelSums sums(kernel, h, point, coefficient);
      for (const double t : {-3.0, -0.02, 0.0, 0.1, point[5], 0.77, 1.01, 1.3}) {
        double sum = 0, nearest = 1e300;
        for (std::size_t i = 0; i < point.size(); ++i) {
          if (!(coefficient[i] > 0)) continue;
          const double u = (t - point[i]) / h;
          nearest = std::min(nearest, std::abs(u));
          sum += coefficient[i] * (kernel == Kernel::gaussian ? std::exp(-u * u / 2)
                                                              : std::max(0.0, 1 - std::abs(u)));
        }
        if (nearest < kernel_reach(kernel))
          EXPECT_NEAR(sums.at(t) / sum, 1, 1e-11)
              << static_cast<int>(kernel) << " " << h << " " << t;
        else
          EXPECT_NEAR(sums.at(t), sum, 1e-7);
      }
    }
}

TEST(NearestPoints, AreThoseOfASearchOverAll) {
  for (const std::size_t k : {1u, 2u, 5u}) {
    std::vector<double> x = uniforms(400 * k, 3), t = uniforms(100 * k, 4);
    for (double& value : x) value = std::round(value * 8);  // many ties
    for (std::size_t i = 0; i < t.size(); ++i) t[i] = i % 2 ? 8 * t[i] : std::round(8 * t[i]);
    std::vector<double> weight(400, 1.0);
    for (std::size_t i = 0; i < 400; i += 7) weight[i] = 0;
    std::vector<double> rows(400, 1.0);
    for (std::size_t i = 0; i < 400; i += 3) rows[i] = 2;
    const NearestPoints points(x, k, weight, rows);
    for (std::size_t target = 0; target < 100; ++target) {
      std::vector<double> distance(400, 1e300);
      for (std::size_t i = 0; i < 400; ++i) {
        if (!(weight[i] > 0)) continue;
        double squares = 0;
        for (std::size_t j = 0; j < k; ++j) {
          const double off = x[i * k + j] - t[target * k + j];
          squares += off * off;
        }
        distance[i] = std::sqrt(squares);
      }
      const double least = *std::min_element(distance.begin(), distance.end());
      std::vector<std::uint32_t> all;
      for (std::uint32_t i = 0; i < 400; ++i)
        if (distance[i] <= least + 1e-11) all.push_back(i);
      const NearestPoint found = points.find(std::span(t).subspan(target * k, k));
      EXPECT_NEAR(found.distance, least, 1e-12);
      EXPECT_EQ(found.points, all) << k << " " << target;
      // The seven nearest rows, where every third point is two.
      std::vector<std::uint32_t> order;
      for (std::uint32_t i = 0; i < 400; ++i)
        if (weight[i] > 0) order.push_back(i);
      std::stable_sort(order.begin(), order.end(),
                       [&](auto a, auto b) { return distance[a] < distance[b]; });
      double so_far = 0;
      std::size_t last = 0;
      while ((so_far += rows[order[last]]) < 7) ++last;
      all.clear();
      for (std::uint32_t i = 0; i < 400; ++i)
        if (distance[i] <= distance[order[last]] + 1e-11) all.push_back(i);
      const NearestPoint several = points.find(std::span(t).subspan(target * k, k), 7);
      EXPECT_NEAR(several.distance, distance[order[last]], 1e-12);
      EXPECT_EQ(several.points, all) << k << " " << target;
    }
  }
}

TEST(ScoreClasses, CutAtTheQuantiles) {
  const std::vector<double> a{0.1, 0.4, 0.4, 0.9}, b{0.2, 0.3}, one_a(4, 1.0), one_b(2, 1.0);
  const ScoreClasses pooled = quantile_classes(a, one_a, b, one_b, 3);
  EXPECT_EQ(pooled.cuts, (std::vector<double>{0.2, 0.4}));
  EXPECT_EQ(pooled.of_a, (std::vector<std::uint32_t>{0, 1, 1, 2}));
  EXPECT_EQ(pooled.of_b, (std::vector<std::uint32_t>{0, 1}));
  const ScoreClasses reference = quantile_classes(a, {}, b, std::vector<double>{1, 3}, 4);
  EXPECT_EQ(reference.cuts, (std::vector<double>{0.2, 0.3, 0.3}));
  EXPECT_EQ(reference.of_a, (std::vector<std::uint32_t>{0, 3, 3, 3}));
}

// With the classes and what comes before them held, weights that meet the reference sample's class
// totals have the derivatives that the stage claims.
TEST(ClassStage, HasTheDerivativesOfItsWeights) {
  const TwoSampleWorld world(20);
  const std::vector<VariableId> ids{world.schema.id(3)};
  const CellIndex index = make_cell_index(world.a, ids);
  TwoSamples samples = make_two_samples({ids}, index, world.benchmarks()).value();
  const ScoreClasses classes = quantile_classes(samples.a.blocks[1].number, row_counts(index),
                                                samples.b.blocks[1].number, {}, 3);
  const std::vector<double> before = uniforms(index.cells, 5);
  std::vector<double> g;
  const auto mean = [&](const std::vector<double>& a, const std::vector<double>& d) {
    std::vector<double> size(3, 0.0), total(3, 0.0);
    for (std::size_t c = 0; c < a.size(); ++c) size[classes.of_a[c]] += a[c] * before[c];
    for (std::size_t j = 0; j < d.size(); ++j)
      total[classes.of_b[samples.reference_index.cell_of[j]]] += d[j];
    g.clear();
    double sum = 0, weight = 0;
    for (std::size_t i = 0; i < index.n; ++i) {
      const std::uint32_t c = index.cell_of[i];
      const std::uint32_t k = classes.of_a[c];
      const double w = a[c] * before[c] * total[k] / size[k];
      sum += w * world.y[i];
      weight += w;
    }
    for (std::size_t c = 0; c < a.size(); ++c)
      g.push_back(before[c] * total[classes.of_a[c]] / size[classes.of_a[c]]);
    return sum / weight;
  };
  const std::vector<double> a = index.weight, d = world.b->sample.base_weights;
  mean(a, d);
  Weights weights;
  weights.factor = g;
  weights.stages.push_back({.factor = before});
  weights.stages.push_back(class_stage(samples, classes, before, g));
  weights.reference = world.b;
  const ClaimedInfluence claimed(index, weights, world.y);
  for (std::size_t c = 0; c < a.size(); c += 9) {
    std::vector<double> up = a, low = a;
    up[c] += 1e-4;
    low[c] -= 1e-4;
    EXPECT_NEAR((mean(up, d) - mean(low, d)) / 2e-4, claimed.a[c], 1e-9) << c;
  }
  std::vector<double> u;
  for (std::size_t j = 0; j < d.size(); ++j) {
    std::vector<double> up = d, low = d;
    up[j] *= 1 + 1e-4;
    low[j] *= 1 - 1e-4;
    u.push_back((mean(a, up) - mean(a, low)) / 2e-4);
  }
  EXPECT_NEAR(claimed.variance_b / design_of(*world.b).variance(u).value(), 1, 1e-6);
}

/// One number: respondents at 0, 1, 4, 4; reference persons at 0.2, 1, 2.5, 4 (d = 10, 20, 30, 40).
struct Line {
  Schema schema;
  Sample a;
  std::shared_ptr<ReferenceSample> b = std::make_shared<ReferenceSample>();
  Line() {
    Variable v;
    v.name = "x";
    v.kind = VariableKind::continuous;
    schema.add(v);
    a.schema = b->sample.schema = &schema;
    a.columns.resize(1);
    b->sample.columns.resize(1);
    a.numbers = {{0, 1, 4, 4}};
    b->sample.numbers = {{0.2, 1, 2.5, 4}};
    a.n = b->sample.n = 4;
    b->sample.base_weights = {10, 20, 30, 40};
  }
  Result<Weights> weigh(std::string_view method, std::string toml = "") const {
    const auto weighting =
        testing::make(weightings(), method, schema, "covariates = [\"x\"]\n" + toml);
    Benchmarks known(schema);
    known.set_reference(b);
    return weighting->weigh(make_cell_index(a, weighting->variables()), known);
  }
};

TEST(Matching, GivesEachReferencePersonToTheNearestAndTiesShare) {
  const Line line;
  // A propensity and a whitened covariate are both linear in x: 2.5 is as near 1 as 4.
  for (const char* distance : {"propensity", "mahalanobis"}) {
    SCOPED_TRACE(distance);
    const auto w = line.weigh("matching", std::string("distance = \"") + distance + "\"");
    ASSERT_TRUE(w.ok()) << w.failure().detail;
    const std::vector<double> expected{10, 20 + 10, 20 + 10, 20 + 10};
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(w.value().factor[i], expected[i], 1e-9) << i;
  }
}

TEST(Matching, DropsThoseBeyondTheCaliperAndSaysHowMany) {
  const Line line;
  // Weighted by d the variance of x is 8.479 - 2.57² = 1.8741: a caliper of 0.5 is 0.684.
  const auto w = line.weigh("matching", "distance = \"mahalanobis\"\ncaliper = 0.5");
  ASSERT_TRUE(w.ok()) << w.failure().detail;
  const std::vector<double> expected{10, 20, 20, 20};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(w.value().factor[i], expected[i], 1e-9) << i;
  EXPECT_EQ(w.value().notes.at(0),
            "1 of 4 reference persons, who stand for 30, have no match within the caliper");
  Line far;
  for (double& x : far.b->sample.numbers[0]) x += 0.1;
  const auto failed = far.weigh("matching", "distance = \"mahalanobis\"\ncaliper = 1e-3");
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.failure().detail.find("within the caliper"), std::string::npos);
  for (double& x : far.b->sample.numbers[0]) x = 1;
  const auto flat = far.weigh("matching", "distance = \"mahalanobis\"");
  ASSERT_FALSE(flat.ok());
  EXPECT_EQ(flat.failure().kind, FailureKind::singular_matrix);
  EXPECT_NE(flat.failure().detail.find("\"x\" does not vary"), std::string::npos);
}

TEST(Matching, LeavesOutDependentCovariatesWithoutMovingAnyMatch) {
  TwoSampleWorld world(21);
  const auto one =
      world.weighting("matching", "distance = \"mahalanobis\"\ncovariates = [\"age\", \"sex\"]");
  const Weights first = one->weigh(world.index(*one), world.benchmarks()).value();
  for (Sample* s : {&world.a, &world.b->sample})
    for (std::size_t i = 0; i < s->n; ++i)
      s->numbers[4][i] = 3 - 2 * s->numbers[3][i] + s->columns[1][i];
  const auto two = world.weighting(
      "matching", "distance = \"mahalanobis\"\ncovariates = [\"age\", \"sex\", \"hours\"]");
  const Weights second = two->weigh(world.index(*two), world.benchmarks()).value();
  double sum = 0, reference = 0;
  for (std::size_t i = 0; i < world.a.n; ++i) {
    EXPECT_NEAR(first.factor[i], second.factor[i], 1e-9);
    sum += first.factor[i];
  }
  for (const double d : world.b->sample.base_weights) reference += d;
  EXPECT_NEAR(sum / reference, 1, 1e-12);
}

TEST(KernelWeighting, SpreadsByTheTriangleByHand) {
  const Line line;
  // Scores are linear in x on the logit scale; a bandwidth of 2 in x. The slope comes from the fit.
  const auto samples = [&] {
    Benchmarks known(line.schema);
    known.set_reference(line.b);
    const std::vector<VariableId> x{line.schema.id(0)};
    return make_two_samples({x}, make_cell_index(line.a, x), known);
  }();
  const auto fit =
      fit_participation(samples.value(), ParticipationEquation::pooled, Link::logit).value();
  const double slope = std::abs(fit.theta[1]);
  const auto w =
      line.weigh("kernel_weighting", "kernel = \"triangular\"\nscale = \"logit\"\nbandwidth = " +
                                         std::to_string(2 * slope * 1e6) + "e-6");
  ASSERT_TRUE(w.ok()) << w.failure().detail;
  // 0.2: K = 0.9, 0.6; 1: 0.5, 1; 2.5: 0.25 at 1, 0.25 at both 4s; 4: both 4s alone.
  const std::vector<double> expected{10 * 0.6 + 20 / 3.0, 10 * 0.4 + 40 / 3.0 + 10, 30, 30};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(w.value().factor[i], expected[i], 1e-6) << i;
}

TEST(KernelWeighting, AHugeBandwidthGivesEqualWeights) {
  const TwoSampleWorld world(22);
  double reference = 0;
  for (const double d : world.b->sample.base_weights) reference += d;
  for (const char* kernel : {"gaussian", "triangular"})
    for (const char* scale : {"probability", "logit"}) {
      const auto weighting = world.weighting(
          "kernel_weighting", std::string("covariates = [\"region\", \"age\"]\nbandwidth = 1e7\n") +
                                  "kernel = \"" + kernel + "\"\nscale = \"" + scale + "\"");
      const CellIndex index = world.index(*weighting);
      const Weights w = weighting->weigh(index, world.benchmarks()).value();
      for (const double g : w.factor)
        EXPECT_NEAR(g * static_cast<double>(index.n) / reference, 1, 1e-5);
    }
}

TEST(KernelWeighting, KeepsTheReferenceTotalAndCountsTheUnmatched) {
  const TwoSampleWorld world(23);
  double reference = 0;
  for (const double d : world.b->sample.base_weights) reference += d;
  const auto sum_of = [&](const std::string& toml, std::string* note) {
    const auto weighting = world.weighting(
        "kernel_weighting", "covariates = [\"region\", \"age\", \"hours\"]\n" + toml);
    const CellIndex index = world.index(*weighting);
    const auto w = weighting->weigh(index, world.benchmarks());
    EXPECT_TRUE(w.ok());
    if (note != nullptr) *note = w.value().notes.back();
    return WeightedMean(index, w.value(), world.y).size;
  };
  for (const char* kernel : {"gaussian", "triangular"})
    EXPECT_NEAR(sum_of(std::string("kernel = \"") + kernel + "\"", nullptr) / reference, 1, 1e-10);
  std::string note;
  const std::string tight = "kernel = \"triangular\"\nbandwidth = 0.001\n";
  EXPECT_NEAR(sum_of(tight, &note) / reference, 1, 1e-10);
  EXPECT_NE(note.find("are unmatched: given to the nearest"), std::string::npos) << note;
  EXPECT_LT(sum_of(tight + "unmatched = \"drop\"", &note), 0.9 * reference);
  EXPECT_NE(note.find("are unmatched: dropped"), std::string::npos) << note;
}

// The linearized variance against the variance over 400 pairs of samples, everything done again.
// The Monte Carlo error of the ratio is 7 %. The reference sample's part is 45 % of the variance of
// matching and over 80 % of the kernel's, and classes without the propensity's own part give 0.4,
// so that such variances fail the bound.
TEST(ScoreStages, GiveTheVarianceOverBothSamples) {
  constexpr std::uint64_t kPairs = 400;
  std::vector<std::unique_ptr<const TwoSampleWorld>> worlds;
  for (std::uint64_t r = 0; r < kPairs; ++r)
    worlds.push_back(std::make_unique<TwoSampleWorld>(1000 + r, 1000, 300));
  const struct {
    const char *method, *options;
  } all[] = {
      {"kernel_weighting", ""},
      {"kernel_weighting", "kernel = \"triangular\"\nbandwidth = 0.01"},
      {"matching", ""},
      {"ipw", "classes = 1"},
      {"ipw", "classes = 5"},
      {"ipw", "classes = 5\nclass_weights = \"reference\""},
      {"ipw", "classes = 10\nclass_weights = \"reference\"\nclass_quantiles = \"reference\""}};
  for (const auto& [method, options] : all) {
    SCOPED_TRACE(std::string(method) + " " + options);
    Moments mean, variance;
    for (const auto& world : worlds) {
      const auto weighting =
          world->weighting(method, std::string("covariates = [\"region\", \"age\"]\n") + options);
      const CellIndex index = world->index(*weighting);
      const auto w = weighting->weigh(index, world->benchmarks());
      ASSERT_TRUE(w.ok()) << w.failure().detail;
      mean.add(WeightedMean(index, w.value(), world->y).mean);
      const ClaimedInfluence claimed(index, w.value(), world->y);
      Moments u;
      for (const double influence : claimed.a) u.add(influence);
      variance.add(claimed.variance_b + static_cast<double>(index.n) * u.variance());
    }
    EXPECT_NEAR(variance.mean() / mean.variance(), 1, 0.3);
  }
}

}  // namespace
}  // namespace steelyard
