#pragma once

// The designs of R's survey on the schools of California and their reference results, for tests of
// contrasts, tables and domains.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "estimators/survey/cross_tables.hpp"
#include "tests/estimators/golden_folder.hpp"

namespace steelyard::testing {

using nlohmann::json;

inline void expect_close(double ours, double reference, const std::string& what,
                         double tolerance = 1e-8) {
  EXPECT_LE(std::abs(ours - reference), tolerance * std::max(std::abs(reference), 1e-8)) << what;
}

inline json reference(const std::string& id) {
  static const json all = [] {
    std::ifstream in(kWeightingFolder + "survey_extra_cases.json");
    return json::parse(in);
  }();
  for (const json& c : all)
    if (c.at("id") == id) return c;
  ADD_FAILURE() << "no case " << id;
  return {};
}

inline std::vector<double> numbers(const CsvFile& csv, const std::string& column) {
  std::vector<double> out;
  for (std::size_t i = 0; i < csv.rows(); ++i)
    out.push_back(parse_number(csv.field(i, csv.column(column))).value_or(std::nan("")));
  return out;
}

inline CrossedVariable levels(const CsvFile& csv, const std::string& column,
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

inline std::vector<std::uint32_t> codes(const std::vector<double>& values) {
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
      : name(id), csv(CsvFile::read(kWeightingFolder + file(id))), design(SurveyDesign::rows(2)) {
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

inline EstimateRequest request(SurveyStatistic statistic, std::size_t y, std::size_t x = 0) {
  EstimateRequest out;
  out.statistic = statistic;
  out.y = y;
  out.x = x;
  return out;
}

inline SurveyData file_of(const SurveyDesign& design, std::vector<double> y,
                          std::vector<double> w) {
  SurveyData data;
  data.n = y.size();
  data.columns = {std::move(y)};
  data.d = data.w = std::move(w);
  data.design = &design;
  return data;
}

/// Tests of every design.
class SurveyExtra : public ::testing::TestWithParam<const char*> {};

}  // namespace steelyard::testing
