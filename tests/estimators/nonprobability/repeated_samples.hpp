#pragma once

// A small finite population by formulas, and samples of it: respondents who take part by a law of
// their covariates, and a reference sample drawn with unequal probabilities with replacement.

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "core/sample.hpp"

namespace steelyard::testing {

/// Covariates x1, x2 (numbers on [-1, 1], or ±0.4 and ±0.5) and group (3
/// levels); answers "wage" (a number, linear in all three) and "works" (a category, logistic).
/// People come in pairs with equal covariates and opposite errors, so that the models of numbers
/// hold in this finite population exactly. The reference sample has the covariates alone.
class RepeatedSamples {
 public:
  /// How probable it is to take part, by (x1, x2, group).
  enum class Law { logistic, exponential };

  struct Draw {
    Sample a;
    std::shared_ptr<ReferenceSample> b;
  };

  enum class Values { continuous, discrete };

  explicit RepeatedSamples(Law law, Values values, std::size_t population = 20000,
                           double expected_a = 400, std::size_t n_b = 200)
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
    people_.schema = &schema;
    people_.n = population;
    people_.columns.resize(schema.size());
    people_.numbers.resize(schema.size());
    Stream stream({Seed{20261125}, purpose("population"), {}, {}});
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
        chance.push_back(0.6 * x1 + 0.3 * x2 + 0.3 * g);
        size_.push_back(std::exp(0.5 * x2 + 0.2 * g));
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

  /// The population mean of a number, or the share of "works" = yes.
  double truth(const std::string& variable) const {
    const std::size_t at = index(schema.require(variable, {}));
    double sum = 0;
    for (std::size_t i = 0; i < people_.n; ++i)
      sum += people_.numbers[at].empty() ? people_.columns[at][i] : people_.numbers[at][i];
    return sum / static_cast<double>(people_.n);
  }

  Schema schema;

 private:
  static double probability(Law law, double eta) {
    return law == Law::exponential ? std::exp(eta) : 1 / (1 + std::exp(-eta));
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
    for (const std::size_t v : {0, 1, 3})
      if (v < 3 || answers) into.numbers[v].push_back(people_.numbers[v][i]);
    into.columns[2].push_back(people_.columns[2][i]);
    if (answers) into.columns[4].push_back(people_.columns[4][i]);
  }

  std::size_t n_b_;
  Sample people_;
  std::vector<double> chance_, size_, cumulated_;
};

}  // namespace steelyard::testing
