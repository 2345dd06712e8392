// Mass imputation and doubly robust estimators against an independent implementation.

#include <gtest/gtest.h>

#include <cmath>

#include "clw_data.hpp"
#include "core/random.hpp"
#include "estimators/functionals/functional.hpp"
#include "estimators/functionals/level_estimator.hpp"
#include "estimators/intervals/interval_method.hpp"
#include "estimators/tabulate.hpp"
#include "tests/estimators/worlds.hpp"
#include "two_sample_world.hpp"

namespace steelyard {
namespace {

using testing::ClwData;
using testing::make;

/// The samples with the answers as columns: y50 a number, yb a category "no", "yes".
struct WithAnswers : ClwData {
  Schema all;
  Sample sample;
  VariableId number{}, category{};

  WithAnswers() {
    for (std::size_t v = 0; v < schema.size(); ++v) all.add(schema[schema.id(v)]);
    Variable income;
    income.name = "y50";
    income.kind = VariableKind::continuous;
    number = all.add(income);
    Variable yb;
    yb.name = "yb";
    yb.levels = {"no", "yes"};
    yb.assumed_values = {0, 1};
    category = all.add(yb);
    sample = a;
    sample.schema = &all;
    sample.numbers.resize(all.size());
    sample.numbers[index_of(number)] = y[1];
    sample.columns.resize(all.size());
    for (const double value : y[3])
      sample.columns[index_of(category)].push_back(static_cast<LevelCode>(value));
    b->sample.schema = &all;
    b->sample.columns.resize(all.size());
    b->sample.numbers.resize(all.size());
  }
  static std::size_t index_of(VariableId id) { return static_cast<std::size_t>(id); }
};

const WithAnswers& data() {
  static const WithAnswers all;
  return all;
}

/// The mean of an answer by weighting, functional options and interval.
struct Made {
  double mean = 0, se = 0;
};
Made mean_of(const std::string& method, const std::string& options, const std::string& variable,
             const std::string& functional_options = "",
             const std::string& interval = "linearization",
             const std::string& interval_options = "") {
  const WithAnswers& d = data();
  const auto weighting = make(weightings(), method, d.all, options);
  const auto functional =
      make(functionals(), "mean", d.all, "variable = \"" + variable + "\"\n" + functional_options);
  const auto method_of_interval = make(intervals(), interval, d.all, interval_options);
  Benchmarks known(d.all);
  known.set_reference(d.b);
  const CellIndex index = make_cell_index(d.sample, weighting->variables());
  const auto weights = weighting->weigh(index, known);
  EXPECT_TRUE(weights.ok()) << (weights.ok() ? "" : weights.failure().detail);
  const auto rows = domain_rows(d.sample, {}), reference_rows = domain_rows(d.b->sample, {});
  const std::vector<VariableId> answers = functional->variables();
  const Tabulation table = Tabulator(d.sample, index).tabulate(answers, rows);
  std::vector<double> totals = level_totals(table, weights.value());
  std::unique_ptr<const ModelledAnswer> modelled;
  if (weighting->models_answers()) {
    auto made =
        weighting->model_answer(index, known, weights.value(), {answers, table, reference_rows});
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.failure().detail);
    modelled = std::move(made.value());
    totals.assign(modelled->totals().begin(), modelled->totals().end());
  }
  const LevelEstimator estimator(d.all, *functional, nullptr);
  const auto point = estimator.estimate(totals);
  const std::vector<AnswerRows> tables{{answers, rows, reference_rows}};
  const auto prepared = method_of_interval->prepare({.index = index,
                                                     .weights = weights.value(),
                                                     .sample = &d.sample,
                                                     .weighting = weighting.get(),
                                                     .benchmarks = &known,
                                                     .tables = tables,
                                                     .seed = Seed{1}});
  EXPECT_TRUE(prepared.ok()) << (prepared.ok() ? "" : prepared.failure().detail);
  const auto made =
      prepared.value()->interval({table, point.value(), &estimator, totals, 0, modelled.get()});
  EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.failure().detail);
  return {point.value().estimate, made.value().se};
}

