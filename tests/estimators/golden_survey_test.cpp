// Weights, estimates, standard errors and intervals under designs, calibrations and replicates,
// against R's survey package (tests/golden/README.md).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "estimators/survey/estimation.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard {
namespace {

using nlohmann::json;

const std::string kFolder = std::string(STEELYARD_TEST_DATA) + "/golden/weighting/";

json read_json(const std::string& name) {
  std::ifstream in(kFolder + name);
  return json::parse(in);
}

double relative(double a, double b) {
  return std::abs(b) < 1e-8 ? std::abs(a - b) : std::abs(a - b) / std::abs(b);
}

/// A data file: rows that the case uses, columns as numbers and as levels.
class Table {
 public:
  Table(const std::string& file, const std::string& rows) : csv_(CsvFile::read(kFolder + file)) {
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
struct Case {
  json spec;
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

  explicit Case(const json& c)
      : spec(c), table(c.at("data"), c.value("rows", "")), design(SurveyDesign::rows(2)) {
    make_design();
    make_weighting();
    make_replicate_design();
  }

 private:
  static std::string first_word(const json& value) {
    if (!value.is_string()) return {};
    const std::string text = value;
    return text.substr(0, text.find(' '));
  }
  json part(const char* key) const {
    return spec.contains("design") && spec["design"].contains(key) ? spec["design"][key] : json();
  }

  void make_design() {
    DesignColumns columns;
    columns.n = data.n = table.n();
    if (part("strata").is_string()) columns.strata = table.codes(part("strata"));
    if (part("cluster").is_string()) columns.clusters = {table.codes(first_word(part("cluster")))};
    if (part("cluster").is_array())
      for (const std::string name : part("cluster")) columns.clusters.push_back(table.codes(name));
    if (part("fpc").is_string()) columns.fpc = {table.numbers(first_word(part("fpc")))};
    if (part("fpc").is_array())
      for (const std::string name : part("fpc")) columns.fpc.push_back(table.numbers(name));
    auto made = SurveyDesign::make(columns);
    ASSERT_TRUE(made.ok()) << made.failure().detail;
    design = std::move(made.value());
    data.design = &design;
    if (part("weight").is_string())
      data.d = table.numbers(part("weight"));
    else if (spec.value("id", "") == "mu284")  // the product of both stages' population / sample
      for (std::size_t i = 0; i < data.n; ++i)
        data.d.push_back(50.0 / 5 * *parse_number(table.text(i, "n2")) / 3);
    else
      data.d.assign(data.n, 1.0);
    data.w = data.d;
  }

  VariableId add_levels(const std::string& name) {
    if (const auto id = schema.find(name)) return *id;
    Variable v = testing::categorical(name, table.levels(name));
    const VariableId id = schema.add(v);
    sample.columns.resize(schema.size());
    sample.numbers.resize(schema.size());
    for (std::uint32_t code : table.codes(name))
      sample.columns.back().push_back(static_cast<LevelCode>(code));
    return id;
  }
  VariableId add_number(const std::string& name) {
    Variable v;
    v.name = name;
    v.kind = VariableKind::continuous;
    const VariableId id = schema.add(v);
    sample.columns.resize(schema.size());
    sample.numbers.resize(schema.size());
    sample.numbers.back() = table.numbers(name);
    return id;
  }

  void make_weighting() {
    if (!spec.contains("weighting")) return;
    json w = spec["weighting"];
    double lower = 0, upper = 0;
    bool strict = false, trimmed = w.at("method") == "trim";
    if (trimmed) {
      lower = w["lower"].is_null() ? 0 : double(w["lower"]);
      upper = w["upper"].is_null() ? 0 : double(w["upper"]);
      strict = w["strict"];
      const std::string file = std::string(spec["data"]);
      for (const json& other : read_json(file.substr(0, file.find('.')) + "_cases.json"))
        if (other.at("id") == w.at("start")) {
          w = other["weighting"];
          break;
        }
    }
    const std::string method = w.at("method");
    if (method == "none") return;
    benchmarks = std::make_unique<Benchmarks>(schema);
    std::vector<VariableId> cells;
    std::string margins, options, plugin;
    const auto add_margin = [&](const std::vector<VariableId>& ids, std::string names) {
      for (VariableId id : ids)
        if (std::find(cells.begin(), cells.end(), id) == cells.end()) cells.push_back(id);
      margins += (margins.empty() ? "[" : ", [") + names + "]";
    };
    for (const json& margin : w.value("margins", json::array())) {
      Benchmarks::Table t;
      std::string names;
      std::size_t size = 1;
      for (const std::string name : margin.at("variables")) {
        t.variables.push_back(add_levels(name));
        size *= schema[t.variables.back()].size();
        names += (names.empty() ? "\"" : ", \"") + name + "\"";
      }
      t.totals.assign(size, 0.0);
      for (const json& cell : margin.at("cells")) {
        std::size_t at = 0;
        for (VariableId id : t.variables) {
          const Variable& v = schema[id];
          const std::string level = cell.at(v.name);
          const auto found = std::find(v.levels.begin(), v.levels.end(), level);
          at = at * v.size() + (found != v.levels.end()
                                    ? static_cast<std::size_t>(found - v.levels.begin())
                                    : static_cast<std::size_t>(*parse_number(level)) - 1);
        }
        t.totals[at] = cell.at("count");
      }
      add_margin(t.variables, names);
      benchmarks->add(std::move(t));
    }
    if (w.contains("totals")) make_totals(w, add_margin);
    if (method == "poststratify") {
      plugin = "poststratification";
      options = "cross = " + margins.substr(0, margins.size());
    } else if (method == "rake") {
      plugin = "raking";
      options = "tolerance = 1e-13\nmargins = [" + margins + "]";
    } else {
      plugin = "calibration";
      options = "tolerance = 1e-13\ndistance = \"" + std::string(w.at("distance")) +
                "\"\nmargins = [" + margins + "]";
      if (w.contains("bounds") && w["bounds"].is_array())
        options += "\nbounds = " + w["bounds"].dump();
      if (w.contains("equal_within")) options += "\nequal_within_clusters = true";
    }
    if (trimmed) {
      const double mean = 6194.0 / static_cast<double>(data.n);
      options += "\ntrim_rule = \"" + std::string(strict ? "strict" : "once") + "\"";
      if (upper > 0) options += "\ntrim = " + shortest(upper / mean);
      if (lower > 0) options += "\ntrim_lower = " + shortest(lower / mean);
    }
    weighting = testing::make(weightings(), plugin, schema, options);
    sample.schema = &schema;
    sample.n = data.n;
    sample.base_weights = data.d;
    index = make_cell_index(sample, cells);
    if (trimmed || w.contains("equal_within")) one_cell_each(index, data.d);
    if (w.contains("equal_within")) index.cluster_of = table.codes(first_word(part("cluster")));
    auto made = weighting->weigh(index, *benchmarks);
    ASSERT_TRUE(made.ok()) << made.failure().detail;
    weights = std::move(made.value());
    for (std::size_t i = 0; i < data.n; ++i)
      data.w[i] = data.d[i] * weights.factor[index.cell_of[i]];
    data.index = &index;
    data.weights = &weights;
    data.benchmarks = benchmarks.get();
    data.weighting = weighting.get();
  }

  /// Totals of a model formula: an intercept, dummies without the first level, numbers.
  template <typename AddMargin>
  void make_totals(const json& w, AddMargin&& add_margin) {
    std::string formula = w.at("formula");
    formula.erase(0, 1);
    std::map<std::string, double> totals;
    for (const json& t : w["totals"]) totals[t.at("term")] = t.at("total");
    for (std::string_view name : split(formula, "+")) {
      const std::string variable(trim(name));
      if (totals.count(variable)) {
        const VariableId id = add_number(variable);
        benchmarks->add_number(id, totals[variable]);
        add_margin({id}, "\"" + variable + "\"");
        continue;
      }
      const VariableId id = add_levels(variable);
      Benchmarks::Table t{{id}, {totals["(Intercept)"]}};
      for (std::size_t k = 1; k < schema[id].size(); ++k) {
        t.totals.push_back(totals.at(variable + schema[id].levels[k]));
        t.totals[0] -= t.totals.back();
      }
      benchmarks->add(std::move(t));
      add_margin({id}, "\"" + variable + "\"");
    }
  }

  void make_replicate_design() {
    if (!spec.contains("replicates")) return;
    const json& r = spec["replicates"];
    const bool mse = r.value("mse", false);
    const double df = r.value("df", 0.0);
    std::vector<double> rscales;
    if (r.at("rscales").is_array()) rscales = r["rscales"].get<std::vector<double>>();
    if (spec.contains("half_samples")) {
      const auto samples = spec["half_samples"].get<std::vector<std::vector<double>>>();
      std::vector<std::vector<double>> columns(r.at("replicates"),
                                               std::vector<double>(samples.size()));
      for (std::size_t i = 0; i < samples.size(); ++i)
        for (std::size_t k = 0; k < columns.size(); ++k) columns[k][i] = samples[i][k];
      replicates = given_replicates(columns, false, r.at("scale"), rscales, mse, df);
      return;
    }
    const std::string kind = r.at("type");
    if (kind == "JK1" || kind == "JKn") {
      auto made = make_replicates(
          design,
          {.method = kind == "JK1" ? ReplicateMethod::jk1 : ReplicateMethod::jkn, .mse = mse});
      ASSERT_TRUE(made.ok()) << made.failure().detail;
      replicates = std::move(made.value());
      EXPECT_LT(relative(replicates->scale, r.at("scale")), 1e-12);
      std::vector<double> ours = replicates->rscales;  // survey orders replicates by stratum
      std::sort(ours.begin(), ours.end());
      std::sort(rscales.begin(), rscales.end());
      for (std::size_t k = 0; k < rscales.size(); ++k)
        EXPECT_LT(relative(ours[k], rscales[k]), 1e-12);
      return;
    }
    const CsvFile file = CsvFile::read(  // Fay's factors are made from those of the half samples
        kFolder + (part("factors_file").is_string() ? std::string(part("factors_file"))
                                                    : "nhanes_brr_factors.csv"));
    std::vector<std::vector<double>> columns;
    const double rho = part("rho").is_number() ? double(part("rho")) : 0.0;
    for (const std::string& title : file.header()) {
      if (title[0] != 'r') continue;
      auto& column = columns.emplace_back();
      for (std::size_t i = 0; i < data.n; ++i) {
        std::size_t row = i;
        if (file.has_column("SDMVPSU"))
          for (row = 0; file.field(row, file.column("SDMVPSU")) != table.text(i, "SDMVPSU") ||
                        file.field(row, file.column("SDMVSTRA")) != table.text(i, "SDMVSTRA");)
            ++row;
        const double factor = *parse_number(file.field(row, file.column(title)));
        column.push_back(rho + (1 - rho) * factor);
      }
    }
    replicates = given_replicates(columns, false, r.at("scale"), rscales, mse, df);
  }
};

struct Tolerances {
  double weight, point, se, quantile;
};

Tolerances tolerances(const Case& c) {
  const std::string method =
      c.spec.contains("weighting") ? std::string(c.spec["weighting"]["method"]) : "none";
  const bool linear = method == "calibrate" && c.spec["weighting"]["distance"] == "linear" &&
                      !c.spec["weighting"].value("bounds", json()).is_array();
  if (method == "none") return {1e-12, 1e-12, 1e-8, 1e-10};
  if (method == "poststratify" || linear) return {1e-11, 1e-11, 1e-8, 1e-10};
  return {1e-9, 1e-9, 1e-8, 1e-9};
}

class GoldenSurvey : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

/// Rows of the estimate's domain: conditions joined.
std::vector<std::uint32_t> domain_rows_of(const Table& table, const json& domain) {
  std::vector<std::uint32_t> of(table.n(), 0);
  for (std::size_t i = 0; i < table.n(); ++i)
    for (const auto& [variable, level] : domain.items())
      if (table.text(i, variable) != level) of[i] = 1;
  return of;
}

TEST_P(GoldenSurvey, EqualsSurvey) {
  const auto& [file, id] = GetParam();
  json found;
  for (const json& c : read_json(file + "_cases.json"))
    if (c.at("id") == id) found = c;
  Case c(found);
  if (HasFatalFailure()) return;
  const Tolerances tolerance = tolerances(c);

  if (found.contains("weights_column")) {
    const CsvFile weights = CsvFile::read(kFolder + file + "_weights.csv");
    const std::size_t column = weights.column(std::string(found["weights_column"]));
    for (std::size_t i = 0; i < c.data.n; ++i)
      EXPECT_LT(relative(c.data.w[i], weights.number(i, column)), tolerance.weight) << "row " << i;
  }
  if (c.replicates && found["replicates"].contains("df")) {
    EXPECT_EQ(replicate_rank(c.data, *c.replicates), double(found["replicates"]["df"]));
  }
  if (found.contains("replicate_means_api00")) {
    c.data.columns = {c.table.numbers("api00")};
    const EstimateRequest mean{.statistic = SurveyStatistic::mean};
    EstimationOptions options;
    options.replicates = &*c.replicates;
    std::vector<double> theta;
    estimate_all(c.data, {&mean, 1}, options, &theta);
    auto reference = found["replicate_means_api00"].get<std::vector<double>>();
    std::sort(theta.begin(), theta.end());
    std::sort(reference.begin(), reference.end());
    ASSERT_EQ(theta.size(), reference.size());
    for (std::size_t r = 0; r < theta.size(); ++r)
      EXPECT_LT(relative(theta[r], reference[r]), 1e-9);
  }
  for (const json& e : found.at("estimates")) {
    const std::string stat = e.at("stat"), variable = e.at("variable");
    c.data.domain_of.clear();
    if (e.contains("domain")) c.data.domain_of = domain_rows_of(c.table, e["domain"]);
    EstimateRequest request;
    EstimationOptions options;
    options.proportions = ProportionInterval::mean;
    options.replicates = c.replicates ? &*c.replicates : nullptr;
    if (c.replicates && found["replicates"].contains("df")) options.df = found["replicates"]["df"];
    double tolerance_ci = 1e-8, tolerance_point = tolerance.point;
    if (stat == "ratio") {
      const auto parts = split(variable, "/");
      c.data.columns = {c.table.numbers(parts[0]), c.table.numbers(parts[1])};
      request = {.statistic = SurveyStatistic::ratio, .y = 0, .x = 1};
    } else if (stat == "proportion" || stat == "proportion_ci") {
      c.data.columns = {c.table.indicator(variable, e.at("level"))};
      request = {.statistic = SurveyStatistic::proportion};
      if (stat == "proportion_ci") {
        const std::string method = e.at("method");
        options.proportions = *parse_proportion_interval(method);
        if (method == "likelihood") tolerance_ci = 1e-4;
        // R fits these two by iteration; their estimates are known to its tolerance.
        if (method == "likelihood" || method == "logit") tolerance_point = 1e-8;
      }
    } else {
      c.data.columns = {c.table.numbers(variable)};
      request.statistic = stat == "total"      ? SurveyStatistic::total
                          : stat == "quantile" ? SurveyStatistic::quantile
                                               : SurveyStatistic::mean;
    }
    if (stat == "quantile") {
      request.p = e.at("p");
      options.rule = *parse_quantile_rule(std::string(e.at("qrule")));
      const std::string interval = e.at("interval");
      if (interval == "score")
        options.quantiles = QuantileInterval::score_unweighted_rank;
      else if (interval == "quantile")
        options.quantiles = QuantileInterval::replicates;
      else
        options.woodruff = *parse_proportion_interval(interval);
      tolerance_ci = tolerance_point = e.at("qrule") == "hf7" ? 1e-9 : tolerance.quantile;
    }
    const EstimateRow row = estimate_all(c.data, {&request, 1}, options)[0];
    const std::string what = e.dump();
    ASSERT_FALSE(row.failure) << row.failure->detail << what;
    EXPECT_LT(relative(row.estimate, e.at("estimate")), tolerance_point) << what;
    if (e.contains("se")) {
      EXPECT_LT(relative(row.se, e["se"]), stat == "quantile" ? tolerance_ci * 10 : tolerance.se)
          << what << " " << shortest(row.se);
    }
    for (const auto& [key, value] : {std::pair{"ci_lo", row.lower}, {"ci_hi", row.upper}})
      if (e.contains(key) && e[key].is_number()) {
        EXPECT_LT(relative(value, e[key]), tolerance_ci) << what << " " << key << " " << value;
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
