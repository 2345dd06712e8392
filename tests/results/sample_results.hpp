#pragma once

// A small study in memory. Every table has a different number of rows, so that a shape in the store
// can belong to one dimension only.

#include <cmath>
#include <limits>

#include "results/performance.hpp"
#include "results/results.hpp"

namespace steelyard::testing {

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

inline void add_estimators(StudyResults& results) {
  results.estimands = {{.estimand = "mean_income",
                        .domain = "all",
                        .label = "Mean monthly income",
                        .label_zh = "每月收入均值",
                        .domain_label = "All",
                        .domain_label_zh = "全部",
                        .unit = "CNY per month",
                        .truth = 6500,
                        .truth_superpopulation = 6500,
                        .truth_finite = 6501.25,
                        .truth_finite_se = 1.5,
                        .headline = true},
                       {.estimand = "share_employed",
                        .domain = "sex=female, age=\"16-24\"",
                        .label = "Employed",
                        .label_zh = "就业",
                        .domain_label = "Women",
                        .domain_label_zh = "女性",
                        .unit = "%",
                        .truth = 44.5,
                        .truth_superpopulation = 44.5,
                        .truth_finite = kNaN,
                        .truth_finite_se = kNaN,
                        .headline = false}};
  results.estimators = {{.estimand = 0,
                         .weighting = "region_only",
                         .value_rule = "midpoint",
                         .interval = "linearization",
                         .reference = true,
                         .rule_bias = -150},
                        {.estimand = 0,
                         .weighting = "raking",
                         .value_rule = "gb2",
                         .interval = "linearization",
                         .reference = false,
                         .rule_bias = 0.1},
                        {.estimand = 1,
                         .weighting = "raking",
                         .value_rule = "-",
                         .interval = "none",
                         .reference = false,
                         .rule_bias = kNaN}};
}

inline void add_replicates(StudyResults& results) {
  results.replicates = 5;
  results.estimate = {6400, 6410.125, 6390, 6420, 6405,  6500,      6490, kNaN,
                      6510, 6503,     44,   45,   44.25, 0.1 + 0.2, -0.0};
  results.se = {50, 51, 52, 53, 54, 60, 61, kNaN, 62, 63, kNaN, kNaN, kNaN, kNaN, kNaN};
  for (std::size_t k = 0; k < results.estimate.size(); ++k) {
    results.lower.push_back(results.estimate[k] - 2 * results.se[k]);
    results.upper.push_back(results.estimate[k] + 2 * results.se[k]);
  }
  const std::size_t replicates = results.replicates;
  const auto row = [&](const std::vector<double>& values, std::size_t i) {
    return std::span(values).subspan(i * replicates, replicates);
  };
  for (std::size_t i = 0; i < results.estimators.size(); ++i) {
    const double truth = results.estimands[results.estimators[i].estimand].truth;
    results.performance.push_back(performance(truth, row(results.estimate, i), row(results.se, i),
                                              row(results.lower, i), row(results.upper, i)));
    results.performance.back().mean_us = 12.5 * static_cast<double>(i + 1);
  }
  for (std::uint32_t i = 0; i < results.estimators.size(); ++i)
    results.selection.push_back({.estimator = i,
                                 .unit_sd = 4800,
                                 .weights_cv = 0.75,
                                 .ddc = i == 2 ? kNaN : -0.005,
                                 .ddc_mcse = i == 2 ? kNaN : 0.0001,
                                 .effective_n = 321.5,
                                 .effective_n_mcse = 12});
  const ContrastRecord contrasted =
      contrast(6500, row(results.estimate, 1), row(results.estimate, 0));
  results.contrasts.assign(4, contrasted);
  for (ContrastRecord& record : results.contrasts) record.estimator = 1;
}

inline StudyResults sample_results() {
  StudyResults results;
  results.scenario = "flexible-employment-2022q2";
  results.title = "Flexible employment, second quarter of 2022";
  results.title_zh = "灵活就业调查，2022年第二季度";
  results.version = "0.1.0";
  results.scenario_toml = "[scenario]\nname = \"flexible-employment-2022q2\" # 灵活就业\n";
  results.scenario_hash = "9f86d081884c7d65";
  results.population_size = "superpopulation";
  results.seed = 18446744073709551615u;
  results.sample_size = 5000;
  add_estimators(results);
  add_replicates(results);
  for (int i = 0; i < 6; ++i)
    results.reproduction.push_back({.id = "r" + std::to_string(i),
                                    .scope = "sample",
                                    .quantity = "share of \"sex\"",
                                    .level = "female, all",
                                    .reported = "over 44 %",
                                    .unit = "%",
                                    .provenance = "reported",
                                    .source = "table 1",
                                    .note = i % 2 ? "" : "男女",
                                    .lower = 43.5,
                                    .upper = 44.5,
                                    .expected = 44.25,
                                    .simulated = i == 2 ? kNaN : 44.2,
                                    .simulated_mcse = 0.02,
                                    .status = static_cast<ReproductionStatus>(i % 3)});
  for (int i = 0; i < 7; ++i)
    results.profile.push_back({.variable = "region",
                               .label = "Region",
                               .label_zh = "地区",
                               .level = std::to_string(i),
                               .level_label = "Level " + std::to_string(i),
                               .level_label_zh = "水平",
                               .population_share = 1 / 7.0,
                               .sample_share = 0.125,
                               .weighted_share = 0.15});
  results.rule_effects.assign(9, {.estimand = 0,
                                  .value_rule = "midpoint",
                                  .of_study = true,
                                  .truth = 6500,
                                  .value = 6350,
                                  .bias = -151,
                                  .bias_mcse = 2.5,
                                  .rmse = 152,
                                  .rmse_mcse = 2.4,
                                  .failures = 1,
                                  .samples = 99,
                                  .status = "ok"});
  results.rule_effects[4] = {.estimand = 0,
                             .value_rule = "AVG, all",
                             .of_study = false,
                             .truth = 6500,
                             .value = kNaN,
                             .bias = kNaN,
                             .bias_mcse = kNaN,
                             .rmse = kNaN,
                             .rmse_mcse = kNaN,
                             .failures = 100,
                             .samples = 0,
                             .status = "one populated bin"};
  for (std::size_t i = 0; i < 10; ++i) results.survey_numbers.push_back("N" + std::to_string(i));
  results.survey_published.assign(10 * results.replicates, 0.25);
  results.survey_published[3] = kNaN;
  results.survey_profile_sample.assign(7 * results.replicates, 0.125);
  results.survey_weights_cv2.assign(results.estimators.size() * results.replicates, 0.5);
  results.survey_profile_weighted.assign(7 * results.replicates, 0.15);
  results.planned_replicates = 20;
  results.ended = "interrupted: 5 of 20 replicates";
  results.scenario_resolved = "population.size = \"superpopulation\"\n";
  results.failures.assign(
      8, {.replicate = 2, .estimator = 1, .kind = "no convergence", .detail = "1000 steps"});
  results.run = {.started_utc = "2022-07-01T08:00:00Z",
                 .host = "host",
                 .cpu = "cpu",
                 .compiler = "GCC 12.2.0",
                 .git_revision = "0123456789abcdef",
                 .threads = 2,
                 .setup_seconds = 0.5,
                 .truth_seconds = 0.25,
                 .replicate_seconds = 3.75,
                 .peak_memory_bytes = 123456789};
  return results;
}

}  // namespace steelyard::testing
