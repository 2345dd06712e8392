#include "study/regression_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.hpp"
#include "estimators/survey/derived_columns.hpp"

namespace steelyard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

FileIntervals intervals_of(const BucketedQuestion& question, const LevelColumn& column,
                           const std::string& name, PreparedFile& file) {
  const PlacedLevels placed = place(question, column, name);
  for (const std::string& note : placed.notes)
    if (std::find(file.notes.begin(), file.notes.end(), note) == file.notes.end())
      file.notes.push_back(note);
  FileIntervals out{question.column, {}, {}};
  for (const double bucket : placed.number) {
    const bool answered = !std::isnan(bucket);
    const auto at = answered ? static_cast<std::size_t>(bucket) : 0;
    out.lower.push_back(answered ? placed.edges[at] : kNan);
    out.upper.push_back(answered ? placed.edges[at + 1] : kNan);
  }
  return out;
}

/// Columns of one covariate in a design matrix: its number, or an indicator a level but one.
struct Indicator {
  const Covariate* covariate;
  std::uint16_t level;  ///< kMissingCode: the number itself
};

/// The columns that the rows used can have. Fails: singular_matrix (a covariate that is the same
/// in all of them), unsupported (nobody has the reference level).
Result<std::vector<Indicator>> indicators(const std::vector<Covariate>& covariates,
                                          const std::vector<bool>& used, DomainModel& out) {
  std::vector<Indicator> columns;
  for (const Covariate& covariate : covariates) {
    if (covariate.numeric()) {
      double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
      for (std::size_t i = 0; i < used.size(); ++i)
        if (used[i]) {
          lowest = std::min(lowest, covariate.numbers[i]);
          highest = std::max(highest, covariate.numbers[i]);
        }
      if (lowest == highest)
        return Failure{FailureKind::singular_matrix,
                       fmt::format("the covariate {} is {} in every row used, so it cannot be told "
                                   "from the constant; leave it out",
                                   covariate.name, shortest(lowest))};
      columns.push_back({&covariate, kMissingCode});
      continue;
    }
    const auto& names = covariate.levels.levels;
    std::vector<bool> there(names.size(), false);
    for (std::size_t i = 0; i < used.size(); ++i)
      if (used[i]) there[covariate.levels.codes[i]] = true;
    const auto present = std::count(there.begin(), there.end(), true);
    if (present == 1)
      return Failure{
          FailureKind::singular_matrix,
          fmt::format("the covariate {} is \"{}\" in every row used, so it cannot be "
                      "told from the constant; leave it out",
                      covariate.name,
                      names[static_cast<std::size_t>(std::find(there.begin(), there.end(), true) -
                                                     there.begin())])};
    if (present > 1 && !there[covariate.reference])
      return Failure{FailureKind::unsupported,
                     fmt::format("nobody used has the reference level {}={}; choose another with "
                                 "--covariates {}=LEVEL",
                                 covariate.name, names[covariate.reference], covariate.name)};
    for (std::size_t level = 0; level < names.size(); ++level) {
      if (level == covariate.reference) continue;
      if (there[level])
        columns.push_back({&covariate, static_cast<std::uint16_t>(level)});
      else
        out.absent_levels.push_back(covariate.name + "=" + names[level]);
    }
  }
  return columns;
}

}  // namespace

