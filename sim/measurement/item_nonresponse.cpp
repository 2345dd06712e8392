#include <fmt/format.h>

#include <cmath>

#include "core/missing.hpp"
#include "sim/measurement/measurement_model.hpp"

namespace steelyard::measurement_kinds {
namespace {

/// Coefficients by level; people to whom the variable does not apply have 0.
struct Term {
  VariableId variable{};
  std::vector<double> coefficients;
  double of(LevelCode code) const { return code < coefficients.size() ? coefficients[code] : 0; }
};

/// P(no answer) = expit(logit(rate) + sum of coefficients): at random given the variables under
/// `by`, not at random through the answer's own levels.
class ItemNonresponse final : public MeasurementModel {
 public:
  ItemNonresponse(std::vector<VariableId> questions, double rate, std::vector<Term> by,
                  std::vector<double> own)
      : questions_(std::move(questions)), by_(std::move(by)), own_{{}, std::move(own)} {
    odds_ = rate / (1 - rate);
  }

  std::vector<VariableId> changes() const override { return questions_; }
  std::vector<VariableId> reads() const override {
    std::vector<VariableId> ids;
    for (const Term& t : by_) ids.push_back(t.variable);
    return ids;
  }

  void apply(ReportedAnswers& answers, const SourceStreams& streams) const override {
    Sample& sample = *answers.sample;
    std::vector<std::span<const LevelCode>> known;
    for (const Term& t : by_) known.push_back(sample.column(t.variable));
    for (std::size_t i = 0; i < sample.n; ++i) {
      Stream stream = streams.row(i);
      double shared = 0;
      for (std::size_t k = 0; k < by_.size(); ++k) shared += by_[k].of(known[k][i]);
      for (VariableId question : questions_) {
        const double u = stream.uniform();  // drawn for all, so that each question keeps its own
        LevelCode& code = sample.columns[index(question)][i];
        if (code >= (*sample.schema)[question].size()) continue;
        const double odds = odds_ * std::exp(shared + own_.of(code));
        if (u * (1 + odds) < odds) code = kMissing;
      }
    }
  }

  std::string objection() const override {
    if (!own_.coefficients.empty())
      return "it depends on the answer itself, so that the shares of those who answer are not "
             "linear in the true ones";
    return by_.empty() ? "" : "it differs between groups, and published numbers are not by group";
  }

 private:
  std::vector<VariableId> questions_;
  double odds_ = 0;
  std::vector<Term> by_;
  Term own_;
};

void check_size(const ConfigReader& config, std::string_view key, const std::string& name,
                std::size_t numbers, std::size_t levels) {
  if (numbers != levels)
    config.fail(key,
                fmt::format("has {} numbers for the {} levels of \"{}\"", numbers, levels, name),
                "give one a level");
}

std::unique_ptr<const MeasurementModel> make(ConfigReader& config, const Schema& schema) {
  const Texts names = config.texts("questions", {.help = "those that some leave unanswered"});
  const double rate = config.real(
      "rate", {.min = 0, .max = 0.999, .help = "share without an answer where coefficients are 0"});
  auto section = config.section("by");
  const std::vector<double> own = config.reals(
      "own", {.required = false,
              .help = "not at random: log odds ratio of no answer by the question's own level"});
  if (config.is_documenting()) return nullptr;
  if (names.empty()) config.fail("questions", "is empty", "name at least one question");
  std::vector<VariableId> questions;
  for (const std::string& name : names) {
    questions.push_back(require_answer(config, "questions", schema, name));
    if (!own.empty()) check_size(config, "own", name, own.size(), schema[questions.back()].size());
  }
  std::vector<Term> by;
  if (section) {
    for (const std::string& name : section->keys()) {
      by.push_back({schema.require(name, section->place(name)), section->reals(name)});
      check_size(*section, name, name, by.back().coefficients.size(),
                 schema[by.back().variable].size());
    }
    section->finish();
  }
  return std::make_unique<ItemNonresponse>(std::move(questions), rate, std::move(by), own);
}

}  // namespace

MeasurementInfo item_nonresponse_info() {
  return {"item_nonresponse", "questions left unanswered, at random or through the answer itself",
          "Little & Rubin (2019), Statistical Analysis with Missing Data, 3rd ed., chapter 1",
          ErrorComponent::item_nonresponse, make};
}

}  // namespace steelyard::measurement_kinds
