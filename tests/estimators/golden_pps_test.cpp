// Calibrations, estimates and variances under unequal inclusion probabilities against R's sampling
// and survey (tests/golden/README.md).

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "estimators/survey/estimation.hpp"
#include "tests/estimators/pps.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard {
namespace {

using nlohmann::json;
using testing::contains;
using testing::hajek_joint;
using testing::near;
using testing::over;
using testing::variance;

const std::string kFolder = std::string(STEELYARD_TEST_DATA) + "/golden/weighting/";
json read_case(const std::string& file, const std::string& id) {
  std::ifstream in(kFolder + file);
  for (const json& c : json::parse(in))
    if (c.at("id") == id) return c;
  ADD_FAILURE() << "no case " << id;
  return {};
}

/// Column of R's systematic sample of 120 municipalities; every `step`-th row.
std::vector<double> belgian(const std::string& column, std::size_t step = 1) {
  static const CsvFile csv = CsvFile::read(kFolder + "belgian_sample.csv");
  std::vector<double> out;
  for (std::size_t i = 0; i < csv.rows(); i += step)
    out.push_back(parse_number(csv.field(i, csv.column(column))).value());
  return out;
}

// --- R's sampling --------------------------------------------------------------------------------

class BelgianCalibration : public ::testing::TestWithParam<const char*> {};

TEST_P(BelgianCalibration, WeightsAndTotalAgreeWithRsSampling) {
  const json c = read_case("belgian_cases.json", GetParam());
  Schema schema;
  Sample sample;
  Benchmarks benchmarks(schema);
  std::vector<VariableId> ids;
  std::string margins;
  for (const json& t : c.at("totals")) {
    Variable v;
    v.name = t.at("variable");
    v.kind = VariableKind::continuous;
    ids.push_back(schema.add(v));
    sample.columns.resize(schema.size());
    sample.numbers.resize(schema.size());
    sample.numbers.back() = belgian(v.name);
    benchmarks.add_number(ids.back(), t.at("total"));
    margins += (margins.empty() ? "\"" : ", \"") + v.name + "\"";
  }
  sample.schema = &schema;
  sample.base_weights = belgian("d");
  sample.n = sample.base_weights.size();
  const std::string method = c.at("method");
  std::string options = "tolerance = 1e-13\nmargins = [" + margins + "]\ndistance = \"" +
                        (method == "truncated" ? "linear" : method) + "\"";
  if (c.at("bounds").is_array()) options += "\nbounds = " + c["bounds"].dump();
  const auto weighting = testing::make(weightings(), "calibration", schema, options);
  const CellIndex index = make_cell_index(sample, ids);
  const auto weights = weighting->weigh(index, benchmarks);
  ASSERT_TRUE(weights.ok()) << weights.failure().detail;
  const auto g = belgian(c.at("weights_column")), y = belgian("y");
  const double tolerance = method == "linear" ? 1e-11 : 1e-9;
  double total = 0, low = 1e9, high = 0;
  for (std::size_t i = 0; i < sample.n; ++i) {
    const double ours = weights.value().factor[index.cell_of[i]];
    near(ours, g[i], tolerance);
    total += ours * sample.base_weights[i] * y[i];
    low = std::min(low, ours);
    high = std::max(high, ours);
  }
  near(total, c.at("estimate_y"), tolerance);
  near(low, c.at("g_min"), tolerance);
  near(high, c.at("g_max"), tolerance);
}

INSTANTIATE_TEST_SUITE_P(Golden, BelgianCalibration,
                         ::testing::Values("calib-linear", "calib-raking", "calib-truncated",
                                           "calib-logit"));

TEST(GoldenPps, TotalMeanAndRatioAgreeWithRsSampling) {
  const json c = read_case("belgian_cases.json", "ht");
  const auto y = belgian("y"), x = belgian("x"), p = belgian("pik");
  SurveyData data;
  data.n = y.size();
  data.columns = {y, x};
  data.d = data.w = over(std::vector<double>(y.size(), 1.0), p);
  DesignColumns columns{.n = data.n};
  columns.pps = PpsColumns{.probability = p};
  const auto design = SurveyDesign::make(columns);
  ASSERT_TRUE(design.ok());
  data.design = &design.value();
  const std::vector<EstimateRequest> requests{{.statistic = SurveyStatistic::total},
                                              {.statistic = SurveyStatistic::mean},
                                              {.statistic = SurveyStatistic::ratio, .x = 1}};
  const auto rows = estimate_all(data, requests, {});
  near(rows[0].estimate, c.at("ht_total"), 1e-12);
  near(rows[1].estimate, c.at("hajek_mean"), 1e-12);
  const CsvFile all = CsvFile::read(kFolder + "belgian.csv");  // the ratio times the known total
  double total_x = 0;
  for (std::size_t i = 0; i < all.rows(); ++i)
    total_x += parse_number(all.field(i, all.column("tot04"))).value();
  near(rows[2].estimate * total_x, c.at("ratio_total"), 1e-12);
  EXPECT_EQ(rows[0].df, 119);
}

TEST(GoldenPps, DevillesVarianceAgreesWithRsSampling) {
  const json c = read_case("belgian_cases.json", "variance-pps");
  const auto y = belgian("y"), p = belgian("pik"), d = belgian("d"), g = belgian("g_linear");
  const PpsColumns columns{.method = PpsMethod::deville, .probability = p};
  near(variance(columns, over(y, p)), c.at("varest"), 1e-8);
  // Its calibrated form regresses with the final weights and does not multiply by g.
  const auto n = static_cast<Eigen::Index>(y.size());
  Eigen::MatrixXd x(n, 4);
  const char* names[] = {"one", "men", "women", "medinc"};
  for (Eigen::Index k = 0; k < 4; ++k) {
    const auto column = belgian(names[k]);
    x.col(k) = Eigen::Map<const Eigen::VectorXd>(column.data(), n);
  }
  const Eigen::VectorXd w = Eigen::Map<const Eigen::VectorXd>(d.data(), n)
                                .cwiseProduct(Eigen::Map<const Eigen::VectorXd>(g.data(), n));
  const Eigen::Map<const Eigen::VectorXd> answer(y.data(), n);
  const Eigen::VectorXd beta =
      (x.transpose() * w.asDiagonal() * x).ldlt().solve(x.transpose() * w.asDiagonal() * answer);
  const Eigen::VectorXd e = answer - x * beta;
  near(variance(columns, over({e.data(), y.size()}, p)), c.at("varest_calibrated"), 1e-8);
}

TEST(GoldenPps, RatioUnderPoissonSamplingAgreesWithRsSampling) {
  const json c = read_case("belgian_cases.json", "ratio-taylor-poisson");
  const auto y = belgian("y"), x = belgian("x"), p = belgian("pik");
  SurveyData data;
  data.n = y.size();
  data.columns = {y, x};
  data.d = data.w = over(std::vector<double>(y.size(), 1.0), p);
  std::vector<double> joint;
  for (std::size_t i = 0; i < p.size(); ++i)
    for (std::size_t j = 0; j < p.size(); ++j) joint.push_back(i == j ? p[i] : p[i] * p[j]);
  for (const PpsMethod method : {PpsMethod::poisson, PpsMethod::horvitz_thompson}) {
    DesignColumns columns{.n = data.n};
    columns.pps = PpsColumns{.method = method, .probability = p, .joint = joint};
    const auto design = SurveyDesign::make(columns);
    ASSERT_TRUE(design.ok());
    data.design = &design.value();
    const auto rows = estimate_all(
        data, std::vector<EstimateRequest>{{.statistic = SurveyStatistic::ratio, .x = 1}}, {});
    near(rows[0].estimate, c.at("ratio"), 1e-12);
    near(rows[0].se * rows[0].se, c.at("variance"), 1e-8);
  }
}

// --- R's survey ----------------------------------------------------------------------------------

class GoldenSurveyPps : public ::testing::TestWithParam<const char*> {};

DesignColumns design_of(const std::string& id, std::vector<double>& weight) {
  DesignColumns columns{.n = 40};
  PpsColumns pps{.probability = belgian("pik", 3)};
  pps.method = pps_method(id.substr(0, id.find('-'))).value();
  pps.pairs = contains(id, "-yg") ? PairSum::yates_grundy : PairSum::horvitz_thompson;
  std::vector<std::uint32_t> pairs;
  for (std::uint32_t i = 0; i < 40; ++i) {
    if (contains(id, "strata")) columns.strata.push_back(i / 20);
    pairs.push_back(i / 2);
  }
  if (contains(id, "clusters") || contains(id, "stage")) {
    columns.clusters = {pairs};
    for (std::size_t i = 1; i < 40; i += 2) pps.probability[i] = pps.probability[i - 1];
  }
  weight = over(std::vector<double>(40, contains(id, "stage") ? 4.0 : 1.0), pps.probability);
  if (contains(id, "stage")) {
    std::vector<std::uint32_t> rows(40);
    std::iota(rows.begin(), rows.end(), 0u);
    columns.clusters.push_back(rows);
    columns.fpc = {{}, std::vector<double>(40, 0.25)};
  }
  pps.joint = hajek_joint(pps.probability);
  columns.pps = std::move(pps);
  return columns;
}

TEST_P(GoldenSurveyPps, EstimatesAndStandardErrorsAgree) {
  const std::string id = GetParam();
  const json c = read_case("pps_variance_cases.json", id);
  SurveyData data;
  data.n = 40;
  data.columns = {belgian("y", 3), belgian("x", 3)};
  DesignColumns columns = design_of(id, data.d);
  data.w = data.d;
  const auto design = SurveyDesign::make(columns);
  ASSERT_TRUE(design.ok()) << design.failure().detail;
  data.design = &design.value();
  const std::vector<EstimateRequest> requests{{.statistic = SurveyStatistic::total},
                                              {.statistic = SurveyStatistic::mean},
                                              {.statistic = SurveyStatistic::ratio, .x = 1}};
  const auto rows = estimate_all(data, requests, {});
  const char* names[] = {"total", "mean", "ratio"};
  for (std::size_t r = 0; r < 3; ++r) {
    near(rows[r].estimate, c.at(names[r]), 1e-12);
    near(rows[r].se, c.at(std::string(names[r]) + "_se"), 1e-8);
  }
  EXPECT_EQ(rows[0].df, c.at("df"));
  for (double m : belgian("medinc", 3)) data.domain_of.push_back(m > 1 ? 0 : 1);
  const auto domain = estimate_all(data, {requests.data(), 1}, {});
  near(domain[0].estimate, c.at("domain_total"), 1e-12);
  near(domain[0].se, c.at("domain_total_se"), 1e-8);
}

INSTANTIATE_TEST_SUITE_P(Survey, GoldenSurveyPps,
                         ::testing::Values("brewer", "brewer-strata", "overton", "overton-strata",
                                           "overton-yg", "overton-strata-yg", "hartley_rao",
                                           "hartley_rao-strata", "hartley_rao-yg",
                                           "horvitz_thompson", "yates_grundy", "poisson",
                                           "brewer-clusters", "brewer-two-stage"));

/// Σ u of a linear calibration on (1, women) to (200, 210): the residuals of README, times g d.
TEST(GoldenSurveyPps, CalibratedTotalUnderBrewer) {
  const json c = read_case("pps_variance_cases.json", "brewer-calibrated");
  Schema schema;
  Sample sample;
  Benchmarks benchmarks(schema);
  std::vector<VariableId> ids;
  for (const auto& [name, total] : {std::pair{"one", 200.0}, std::pair{"women", 210.0}}) {
    Variable v;
    v.name = name;
    v.kind = VariableKind::continuous;
    ids.push_back(schema.add(v));
    sample.columns.resize(schema.size());
    sample.numbers.resize(schema.size());
    sample.numbers.back() = belgian(name, 3);
    benchmarks.add_number(ids.back(), total);
  }
  SurveyData data;
  data.n = sample.n = 40;
  sample.schema = &schema;
  const DesignColumns columns = design_of("brewer", data.d);
  sample.base_weights = data.d;
  const CellIndex index = make_cell_index(sample, ids);
  const auto weighting = testing::make(weightings(), "calibration", schema,
                                       "tolerance = 1e-13\nmargins = [\"one\", \"women\"]");
  const auto weights = weighting->weigh(index, benchmarks);
  ASSERT_TRUE(weights.ok());
  for (std::size_t i = 0; i < 40; ++i)
    data.w.push_back(data.d[i] * weights.value().factor[index.cell_of[i]]);
  data.columns = {belgian("y", 3), belgian("x", 3)};
  data.index = &index;
  data.weights = &weights.value();
  const auto design = SurveyDesign::make(columns);
  data.design = &design.value();
  const std::vector<EstimateRequest> requests{{.statistic = SurveyStatistic::total},
                                              {.statistic = SurveyStatistic::mean},
                                              {.statistic = SurveyStatistic::ratio, .x = 1}};
  const auto rows = estimate_all(data, requests, {});
  near(rows[0].estimate, c.at("total"), 1e-9);
  near(rows[0].se, c.at("total_se"), 1e-8);
  near(rows[1].se, c.at("mean_se"), 1e-8);
  near(rows[2].se, c.at("ratio_se"), 1e-8);
  for (double m : belgian("medinc", 3)) data.domain_of.push_back(m > 1 ? 0 : 1);
  near(estimate_all(data, {requests.data(), 1}, {})[0].se, c.at("domain_total_se"), 1e-8);
}

}  // namespace
}  // namespace steelyard
