#pragma once

// A case of the reference results of R's survey, made ready: its rows, design, weighting and
// replicates.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "estimators/survey/estimation.hpp"
#include "tests/estimators/golden_folder.hpp"

namespace steelyard::testing {

nlohmann::json read_json(const std::string& name);

/// Difference relative to b, absolute where b is about zero.
inline double relative(double a, double b) {
  return std::abs(b) < 1e-8 ? std::abs(a - b) : std::abs(a - b) / std::abs(b);
}

/// A data file: rows that the case uses, columns as numbers and as levels.
class Table {
 public:
  Table(const std::string& file, const std::string& rows)
      : csv_(CsvFile::read(kWeightingFolder + file)) {
    for (std::size_t i = 0; i < csv_.rows(); ++i)
      if (rows.empty() || csv_.field(i, csv_.column("SDMVSTRA")) != "86") rows_.push_back(i);
    EXPECT_TRUE(rows.empty() || rows == "SDMVSTRA != 86");
  }
  std::size_t n() const { return rows_.size(); }
  std::string text(std::size_t i, const std::string& column) const {
    return csv_.field(rows_[i], csv_.column(column));
  }
  std::vector<double> numbers(const std::string& column) const {
    std::vector<double> out;
    for (std::size_t i = 0; i < n(); ++i)
      out.push_back(parse_number(text(i, column)).value_or(std::nan("")));
    return out;
  }
  std::vector<std::string> levels(const std::string& column) const {
    std::set<std::string> all;
    for (std::size_t i = 0; i < n(); ++i) all.insert(text(i, column));
    all.erase("");
    return {all.begin(), all.end()};
  }
  std::vector<std::uint32_t> codes(const std::string& column) const {
    const auto all = levels(column);
    std::vector<std::uint32_t> out;
    for (std::size_t i = 0; i < n(); ++i)
      out.push_back(static_cast<std::uint32_t>(
          std::lower_bound(all.begin(), all.end(), text(i, column)) - all.begin()));
    return out;
  }
  /// 1 where the column has the level.
  std::vector<double> indicator(const std::string& column, const std::string& level) const {
    std::vector<double> out;
    for (std::size_t i = 0; i < n(); ++i) out.push_back(text(i, column) == level);
    return out;
  }

 private:
  CsvFile csv_;
  std::vector<std::size_t> rows_;
};

/// A case made ready: design, weighting, replicates.
struct SurveyCase {
  nlohmann::json spec;
  Table table;
  SurveyDesign design;
  Schema schema;
  Sample sample;
  std::unique_ptr<Benchmarks> benchmarks;
  std::unique_ptr<const Weighting> weighting;
  CellIndex index;
  Weights weights;
  SurveyData data;
  std::optional<ReplicateDesign> replicates;

  explicit SurveyCase(const nlohmann::json& c)
      : spec(c), table(c.at("data"), c.value("rows", "")), design(SurveyDesign::rows(2)) {
    make_design();
    make_weighting();
    make_replicate_design();
  }

 private:
  /// A part of the design; null if there is none.
  nlohmann::json part(const char* key) const {
    return spec.contains("design") && spec["design"].contains(key) ? spec["design"][key]
                                                                   : nlohmann::json();
  }
  void make_design();

  /// What a weighting's TOML says.
  struct WeightingText {
    std::string margins, options;
    std::vector<VariableId> cells;  ///< variables of the margins, each once
    void add_margin(const std::vector<VariableId>& ids, const std::string& names);
  };
  VariableId add_levels(const std::string& name);
  VariableId add_number(const std::string& name);
  /// The weighting of the case; of a trimmed one, that which it starts from.
  nlohmann::json untrimmed() const;
  void make_weighting();
  void add_table(const nlohmann::json& margin, WeightingText& text);
  void add_totals(const nlohmann::json& w, WeightingText& text);
  /// Name of the registered weighting; adds its options.
  std::string plugin_of(const nlohmann::json& w, WeightingText& text) const;
  std::string trim_options() const;
  void weigh(const nlohmann::json& w, const std::vector<VariableId>& cells);

  void make_replicate_design();
  void make_jackknife(const nlohmann::json& r, std::vector<double> rscales);
  /// Factors of the case, n a replicate: of its half samples, or of a file.
  std::vector<std::vector<double>> given_factors(std::size_t count) const;
};

}  // namespace steelyard::testing
