// The timing workload against R's survey (tests/golden/workload/README.md).

#include "tests/estimators/workload.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

namespace steelyard {
namespace {

using nlohmann::json;
using testing::Weighed;
using testing::Workload;

const std::string kFolder = std::string(STEELYARD_TEST_DATA) + "/golden/workload";
constexpr double kTolerance = 1e-8;

const Workload& load() {
  static const Workload workload(kFolder);
  return workload;
}

json read_json(const char* name) { return json::parse(std::ifstream(kFolder + "/" + name)); }

double kish(const std::vector<double>& w) {
  double sum = 0, squares = 0;
  for (double x : w) {
    sum += x;
    squares += x * x;
  }
  return static_cast<double>(w.size()) * squares / (sum * sum);
}

std::unique_ptr<const Weighting> raking() {
  return load().weighting("raking", Workload::margins() + "tolerance = 1e-13");
}
std::unique_ptr<const Weighting> calibration(const std::string& distance) {
  return load().weighting("calibration",
                          Workload::margins() + "tolerance = 1e-13\ndistance = " + distance);
}

void expect_near(double ours, const json& theirs, const std::string& what) {
  const double value = theirs;
  EXPECT_LT(std::abs(ours / value - 1), kTolerance) << what << " " << ours << " " << value;
}

/// Rows of one request a name, against tables by name.
void expect_rows(const std::vector<EstimateRow>& rows, const json& estimates, const json& errors) {
  ASSERT_EQ(rows.size(), load().names.size());
  ASSERT_EQ(estimates.size(), rows.size());
  for (const EstimateRow& row : rows) {
    const std::string& name = load().names[row.request];
    ASSERT_FALSE(row.failure) << row.failure->detail;
    expect_near(row.estimate, estimates.at(name), name);
    expect_near(row.se, errors.at(name), name + " se");
  }
}

TEST(Workload, WeightsHaveSurveysRangeAndKishEffects) {
  const json expected = read_json("workload_expected.json");
  const auto& kish_deff = expected.at("kish_deff");
  const Weighed raked(load(), *raking());
  const auto [low, high] = std::minmax_element(raked.w.begin(), raked.w.end());
  expect_near(*low, expected.at("rake_weight_range")[0], "smallest raked weight");
  expect_near(*high, expected.at("rake_weight_range")[1], "largest raked weight");
  expect_near(kish(raked.w), kish_deff.at("rake"), "rake");
  const Weighed post(load(), *load().weighting("poststratification", "cross = [\"region\"]"));
  expect_near(kish(post.w), kish_deff.at("poststrat"), "poststrat");
  const Weighed linear(load(), *calibration("\"linear\""));
  expect_near(kish(linear.w), kish_deff.at("linear"), "linear");
  EXPECT_EQ(std::count_if(linear.w.begin(), linear.w.end(), [](double w) { return w < 0; }),
            expected.at("linear_negative_weights"));
  const Weighed logit(load(), *calibration("\"logit\"\nbounds = [0.05, 30]"));
  expect_near(kish(logit.w), kish_deff.at("logit"), "logit");
}

TEST(Workload, RakedMeansAndLinearizedErrorsEqualSurveys) {
  const json expected = read_json("workload_expected.json");
  const SurveyDesign design = SurveyDesign::rows(load().sample.n);
  SurveyData data = survey_data(load(), design);
  const auto weighting = raking();
  const Weighed weighed(load(), *weighting);
  set_weights(data, weighed, *weighting);
  const auto rows = estimate_all(data, load().means(), {});
  expect_rows(rows, expected.at("rake_means"), expected.at("rake_se"));
  const json more = read_json("workload_more.json");
  expect_rows(rows, expected.at("rake_means"), more.at("calibrate_raking_se"));
}

TEST(Workload, MeansOfARegionEqualSurveys) {
  const json more = read_json("workload_more.json");
  const SurveyDesign design = SurveyDesign::rows(load().sample.n);
  SurveyData data = survey_data(load(), design);
  const auto weighting = raking();
  const Weighed weighed(load(), *weighting);
  set_weights(data, weighed, *weighting);
  data.domain_of = load().region;
  data.domains = load().schema[load().variables[0]].levels;
  const auto rows = estimate_all(data, load().means(), {});
  ASSERT_EQ(rows.size(), 40u * 31u);
  const std::size_t region = 4;
  ASSERT_EQ(data.domains[region], "R05");
  std::vector<EstimateRow> of_region;
  for (const EstimateRow& row : rows)
    if (row.domain == region) of_region.push_back(row);
  expect_rows(of_region, more.at("region05_means"), more.at("region05_se"));
}

TEST(Workload, GeneralisedRegressionEqualsSurveys) {
  const json expected = read_json("workload_expected.json");
  const SurveyDesign design = SurveyDesign::rows(load().sample.n);
  SurveyData data = survey_data(load(), design);
  const auto weighting = calibration("\"linear\"");
  const Weighed weighed(load(), *weighting);
  set_weights(data, weighed, *weighting);
  expect_rows(estimate_all(data, load().means(), {}), expected.at("greg_means"),
              expected.at("greg_se"));
}

TEST(Workload, MediansAndWoodruffIntervalsEqualSurveys) {
  const json medians = read_json("workload_more.json").at("medians");
  const SurveyDesign design = SurveyDesign::rows(load().sample.n);
  SurveyData data = survey_data(load(), design);
  const auto weighting = raking();
  const Weighed weighed(load(), *weighting);
  set_weights(data, weighed, *weighting);
  const auto requests = load().medians();
  for (const EstimateRow& row : estimate_all(data, requests, {})) {
    const std::string& name = requests[row.request].variable;
    const json& median = medians.at(name);
    expect_near(row.estimate, median.at("estimate"), name);
    expect_near(row.lower, median.at("ci_lo"), name + " lower");
    expect_near(row.upper, median.at("ci_hi"), name + " upper");
    expect_near(row.se, median.at("se"), name + " se");
  }
}

/// Means under replicates, re-raked in each.
std::vector<EstimateRow> replicated(const ReplicateOptions& options, bool groups) {
  DesignColumns columns;
  columns.n = load().sample.n;
  if (groups) columns.clusters = {load().psu};
  const SurveyDesign design = std::move(SurveyDesign::make(columns).value());
  SurveyData data = survey_data(load(), design);
  const auto weighting = raking();
  const Weighed weighed(load(), *weighting);
  set_weights(data, weighed, *weighting);
  const ReplicateDesign replicates = std::move(make_replicates(design, options).value());
  return estimate_all(data, load().means(), {.replicates = &replicates});
}

TEST(Workload, JackknifeReRakedInEveryReplicateEqualsSurveys) {
  const json expected = read_json("workload_expected.json");
  expect_rows(replicated({.method = ReplicateMethod::jk1}, true), expected.at("jk1_means"),
              expected.at("jk1_se"));
}

/// 400 replicates: the relative error of a standard error is 1 / sqrt(2 × 400) = 3.5 %, so that one
/// that is 16 % off is seen; the mean over 40 outcomes, which share replicates, is held to 3 of it.
TEST(Workload, BootstrapErrorsAreTheLinearizedOnesWithinMonteCarloError) {
  const json errors = read_json("workload_expected.json").at("rake_se");
  const auto rows = replicated(
      {.method = ReplicateMethod::bootstrap, .replicates = 400, .seed = Seed{20240601}}, false);
  const double relative = 1 / std::sqrt(2 * 400.0);
  double mean = 0;
  for (const EstimateRow& row : rows) {
    const double ratio = row.se / double(errors.at(load().names[row.request]));
    EXPECT_NEAR(ratio, 1, 4.5 * relative) << load().names[row.request];
    mean += ratio / static_cast<double>(rows.size());
  }
  EXPECT_NEAR(mean, 1, 3 * relative);
}

}  // namespace
}  // namespace steelyard
