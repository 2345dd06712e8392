#include "study/file_buckets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.hpp"
#include "study/file_estimation.hpp"

namespace steelyard {
namespace {

const std::vector<LawStatistic>& moments() {
  static const std::vector<LawStatistic> list = {
      {"mean", [](const Law& law) { return law.mean(); }, {}},
      {"gini", [](const Law& law) { return law.gini(); }, {}},
      {"theil", [](const Law& law) { return law.theil(); }, {}}};
  return list;
}

/// With quantiles, for linearization. A law of points has quantiles without a slope.
std::vector<LawStatistic> with_quantiles(std::span<const double> probabilities) {
  std::vector<LawStatistic> list = moments();
  for (const double p : probabilities)
    list.push_back({"quantile",
                    [p](const Law& law) {
                      const double at = law.quantile(p);
                      return std::isnan(law.density(at)) ? std::nan("") : at;
                    },
                    {}});
  return list;
}

/// Several rules on one column have the same notes.
void say_once(std::vector<std::string>& notes, const std::string& note) {
  if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
}

}  // namespace

void add_buckets(const FileQuestions& questions, std::span<const double> probabilities,
                 bool compared, const LevelsOf& levels_of, const std::string& name,
                 PreparedFile& file) {
  if (questions.bucketed.empty()) return;
  for (const double p : probabilities)
    if (!(p > 0 && p < 1))
      throw UserError({}, "--probs", "buckets have no quantile of " + shortest(p),
                      "give probabilities above 0 and below 1");
  for (const BucketedQuestion& question : questions.bucketed) {
    PlacedLevels placed = place(question, levels_of(question.column), name);
    for (const std::string& note : placed.notes) say_once(file.notes, note);
    file.data.columns.push_back(std::move(placed.number));
    FileBuckets& buckets = file.buckets.emplace_back();
    buckets.name = question.column + ":" + question.rule;
    buckets.question.column = file.data.columns.size() - 1;
    buckets.question.edges = std::move(placed.edges);
    buckets.question.known_mean = question.known_mean;
    buckets.rule = find_bucket_rule(question.rule)->make();
  }
  if (!compared) return;
  const std::vector<LawStatistic> statistics = with_quantiles(probabilities);
  for (const FileBuckets& buckets : file.buckets) {
    LinearizedTable made = linearized_table(
        file.data, buckets.question, *buckets.rule,
        [&](std::size_t, const Law&) { return statistics; }, statistics.size());
    for (std::size_t s = 0; s < statistics.size(); ++s) {
      file.data.columns.push_back(std::move(made.data.columns[s]));
      const bool quantile = s >= moments().size();
      for (std::size_t k = 0; k < file.data.domains.size(); ++k) {
        auto& failure = made.failures[s * file.data.domains.size() + k];
        if (!failure) continue;
        const Law* law = made.laws[k].get();
        if (quantile && law != nullptr && std::isnan(law->density(law->mean())))
          failure->detail =
              "quantiles of a rule that puts each bucket at a point jump, so their "
              "differences have no standard error";
        file.incomparable[{file.requests.size(), k}] = *failure;
      }
      file.requests.push_back(
          {.statistic = SurveyStatistic::mean,
           .variable = buckets.name,
           .level = quantile ? shortest(probabilities[s - moments().size()]) : "",
           .y = file.data.columns.size() - 1});
      file.functionals.push_back(statistics[s].name);
    }
  }
}

void estimate_buckets(const PreparedFile& file, std::span<const double> probabilities,
                      std::vector<FileEstimate>& rows, std::vector<std::string>& notes) {
  for (const FileBuckets& buckets : file.buckets) {
    std::size_t alike = 0;
    const auto add = [&](const std::string& functional, std::string level, EstimateRow row) {
      const std::string& domain = file.data.domains[row.domain];
      rows.push_back(
          {functional, buckets.name, std::move(level), domain, std::move(row), {}, {}, {}});
    };
    for (EstimateRow& row :
         estimate_table(file.data, buckets.question, *buckets.rule, moments(), file.options)) {
      const std::string& functional = moments()[row.request].name;
      const auto& known = buckets.question.known_mean;
      if (known && row.request == 0 && !row.failure &&
          std::abs(row.estimate - *known) <= 1e-9 * std::abs(*known)) {
        row.estimate = row.lower = row.upper = *known;  // met to rounding, and without error
        row.se = 0;
        row.deff = row.deff_wr = std::nan("");
      }
      alike += row.request == (known ? 1 : 0) && !row.failure && row.se == 0;
      add(functional, "", std::move(row));
    }
    for (TableQuantile& quantile : estimate_table_quantiles(
             file.data, buckets.question, *buckets.rule, probabilities, file.options)) {
      const double p = probabilities[quantile.row.request];
      add("quantile", shortest(p), std::move(quantile.row));
    }
    if (buckets.question.known_mean)
      say_once(notes, fmt::format("{}: the mean {} is taken as known, without error", buckets.name,
                                  shortest(*buckets.question.known_mean)));
    if (alike > 0)
      say_once(notes,
               fmt::format("all answers to {} are in one bucket in {}: standard errors of 0 say "
                           "nothing there",
                           buckets.name.substr(0, buckets.name.rfind(':')),
                           file.data.domains.size() == 1 ? std::string("the file")
                                                         : fmt::format("{} domains", alike)));
  }
}

}  // namespace steelyard
