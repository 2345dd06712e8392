// Weights, estimates, standard errors and intervals under designs, calibrations and replicates,
// against R's survey package (tests/golden/README.md).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/estimators/survey_case.hpp"

namespace steelyard {
namespace {

using namespace testing;
using nlohmann::json;

struct Tolerances {
  double weight, point, se, quantile;
};

Tolerances tolerances(const SurveyCase& c) {
  const std::string method =
      c.spec.contains("weighting") ? std::string(c.spec["weighting"]["method"]) : "none";
  const bool linear = method == "calibrate" && c.spec["weighting"]["distance"] == "linear" &&
                      !c.spec["weighting"].value("bounds", json()).is_array();
  if (method == "none") return {1e-12, 1e-12, 1e-8, 1e-10};
  if (method == "poststratify" || linear) return {1e-11, 1e-11, 1e-8, 1e-10};
  return {1e-9, 1e-9, 1e-8, 1e-9};
}

/// Rows of the estimate's domain: conditions joined.
std::vector<std::uint32_t> domain_rows_of(const Table& table, const json& domain) {
  std::vector<std::uint32_t> of(table.n(), 0);
  for (std::size_t i = 0; i < table.n(); ++i)
    for (const auto& [variable, level] : domain.items())
      if (table.text(i, variable) != level) of[i] = 1;
  return of;
}

/// An estimate of a case, and how near it must be to R's.
struct Question {
  EstimateRequest request;
  EstimationOptions options;
  double tolerance_ci = 1e-8, tolerance_point = 0;
};

void ask_quantile(const json& e, const Tolerances& tolerance, Question& q) {
  q.request.p = e.at("p");
  q.options.rule = *parse_quantile_rule(std::string(e.at("qrule")));
  const std::string interval = e.at("interval");
  if (interval == "score")
    q.options.quantiles = QuantileInterval::score_unweighted_rank;
  else if (interval == "quantile")
    q.options.quantiles = QuantileInterval::replicates;
  else
    q.options.woodruff = *parse_proportion_interval(interval);
  q.tolerance_ci = q.tolerance_point = e.at("qrule") == "hf7" ? 1e-9 : tolerance.quantile;
}

/// Puts the columns that it needs into the case.
Question ask(SurveyCase& c, const json& e, const Tolerances& tolerance) {
  const std::string stat = e.at("stat"), variable = e.at("variable");
  Question q;
  q.options.proportions = ProportionInterval::mean;
  q.options.replicates = c.replicates ? &*c.replicates : nullptr;
  if (c.replicates && c.spec["replicates"].contains("df"))
    q.options.df = c.spec["replicates"]["df"];
  q.tolerance_point = tolerance.point;
  if (stat == "ratio") {
    const auto parts = split(variable, "/");
    c.data.columns = {c.table.numbers(parts[0]), c.table.numbers(parts[1])};
    q.request = {.statistic = SurveyStatistic::ratio, .y = 0, .x = 1};
  } else if (stat == "proportion" || stat == "proportion_ci") {
    c.data.columns = {c.table.indicator(variable, e.at("level"))};
    q.request = {.statistic = SurveyStatistic::proportion};
    if (stat == "proportion_ci") {
      const std::string method = e.at("method");
      q.options.proportions = *parse_proportion_interval(method);
      if (method == "likelihood") q.tolerance_ci = 1e-4;
      // R fits these two by iteration; their estimates are known to its tolerance.
      if (method == "likelihood" || method == "logit") q.tolerance_point = 1e-8;
    }
  } else {
    c.data.columns = {c.table.numbers(variable)};
    q.request.statistic = stat == "total"      ? SurveyStatistic::total
                          : stat == "quantile" ? SurveyStatistic::quantile
                                               : SurveyStatistic::mean;
  }
  if (stat == "quantile") ask_quantile(e, tolerance, q);
  return q;
}

void expect_weights(const SurveyCase& c, const std::string& file, double tolerance) {
  const CsvFile weights = CsvFile::read(kWeightingFolder + file + "_weights.csv");
  const std::size_t column = weights.column(std::string(c.spec["weights_column"]));
  for (std::size_t i = 0; i < c.data.n; ++i)
    EXPECT_LT(relative(c.data.w[i], weights.number(i, column)), tolerance) << "row " << i;
}

/// In any order: survey orders replicates by stratum.
void expect_replicate_means(SurveyCase& c) {
  c.data.columns = {c.table.numbers("api00")};
  const EstimateRequest mean{.statistic = SurveyStatistic::mean};
  EstimationOptions options;
  options.replicates = &*c.replicates;
  std::vector<double> theta;
  estimate_all(c.data, {&mean, 1}, options, &theta);
  auto reference = c.spec["replicate_means_api00"].get<std::vector<double>>();
  std::sort(theta.begin(), theta.end());
  std::sort(reference.begin(), reference.end());
  ASSERT_EQ(theta.size(), reference.size());
  for (std::size_t r = 0; r < theta.size(); ++r) EXPECT_LT(relative(theta[r], reference[r]), 1e-9);
}

void expect_estimate(SurveyCase& c, const json& e, const Tolerances& tolerance) {
  const std::string stat = e.at("stat");
  c.data.domain_of.clear();
  if (e.contains("domain")) c.data.domain_of = domain_rows_of(c.table, e["domain"]);
  const Question q = ask(c, e, tolerance);
  const EstimateRow row = estimate_all(c.data, {&q.request, 1}, q.options)[0];
  const std::string what = e.dump();
  ASSERT_FALSE(row.failure) << row.failure->detail << what;
  EXPECT_LT(relative(row.estimate, e.at("estimate")), q.tolerance_point) << what;
  if (e.contains("se")) {
    EXPECT_LT(relative(row.se, e["se"]), stat == "quantile" ? q.tolerance_ci * 10 : tolerance.se)
        << what << " " << shortest(row.se);
  }
  for (const auto& [key, value] : {std::pair{"ci_lo", row.lower}, {"ci_hi", row.upper}})
    if (e.contains(key) && e[key].is_number()) {
      EXPECT_LT(relative(value, e[key]), q.tolerance_ci) << what << " " << key << " " << value;
    }
  if (e.contains("deff")) {
    EXPECT_LT(relative(row.deff, e["deff"]), 1e-8) << what;
  }
  if (e.contains("deff_wr")) {
    EXPECT_LT(relative(row.deff_wr, e["deff_wr"]), 1e-8) << what;
  }
  if (e.contains("df") && !c.replicates) {
    EXPECT_EQ(row.df, double(e["df"])) << what;
  }
}

class GoldenSurvey : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(GoldenSurvey, EqualsSurvey) {
  const auto& [file, id] = GetParam();
  json found;
  for (const json& c : read_json(file + "_cases.json"))
    if (c.at("id") == id) found = c;
  SurveyCase c(found);
  if (HasFatalFailure()) return;
  const Tolerances tolerance = tolerances(c);
  if (found.contains("weights_column")) expect_weights(c, file, tolerance.weight);
  if (c.replicates && found["replicates"].contains("df")) {
    EXPECT_EQ(replicate_rank(c.data, *c.replicates), double(found["replicates"]["df"]));
  }
  if (found.contains("replicate_means_api00")) expect_replicate_means(c);
  for (const json& e : found.at("estimates")) expect_estimate(c, e, tolerance);
}

std::vector<std::pair<std::string, std::string>> all_cases() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const char* file : {"apisrs", "apistrat", "apiclus1", "nhanes", "scd", "textbook"})
    for (const json& c : read_json(std::string(file) + "_cases.json"))
      out.emplace_back(file, c.at("id"));
  return out;
}

INSTANTIATE_TEST_SUITE_P(Survey, GoldenSurvey, ::testing::ValuesIn(all_cases()),
                         [](const auto& test) {
                           std::string name = test.param.first + "_" + test.param.second;
                           for (char& ch : name)
                             if (!std::isalnum(static_cast<unsigned char>(ch))) ch = '_';
                           return name;
                         });

}  // namespace
}  // namespace steelyard
