#pragma once

// Estimates and intervals over many samples of a world, and how well they did.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "estimators/functionals/level_estimator.hpp"
#include "estimators/intervals/interval_method.hpp"
#include "estimators/tabulate.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard::testing {

constexpr std::uint32_t kReplicates = 5000;
constexpr double kNominal = 0.95;

struct Estimator {
  std::string name, method, options, variable;
  std::string mean_options = "";  ///< of the functional
};

/// What one replicate gives to estimate from, and what is to be estimated.
struct DrawnSample {
  Sample a;
  Benchmarks known;
  std::vector<double> truth;  ///< by variable id
};

struct Performance {
  double bias = 0, sd = 0, mean_se = 0, coverage = 0;
  std::size_t made = 0;
  double mcse() const { return sd / std::sqrt(static_cast<double>(made)); }
  double coverage_mcse() const {
    return std::sqrt(kNominal * (1 - kNominal) / static_cast<double>(made));
  }
  bool unbiased() const { return std::abs(bias) < 4 * mcse(); }
  bool nominal() const { return std::abs(coverage - kNominal) < 4 * coverage_mcse(); }
  bool visibly_wrong() const { return std::abs(bias) > 10 * mcse() && coverage < 0.9; }
  std::string describe() const {
    return fmt::format(
        "bias {:+.4f} ({:.1f} mcse, {:.2f} sd), coverage {:.4f}, se / sd {:.3f}, {} made", bias,
        bias / mcse(), bias / sd, coverage, mean_se / sd, made);
  }
};

/// Estimates and intervals of one sample; a failure where there is none.
class Estimation {
 public:
  Estimation(const Schema& schema, const Estimator& e)
      : weighting_(make(weightings(), e.method, schema, e.options)),
        functional_(make(functionals(), "mean", schema,
                         "variable = \"" + e.variable + "\"\n" + e.mean_options)),
        interval_(make(intervals(), "linearization", schema)),
        estimator_(schema, *functional_, nullptr) {}

  Result<std::pair<double, Interval>> run(const DrawnSample& draw) const {
    const CellIndex index = make_cell_index(draw.a, weighting_->variables());
    const auto weights = weighting_->weigh(index, draw.known);
    if (!weights) return weights.failure();
    const auto rows = domain_rows(draw.a, {});
    std::vector<std::uint32_t> reference_rows;
    if (draw.known.reference()) reference_rows = domain_rows(draw.known.reference()->sample, {});
    const std::vector<VariableId> answers = functional_->variables();
    const Tabulation table = Tabulator(draw.a, index).tabulate(answers, rows);
    std::vector<double> totals = level_totals(table, weights.value());
    std::unique_ptr<const ModelledAnswer> modelled;
    if (weighting_->models_answers()) {
      const Domain everybody;
      auto made = weighting_->model_answer(index, draw.known, weights.value(),
                                           {answers, table, reference_rows, &everybody, &table});
      if (!made) return made.failure();
      modelled = std::move(made.value());
      totals.assign(modelled->totals().begin(), modelled->totals().end());
    }
    const auto point = estimator_.estimate(totals);
    if (!point) return point.failure();
    const auto prepared = interval_->prepare({.index = index, .weights = weights.value()});
    if (!prepared) return prepared.failure();
    const auto made =
        prepared.value()->interval({table, point.value(), &estimator_, totals, 0, modelled.get()});
    if (!made) return made.failure();
    return std::pair{point.value().estimate, made.value()};
  }

 private:
  std::unique_ptr<const Weighting> weighting_;
  std::unique_ptr<const Functional> functional_;
  std::unique_ptr<const IntervalMethod> interval_;
  LevelEstimator estimator_;
};

/// All estimators on the same samples, on all cores; printed, and by name.
/// @param draw  DrawnSample of a replicate's number
template <typename Draw>
std::map<std::string, Performance> study(const Schema& schema,
                                         const std::vector<Estimator>& estimators, const Draw& draw,
                                         std::uint32_t replicates = kReplicates) {
  std::vector<Estimation> made;
  for (const Estimator& e : estimators) made.emplace_back(schema, e);
  struct Outcome {
    double error = 0, se = 0;
    bool made = false, covered = false;
  };
  std::vector<std::vector<Outcome>> outcomes(estimators.size(), std::vector<Outcome>(replicates));
  std::atomic<std::uint32_t> next{0};
  const auto work = [&] {
    for (std::uint32_t r = next++; r < replicates; r = next++) {
      const DrawnSample sample = draw(r);
      for (std::size_t e = 0; e < made.size(); ++e)
        if (const auto result = made[e].run(sample)) {
          const auto& [estimate, interval] = result.value();
          const double truth = sample.truth[index(schema.require(estimators[e].variable, {}))];
          outcomes[e][r] = {estimate - truth, interval.se, true,
                            interval.lower <= truth && truth <= interval.upper};
        }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < std::max(1u, std::thread::hardware_concurrency()); ++t)
    threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  std::map<std::string, Performance> out;
  for (std::size_t e = 0; e < estimators.size(); ++e) {
    Performance p;
    for (const Outcome& o : outcomes[e]) {
      if (!o.made) continue;
      ++p.made;
      p.bias += o.error;
      p.mean_se += o.se;
      p.coverage += o.covered;
    }
    const auto n = static_cast<double>(p.made);
    p.bias /= n;
    p.mean_se /= n;
    p.coverage /= n;
    double squares = 0;
    for (const Outcome& o : outcomes[e])
      if (o.made) squares += std::pow(o.error - p.bias, 2);
    p.sd = std::sqrt(squares / (n - 1));
    out[estimators[e].name] = p;
    std::printf("%s\n    %s\n", estimators[e].name.c_str(), p.describe().c_str());
  }
  return out;
}

inline void expect_right(const std::map<std::string, Performance>& results,
                         std::uint32_t replicates = kReplicates) {
  for (const auto& [name, p] : results) {
    EXPECT_EQ(p.made, replicates) << name;
    EXPECT_TRUE(p.unbiased()) << name << ": " << p.describe();
    EXPECT_TRUE(p.nominal()) << name << ": " << p.describe();
  }
}

inline void expect_visibly_wrong(const std::map<std::string, Performance>& results) {
  for (const auto& [name, p] : results)
    EXPECT_TRUE(p.visibly_wrong()) << name << ": " << p.describe();
}

/// The one result whose name has this in it.
inline const Performance& result_of(const std::map<std::string, Performance>& results,
                                    const std::string& part) {
  for (const auto& [name, p] : results)
    if (name.find(part) != std::string::npos) return p;
  throw std::out_of_range(part);
}

struct Method {
  std::string method, options;
  std::string variable = "wage", mean_options = "";
};

/// Estimators that share their first options.
inline std::vector<Estimator> with(const std::string& shared, const std::vector<Method>& methods) {
  std::vector<Estimator> out;
  for (const Method& m : methods) {
    std::string name = m.method + " of " + m.variable + ": " + shared + m.options;
    if (!m.mean_options.empty()) name += ", " + m.mean_options;
    std::replace(name.begin(), name.end(), '\n', ' ');
    out.push_back({name, m.method, shared + m.options, m.variable, m.mean_options});
  }
  return out;
}

}  // namespace steelyard::testing
