// Columns of buckets on the command line: rules, known means, edges, covariates, imputations.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "core/text.hpp"
#include "study/file_questions.hpp"

namespace steelyard {
namespace {

std::vector<BucketedQuestion> with_rules(const std::vector<std::string>& texts) {
  std::vector<BucketedQuestion> out;
  for (const std::string& text : texts) {
    const auto parts = name_and_rest(text, ':');
    if (!parts)
      throw UserError({}, "--bucketed", "\"" + text + "\" is not column:rule",
                      "for instance --bucketed income:rpme_harm1; see `steelyard list "
                      "bucket-rules`");
    if (find_bucket_rule(parts->second) == nullptr) {
      std::vector<std::string> names;
      for (const BucketRuleInfo& info : bucket_rules()) names.emplace_back(info.name);
      const std::string nearest = suggestion(parts->second, names);
      throw UserError({}, "--bucketed", "\"" + parts->second + "\" is no bucket rule",
                      nearest.empty() ? "see `steelyard list bucket-rules`" : nearest);
    }
    BucketedQuestion& question = out.emplace_back();
    question.column = parts->first;
    question.rule = parts->second;
  }
  return out;
}

void add_known_means(const std::vector<std::string>& texts,
                     std::vector<BucketedQuestion>& questions) {
  const std::string option = "--known-mean";
  for (const std::string& text : texts) {
    const auto parts = name_and_rest(text, '=');
    const auto mean = parts ? parse_number(parts->second) : std::nullopt;
    if (!mean || !std::isfinite(*mean))
      throw UserError({}, option, "\"" + text + "\" is not column=mean",
                      "for instance --known-mean income=6200");
    bool used = false;
    for (BucketedQuestion& question : questions) {
      if (question.column != parts->first || !find_bucket_rule(question.rule)->needs_mean) continue;
      if (question.known_mean)
        throw UserError({}, option, parts->first + " has two means", "give one");
      question.known_mean = mean;
      used = true;
    }
    if (!used)
      throw UserError({}, option, "no rule of --bucketed uses a mean of " + parts->first,
                      "for instance --bucketed " + parts->first + ":AVG_calibrated_mean");
  }
  for (const BucketedQuestion& question : questions)
    if (find_bucket_rule(question.rule)->needs_mean && !question.known_mean)
      throw UserError({}, "--bucketed",
                      "\"" + question.rule +
                          "\" needs the overall mean, which a file of answers in buckets does not "
                          "have",
                      fmt::format("pass --known-mean {}=MEAN, or choose another rule: see "
                                  "`steelyard list bucket-rules`",
                                  question.column));
}

std::vector<BucketedQuestion> without_rules(const std::vector<std::string>& columns,
                                            const std::string& option) {
  std::vector<BucketedQuestion> out;
  for (const std::string& column : columns) {
    for (const BucketedQuestion& other : out)
      if (other.column == column)
        throw UserError({}, option, column + " is given twice", "give every column once");
    BucketedQuestion& question = out.emplace_back();
    question.column = column;
    question.option = option;
  }
  return out;
}

void set_edges(BucketedQuestion& question, const std::vector<std::string>& edges) {
  question.edges.clear();
  for (const std::string& edge : edges) {
    const auto value = parse_number(edge);
    if (!value || std::isnan(*value))
      throw UserError({}, "--edges",
                      fmt::format("\"{}\" of {} is not a number", edge, question.column),
                      "write numbers; the last may be inf");
    question.edges.push_back(*value);
  }
  if (question.levels.empty())
    throw UserError({}, "--edges",
                    fmt::format("{} has no --levels in the order of its edges", question.column),
                    "pass --levels '" + question.column + "=level,level,...'");
  const std::size_t m = question.levels.size();
  if (question.edges.size() != m + 1)
    throw UserError(
        {}, "--edges",
        fmt::format("{} has {} edges for {} levels", question.column, question.edges.size(), m),
        fmt::format("give {}: where each level starts, and where the last ends "
                    "(inf: open)",
                    m + 1));
}

/// What --levels and --edges say of the columns that are read as buckets.
void add_levels_and_edges(const BucketedRequest& request, FileQuestions& out) {
  const auto each = [&](const std::vector<std::string>& texts, const std::string& option,
                        auto&& use) {
    for (const std::string& text : texts) {
      const auto parts = name_and_rest(text, '=');
      if (!parts)
        throw UserError({}, option, "\"" + text + "\" is not column=...,...",
                        "for instance --edges income=0,2000,5000,inf --levels income=low,middle,"
                        "high");
      bool used = false;
      for (auto* list : {&out.bucketed, &out.regressed, &out.imputed})
        for (BucketedQuestion& question : *list)
          if (question.column == parts->first) {
            use(question, split_quoted(parts->second, ','));
            used = true;
          }
      if (!used)
        throw UserError({}, option,
                        "\"" + parts->first +
                            "\" is not a column of --bucketed, --interval-regression or --impute",
                        "write --bucketed " + parts->first + ":rule");
    }
  };
  each(request.levels, "--levels", [](BucketedQuestion& question, std::vector<std::string> levels) {
    question.levels = std::move(levels);
  });
  each(request.edges, "--edges", set_edges);
}

std::vector<CovariateQuestion> parse_covariates(const RegressionRequest& request) {
  const std::string option = "--covariates";
  std::vector<CovariateQuestion> out;
  for (const std::string& text : request.covariates) {
    CovariateQuestion& covariate = out.emplace_back();
    const std::size_t equals = text.find('=');
    covariate.column = std::string(trim(text.substr(0, equals)));
    if (equals != std::string::npos)
      covariate.reference = std::string(trim(text.substr(equals + 1)));
    if (covariate.column.empty() || (covariate.reference && covariate.reference->empty()))
      throw UserError({}, option, "\"" + text + "\" is not column or column=reference level",
                      "for instance --covariates age,region=North");
    for (const CovariateQuestion& other : std::span(out).first(out.size() - 1))
      if (other.column == covariate.column)
        throw UserError({}, option, covariate.column + " is given twice", "give every column once");
    for (const auto* list : {&request.regressed, &request.imputed})
      if (std::find(list->begin(), list->end(), covariate.column) != list->end())
        throw UserError({}, option, covariate.column + " would explain itself",
                        "leave it out of the covariates");
  }
  if (!out.empty() && request.regressed.empty() && request.imputed.empty())
    throw UserError({}, option, "are of a regression, and there is none",
                    "pass --interval-regression COLUMN or --impute COLUMN");
  return out;
}

std::vector<ImputedStatistic> parse_statistics(const std::vector<std::string>& names) {
  std::vector<ImputedStatistic> out;
  for (const std::string& name : names) {
    const double percent =
        name.starts_with("q") ? parse_number(std::string_view(name).substr(1)).value_or(0) : 0;
    if (name == "mean")
      out.push_back({SurveyStatistic::mean});
    else if (name == "gini")
      out.push_back({SurveyStatistic::gini});
    else if (name == "median")
      out.push_back({SurveyStatistic::quantile, 0.5});
    else if (percent > 0 && percent < 100)
      out.push_back({SurveyStatistic::quantile, percent / 100});
    else
      throw UserError({}, "--impute-statistics", "\"" + name + "\" is not a statistic",
                      "there are: mean, median, gini, and quantiles such as q10 (the 10th "
                      "percentile)");
  }
  return out;
}

}  // namespace

void parse_buckets(const BucketedRequest& bucketed, const RegressionRequest& regression,
                   FileQuestions& out) {
  out.bucketed = with_rules(bucketed.bucketed);
  add_known_means(bucketed.known_means, out.bucketed);
  out.regressed = without_rules(regression.regressed, "--interval-regression");
  out.imputed = without_rules(regression.imputed, "--impute");
  add_levels_and_edges(bucketed, out);
  out.covariates = parse_covariates(regression);
  if (out.imputed.empty()) return;
  out.statistics = parse_statistics(regression.statistics);
  if (regression.imputations < 2)
    throw UserError({}, "--imputations", "= 1 has no variance between imputations",
                    "give 2 or more; 20 is the default");
  if (!regression.seed)
    throw UserError({}, "--impute", "draws random numbers, and there is no seed",
                    "pass --seed 1, or any other whole number");
}

}  // namespace steelyard
