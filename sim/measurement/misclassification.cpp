#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "sim/measurement/level_matrix.hpp"
#include "sim/measurement/measurement_model.hpp"

namespace steelyard::measurement_kinds {
namespace {

class Misclassification final : public MeasurementModel {
 public:
  Misclassification(VariableId answer, std::optional<VariableId> group, LevelMatrix matrix)
      : answer_(answer), group_(group), matrix_(std::move(matrix)) {}

  std::vector<VariableId> changes() const override { return {answer_}; }
  std::vector<VariableId> reads() const override {
    return group_ ? std::vector{*group_} : std::vector<VariableId>{};
  }

  void apply(ReportedAnswers& answers, const SourceStreams& streams) const override {
    std::vector<LevelCode>& column = answers.sample->columns[index(answer_)];
    const LevelCode* group = group_ ? answers.sample->column(*group_).data() : nullptr;
    for (std::size_t i = 0; i < column.size(); ++i) {
      if (column[i] >= matrix_.levels()) continue;
      const std::size_t g = group != nullptr ? group[i] : 0;
      // Whoever is in no group reports the truth.
      if (g < matrix_.groups()) column[i] = matrix_.report(g, column[i], streams.row(i).uniform());
    }
  }

  std::string objection() const override {
    return group_ ? "its matrix differs by group, and published numbers are not by group" : "";
  }
  std::vector<double> matrix(VariableId) const override { return matrix_.of_group(0); }

 private:
  VariableId answer_;
  std::optional<VariableId> group_;
  LevelMatrix matrix_;
};

/// Rows of one group, by the name of the true level; levels without a row are reported truly.
void read_rows(ConfigReader& rows, const Schema& schema, VariableId answer, std::size_t group,
               LevelMatrix& matrix) {
  for (const std::string& name : rows.keys()) {
    const LevelCode level = schema.require_level(answer, name, rows.place(name));
    const std::vector<double> p = rows.reals(name);
    if (p.size() != matrix.levels())
      rows.fail(name, fmt::format("has {} numbers for {} levels", p.size(), matrix.levels()),
                "give the share that reports each level");
    double sum = 0;
    for (double x : p) {
      if (!(x >= 0 && x <= 1)) rows.fail(name, fmt::format("holds {}: a share is 0 to 1", x));
      sum += x;
    }
    if (std::abs(sum - 1) > 1e-9)
      rows.fail(name, fmt::format("sums to {:.10g}", sum),
                "what people of one true level report are shares that sum to 1");
    for (std::size_t k = 0; k < p.size(); ++k) matrix.row(group, level)[k] = p[k];
  }
  rows.finish();
}

std::unique_ptr<const MeasurementModel> make(ConfigReader& config, const Schema& schema) {
  const std::string name = config.text("variable", {.help = "the answer that is misreported"});
  const std::string by = config.text(
      "group", {.fallback = "", .help = "a variable by whose levels the matrix differs"});
  auto section = config.section("matrix");
  if (config.is_documenting()) return nullptr;
  if (!section)
    config.fail("matrix", "is missing",
                "give what is reported at each true level: matrix = { yes = [0.9, 0.1] }");
  const VariableId answer = require_answer(config, "variable", schema, name);
  if (by.empty()) {
    LevelMatrix matrix(schema[answer].size(), 1);
    read_rows(*section, schema, answer, 0, matrix);
    return std::make_unique<Misclassification>(answer, std::nullopt, std::move(matrix));
  }
  const VariableId group = schema.require(by, config.place("group"));
  LevelMatrix matrix(schema[answer].size(), schema[group].size());
  for (const std::string& level : section->keys()) {
    const LevelCode g = schema.require_level(group, level, section->place(level));
    auto rows = section->section(level);
    if (rows) read_rows(*rows, schema, answer, g, matrix);
  }
  return std::make_unique<Misclassification>(answer, group, std::move(matrix));
}

}  // namespace

MeasurementInfo misclassification_info() {
  return {"misclassification", "levels reported for others, by a matrix, or one a group",
          "Kuha & Skinner (1997), in Survey Measurement and Process Quality, 633-670",
          ErrorComponent::misreport, make};
}

}  // namespace steelyard::measurement_kinds
