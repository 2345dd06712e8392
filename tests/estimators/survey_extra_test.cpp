// Contrasts, cross tables, multiple response, design effects, domains and single-unit strata
// against R's survey (tests/golden/README.md), and by hand where R has no such thing.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "estimators/survey/contrasts.hpp"
#include "estimators/survey/cross_tables.hpp"
#include "estimators/survey/multiple_response.hpp"

namespace steelyard {
namespace {

using nlohmann::json;

const std::string kFolder = std::string(STEELYARD_TEST_DATA) + "/golden/weighting/";

void expect_close(double ours, double reference, const std::string& what, double tolerance = 1e-8) {
  EXPECT_LE(std::abs(ours - reference), tolerance * std::max(std::abs(reference), 1e-8)) << what;
}

json reference(const std::string& id) {
  static const json all = [] {
    std::ifstream in(kFolder + "survey_extra_cases.json");
    return json::parse(in);
  }();
  for (const json& c : all)
    if (c.at("id") == id) return c;
  ADD_FAILURE() << "no case " << id;
  return {};
}

std::vector<double> numbers(const CsvFile& csv, const std::string& column) {
  std::vector<double> out;
  for (std::size_t i = 0; i < csv.rows(); ++i)
    out.push_back(parse_number(csv.field(i, csv.column(column))).value_or(std::nan("")));
  return out;
}

CrossedVariable levels(const CsvFile& csv, const std::string& column,
                       std::vector<std::string> names) {
  CrossedVariable out;
  out.levels = std::move(names);
  for (std::size_t i = 0; i < csv.rows(); ++i) {
    const std::string value(csv.field(i, csv.column(column)));
    const auto at = std::find(out.levels.begin(), out.levels.end(), value);
    out.code.push_back(static_cast<std::uint32_t>(at - out.levels.begin()));
  }
  return out;
}

std::vector<std::uint32_t> codes(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

/// One of the designs of the reference cases.
struct World {
  std::string name;
  CsvFile csv;
  SurveyDesign design;
  SurveyData data;
  std::optional<ReplicateDesign> replicates;
  EstimationOptions options;
  CrossedVariable stype;

  explicit World(const std::string& id)
      : name(id), csv(CsvFile::read(kFolder + file(id))), design(SurveyDesign::rows(2)) {
    DesignColumns columns;
    columns.n = data.n = csv.rows();
    stype = levels(csv, "stype", {"E", "H", "M"});
    data.d = numbers(csv, "pw");
    if (id == "strat" || id == "jkn") {
      columns.strata = stype.code;
      columns.fpc = {numbers(csv, "fpc")};
    } else {
      columns.clusters = {codes(numbers(csv, "dnum"))};
      columns.fpc = {numbers(csv, id == "clus2" ? "fpc1" : "fpc")};
    }
    if (id == "clus2") {
      columns.clusters.push_back(codes(numbers(csv, "snum")));
      columns.fpc.push_back(numbers(csv, "fpc2"));
      two_stage_weights(columns);
    }
    design = SurveyDesign::make(columns).value();
    data.design = &design;
    data.w = data.d;
    data.columns = {numbers(csv, "api00"), numbers(csv, "api99"), numbers(csv, "api_stu"),
                    numbers(csv, "enroll")};
    if (id.substr(0, 2) == "jk") {
      ReplicateOptions o;
      o.method = id == "jk1" ? ReplicateMethod::jk1 : ReplicateMethod::jkn;
      replicates = make_replicates(design, o).value();
      options.replicates = &*replicates;
    }
    options.proportions = ProportionInterval::mean;
  }
  void by_type() {
    data.domain_of = stype.code;
    data.domains = stype.levels;
  }

 private:
  static std::string file(const std::string& id) {
    if (id == "clus2") return "apiclus2.csv";
    return id == "strat" || id == "jkn" ? "apistrat.csv" : "apiclus1.csv";
  }
  /// As svydesign without weights: the inverse of the sampling fractions.
  void two_stage_weights(const DesignColumns& columns) {
    const SurveyDesign two = SurveyDesign::make(columns).value();
    for (std::size_t i = 0; i < data.n; ++i)
      data.d[i] = 1 / (two.stages()[0].fraction[0] * two.stages()[1].fraction[two.psu(i)]);
  }
};

EstimateRequest request(SurveyStatistic statistic, std::size_t y, std::size_t x = 0) {
  EstimateRequest out;
  out.statistic = statistic;
  out.y = y;
  out.x = x;
  return out;
}

void expect_contrast(const Result<ContrastRow>& ours, const std::string& id) {
  ASSERT_TRUE(ours.ok()) << id << ": " << ours.failure().detail;
  const json c = reference(id);
  expect_close(ours.value().estimate, c["estimate"][0], id + " estimate");
  expect_close(ours.value().se, c["se"][0], id + " se");
}

class SurveyExtra : public ::testing::TestWithParam<const char*> {};

TEST_P(SurveyExtra, ContrastsOfDomainsAndVariables) {
  World world(GetParam());
  const EstimateRequest means[] = {request(SurveyStatistic::mean, 0),
                                   request(SurveyStatistic::mean, 1)};
  const auto both = JointEstimates::make(world.data, means, world.options);
  const Term difference[] = {{0, 1}, {1, -1}};
  expect_contrast(both.linear(difference), world.name + "_variables");
  const std::size_t pair[] = {0, 1};
  const auto covariance = both.covariance(pair);
  for (std::size_t k = 0; k < 4; ++k)
    expect_close(covariance.value()[k], reference(world.name + "_covariance")["covariance"][k],
                 world.name);
  world.by_type();
  const auto types = JointEstimates::make(world.data, {means, 1}, world.options);
  const Term two[] = {{0, 1}, {1, -1}}, three[] = {{0, 1}, {1, -0.5}, {2, -0.5}};
  expect_contrast(types.linear(two), world.name + "_domains");
  expect_contrast(types.linear(three), world.name + "_domains3");
  expect_contrast(types.ratio(0, 1), world.name + "_domain_ratio");
}

TEST_P(SurveyExtra, CrossTables) {
  const World world(GetParam());
  for (const auto& [column, title] : {std::pair{"awards", "awards"}, {"sch_wide", "sch"}}) {
    const CrossTable table = cross_table(world.data, world.stype,
                                         levels(world.csv, column, {"No", "Yes"}), world.options);
    for (const auto& test : table.tests) {
      ASSERT_TRUE(test.ok()) << test.failure().detail;
      const std::string id =
          world.name + "_chisq_stype_" + title + "_" + to_string(test.value().kind);
      const json c = reference(id);
      expect_close(test.value().statistic, c["statistic"][0], id);
      expect_close(test.value().df1, c["parameter"][0], id);
      if (c["parameter"].size() > 1) expect_close(test.value().df2, c["parameter"][1], id);
      expect_close(test.value().p_value, c["p"][0], id);
    }
    if (std::string(column) != "awards") continue;
    const json row = reference(world.name + "_row_share"),
               total = reference(world.name + "_total_share"),
               count = reference(world.name + "_counts");
    for (std::size_t r = 0; r < 3; ++r)
      for (std::size_t c = 0; c < 2; ++c) {
        const CrossCell& cell = table.cells[2 * r + c];
        const std::size_t at = 3 * c + r;  // R's tables run down their columns
        expect_close(cell.row_share.estimate, row["estimate"][at], "row share");
        expect_close(cell.row_share.se, row["se"][at], "row share se");
        expect_close(cell.total_share.estimate, total["estimate"][at], "share");
        expect_close(cell.total_share.se, total["se"][at], "share se");
        expect_close(cell.count.estimate, count["estimate"][at], "count");
        if (world.name != "strat" && world.name != "jkn")
          expect_close(cell.count.se, count["se"][at], "count se");
      }
  }
}

TEST_P(SurveyExtra, MultipleResponse) {
  World world(GetParam());
  MultipleResponse question;
  question.name = "improved";
  for (const char* column : {"awards", "sch_wide", "comp_imp"}) {
    const CrossedVariable item = levels(world.csv, column, {"No", "Yes"});
    question.items.push_back(world.data.columns.size());
    question.names.push_back(column);
    world.data.columns.emplace_back(item.code.begin(), item.code.end());
  }
  const auto requests = add_multiple_response(world.data, question);
  const auto respondents = estimate_all(world.data, requests.of_respondents, world.options);
  const auto mentions = estimate_all(world.data, requests.of_mentions, world.options);
  const json a = reference(world.name + "_of_respondents"),
             b = reference(world.name + "_of_mentions");
  for (std::size_t j = 0; j < 3; ++j) {
    expect_close(respondents[j].estimate, a["estimate"][j], "respondents");
    expect_close(respondents[j].se, a["se"][j], "respondents se");
    expect_close(mentions[j].estimate, b["estimate"][j], "mentions");
    expect_close(mentions[j].se, b["se"][j], "mentions se");
  }
}

INSTANTIATE_TEST_SUITE_P(Api, SurveyExtra,
                         ::testing::Values("strat", "clus1", "clus2", "jk1", "jkn"),
                         [](const auto& test) { return std::string(test.param); });

class SurveyDomains : public ::testing::TestWithParam<const char*> {};

TEST_P(SurveyDomains, DesignEffectsAndMissingAnswers) {
  World world(GetParam());
  const auto check = [&](const EstimateRequest& q, std::size_t domain, const std::string& id) {
    const EstimateRow row = estimate_all(world.data, {&q, 1}, world.options)[domain];
    ASSERT_FALSE(row.failure) << id << row.failure->detail;
    const json c = reference(world.name + id);
    expect_close(row.estimate, c["estimate"][0], world.name + id);
    expect_close(row.se, c["se"][0], world.name + id + " se");
    if (c.contains("deff")) expect_close(row.deff, c["deff"][0], world.name + id + " deff");
    if (c.contains("df")) expect_close(row.df, c["df"][0], world.name + id + " df", 0);
  };
  check(request(SurveyStatistic::ratio, 2, 3), 0, "_ratio_deff");
  check(request(SurveyStatistic::total, 3), 0, "_total");
  world.options.domain_df = true;
  world.by_type();
  check(request(SurveyStatistic::mean, 0), 1, "_domain_deff");
  check(request(SurveyStatistic::total, 3), 1, "_domain_total_deff");
  world.data.domain_of = levels(world.csv, "comp_imp", {"No", "Yes"}).code;
  world.data.domains = {"No", "Yes"};
  check(request(SurveyStatistic::mean, 3), 0, "_missing_domain");
}

INSTANTIATE_TEST_SUITE_P(Api, SurveyDomains, ::testing::Values("strat", "clus1", "clus2"),
                         [](const auto& test) { return std::string(test.param); });

/// Forty, twelve and one school of the three types.
TEST(LonelyPsu, EveryRuleIsRs) {
  const World all("strat");
  for (const bool take_all : {false, true})
    for (const auto& [rule, name] : {std::pair{LonelyPsu::certainty, "certainty"},
                                     {LonelyPsu::certainty, "remove"},
                                     {LonelyPsu::adjust, "adjust"},
                                     {LonelyPsu::average, "average"}}) {
      DesignColumns columns;
      SurveyData data;
      data.columns.resize(1);
      columns.fpc.resize(1);
      columns.lonely = rule;
      const auto fpc = numbers(all.csv, "fpc");
      std::size_t taken[3] = {40, 12, 1};
      for (std::size_t i = 0; i < all.data.n; ++i) {
        const std::uint32_t h = all.stype.code[i];
        if (taken[h] == 0) continue;
        --taken[h];
        columns.strata.push_back(h);
        columns.fpc[0].push_back(take_all && h == 1 ? 12 : fpc[i]);
        data.d.push_back(all.data.d[i]);
        data.columns[0].push_back(all.data.columns[0][i]);
      }
      data.w = data.d;
      data.n = columns.n = data.d.size();
      const SurveyDesign design = SurveyDesign::make(columns).value();
      data.design = &design;
      const EstimateRequest requests[] = {request(SurveyStatistic::mean, 0),
                                          request(SurveyStatistic::total, 0)};
      const auto rows = estimate_all(data, requests, {});
      const std::string id = std::string("lonely_") + name + (take_all ? "_take_all" : "");
      expect_close(rows[0].se, reference(id)["mean_se"][0], id);
      expect_close(rows[1].se, reference(id)["total_se"][0], id);
      const auto joint = JointEstimates::make(data, requests, {});
      const Term second[] = {{1, 1}};
      expect_close(joint.linear(second).value().se, rows[1].se, id, 1e-12);
    }
}

SurveyData file_of(const SurveyDesign& design, std::vector<double> y, std::vector<double> w) {
  SurveyData data;
  data.n = y.size();
  data.columns = {std::move(y)};
  data.d = data.w = std::move(w);
  data.design = &design;
  return data;
}

TEST(LonelyPsu, FailNamesTheStratumAndTheRemedy) {
  DesignColumns columns;
  columns.n = 3;
  columns.strata = {7, 7, 9};
  const SurveyDesign design = SurveyDesign::make(columns).value();
  const SurveyData data = file_of(design, {1, 2, 3}, {1, 1, 1});
  const EstimateRequest mean = request(SurveyStatistic::mean, 0);
  const auto row = estimate_all(data, {&mean, 1}, {})[0];
  ASSERT_TRUE(row.failure);
  EXPECT_EQ(row.failure->kind, FailureKind::single_unit);
  EXPECT_EQ(
      row.failure->detail,
      "stratum 2 has a single primary unit, so its variance cannot be estimated; merge strata "
      "or choose --lonely-psu certainty, adjust or average");
  const Term one[] = {{0, 1}};
  EXPECT_EQ(JointEstimates::make(data, {&mean, 1}, {}).linear(one).failure().kind,
            FailureKind::single_unit);
}

TEST(LonelyPsu, FailNamesTheUnitOfALaterStage) {
  DesignColumns columns;
  columns.n = 5;
  columns.clusters = {{1, 1, 2, 3, 3}, {1, 2, 3, 4, 5}};
  columns.fpc = {{10, 10, 10, 10, 10}, {4, 4, 4, 4, 4}};
  const SurveyDesign design = SurveyDesign::make(columns).value();
  const std::vector<double> u = {1, 2, 3, 4, 5};
  EXPECT_EQ(design.variance(u).failure().detail,
            "unit 2 of stage 1 has a single unit of stage 2, so the variance within it cannot be "
            "estimated; merge strata or choose --lonely-psu certainty, adjust or average");
  EXPECT_EQ(design.deviations(u).failure().detail, design.variance(u).failure().detail);
}

TEST(Domains, EmptyOnesAndThoseWithoutAnswersSaySo) {
  const SurveyDesign design = SurveyDesign::rows(4);
  SurveyData data = file_of(design, {1, 2, 3, std::nan("")}, {1, 2, 3, 4});
  data.domain_of = {0, 0, 0, 1};
  data.domains = {"answered", "silent", "nobody"};
  const EstimateRequest mean = request(SurveyStatistic::mean, 0);
  const auto rows = estimate_all(data, {&mean, 1}, {});
  EXPECT_FALSE(rows[0].failure);
  for (std::size_t k : {1, 2}) {
    ASSERT_TRUE(rows[k].failure);
    EXPECT_EQ(rows[k].failure->kind, FailureKind::empty_domain);
    EXPECT_EQ(rows[k].failure->detail, "no respondent in the domain");
    EXPECT_EQ(rows[k].n, 0u);
  }
}

TEST(Contrasts, ComparingOverlappingWavesOfTheSamePanelEqualsTheStackedDesign) {
  World world("clus1");
  const EstimateRequest means[] = {request(SurveyStatistic::mean, 1),
                                   request(SurveyStatistic::mean, 0)};
  const auto before = JointEstimates::make(world.data, {means, 1}, {});
  const auto after = JointEstimates::make(world.data, {means + 1, 1}, {});
  const auto ids = codes(numbers(world.csv, "dnum"));
  const WaveOverlap overlap{ids, ids};
  const Term minus[] = {{0, -1}}, plus[] = {{0, 1}};
  expect_contrast(across_waves(before, minus, after, plus, &overlap), "clus1_waves");
}

TEST(Contrasts, IndependentWavesAddVariancesAndSatterthwaitesDf) {
  const SurveyDesign three = SurveyDesign::rows(3), four = SurveyDesign::rows(4);
  const EstimateRequest mean = request(SurveyStatistic::mean, 0);
  const auto a = JointEstimates::make(file_of(three, {1, 2, 6}, {1, 1, 1}), {&mean, 1}, {});
  const auto b = JointEstimates::make(file_of(four, {4, 4, 8, 8}, {1, 1, 1, 1}), {&mean, 1}, {});
  const Term minus[] = {{0, -1}}, plus[] = {{0, 1}};
  const auto change = across_waves(a, minus, b, plus, nullptr);
  const double va = 7.0 / 3, vb = (16.0 / 3) / 4;
  expect_close(change.value().estimate, 3, "estimate", 1e-14);
  expect_close(change.value().se, std::sqrt(va + vb), "se", 1e-14);
  expect_close(change.value().df, (va + vb) * (va + vb) / (va * va / 2 + vb * vb / 3), "df", 1e-14);
}

/// Totals of two waves with n = 3 and 4 of N = 6, units 2 and 3 in both: by Tam's formula
/// cov = (2 - 3 × 4 / 6) s_ab = 0, and without population sizes 2 s_ab.
TEST(Contrasts, PartlyOverlappingWavesFollowTam) {
  const std::vector<std::uint32_t> ids_a = {1, 2, 3}, ids_b = {2, 3, 4, 5};
  const WaveOverlap overlap{ids_a, ids_b};
  const std::vector<double> y = {1, 2, 6}, x = {4, 5, 8, 8};
  const EstimateRequest total = request(SurveyStatistic::total, 0);
  const Term minus[] = {{0, -1}}, plus[] = {{0, 1}};
  for (const double size : {0.0, 6.0, 8.0}) {
    DesignColumns ca, cb;
    ca.n = 3;
    cb.n = 4;
    if (size > 0) ca.fpc = {{size, size, size}}, cb.fpc = {{size, size, size, size}};
    const SurveyDesign da = SurveyDesign::make(ca).value(), db = SurveyDesign::make(cb).value();
    const auto a = JointEstimates::make(file_of(da, y, {2, 2, 2}), {&total, 1}, {});
    const auto b = JointEstimates::make(file_of(db, x, {1.5, 1.5, 1.5, 1.5}), {&total, 1}, {});
    const double fa = size > 0 ? 3 / size : 0, fb = size > 0 ? 4 / size : 0;
    const double va = (1 - fa) * 3 * 28, vb = (1 - fb) * 4 * 2.25 * (12.75 / 3);
    const double sab = (12 - 4) * (7.5 - 6) / 2;  // of (4, 12) and (6, 7.5)
    const double cov = (2 - (size > 0 ? 12 / size : 0)) * sab;
    const auto change = across_waves(a, minus, b, plus, &overlap);
    ASSERT_TRUE(change.ok()) << change.failure().detail;
    expect_close(change.value().se, std::sqrt(va + vb - 2 * cov), "se", 1e-13);
    EXPECT_EQ(change.value().df, 2);
  }
}

TEST(Contrasts, WavesThatCannotBePairedSayWhy) {
  const SurveyDesign design = SurveyDesign::rows(3);
  const EstimateRequest mean = request(SurveyStatistic::mean, 0);
  const auto a = JointEstimates::make(file_of(design, {1, 2, 6}, {1, 1, 1}), {&mean, 1}, {});
  const std::vector<std::uint32_t> twice = {1, 1, 2}, once = {1, 2, 3};
  const WaveOverlap overlap{once, twice};
  const Term one[] = {{0, 1}};
  EXPECT_EQ(across_waves(a, one, a, one, &overlap).failure().detail,
            "two primary units of the second wave have the same id 1");
  const SurveyDesign other = SurveyDesign::rows(3);
  auto b = JointEstimates::make(file_of(other, {1, 2, 6}, {1, 1, 1}), {&mean, 1}, {});
  EXPECT_NE(b.append(a)->detail.find("only estimates of the same rows"), std::string::npos);
}

/// Post-stratified and unweighted estimates of the same rows, paired: R's influence values.
TEST(Contrasts, TwoWeightingsOfTheSameRowsArePaired) {
  World world("clus1");
  CellIndex index;
  index.cells = 3;
  index.n = world.data.n;
  index.cell_of = world.stype.code;
  Weights weights;
  const double size[] = {4421, 755, 1018};
  std::vector<double> sum(3, 0.0);
  for (std::size_t i = 0; i < world.data.n; ++i) sum[index.cell_of[i]] += world.data.d[i];
  for (std::size_t c = 0; c < 3; ++c) weights.factor.push_back(size[c] / sum[c]);
  weights.stages = {{.blocks = {{{{0, 1, 2}, 3}, {}}}}};
  SurveyData calibrated = world.data;
  for (std::size_t i = 0; i < world.data.n; ++i)
    calibrated.w[i] *= weights.factor[index.cell_of[i]];
  calibrated.index = &index;
  calibrated.weights = &weights;
  const EstimateRequest mean = request(SurveyStatistic::mean, 0);
  auto joint = JointEstimates::make(world.data, {&mean, 1}, {});
  ASSERT_FALSE(joint.append(JointEstimates::make(calibrated, {&mean, 1}, {})));
  const Term difference[] = {{1, 1}, {0, -1}};
  expect_contrast(joint.linear(difference), "clus1_weightings");
  const Term same[] = {{0, 1}, {0, -1}};
  EXPECT_EQ(joint.linear(same).value().se, 0);
}

/// Under every estimator of the variance with unequal probabilities, a combination's variance is
/// that of its influence: a difference of two means is the mean of the differences.
TEST(Contrasts, UnequalProbabilitiesUseTheirOwnVariance) {
  const std::vector<double> y = {3, 1, 4, 1, 5, 9}, x = {2, 6, 5, 3, 5, 8};
  DesignColumns columns;
  columns.n = 6;
  columns.pps.emplace();
  columns.pps->probability = {0.1, 0.5, 0.3, 0.8, 0.6, 1};
  for (const PpsMethod method : {PpsMethod::brewer, PpsMethod::deville, PpsMethod::overton}) {
    const std::string name(to_string(method));
    columns.pps->method = method;
    const SurveyDesign design = SurveyDesign::make(columns).value();
    std::vector<double> w;
    for (const double p : columns.pps->probability) w.push_back(1 / p);
    SurveyData data = file_of(design, y, w);
    data.columns.push_back(x);
    data.columns.emplace_back();
    for (std::size_t i = 0; i < 6; ++i) data.columns[2].push_back(y[i] - x[i]);
    const EstimateRequest means[] = {request(SurveyStatistic::mean, 0),
                                     request(SurveyStatistic::mean, 1),
                                     request(SurveyStatistic::mean, 2)};
    const auto joint = JointEstimates::make(data, means, {});
    const auto direct = estimate_all(data, means, {});
    const Term difference[] = {{0, 1}, {1, -1}}, one[] = {{0, 1}};
    expect_close(joint.linear(difference).value().se, direct[2].se, name, 1e-12);
    expect_close(joint.linear(one).value().se, direct[0].se, name, 1e-12);
    const std::size_t all[] = {0, 1, 2};
    const auto v = joint.covariance(all).value();
    expect_close(v[0] + v[4] - 2 * v[1], direct[2].se * direct[2].se, name, 1e-11);
  }
}

TEST(Contrasts, AQuantileAloneHasItsWoodruffError) {
  for (const char* id : {"strat", "clus1", "jk1"}) {
    World world(id);
    world.by_type();
    EstimateRequest median = request(SurveyStatistic::quantile, 0);
    const auto joint = JointEstimates::make(world.data, {&median, 1}, world.options);
    for (std::size_t k = 0; k < 3; ++k) {
      const Term one[] = {{k, 1}};
      expect_close(joint.linear(one).value().se, joint.rows()[k].se, id, 1e-10);
    }
  }
}

TEST(MultipleResponse, BlanksCountAsTheQuestionSays) {
  const SurveyDesign design = SurveyDesign::rows(4);
  const double blank = std::nan("");
  SurveyData data = file_of(design, {1, blank, 0, blank}, {1, 1, 1, 1});
  data.columns.push_back({1, 1, 0, blank});
  MultipleResponse question{"media", {0, 1}, {"tv", "web"}};
  const auto loose = add_multiple_response(data, question);
  question.blank = BlankItem::missing;
  const auto strict = add_multiple_response(data, question);
  const EstimateRequest requests[] = {loose.of_respondents[0], loose.of_mentions[0], loose.mentions,
                                      strict.of_respondents[0], strict.of_mentions[0]};
  const auto rows = estimate_all(data, requests, {});
  const double expected[] = {1.0 / 3, 1.0 / 3, 1, 0.5, 0.5};
  for (std::size_t j = 0; j < 5; ++j) EXPECT_DOUBLE_EQ(rows[j].estimate, expected[j]);
  EXPECT_EQ(rows[0].n, 3u);
  EXPECT_EQ(rows[3].n, 2u);
  data.columns[0][2] = 2;
  EXPECT_THROW(add_multiple_response(data, question), UserError);
}

TEST(CrossTables, ATableOfOneRowHasSharesButNoTest) {
  const SurveyDesign design = SurveyDesign::rows(4);
  const SurveyData data = file_of(design, {0, 0, 0, 0}, {1, 1, 1, 1});
  const CrossedVariable row{{0, 0, 0, 2}, {"a", "b"}}, column{{0, 1, 1, 0}, {"c", "d"}};
  const CrossTable table = cross_table(data, row, column, {});
  EXPECT_DOUBLE_EQ(table.cells[1].row_share.estimate, 2.0 / 3);
  EXPECT_TRUE(table.cells[2].row_share.failure);  // nobody in the row
  for (const auto& test : table.tests) {
    ASSERT_FALSE(test.ok());
    EXPECT_EQ(test.failure().detail,
              "a test of independence needs two levels of both variables with respondents; the "
              "table has 1 rows and 2 columns");
  }
}

/// p = 0, p = 1, one respondent, no degrees of freedom.
TEST(ProportionIntervals, AtTheEdges) {
  const SurveyDesign design = SurveyDesign::rows(10);
  std::vector<double> y(10, 0.0);
  y[9] = 1;
  SurveyData data = file_of(design, y, std::vector<double>(10, 1.0));
  data.domain_of = {0, 0, 0, 0, 0, 0, 0, 0, 1, 2};
  data.domains = {"none", "one without", "one with"};
  const EstimateRequest share = request(SurveyStatistic::proportion, 0);
  for (const auto method :
       {ProportionInterval::xlogit, ProportionInterval::asin, ProportionInterval::beta,
        ProportionInterval::likelihood, ProportionInterval::wilson, ProportionInterval::mean}) {
    EstimationOptions options;
    options.proportions = method;
    const auto rows = estimate_all(data, {&share, 1}, options);
    for (std::size_t k = 0; k < 3; ++k) {
      ASSERT_FALSE(rows[k].failure);
      EXPECT_EQ(rows[k].se, 0);
      EXPECT_GE(rows[k].lower, 0);
      EXPECT_LE(rows[k].upper, 1);
      EXPECT_LT(rows[k].lower, rows[k].upper) << "an estimate of 0 or 1 is not certain";
    }
    if (method == ProportionInterval::beta) {  // Clopper-Pearson with the domain's respondents
      EXPECT_NEAR(rows[0].upper, 1 - std::pow(0.025, 1.0 / 8), 1e-12);
      EXPECT_NEAR(rows[1].upper, 0.975, 1e-12);
      EXPECT_NEAR(rows[2].lower, 0.025, 1e-12);
    }
    EXPECT_NEAR(rows[2].lower, 1 - rows[1].upper, 1e-12);
  }
  EstimationOptions options;
  options.domain_df = true;
  const auto rows = estimate_all(data, {&share, 1}, options);
  EXPECT_EQ(rows[0].df, 7);
  EXPECT_EQ(rows[1].failure->detail, "0 degrees of freedom: too few for an interval");
  EXPECT_EQ(rows[1].se, 0);
}

}  // namespace
}  // namespace steelyard
