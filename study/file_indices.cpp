#include "study/file_indices.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "core/text.hpp"
#include "estimators/survey/derived_columns.hpp"
#include "study/file_estimation.hpp"

namespace steelyard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

IndexOptions index_options(const EstimationOptions& estimation, const IndexRequest& request) {
  IndexOptions options;
  options.estimation = estimation;
  options.interval = request.interval;
  if (request.net_balance) {
    options.base = options.line = 0;
    options.slope = 100;
  }
  return options;
}

bool has_score(const SurveyData& data, const IndexQuestion& question, std::size_t i) {
  const double level = data.columns[question.column][i];
  return !std::isnan(level) && !std::isnan(question.scores[static_cast<std::size_t>(level)]);
}

/// A number without a standard error, or the reason why there is none.
FileEstimate plain_line(const char* functional, const IndexQuestion& question, std::string level,
                        std::string domain, std::size_t n, const Result<double>& value) {
  FileEstimate line{functional, question.name, std::move(level), std::move(domain), {}, {}, {}, {}};
  EstimateRow& row = line.row;
  row.n = n;
  row.se = row.lower = row.upper = row.df = row.deff = row.deff_wr = kNan;
  row.estimate = value ? value.value() : kNan;
  if (!value) row.failure = value.failure();
  return line;
}

/// What two waves like this one would show of a change.
void add_power(const IndexQuestion& question, const std::string& domain, const EstimateRow& row,
               double level, const IndexRequest& request, std::vector<FileEstimate>& rows) {
  ChangeDesign waves;
  // All persons in both waves with this correlation: Var of the change 2 se² (1 - overlap).
  waves.overlap = 1;
  waves.correlation = request.overlap;
  waves.sd = row.se;
  waves.level = level;
  Result<double> power = row.failure.value_or(
      Failure{FailureKind::unsupported, "the standard error of the index is 0"});
  Result<double> found = power;
  if (!row.failure && row.se > 0) {
    power = power_of_change(waves, *request.power_of, 1);
    found = detectable_change(waves, 1);
  }
  rows.push_back(plain_line("power", question, shortest(*request.power_of), domain, row.n, power));
  rows.push_back(
      plain_line("detectable change", question, shortest(waves.power), domain, row.n, found));
}

void add_quantified(const PreparedFile& file, const IndexQuestion& question,
                    const IndexRequest& request, std::vector<FileEstimate>& rows) {
  const auto sides = up_and_down(file.data, question, file.options);
  for (std::size_t k = 0; k < sides.size(); ++k) {
    const auto& shares = sides[k];
    const std::size_t n = shares ? shares.value().n : 0;
    const auto made =
        shares ? carlson_parkin(shares.value().up, shares.value().down, request.threshold,
                                request.law, shares.value().covariance)
               : Result<Quantification>(shares.failure());
    const auto add = [&](const char* functional, double value, double se) {
      FileEstimate line = plain_line(functional, question, "", file.data.domains[k], n, value);
      line.row.se = se;
      line.row.df = shares.value().df;
      const double half = t_quantile(file.options.level, line.row.df) * se;
      line.row.lower = value - half;
      line.row.upper = value + half;
      rows.push_back(std::move(line));
    };
    if (made) {
      const Quantification& q = made.value();
      add("carlson-parkin mean", q.mean, q.mean_se);
      add("carlson-parkin sd", q.sd, q.scale_se * request.law.sd());
    } else {
      for (const char* functional : {"carlson-parkin mean", "carlson-parkin sd"})
        rows.push_back(
            plain_line(functional, question, "", file.data.domains[k], n, made.failure()));
    }
  }
}

/// Rows of each domain with a score in one of two questions.
std::vector<std::size_t> answered_either(const SurveyData& data, const IndexQuestion& a,
                                         const IndexQuestion& b) {
  std::vector<std::size_t> n(data.domains.size());
  for (std::size_t i = 0; i < data.n; ++i)
    if (const std::size_t k = domain_of_row(data, i);
        k < n.size() && (has_score(data, a, i) || has_score(data, b, i)))
      ++n[k];
  return n;
}

}  // namespace

void add_indices(const FileQuestions& questions, const IndexRequest& request,
                 const LevelsOf& levels_of, const std::string& name, PreparedFile& file) {
  const IndexOptions options = index_options({}, request);
  const auto put = [&](const ScoredQuestion& question) {
    PlacedLevels placed = place(question, levels_of(question.column), name);
    file.notes.insert(file.notes.end(), placed.notes.begin(), placed.notes.end());
    file.data.columns.push_back(std::move(placed.number));
    return IndexQuestion{question.column, file.data.columns.size() - 1, std::move(placed.scores)};
  };
  for (const ScoredQuestion& question : questions.indices) {
    const IndexQuestion& placed = file.indices.emplace_back(put(question));
    std::vector<double> values(file.data.n, kNan);
    for (std::size_t i = 0; i < file.data.n; ++i)
      if (has_score(file.data, placed, i)) {
        const double level = file.data.columns[placed.column][i];
        values[i] = options.base + options.slope * placed.scores[static_cast<std::size_t>(level)];
      }
    file.data.columns.push_back(std::move(values));
    file.requests.push_back({.statistic = SurveyStatistic::mean,
                             .variable = question.column,
                             .y = file.data.columns.size() - 1});
    file.functionals.emplace_back("index");
  }
  for (const ScoredQuestion& question : questions.quantified)
    file.quantified.push_back(put(question));
}

void estimate_indices(const PreparedFile& file, const IndexRequest& request,
                      std::vector<FileEstimate>& rows, std::vector<std::string>& notes) {
  const auto& domains = file.data.domains;
  if (!file.indices.empty()) {
    const auto made =
        IndexEstimates::make(file.data, file.indices, index_options(file.options, request));
    for (std::size_t q = 0; q < file.indices.size(); ++q) {
      std::size_t agreed = 0;
      for (std::size_t k = 0; k < domains.size(); ++k) {
        const IndexRow& index = made.rows()[made.at(q, k)];
        FileEstimate line{"index", file.indices[q].name, "", domains[k], index.row, {}, {}, {}};
        if (!index.row.failure) {
          line.p_above = index.above_line;
          agreed += index.row.se == 0;
        }
        rows.push_back(std::move(line));
        if (request.power_of)
          add_power(file.indices[q], domains[k], index.row, file.options.level, request, rows);
      }
      if (agreed > 0)
        notes.push_back(fmt::format(
            "all answers to {} are the same in {}: the standard error is 0, and the limits allow "
            "for answers that happened not to be drawn (Dirichlet law, prior 1/2 a level)",
            file.indices[q].name,
            domains.size() == 1 ? std::string("the file") : fmt::format("{} domains", agreed)));
    }
    std::vector<ScoredQuestion> named;
    for (const IndexQuestion& question : file.indices) named.push_back({"", question.name, {}});
    for (const std::string& text : request.changes) {
      const auto [a, b] = parse_change(text, named);
      const auto n = answered_either(file.data, file.indices[a], file.indices[b]);
      for (std::size_t k = 0; k < domains.size(); ++k)
        rows.push_back(
            comparison_line("index difference", file.indices[b].name + " - " + file.indices[a].name,
                            "", domains[k], made.difference(made.at(b, k), made.at(a, k)), n[k]));
    }
  }
  for (const IndexQuestion& question : file.quantified)
    add_quantified(file, question, request, rows);
}

}  // namespace steelyard