double golden(const nlohmann::json& cased, const std::string& estimator, const char* what,
              const std::string& variable = "y50") {
  for (const auto& e : cased["estimates"])
    if (e["estimator"].get<std::string>().starts_with(estimator) && e["variable"] == variable &&
        e.contains(what))
      return e[what];
  ADD_FAILURE() << estimator << " " << what;
  return std::nan("");
}

std::string options_of(const nlohmann::json& cased) {
  std::string outcome = ClwData::covariates_toml(cased["outcome_model"]);
  return ClwData::covariates_toml(cased["participation"]) + "outcome_" + outcome;
}

TEST(GoldenOutcomeModels, EstimatesAndThePapersVariance) {
  for (const auto& cased : data().cases) {
    SCOPED_TRACE(cased["id"].get<std::string>());
    const std::string outcome = ClwData::covariates_toml(cased["outcome_model"]);
    const std::string known = "known_size = " + std::to_string(cased["N"].get<double>());
    EXPECT_NEAR(
        mean_of("mass_imputation", outcome, "y50").mean / golden(cased, "REG (mass", "estimate"), 1,
        1e-7);
    EXPECT_NEAR(
        mean_of("doubly_robust", options_of(cased) + "normalised = false", "y50", known).mean /
            golden(cased, "DR1", "estimate"),
        1, 1e-7);
    const Made dr2 = mean_of("doubly_robust", options_of(cased), "y50");
    EXPECT_NEAR(dr2.mean / golden(cased, "DR2: N", "estimate"), 1, 1e-7);
    EXPECT_NEAR(dr2.se / golden(cased, "DR2: N", "se"), 1, 1e-7);
    // The same through the model of the answer.
    const Made own = mean_of("doubly_robust", options_of(cased) + "model = \"own\"", "y50");
    EXPECT_NEAR(own.mean / dr2.mean, 1, 1e-10);
    EXPECT_NEAR(own.se / dr2.se, 1, 1e-9);
    const Made imputed = mean_of("mass_imputation", outcome, "y50");
    const Made own_imputed = mean_of("mass_imputation", outcome + "model = \"own\"", "y50");
    EXPECT_NEAR(own_imputed.mean / imputed.mean, 1, 1e-10);
    EXPECT_NEAR(own_imputed.se / imputed.se, 1, 1e-9);
    EXPECT_NEAR(mean_of("mass_imputation", outcome + "model = \"own\"", "yb").mean /
                    golden(cased, "REG with a logistic", "estimate", "yb"),
                1, 1e-7);
    EXPECT_NEAR(mean_of("doubly_robust", options_of(cased) + "model = \"own\"", "yb").mean /
                    golden(cased, "DR2 with a logistic", "estimate", "yb"),
                1, 1e-7);
    EXPECT_NEAR(mean_of("ipw", ClwData::covariates_toml(cased["participation"]), "yb").mean /
                    golden(cased, "IPW2", "estimate", "yb"),
                1, 1e-7);
  }
}

TEST(GoldenOutcomeModels, DonorsAnswers) {
  for (const auto& cased : data().cases) {
    SCOPED_TRACE(cased["id"].get<std::string>());
    const std::string outcome = ClwData::covariates_toml(cased["outcome_model"]) + "donors = 5\n";
    const auto expect = [&](const std::string& options, const std::string& estimator) {
      EXPECT_NEAR(mean_of("mass_imputation", outcome + options, "y50").mean /
                      golden(cased, estimator, "estimate"),
                  1, 1e-7)
          << estimator;
    };
    expect("model = \"nearest\"\ndistance = \"euclidean\"",
           "mass imputation, 5 nearest neighbours");
    expect("model = \"predictive_mean\"", "predictive mean matching, 5 donors, |yhat_j - yhat_i|");
    expect("model = \"predictive_mean\"\nmatching = \"observed\"",
           "predictive mean matching, 5 donors, |y_j - yhat_i|");
  }
}

