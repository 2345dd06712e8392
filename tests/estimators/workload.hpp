#pragma once

// The timing workload (tests/golden/workload/README.md): 26,252 respondents, four margins, 40
// answers, 100 random groups.

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/data_file.hpp"
#include "estimators/survey/estimation.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard::testing {

struct Workload {
  Schema schema;
  Sample sample;  ///< columns of the four benchmark variables, base weights d
  std::unique_ptr<Benchmarks> benchmarks;
  std::vector<VariableId> variables;
  std::vector<std::string> names;            ///< y01 ... c06
  std::vector<std::vector<double>> answers;  ///< 40 columns
  std::vector<std::uint32_t> psu;
  std::vector<std::uint32_t> region;

  explicit Workload(const std::string& folder) {
    std::vector<ColumnRequest> requests;
    for (const char* name : {"region", "sex", "age", "edu"})
      requests.push_back({name, ColumnRequest::As::levels});
    requests.push_back({"psu", ColumnRequest::As::ids});
    requests.push_back({"d", ColumnRequest::As::numbers});
    const DataFile file = DataFile::open(folder + "/sample.csv.gz");
    for (const std::string& name : file.header())
      if (name.size() == 3 && std::string("ymc").find(name[0]) != std::string::npos) {
        names.push_back(name);
        requests.push_back({name, ColumnRequest::As::numbers});
      }
    std::vector<ColumnData> columns = file.read(requests, 1);
    sample.schema = &schema;
    sample.n = file.rows();
    sample.columns.resize(4);
    for (std::size_t v = 0; v < 4; ++v) {
      variables.push_back(schema.add(categorical(requests[v].name, columns[v].levels.levels)));
      for (std::uint16_t code : columns[v].levels.codes)
        sample.columns[v].push_back(static_cast<LevelCode>(code));
    }
    region.assign(sample.columns[0].begin(), sample.columns[0].end());
    psu = columns[4].ids;
    sample.base_weights = columns[5].numbers;
    for (std::size_t j = 6; j < columns.size(); ++j)
      answers.push_back(std::move(columns[j].numbers));
    read_margins_file(folder + "/margins.csv");
  }

  /// All four margins, as a plug-in's options.
  static std::string margins() { return "margins = [\"region\", \"sex\", \"age\", \"edu\"]\n"; }
  std::unique_ptr<const Weighting> weighting(const char* name, const std::string& toml) const {
    return make(weightings(), name, schema, toml);
  }

  std::vector<EstimateRequest> means() const {
    std::vector<EstimateRequest> out;
    for (std::size_t j = 0; j < answers.size(); ++j)
      out.push_back({.statistic = SurveyStatistic::mean, .variable = names[j], .y = j});
    return out;
  }
  /// Of c01 ... c06.
  std::vector<EstimateRequest> medians() const {
    std::vector<EstimateRequest> out;
    for (std::size_t j = 34; j < 40; ++j)
      out.push_back({.statistic = SurveyStatistic::quantile, .variable = names[j], .y = j});
    return out;
  }

 private:
  void read_margins_file(const std::string& path) {
    benchmarks = std::make_unique<Benchmarks>(schema);
    const DataFile file = DataFile::open(path);
    const std::vector<ColumnRequest> requests{{"variable", ColumnRequest::As::levels},
                                              {"level", ColumnRequest::As::levels},
                                              {"count", ColumnRequest::As::numbers}};
    const std::vector<ColumnData> columns = file.read(requests, 1);
    for (VariableId id : variables) {
      Benchmarks::Table table{{id}, std::vector<double>(schema[id].size(), 0.0)};
      for (std::size_t i = 0; i < file.rows(); ++i) {
        if (columns[0].levels.levels[columns[0].levels.codes[i]] != schema[id].name) continue;
        const std::string& level = columns[1].levels.levels[columns[1].levels.codes[i]];
        const auto& levels = schema[id].levels;
        const auto at = std::find(levels.begin(), levels.end(), level);
        table.totals.at(static_cast<std::size_t>(at - levels.begin())) = columns[2].numbers[i];
      }
      benchmarks->add(std::move(table));
    }
  }
};

/// A weighting done from rows in memory: cells, factors, one weight a respondent.
struct Weighed {
  CellIndex index;
  Weights weights;
  std::vector<double> w;

  Weighed(const Workload& load, const Weighting& weighting)
      : index(make_cell_index(load.sample, load.variables)) {
    auto made = weighting.weigh(index, *load.benchmarks);
    if (!made) throw std::runtime_error(made.failure().detail);
    weights = std::move(made.value());
    w.resize(load.sample.n);
    for (std::size_t i = 0; i < w.size(); ++i)
      w[i] = load.sample.base_weights[i] * weights.factor[index.cell_of[i]];
  }
};

/// What estimate_all needs; w stays the base weights until a weighting is given. The columns are
/// copied once: keep the result and change its weights.
inline SurveyData survey_data(const Workload& load, const SurveyDesign& design) {
  SurveyData data;
  data.n = load.sample.n;
  data.columns = load.answers;
  data.design = &design;
  data.d = data.w = load.sample.base_weights;
  data.benchmarks = load.benchmarks.get();
  return data;
}

inline void set_weights(SurveyData& data, const Weighed& weighed, const Weighting& weighting) {
  data.w = weighed.w;
  data.index = &weighed.index;
  data.weights = &weighed.weights;
  data.weighting = &weighting;
}

}  // namespace steelyard::testing
