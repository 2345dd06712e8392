#include "results/csv.hpp"

#include <gtest/gtest.h>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "sample_results.hpp"

namespace steelyard {
namespace {

using testing::sample_results;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

TEST(PerformanceCsv, HasThePublishedColumns) {
  EXPECT_EQ(first_line(write_performance_csv(sample_results())),
            "estimand,domain,weighting,value_rule,interval,truth,mean_estimate,bias,bias_mcse,rel_"
            "bias_pct,sd,"
            "mean_se,rmse,rmse_mcse,coverage,coverage_mcse,mean_width,failures,replicates,mean_us,"
            "ddc,ddc_mcse,effective_n,effective_n_mcse");
}

TEST(RuleEffectsCsv, GivesErrorsInUnitsAndInPerCent) {
  const StudyResults results = sample_results();
  const CsvFile file = CsvFile::parse(write_rule_effects_csv(results), "value_rules.csv");
  EXPECT_EQ(first_line(write_rule_effects_csv(results)),
            "estimand,domain,value_rule,of_study,truth,value,error,error_pct,bias,bias_mcse,bias_"
            "pct,rmse,rmse_mcse,failures,samples,status");
  ASSERT_EQ(file.rows(), results.rule_effects.size());
  EXPECT_EQ(file.field(0, 6), "-150");
  EXPECT_EQ(std::stod(file.field(0, 7)), 100 * -150 / 6500.);
  EXPECT_EQ(std::stod(file.field(0, 10)), 100 * -151 / 6500.);
  EXPECT_EQ(file.field(4, 2), "AVG, all");
  EXPECT_EQ(file.field(4, 5), "");
  EXPECT_EQ(file.field(4, 15), "one populated bin");
}

TEST(PerformanceCsv, GivesEachEstimatorARowWhoseNumbersReadBackAsTheSameDoubles) {
  const StudyResults results = sample_results();
  const CsvFile file = CsvFile::parse(write_performance_csv(results), "performance.csv");
  ASSERT_EQ(file.rows(), results.estimators.size());
  const auto text = [&](std::size_t row, const char* column) {
    return file.field(row, file.column(column));
  };
  for (std::size_t i = 0; i < 2; ++i) {
    const PerformanceRecord& p = results.performance[i];
    const std::pair<const char*, double> numbers[] = {{"truth", p.truth},
                                                      {"mean_estimate", p.mean_estimate},
                                                      {"bias", p.bias},
                                                      {"bias_mcse", p.bias_mcse},
                                                      {"rel_bias_pct", p.rel_bias_pct},
                                                      {"sd", p.sd},
                                                      {"mean_se", p.mean_se},
                                                      {"rmse", p.rmse},
                                                      {"rmse_mcse", p.rmse_mcse},
                                                      {"coverage", p.coverage},
                                                      {"coverage_mcse", p.coverage_mcse},
                                                      {"mean_width", p.mean_width},
                                                      {"mean_us", p.mean_us},
                                                      {"ddc", -0.005},
                                                      {"effective_n", 321.5}};
    for (const auto& [column, value] : numbers)
      EXPECT_EQ(file.number(i, file.column(column)), value) << column;
  }
  EXPECT_EQ(text(0, "weighting"), "region_only");
  EXPECT_EQ(text(1, "value_rule"), "gb2");
  EXPECT_EQ(text(1, "failures"), "1");
  EXPECT_EQ(text(1, "replicates"), "4");
  EXPECT_EQ(text(2, "estimand"), "share_employed");
  EXPECT_EQ(text(2, "domain"), "sex=female, age=\"16-24\"");
  EXPECT_EQ(text(2, "interval"), "none");
}

TEST(PerformanceCsv, LeavesTheFieldEmptyWhereThereIsNoNumber) {
  const CsvFile file = CsvFile::parse(write_performance_csv(sample_results()), "performance.csv");
  for (const char* column : {"mean_se", "coverage", "coverage_mcse", "mean_width"})
    EXPECT_EQ(file.field(2, file.column(column)), "") << column;
}

TEST(ReproductionCsv, EqualsItsText) {
  StudyResults results = sample_results();
  results.reproduction.resize(3);
  EXPECT_EQ(
      write_reproduction_csv(results),
      "id,scope,quantity,level,reported,lower,upper,expected,simulated,simulated_mcse,status,note\n"
      "r0,sample,\"share of \"\"sex\"\"\",\"female, all\",over 44 "
      "%,43.5,44.5,44.25,44.2,0.02,reproduced,男女\n"
      "r1,sample,\"share of \"\"sex\"\"\",\"female, all\",over 44 "
      "%,43.5,44.5,44.25,44.2,0.02,contradicted,\n"
      "r2,sample,\"share of \"\"sex\"\"\",\"female, all\",over 44 "
      "%,43.5,44.5,44.25,,0.02,not_modelled,男女\n");
}

TEST(ContrastsCsv, EqualsItsText) {
  StudyResults results = sample_results();
  results.contrasts = {{.estimator = 1,
                        .reference = 0,
                        .bias_difference = 95.5,
                        .bias_difference_mcse = 0.1 + 0.2,
                        .mse_difference = -9000,
                        .mse_difference_mcse = testing::kNaN,
                        .replicates = 4}};
  EXPECT_EQ(write_contrasts_csv(results),
            "estimand,domain,weighting,value_rule,interval,reference_weighting,reference_value_"
            "rule,bias_difference,"
            "bias_difference_mcse,mse_difference,mse_difference_mcse,rule_bias,replicates\n"
            "mean_income,all,raking,gb2,linearization,region_only,midpoint,95.5,0."
            "30000000000000004,-9000,,0.1,4\n");
}

TEST(Csv, OfAnEmptyStudyIsTheHeaderAlone) {
  for (const std::string& text :
       {write_performance_csv({}), write_reproduction_csv({}), write_contrasts_csv({})})
    EXPECT_EQ(text.find('\n'), text.size() - 1);
}

}  // namespace
}  // namespace steelyard
