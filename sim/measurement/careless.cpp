#include <algorithm>

#include "sim/measurement/level_matrix.hpp"
#include "sim/measurement/measurement_model.hpp"

namespace steelyard::measurement_kinds {
namespace {

/// Some respondents do not read the questions: each answer anywhere, or all at the same position.
class Careless final : public MeasurementModel {
 public:
  Careless(std::vector<VariableId> questions, std::vector<std::size_t> levels, double share,
           bool straight)
      : questions_(std::move(questions)),
        levels_(std::move(levels)),
        share_(share),
        straight_(straight) {}

  std::vector<VariableId> changes() const override { return questions_; }

  void apply(ReportedAnswers& answers, const SourceStreams& streams) const override {
    for (std::size_t i = 0; i < answers.sample->n; ++i) {
      Stream stream = streams.row(i);
      if (!(stream.uniform() < share_)) continue;
      double position = stream.uniform();
      for (std::size_t q = 0; q < questions_.size(); ++q) {
        if (q > 0 && !straight_) position = stream.uniform();
        LevelCode& code = answers.sample->columns[index(questions_[q])][i];
        if (code < levels_[q])
          code = static_cast<LevelCode>(position * static_cast<double>(levels_[q]));
      }
    }
  }

  std::string objection() const override { return {}; }
  std::vector<double> matrix(VariableId answer) const override {
    const auto q = static_cast<std::size_t>(
        std::find(questions_.begin(), questions_.end(), answer) - questions_.begin());
    LevelMatrix matrix(levels_[q], 1);
    for (std::size_t t = 0; t < levels_[q]; ++t)
      for (std::size_t r = 0; r < levels_[q]; ++r)
        matrix.row(0, t)[r] = (t == r ? 1 - share_ : 0) + share_ / static_cast<double>(levels_[q]);
    return matrix.of_group(0);
  }

 private:
  std::vector<VariableId> questions_;
  std::vector<std::size_t> levels_;
  double share_;
  bool straight_;
};

std::unique_ptr<const MeasurementModel> make(ConfigReader& config, const Schema& schema) {
  const Texts names = config.texts("questions", {.help = "those that are answered carelessly"});
  const double share =
      config.real("share", {.min = 0, .max = 1, .help = "of respondents who are careless"});
  const std::string style = config.text(
      "style",
      {.fallback = "uniform",
       .choices = {"uniform", "straight_line"},
       .help = "each answer anywhere, or all questions at the same position of their list"});
  if (config.is_documenting()) return nullptr;
  if (names.empty()) config.fail("questions", "is empty", "name at least one question");
  std::vector<VariableId> questions;
  std::vector<std::size_t> levels;
  for (const std::string& name : names) {
    questions.push_back(require_answer(config, "questions", schema, name));
    levels.push_back(schema[questions.back()].size());
  }
  return std::make_unique<Careless>(std::move(questions), std::move(levels), share,
                                    style == "straight_line");
}

}  // namespace

MeasurementInfo careless_info() {
  return {"careless", "a share of respondents answers uniformly, or in a straight line",
          "Meade & Craig (2012), Psychological Methods 17, 437-455", ErrorComponent::misreport,
          make};
}

}  // namespace steelyard::measurement_kinds
