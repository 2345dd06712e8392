#include "tests/estimators/survey_case.hpp"

#include <fstream>
#include <map>

#include "tests/estimators/worlds.hpp"

namespace steelyard::testing {
namespace {

using nlohmann::json;

std::string first_word(const json& value) {
  if (!value.is_string()) return {};
  const std::string text = value;
  return text.substr(0, text.find(' '));
}

}  // namespace

json read_json(const std::string& name) {
  std::ifstream in(kWeightingFolder + name);
  return json::parse(in);
}

void SurveyCase::make_design() {
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

VariableId SurveyCase::add_levels(const std::string& name) {
  if (const auto id = schema.find(name)) return *id;
  Variable v = categorical(name, table.levels(name));
  const VariableId id = schema.add(v);
  sample.columns.resize(schema.size());
  sample.numbers.resize(schema.size());
  for (std::uint32_t code : table.codes(name))
    sample.columns.back().push_back(static_cast<LevelCode>(code));
  return id;
}

VariableId SurveyCase::add_number(const std::string& name) {
  Variable v;
  v.name = name;
  v.kind = VariableKind::continuous;
  const VariableId id = schema.add(v);
  sample.columns.resize(schema.size());
  sample.numbers.resize(schema.size());
  sample.numbers.back() = table.numbers(name);
  return id;
}

void SurveyCase::WeightingText::add_margin(const std::vector<VariableId>& ids,
                                           const std::string& names) {
  for (VariableId id : ids)
    if (std::find(cells.begin(), cells.end(), id) == cells.end()) cells.push_back(id);
  margins += (margins.empty() ? "[" : ", [") + names + "]";
}

json SurveyCase::untrimmed() const {
  const json& w = spec["weighting"];
  if (w.at("method") != "trim") return w;
  const std::string file = std::string(spec["data"]);
  for (const json& other : read_json(file.substr(0, file.find('.')) + "_cases.json"))
    if (other.at("id") == w.at("start")) return other["weighting"];
  return w;
}

void SurveyCase::make_weighting() {
  if (!spec.contains("weighting")) return;
  const json w = untrimmed();
  if (w.at("method") == "none") return;
  benchmarks = std::make_unique<Benchmarks>(schema);
  WeightingText text;
  for (const json& margin : w.value("margins", json::array())) add_table(margin, text);
  if (w.contains("totals")) add_totals(w, text);
  const std::string plugin = plugin_of(w, text);
  weighting = make(weightings(), plugin, schema, text.options + trim_options());
  weigh(w, text.cells);
}

void SurveyCase::add_table(const json& margin, WeightingText& text) {
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
  text.add_margin(t.variables, names);
  benchmarks->add(std::move(t));
}

std::string SurveyCase::plugin_of(const json& w, WeightingText& text) const {
  const std::string method = w.at("method");
  if (method == "poststratify") {
    text.options = "cross = " + text.margins;
    return "poststratification";
  }
  text.options = "tolerance = 1e-13\nmargins = [" + text.margins + "]";
  if (method == "rake") return "raking";
  text.options += "\ndistance = \"" + std::string(w.at("distance")) + "\"";
  if (w.contains("bounds") && w["bounds"].is_array())
    text.options += "\nbounds = " + w["bounds"].dump();
  if (w.contains("equal_within")) text.options += "\nequal_within_clusters = true";
  return "calibration";
}

std::string SurveyCase::trim_options() const {
  const json& w = spec["weighting"];
  if (w.at("method") != "trim") return {};
  const double mean = 6194.0 / static_cast<double>(data.n);
  std::string options =
      "\ntrim_rule = \"" + std::string(bool(w["strict"]) ? "strict" : "once") + "\"";
  for (const auto& [key, option] : {std::pair{"upper", "trim"}, {"lower", "trim_lower"}})
    if (w[key].is_number() && double(w[key]) > 0)
      options += "\n" + std::string(option) + " = " + shortest(double(w[key]) / mean);
  return options;
}

void SurveyCase::weigh(const json& w, const std::vector<VariableId>& cells) {
  sample.schema = &schema;
  sample.n = data.n;
  sample.base_weights = data.d;
  index = make_cell_index(sample, cells);
  if (spec["weighting"].at("method") == "trim" || w.contains("equal_within"))
    one_cell_each(index, data.d);
  if (w.contains("equal_within")) index.cluster_of = table.codes(first_word(part("cluster")));
  auto made = weighting->weigh(index, *benchmarks);
  ASSERT_TRUE(made.ok()) << made.failure().detail;
  weights = std::move(made.value());
  for (std::size_t i = 0; i < data.n; ++i) data.w[i] = data.d[i] * weights.factor[index.cell_of[i]];
  data.index = &index;
  data.weights = &weights;
  data.benchmarks = benchmarks.get();
  data.weighting = weighting.get();
}

/// Totals of a model formula: an intercept, dummies without the first level, numbers.
void SurveyCase::add_totals(const json& w, WeightingText& text) {
  std::string formula = w.at("formula");
  formula.erase(0, 1);
  std::map<std::string, double> totals;
  for (const json& t : w["totals"]) totals[t.at("term")] = t.at("total");
  for (std::string_view name : split(formula, "+")) {
    const std::string variable(trim(name));
    if (totals.count(variable)) {
      const VariableId id = add_number(variable);
      benchmarks->add_number(id, totals[variable]);
      text.add_margin({id}, "\"" + variable + "\"");
      continue;
    }
    const VariableId id = add_levels(variable);
    Benchmarks::Table t{{id}, {totals["(Intercept)"]}};
    for (std::size_t k = 1; k < schema[id].size(); ++k) {
      t.totals.push_back(totals.at(variable + schema[id].levels[k]));
      t.totals[0] -= t.totals.back();
    }
    benchmarks->add(std::move(t));
    text.add_margin({id}, "\"" + variable + "\"");
  }
}

void SurveyCase::make_replicate_design() {
  if (!spec.contains("replicates")) return;
  const json& r = spec["replicates"];
  std::vector<double> rscales;
  if (r.at("rscales").is_array()) rscales = r["rscales"].get<std::vector<double>>();
  const std::string kind = r.value("type", "");
  if (!spec.contains("half_samples") && (kind == "JK1" || kind == "JKn"))
    return make_jackknife(r, std::move(rscales));
  replicates = given_replicates(given_factors(r.at("replicates")), false, r.at("scale"), rscales,
                                r.value("mse", false), r.value("df", 0.0));
}

void SurveyCase::make_jackknife(const json& r, std::vector<double> rscales) {
  auto made = make_replicates(
      design, {.method = r.at("type") == "JK1" ? ReplicateMethod::jk1 : ReplicateMethod::jkn,
               .mse = r.value("mse", false)});
  ASSERT_TRUE(made.ok()) << made.failure().detail;
  replicates = std::move(made.value());
  EXPECT_LT(relative(replicates->scale, r.at("scale")), 1e-12);
  std::vector<double> ours = replicates->rscales;  // survey orders replicates by stratum
  std::sort(ours.begin(), ours.end());
  std::sort(rscales.begin(), rscales.end());
  for (std::size_t k = 0; k < rscales.size(); ++k) EXPECT_LT(relative(ours[k], rscales[k]), 1e-12);
}

std::vector<std::vector<double>> SurveyCase::given_factors(std::size_t count) const {
  if (spec.contains("half_samples")) {
    const auto samples = spec["half_samples"].get<std::vector<std::vector<double>>>();
    std::vector<std::vector<double>> columns(count, std::vector<double>(samples.size()));
    for (std::size_t i = 0; i < samples.size(); ++i)
      for (std::size_t k = 0; k < columns.size(); ++k) columns[k][i] = samples[i][k];
    return columns;
  }
  const CsvFile file = CsvFile::read(  // Fay's factors are made from those of the half samples
      kWeightingFolder + (part("factors_file").is_string() ? std::string(part("factors_file"))
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
  return columns;
}

}  // namespace steelyard::testing