// The bootstrap that resamples both samples and repeats every step.
TEST(OutcomeModels, LinearizationAgreesWithTheBootstrapOfBothSamples) {
  const std::string x = "covariates = [\"x1\", \"x2\", \"x3\", \"x4\"]\n";
  for (const char* method : {"ipw", "mass_imputation", "doubly_robust"})
    for (const char* variable : {"y50", "yb"})
      for (const bool own : {false, true}) {
        if (own && std::string(method) == "ipw") continue;
        SCOPED_TRACE(std::string(method) + " " + variable + (own ? " own" : ""));
        const std::string options = x + (own ? "model = \"own\"" : "");
        const Made linear = mean_of(method, options, variable);
        const Made boot = mean_of(method, options, variable, "", "bootstrap", "replicates = 400");
        // The bootstrap's standard error has 3.5 % of its own at 400 draws.
        EXPECT_NEAR(boot.se / linear.se, 1, 0.16);
      }
}

/// y is a covariate, so that the outcome model has no error whatever the propensity is: the
/// estimate is the reference sample's, and so must be its error.
TEST(OutcomeModels, DoublyRobustErrorsNeedNoRightPropensity) {
  const testing::TwoSampleWorld world(11);
  testing::TwoSampleWorld of_age = world;
  of_age.y = world.a.numbers[3];
  const std::string terms = "covariates = [\"age\"]\noutcome_covariates = [\"sex\", \"age\"]\n";
  const auto robust = world.weighting("doubly_robust", terms + "variance = \"doubly_robust\"");
  const CellIndex index = world.index(*robust);
  const auto weights = robust->weigh(index, world.benchmarks());
  ASSERT_TRUE(weights.ok());
  const std::vector<double>&d = world.b->sample.base_weights, &age = world.b->sample.numbers[3];
  double size = 0, mean = 0;
  for (std::size_t j = 0; j < d.size(); ++j) {
    size += d[j];
    mean += d[j] * age[j];
  }
  mean /= size;
  std::vector<double> u;
  for (std::size_t j = 0; j < d.size(); ++j) u.push_back(d[j] * (age[j] - mean) / size);
  const testing::ClaimedInfluence claimed(index, weights.value(), of_age.y);
  EXPECT_NEAR(testing::WeightedMean(index, weights.value(), of_age.y).mean, mean, 1e-9 * mean);
  const double variance = design_of(*world.b).variance(u).value();
  EXPECT_NEAR(claimed.variance_b / variance, 1, 1e-9);
  for (const double influence : claimed.a) EXPECT_NEAR(influence, 0, 1e-9);
  // The paper's multiplies it by the ratio of the samples' sizes of the population, squared.
  const auto paper = world.weighting("doubly_robust", terms)->weigh(index, world.benchmarks());
  const double ratio = paper.value().stages[1].factor[0];
  EXPECT_GT(std::abs(ratio - 1), 0.01);
  EXPECT_NEAR(testing::ClaimedInfluence(index, paper.value(), of_age.y).variance_b / variance,
              ratio * ratio, 1e-9);
}

TEST(OutcomeModels, BiasMinimisedCoefficientsLeaveNothingToTheOutcomeModel) {
  const std::string x = "covariates = [\"x1\", \"x2\", \"x3\", \"x4\"]\n";
  const Made dr = mean_of("doubly_robust", x + "coefficients = \"bias_minimised\"", "y50");
  const Made calibrated = mean_of("ipw", x + "equation = \"calibrated\"", "y50");
  EXPECT_NEAR(dr.mean / calibrated.mean, 1, 1e-10);
  // The published variance takes the mean of predictions over the other size.
  EXPECT_NEAR(dr.se / calibrated.se, 1, 0.01);
}

}  // namespace
}  // namespace steelyard
