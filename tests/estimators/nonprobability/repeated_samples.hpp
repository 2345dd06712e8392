#pragma once

// A small finite population by formulas, and samples of it: respondents who take part by a law of
// their covariates, and a reference sample drawn with unequal probabilities with replacement.

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "core/sample.hpp"
#include "performance_study.hpp"

namespace steelyard::testing {

/// Covariates x1, x2 (numbers on [-1, 1], or ±0.4 and ±0.5) and group (3
/// levels), and "noise", a number that nothing depends on; "side1", "side2" and
/// "coin" say whether x1, x2 and noise are above 0. Answers "wage" (a number, linear in
/// all three) and "works" (a category, logistic).
/// People come in pairs with equal covariates and opposite errors, so that the models of numbers
/// hold in this finite population exactly. The reference sample has the covariates alone.
class RepeatedSamples {
 public:
  /// How probable it is to take part, by (x1, x2, group).
  enum class Law { logistic, exponential, probit, cloglog };

  struct Draw {
    Sample a;
    std::shared_ptr<ReferenceSample> b;
  };

  enum class Values { continuous, discrete };

  /// How strong selection is.
  struct Strength {
    double participation = 1;  ///< of the linear predictor
    double sizes = 1;          ///< of log sizes, hence of the reference sample's design weights
  };

  explicit RepeatedSamples(Law law, Values values, std::size_t population = 20000,
                           double expected_a = 400, std::size_t n_b = 200)
      : RepeatedSamples(law, values, population, expected_a, n_b, Strength{}) {}

  RepeatedSamples(Law law, Values values, std::size_t population, double expected_a,
                  std::size_t n_b, Strength strength)
      : n_b_(n_b) {
    for (const char* name : {"x1", "x2"}) number(name);
    Variable group;
    group.name = "group";
    group.levels = {"a", "b", "c"};
    schema.add(group);
    number("wage");
    Variable works;
    works.name = "works";
    works.levels = {"no", "yes"};
    works.assumed_values = {0, 1};
    schema.add(works);
    number("noise");
    for (const char* name : {"side1", "side2", "coin"}) {
      Variable half;
      half.name = name;
      half.levels = {"below", "above"};
      schema.add(half);
    }
    people_.schema = &schema;
    people_.n = population;
    people_.columns.resize(schema.size());
    people_.numbers.resize(schema.size());
    Stream stream({Seed{20261125}, purpose("population"), {}, {}});
    Stream noises({Seed{20261125}, purpose("noise"), {}, {}});
    std::vector<double> chance;
    double size = 0;
    for (std::size_t i = 0; i < population; i += 2) {
      double x1 = 2 * stream.uniform() - 1, x2 = 2 * stream.uniform() - 1;
      if (values == Values::discrete) {
        x1 = x1 < 0 ? -0.4 : 0.4;
        x2 = x2 < 0 ? -0.5 : 0.5;
      }
      const auto group_code = static_cast<LevelCode>(stream.below(3));
      const double g = group_code == 1 ? 1 : group_code == 2 ? -1 : 0;
      double noise = -6;  // of twelve uniforms: nearly normal, variance 1
      for (int k = 0; k < 12; ++k) noise += stream.uniform();
      const double mean = 10 + 2 * x1 + x2 + 0.7 * g, u = stream.uniform();
      for (const double sign : {1.0, -1.0}) {
        people_.numbers[0].push_back(x1);
        people_.numbers[1].push_back(x2);
        people_.columns[2].push_back(group_code);
        people_.numbers[3].push_back(mean + 1.5 * sign * noise);
        people_.columns[4].push_back((sign > 0 ? u : 1 - u) <
                                     1 / (1 + std::exp(-0.2 - x1 - 0.5 * x2)));
        people_.numbers[5].push_back(2 * noises.uniform() - 1);
        people_.columns[6].push_back(x1 > 0);
        people_.columns[7].push_back(x2 > 0);
        people_.columns[8].push_back(people_.numbers[5].back() > 0);
        chance.push_back(strength.participation * (0.6 * x1 + 0.3 * x2 + 0.3 * g));
        size_.push_back(std::exp(strength.sizes * (0.5 * x2 + 0.2 * g)));
        size += size_.back();
      }
    }
    double low = -30, high = 30;  // the intercept
    for (int k = 0; k < 200; ++k) {
      const double middle = (low + high) / 2;
      double sum = 0;
      for (const double eta : chance) sum += probability(law, middle + eta);
      (sum < expected_a ? low : high) = middle;
    }
    for (const double eta : chance) chance_.push_back(probability(law, low + eta));
    groups_.assign(3, 0.0);
    for (const LevelCode code : people_.columns[2]) groups_[code] += 1;
    for (std::size_t v = 0; v < schema.size(); ++v) {
      double sum = 0;
      for (std::size_t i = 0; i < population; ++i)
        sum += people_.numbers[v].empty() ? people_.columns[v][i] : people_.numbers[v][i];
      truth_.push_back(sum / static_cast<double>(population));
    }
    double so_far = 0;
    for (double& s : size_) {
      s /= size;
      cumulated_.push_back(so_far += s);
    }
  }