Result<DomainModel> model_of(const PreparedFile& file, const FileIntervals& intervals,
                             IntervalScale scale, std::size_t domain) {
  const SurveyData& data = file.data;
  const std::vector<Covariate>& covariates = file.regressions.covariates;
  DomainModel out;
  IntervalModel& model = out.model;
  model.scale = scale;
  model.lower = intervals.lower;
  model.upper = intervals.upper;
  std::vector<bool> used(data.n, false);
  for (std::size_t i = 0; i < data.n; ++i) {
    bool use =
        !std::isnan(model.lower[i]) && (domain == kAllDomains || domain_of_row(data, i) == domain);
    if (use && data.w[i] < 0)
      return Failure{FailureKind::unsupported,
                     "some weights are negative, and a likelihood needs weights of 0 or more; use "
                     "a weighting with bounds, or raking"};
    if (use && !std::all_of(covariates.begin(), covariates.end(),
                            [&](const Covariate& covariate) { return covariate.answered(i); })) {
      use = false;
      ++out.without_covariate;
    }
    if (use && scale == IntervalScale::logarithm && model.lower[i] < 0)
      return Failure{FailureKind::unsupported,
                     fmt::format("the bucket from {} has no logarithm; pass --regression-scale "
                                 "identity",
                                 shortest(model.lower[i]))};
    if (!use) model.lower[i] = model.upper[i] = kNan;
    used[i] = use && data.w[i] > 0;
  }
  const auto columns = indicators(covariates, used, out);
  if (!columns) return columns.failure();
  model.columns = 1 + columns.value().size();
  model.names = {"(constant)"};
  for (const auto& [covariate, level] : columns.value())
    model.names.push_back(level == kMissingCode
                              ? covariate->name
                              : covariate->name + "=" + covariate->levels.levels[level]);
  model.names.emplace_back("sigma");
  model.x.resize(data.n * model.columns);
  for (std::size_t i = 0; i < data.n; ++i) {
    double* at = &model.x[i * model.columns];
    *at++ = 1;
    for (const auto& [covariate, level] : columns.value())
      *at++ = level == kMissingCode ? covariate->numbers[i]
                                    : double(covariate->levels.codes[i] == level);
  }
  return out;
}

SurveyData undivided(const SurveyData& data) {
  SurveyData out = with_columns(data, {});
  out.domain_of.clear();
  out.domains = {""};
  return out;
}

EstimateRow failed_row(std::size_t domain, const Failure& failure) {
  EstimateRow row;
  row.domain = domain;
  row.estimate = row.se = row.lower = row.upper = row.df = row.deff = row.deff_wr = kNan;
  row.failure = failure;
  return row;
}

std::string left_out(const DomainModel& of, const std::string& where) {
  std::string text;
  if (of.without_covariate > 0)
    text = fmt::format("{} rows with an answer lack a covariate and are left out",
                       of.without_covariate);
  if (!of.absent_levels.empty())
    text += (text.empty() ? "" : "; ") +
            fmt::format("nobody used has {}", join(of.absent_levels, ", "));
  return text.empty() || where.empty() ? text : text + " (" + where + ")";
}

bool Covariate::answered(std::size_t i) const {
  return numeric() ? std::isfinite(numbers[i]) : levels.codes[i] != kMissingCode;
}

bool read_as_numbers(const CovariateQuestion& covariate, const DataSource& file) {
  file.require_column(covariate.column);
  if (covariate.reference) return false;
  if (file.csv() == nullptr) {
    try {
      file.read(std::vector<ColumnRequest>{{covariate.column, ColumnRequest::As::numbers}}, 1);
    } catch (const UserError&) {
      return false;
    }
    return true;
  }
  bool numbers = true;
  file.csv()->each_field(file.csv()->column(covariate.column), [&](std::size_t, auto field) {
    if (!numbers) return;
    const std::string_view text = trim(field);
    numbers = text.empty() || text == "NA" || text == "." || parse_number(text).has_value();
  });
  return numbers;
}

void add_regressions(
    const FileQuestions& questions, const LevelsOf& levels_of,
    const std::function<const std::vector<double>*(const std::string&)>& numbers_of,
    const std::string& name, PreparedFile& file) {
  FileRegressions& out = file.regressions;
  out.statistics = questions.statistics;
  for (const CovariateQuestion& question : questions.covariates) {
    Covariate& covariate = out.covariates.emplace_back();
    covariate.name = question.column;
    if (const std::vector<double>* numbers = numbers_of(question.column)) {
      covariate.numbers = *numbers;
      continue;
    }
    covariate.levels = levels_of(question.column);
    const auto& levels = covariate.levels.levels;
    if (!question.reference) continue;
    const auto at = std::find(levels.begin(), levels.end(), *question.reference);
    if (at == levels.end()) {
      const std::string nearest = suggestion(*question.reference, levels);
      throw UserError({name}, "--covariates",
                      fmt::format("column {} has no level \"{}\" to be the reference",
                                  question.column, *question.reference),
                      nearest.empty() ? "check the spelling" : nearest);
    }
    covariate.reference = static_cast<std::size_t>(at - levels.begin());
  }
  for (const BucketedQuestion& question : questions.regressed)
    out.regressed.push_back(intervals_of(question, levels_of(question.column), name, file));
  for (const BucketedQuestion& question : questions.imputed)
    out.imputed.push_back(intervals_of(question, levels_of(question.column), name, file));
}

}  // namespace steelyard
