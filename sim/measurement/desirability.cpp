#include <algorithm>

#include "sim/measurement/level_matrix.hpp"
#include "sim/measurement/measurement_model.hpp"

namespace steelyard::measurement_kinds {
namespace {

class Desirability final : public MeasurementModel {
 public:
  Desirability(VariableId answer, Domain among, LevelMatrix matrix)
      : answer_(answer), among_(std::move(among)), matrix_(std::move(matrix)) {}

  std::vector<VariableId> changes() const override { return {answer_}; }
  std::vector<VariableId> reads() const override {
    std::vector<VariableId> ids;
    for (const Condition& c : among_) ids.push_back(c.variable);
    return ids;
  }

  void apply(ReportedAnswers& answers, const SourceStreams& streams) const override {
    Sample& sample = *answers.sample;
    std::vector<LevelCode>& column = sample.columns[index(answer_)];
    for (std::size_t i = 0; i < column.size(); ++i) {
      if (column[i] >= matrix_.levels() || matrix_.row(0, column[i])[column[i]] == 1) continue;
      if (std::all_of(among_.begin(), among_.end(),
                      [&](const Condition& c) { return c.holds(sample.column(c.variable)[i]); }))
        column[i] = matrix_.report(0, column[i], streams.row(i).uniform());
    }
  }

  std::string objection() const override {
    return among_.empty() ? "" : "only some groups (among) shift their answers";
  }
  std::vector<double> matrix(VariableId) const override { return matrix_.of_group(0); }

 private:
  VariableId answer_;
  Domain among_;
  LevelMatrix matrix_;
};

std::unique_ptr<const MeasurementModel> make(ConfigReader& config, const Schema& schema) {
  const std::string name = config.text("variable", {.help = "the answer that is embellished"});
  const Texts from = config.texts("from", {.help = "true levels that some do not admit"});
  const std::string to =
      config.text("to", {.fallback = "", .help = "the level that they report; or direction"});
  const std::string direction = config.text(
      "direction", {.fallback = to.empty() ? std::nullopt : std::optional<std::string>(""),
                    .choices = {"up", "down"},
                    .help = "in place of to: one level further up or down the list of levels"});
  const double share =
      config.real("share", {.min = 0, .max = 1, .help = "of the people of those levels"});
  const std::string among = config.text(
      "among", {.fallback = "", .help = "only these: variable=level|level & ...; empty: all"});
  if (config.is_documenting()) return nullptr;
  if (!to.empty() && !direction.empty())
    config.fail("direction", "is given beside \"to\"", "leave one of them out");
  const VariableId answer = require_answer(config, "variable", schema, name);
  LevelMatrix matrix(schema[answer].size(), 1);
  for (const std::string& level : from) {
    const LevelCode truth = schema.require_level(answer, level, config.place("from"));
    if (direction == "down" ? truth == 0 : direction == "up" && truth + 1u == matrix.levels())
      config.fail("from", "names \"" + level + "\", the last level in that direction",
                  "leave it out");
    const LevelCode reported = direction == "up" ? static_cast<LevelCode>(truth + 1)
                               : direction == "down"
                                   ? static_cast<LevelCode>(truth - 1)
                                   : schema.require_level(answer, to, config.place("to"));
    if (reported == truth)
      config.fail("from", "names \"" + level + "\", which is also what is reported",
                  "leave it out");
    matrix.row(0, truth)[truth] = 1 - share;
    matrix.row(0, truth)[reported] = share;
  }
  return std::make_unique<Desirability>(answer, schema.parse_domain(among, config.place("among")),
                                        std::move(matrix));
}

}  // namespace

MeasurementInfo desirability_info() {
  return {"desirability", "a share of the people of some levels report a better-looking one",
          "Tourangeau & Yan (2007), Psychological Bulletin 133, 859-883", ErrorComponent::misreport,
          make};
}

}  // namespace steelyard::measurement_kinds
