#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "core/missing.hpp"
#include "sim/measurement/measurement_model.hpp"

namespace steelyard::measurement_kinds {
namespace {

bool is_number(const Schema& schema, VariableId id) {
  return schema[id].kind == VariableKind::continuous;
}

/// Coefficients by level, or one per unit of a number; whoever the variable does not apply to, or
/// who has not answered it, has 0.
double term(const std::vector<double>& coefficients, const Sample& sample, VariableId id,
            std::size_t i) {
  if (coefficients.empty()) return 0;
  if (is_number(*sample.schema, id)) {
    const double x = sample.numbers[index(id)][i];
    return std::isnan(x) ? 0 : coefficients[0] * x;
  }
  const LevelCode code = sample.column(id)[i];
  return code < coefficients.size() ? coefficients[code] : 0;
}

struct Term {
  VariableId variable{};
  std::vector<double> coefficients;
};

/// P(no answer) = expit(logit(rate) + sum of coefficients): at random given the variables under
/// `by`, not at random through the answer's own levels.
class ItemNonresponse final : public MeasurementModel {
 public:
  ItemNonresponse(std::vector<VariableId> questions, double rate, std::vector<Term> by,
                  std::vector<double> own)
      : questions_(std::move(questions)),
        odds_(rate / (1 - rate)),
        by_(std::move(by)),
        own_(std::move(own)) {}

  std::vector<VariableId> changes() const override { return questions_; }
  std::vector<VariableId> reads() const override {
    std::vector<VariableId> ids;
    for (const Term& t : by_) ids.push_back(t.variable);
    return ids;
  }

  void apply(ReportedAnswers& answers, const SourceStreams& streams) const override {
    Sample& sample = *answers.sample;
    for (std::size_t i = 0; i < sample.n; ++i) {
      Stream stream = streams.row(i);
      double shared = 0;
      for (const Term& t : by_) shared += term(t.coefficients, sample, t.variable, i);
      for (VariableId question : questions_) {
        const double u = stream.uniform();  // drawn for all, so that each question keeps its own
        const bool number = is_number(*sample.schema, question);
        if (!number && sample.column(question)[i] >= (*sample.schema)[question].size()) continue;
        const double odds = odds_ * std::exp(shared + term(own_, sample, question, i));
        // An infinite odds ratio answers never.
        if (!(u * (1 + odds) < odds) && !std::isinf(odds)) continue;
        if (number)
          sample.numbers[index(question)][i] = std::numeric_limits<double>::quiet_NaN();
        else
          sample.columns[index(question)][i] = kMissing;
      }
    }
  }

  std::string objection() const override {
    if (!own_.empty())
      return "it depends on the answer itself, so that the shares of those who answer are not "
             "linear in the true ones";
    return by_.empty() ? "" : "it differs between groups, and published numbers are not by group";
  }

 private:
  std::vector<VariableId> questions_;
  double odds_;
  std::vector<Term> by_;
  std::vector<double> own_;
};

void check_size(const ConfigReader& config, std::string_view key, const Schema& schema,
                VariableId id, std::size_t numbers) {
  const std::string& name = schema[id].name;
  if (is_number(schema, id)) {
    if (numbers != 1)
      config.fail(key, fmt::format("has {} numbers for the number \"{}\"", numbers, name),
                  "give one, per unit of it");
  } else if (numbers != schema[id].size()) {
    config.fail(
        key,
        fmt::format("has {} numbers for the {} levels of \"{}\"", numbers, schema[id].size(), name),
        "give one a level");
  }
}

VariableId require_question(const ConfigReader& config, const Schema& schema,
                            const std::string& name) {
  const VariableId id = schema.require(name, config.place("questions"));
  return is_number(schema, id) ? id : require_answer(config, "questions", schema, name);
}

std::unique_ptr<const MeasurementModel> make(ConfigReader& config, const Schema& schema) {
  const Texts names = config.texts("questions", {.help = "those that some leave unanswered"});
  const double rate = config.real(
      "rate", {.min = 0, .max = 0.999, .help = "share without an answer where coefficients are 0"});
  auto section = config.section("by");
  const std::vector<double> own = config.reals(
      "own", {.required = false,
              .help = "not at random: log odds ratio of no answer by the question's own level, or "
                      "one per unit of a number"});
  if (config.is_documenting()) return nullptr;
  if (names.empty()) config.fail("questions", "is empty", "name at least one question");
  std::vector<VariableId> questions;
  for (const std::string& name : names) {
    questions.push_back(require_question(config, schema, name));
    if (!own.empty()) check_size(config, "own", schema, questions.back(), own.size());
  }
  std::vector<Term> by;
  if (section) {
    for (const std::string& name : section->keys()) {
      by.push_back({schema.require(name, section->place(name)), section->reals(name)});
      check_size(*section, name, schema, by.back().variable, by.back().coefficients.size());
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