  Draw draw(std::uint32_t replicate) const {
    Stream stream({Seed{7}, purpose("samples"), Replicate{replicate}, {}});
    Draw out{empty(), std::make_shared<ReferenceSample>()};
    for (std::size_t i = 0; i < people_.n; ++i)
      if (stream.uniform() < chance_[i]) copy(i, true, out.a);
    Sample& b = out.b->sample;
    b = empty();
    for (std::size_t k = 0; k < n_b_; ++k) {
      const auto at = std::lower_bound(cumulated_.begin(), cumulated_.end() - 1, stream.uniform());
      const auto i = static_cast<std::size_t>(at - cumulated_.begin());
      copy(i, false, b);
      b.base_weights.push_back(1 / (static_cast<double>(n_b_) * size_[i]));
    }
    return out;
  }

  /// The same with what is known, the sizes of the groups among it, and with population means of
  /// numbers and the share of "works" = yes.
  DrawnSample drawn(std::uint32_t replicate) const {
    Draw both = draw(replicate);
    DrawnSample out{std::move(both.a), Benchmarks(schema), truth_};
    out.known.set_reference(both.b);
    out.known.add({{schema.id(2)}, groups_});
    return out;
  }

  Schema schema;

 private:
  static double probability(Law law, double eta) {
    switch (law) {
      case Law::exponential:
        return std::exp(eta);
      case Law::probit:
        return std::erfc(-eta / std::sqrt(2.0)) / 2;
      case Law::cloglog:
        return -std::expm1(-std::exp(eta));
      case Law::logistic:
        break;
    }
    return 1 / (1 + std::exp(-eta));
  }
  void number(const char* name) {
    Variable v;
    v.name = name;
    v.kind = VariableKind::continuous;
    schema.add(v);
  }
  Sample empty() const {
    Sample out;
    out.schema = &schema;
    out.columns.resize(schema.size());
    out.numbers.resize(schema.size());
    return out;
  }
  void copy(std::size_t i, bool answers, Sample& into) const {
    ++into.n;
    for (const std::size_t v : {0, 1, 3, 5})
      if (v != 3 || answers) into.numbers[v].push_back(people_.numbers[v][i]);
    for (const std::size_t v : {2, 6, 7, 8}) into.columns[v].push_back(people_.columns[v][i]);
    if (answers) into.columns[4].push_back(people_.columns[4][i]);
  }

  std::size_t n_b_;
  Sample people_;
  std::vector<double> chance_, size_, cumulated_, groups_, truth_;
};

inline std::map<std::string, Performance> study(const RepeatedSamples& world,
                                                const std::vector<Estimator>& estimators,
                                                std::uint32_t replicates = kReplicates) {
  return study(
      world.schema, estimators, [&](std::uint32_t r) { return world.drawn(r); }, replicates);
}
inline std::map<std::string, Performance> study(RepeatedSamples::Law law,
                                                RepeatedSamples::Values values,
                                                const std::vector<Estimator>& estimators) {
  return study(RepeatedSamples(law, values), estimators);
}

}  // namespace steelyard::testing
