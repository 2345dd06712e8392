#pragma once

// The two samples of the published design, as an estimator gets them.

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/csv.hpp"
#include "core/sample.hpp"
#include "core/text.hpp"

namespace steelyard::testing {

/// Continuous variables x1 ... x4, respondents A with answers, a PPS reference sample B with d.
struct ClwData {
  Schema schema;
  Sample a;
  std::vector<std::string> answers{"y30", "y50", "y80", "yb"};
  std::vector<std::vector<double>> y;  ///< by answer
  std::shared_ptr<ReferenceSample> b = std::make_shared<ReferenceSample>();
  nlohmann::json cases;
  CsvFile pi;

  ClwData() : pi(CsvFile::read(folder() + "clw_A_pi.csv")) {
    const CsvFile file_a = CsvFile::read(folder() + "clw_A.csv");
    const CsvFile file_b = CsvFile::read(folder() + "clw_B.csv");
    for (const char* name : {"x1", "x2", "x3", "x4"}) {
      Variable v;
      v.name = name;
      v.kind = VariableKind::continuous;
      schema.add(v);
      a.numbers.push_back(column(file_a, name));
      b->sample.numbers.push_back(column(file_b, name));
    }
    for (Sample* sample : {&a, &b->sample}) {
      sample->schema = &schema;
      sample->columns.resize(schema.size());
    }
    a.n = file_a.rows();
    b->sample.n = file_b.rows();
    b->sample.base_weights = column(file_b, "d");
    for (const std::string& name : answers) y.push_back(column(file_a, name));
    cases = nlohmann::json::parse(read_file(folder() + "clw_cases.json"));
  }

  static std::string folder() { return STEELYARD_TEST_DATA "/golden/weighting/"; }
  static std::vector<double> column(const CsvFile& file, const std::string& name) {
    std::vector<double> values;
    const std::size_t at = file.column(name);
    for (std::size_t row = 0; row < file.rows(); ++row) values.push_back(file.number(row, at));
    return values;
  }
  Benchmarks benchmarks() const {
    Benchmarks known(schema);
    known.set_reference(b);
    return known;
  }
  /// Index of the respondents on covariates ["1", "x1", ...].
  CellIndex index(const nlohmann::json& covariates) const {
    std::vector<VariableId> ids;
    for (const std::string name : covariates)
      if (name != "1") ids.push_back(*schema.find(name));
    return make_cell_index(a, ids);
  }
  /// "covariates = [...]" of a model's terms.
  static std::string covariates_toml(const nlohmann::json& covariates) {
    std::string text;
    for (const std::string name : covariates)
      if (name != "1") text += (text.empty() ? "\"" : ", \"") + name + "\"";
    return "covariates = [" + text + "]\n";
  }
};

}  // namespace steelyard::testing
