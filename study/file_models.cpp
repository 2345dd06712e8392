#include "study/file_models.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "core/sums.hpp"
#include "core/text.hpp"
#include "estimators/intervals/modelled_replicates.hpp"
#include "estimators/survey/quantiles.hpp"
#include "estimators/survey/replicate_weigher.hpp"
#include "estimators/tabulate.hpp"
#include "study/file_estimation.hpp"
#include "study/regression_model.hpp"

namespace steelyard {
namespace {

class ModelledEstimates {
 public:
  ModelledEstimates(PreparedFile& file, std::vector<FileEstimate>& rows)
      : file_(file), weighed_(*file.weighed), rows_(rows) {
    find_domains();
    sample_.schema = &weighed_.schema;
    sample_.n = file.data.n;
    if (!weighed_.base.empty()) sample_.base_weights = weighed_.base;
  }

  void run() {
    for (std::size_t k = 0; k < file_.requests.size(); ++k) {
      const EstimateRequest& q = file_.requests[k];
      switch (q.statistic) {
        case SurveyStatistic::mean:
        case SurveyStatistic::total:
          number(q);
          break;
        case SurveyStatistic::proportion: {
          const std::size_t first = k;
          while (k + 1 < file_.requests.size() &&
                 file_.requests[k + 1].statistic == SurveyStatistic::proportion &&
                 file_.requests[k + 1].variable == q.variable)
            ++k;
          shares(std::span(file_.requests).subspan(first, k - first + 1));
          break;
        }
        default:
          throw UserError({}, "--method " + weighed_.method,
                          "models each answer, which gives means, totals and proportions",
                          "leave --" + std::string(to_string(q.statistic)) + " out");
      }
    }
    if (file_.replicates) replicate();
  }

 private:
  /// Who of the population is in a domain: conditions on variables that the weighting knows.
  struct FileDomain {
    std::vector<std::uint32_t> rows;
    std::optional<Domain> conditions;  ///< nothing: a column that it does not know
    std::optional<std::vector<std::uint32_t>> reference_rows;
  };

  void find_domains() {
    const auto& reference = weighed_.benchmarks->reference();
    for (std::size_t k = 0; k < file_.data.domains.size(); ++k) {
      FileDomain& domain = domains_.emplace_back();
      for (std::size_t i = 0; i < file_.data.n; ++i)
        if (file_.data.domain_of.empty() || file_.data.domain_of[i] == k)
          domain.rows.push_back(static_cast<std::uint32_t>(i));
      domain.conditions = conditions_of(k);
      if (!reference || !domain.conditions) continue;
      if (std::all_of(domain.conditions->begin(), domain.conditions->end(),
                      [&](const Condition& c) { return reference->sample.has(c.variable); }))
        domain.reference_rows = domain_rows(reference->sample, *domain.conditions);
    }
  }

  std::optional<Domain> conditions_of(std::size_t k) const {
    Domain out;
    for (std::size_t v = 0; v < file_.by.size(); ++v) {
      const auto id = weighed_.schema.find(file_.by[v]);
      if (!id) return std::nullopt;
      const auto& levels = weighed_.schema[*id].levels;
      const auto at = std::find(levels.begin(), levels.end(), file_.domain_levels[k][v]);
      if (at == levels.end()) return std::nullopt;
      out.push_back({*id, {static_cast<LevelCode>(at - levels.begin())}});
    }
    return out;
  }

  /// The answer as a variable of the schema, beside what else it knows under that name.
  VariableId add(const std::string& name, VariableKind kind, std::vector<std::string> levels) {
    Variable v;
    v.name = "answer " + name;
    for (int k = 2; weighed_.schema.find(v.name); ++k)
      v.name = "answer " + name + " " + std::to_string(k);
    v.kind = kind;
    v.levels = std::move(levels);
    const VariableId id = weighed_.schema.add(std::move(v));
    sample_.columns.resize(weighed_.schema.size());
    sample_.numbers.resize(weighed_.schema.size());
    return id;
  }

  /// What an estimate is of the totals of its answer's levels (of a number: Σ 1, Σ y).
  struct Line {
    const EstimateRequest* request;
    std::size_t level = 0;  ///< of a proportion
    std::size_t table = 0;  ///< in tables_
    std::size_t row = 0;    ///< in rows_

    double value(std::span<const double> totals) const {
      if (request->statistic == SurveyStatistic::total) return totals[1];
      if (request->statistic == SurveyStatistic::mean) return totals[1] / totals[0];
      return totals[level] / total(totals);
    }
    std::vector<double> influence(std::span<const double> totals) const {
      if (request->statistic == SurveyStatistic::total) return {0, 1};
      const double estimate = value(totals);
      if (request->statistic == SurveyStatistic::mean)
        return {-estimate / totals[0], 1 / totals[0]};
      const double size = total(totals);
      std::vector<double> out(totals.size(), -estimate / size);
      out[level] += 1 / size;
      return out;
    }
  };
  /// An answer over a domain.
  struct Table {
    VariableId answer;
    std::size_t domain;
    std::vector<std::uint32_t> rows;  ///< with an answer
  };

  void number(const EstimateRequest& q) {
    const VariableId id = add(q.variable, VariableKind::continuous, {});
    sample_.numbers[index(id)] = file_.data.columns[q.y];
    each_domain(id, {&q, 1});
  }

  void shares(std::span<const EstimateRequest> requests) {
    std::vector<std::string> levels;
    for (const EstimateRequest& q : requests) levels.push_back(q.level);
    if (levels.size() < 2 || levels.size() > kMaxReferenceLevels) {
      for (std::size_t k = 0; k < domains_.size(); ++k)
        for (const EstimateRequest& q : requests)
          rows_.push_back(line_of(q, k,
                                  failed_row(k, {FailureKind::unsupported,
                                                 "a model needs 2 to 250 levels of the answer"})));
      return;
    }
    const VariableId id = add(requests[0].variable, VariableKind::categorical, levels);
    auto& codes = sample_.columns[index(id)];
    codes.assign(sample_.n, static_cast<LevelCode>(levels.size()));
    for (std::size_t level = 0; level < requests.size(); ++level)
      for (std::size_t i = 0; i < sample_.n; ++i)
        if (file_.data.columns[requests[level].y][i] == 1) codes[i] = static_cast<LevelCode>(level);
    each_domain(id, requests);
  }

  bool answered(VariableId id, std::uint32_t i) const {
    return weighed_.schema[id].kind == VariableKind::continuous
               ? !std::isnan(sample_.numbers[index(id)][i])
               : sample_.columns[index(id)][i] < weighed_.schema[id].size();
  }

  /// Estimates of one answer: a number's, or the shares of its levels. Rows: levels slowest.
  void each_domain(VariableId id, std::span<const EstimateRequest> requests) {
    const std::size_t first = rows_.size();
    rows_.resize(first + requests.size() * domains_.size());
    std::vector<std::uint32_t> all(sample_.n);
    std::iota(all.begin(), all.end(), std::uint32_t{0});
    Tabulator tabulator(sample_, weighed_.index);
    const Tabulation everybody = tabulator.tabulate({&id, 1}, all);
    std::shared_ptr<const void> kept;
    for (std::size_t k = 0; k < domains_.size(); ++k) {
      Table table{id, k, {}};
      std::copy_if(domains_[k].rows.begin(), domains_[k].rows.end(), std::back_inserter(table.rows),
                   [&](std::uint32_t i) { return answered(id, i); });
      // The model refers to its table.
      const Tabulation counts = tabulator.tabulate({&id, 1}, table.rows);
      const auto model = model_of(table, counts, everybody, &kept);
      for (std::size_t q = 0; q < requests.size(); ++q) {
        Line line{&requests[q], q, tables_.size(), first + q * domains_.size() + k};
        rows_[line.row] =
            line_of(requests[q], k,
                    model ? point(line, table, *model.value()) : failed_row(k, model.failure()));
        if (model) lines_.push_back(line);
      }
      if (model) tables_.push_back(std::move(table));
    }
  }

  Result<std::unique_ptr<const ModelledAnswer>> model_of(const Table& table, const Tabulation& counts,
                                                         const Tabulation& everybody,
                                                         std::shared_ptr<const void>* kept) {
    const FileDomain& domain = domains_[table.domain];
    if (weighed_.weighting->needs_reference() && !domain.reference_rows)
      return Failure{FailureKind::unsupported,
                     "the reference sample does not know who is in the domain: name the columns of "
                     "--by among the --covariates"};
    const VariableId answers[] = {table.answer};
    const std::span<const std::uint32_t> none;
    return weighed_.weighting->model_answer(
        weighed_.index, *weighed_.benchmarks, weighed_.weights,
        {answers, counts, domain.reference_rows ? *domain.reference_rows : none,
         domain.conditions ? &*domain.conditions : nullptr, &everybody, kept});
  }

  /// The estimate; its error as well, unless that comes from replicates.
  EstimateRow point(const Line& line, const Table& table, const ModelledAnswer& model) const {
    EstimateRow row = failed_row(table.domain, {});
    row.failure.reset();
    row.n = table.rows.size();
    row.estimate = line.value(model.totals());
    if (!file_.replicates)
      set_error(line, model.variance(line.influence(model.totals())), file_.design->df(), row);
    return row;
  }

  void set_error(const Line& line, double variance, double design_df, EstimateRow& row) const {
    const EstimationOptions& o = file_.options;
    const double df = o.df.value_or(design_df);
    row.se = std::sqrt(std::max(0.0, variance));
    row.df = df;
    const bool inside = row.estimate > 0 && row.estimate < 1 && row.se > 0;
    const Limits limits = proportion_limits(row.estimate, row.se,
                                            line.request->statistic != SurveyStatistic::proportion
                                                ? ProportionInterval::mean
                                            : inside ? o.proportions
                                                     : ProportionInterval::beta,
                                            {.level = o.level, .df = df, .n = row.n});
    row.lower = limits.lower;
    row.upper = limits.upper;
  }

  FileEstimate line_of(const EstimateRequest& q, std::size_t domain, EstimateRow row) const {
    return {to_string(q.statistic), q.variable, q.level, file_.data.domains[domain],
            std::move(row)};
  }

  /// Weights and models made again in every replicate, of both samples.
  void replicate() {
    const ReplicateDesign& design = *file_.replicates;
    std::vector<AnswerRows> asked;
    for (const Table& table : tables_) {
      const FileDomain& domain = domains_[table.domain];
      asked.push_back({{&table.answer, 1}, table.rows});
      if (domain.reference_rows) asked.back().reference_rows = *domain.reference_rows;
      if (domain.conditions) asked.back().domain = &*domain.conditions;
    }
    ModelledReplicates models(*weighed_.weighting, sample_, asked);
    ReplicateWeigher weigher(file_.data, design);
    std::vector<double> w(sample_.n);
    std::vector<std::vector<double>> theta(lines_.size(), std::vector<double>(design.replicates));
    for (std::size_t r = 0; r < design.replicates; ++r) {
      const auto weights = weigher.weights(r, w);
      if (!weights) {
        for (const Line& line : lines_) rows_[line.row].row.failure = weights.failure();
        return;
      }
      const auto totals = models.totals(weigher.cells(), weigher.benchmarks(), w,
                                        weigher.reference_rows(), weights.value());
      for (std::size_t k = 0; k < lines_.size(); ++k) {
        const auto& made = totals[lines_[k].table];
        if (made)
          theta[k][r] = lines_[k].value(made.value());
        else if (auto& failure = rows_[lines_[k].row].row.failure; !failure)
          failure = Failure{made.failure().kind,
                            fmt::format("replicate {} of {} cannot be modelled: {}", r + 1,
                                        design.replicates, made.failure().detail)};
      }
    }
    for (std::size_t k = 0; k < lines_.size(); ++k) {
      EstimateRow& row = rows_[lines_[k].row].row;
      if (!row.failure)
        set_error(lines_[k], design.variance(theta[k], row.estimate), design.df, row);
    }
  }

  PreparedFile& file_;
  WeighedFile& weighed_;
  std::vector<FileEstimate>& rows_;
  std::vector<FileDomain> domains_;
  Sample sample_;
  std::vector<Table> tables_;  ///< those with a model
  std::vector<Line> lines_;    ///< their estimates
};

}  // namespace

bool models_answers(const PreparedFile& file) {
  return file.weighed && file.weighed->weighting->models_answers();
}

void estimate_modelled(PreparedFile& file, std::vector<FileEstimate>& rows) {
  const auto refuse = [&](bool asked, const char* what) {
    if (asked)
      throw UserError({}, "--method " + file.weighed->method,
                      std::string("models each answer, which does not go with ") + what,
                      "leave it out, or use a method that gives weights");
  };
  refuse(!file.crossed.empty(), "--crosstab");
  refuse(!file.indices.empty() || !file.quantified.empty(), "indices");
  refuse(!file.buckets.empty(), "--bucketed");
  refuse(!file.regressions.regressed.empty(), "--interval-regression");
  refuse(!file.regressions.imputed.empty(), "--impute");
  refuse(file.versus != nullptr, "--versus-margins");
  refuse(!file.replicates && (!file.design->element_sampling() || file.design->strata() > 1),
         "--strata, --cluster and --pps of the respondents without replicates");
  ModelledEstimates(file, rows).run();
}

}  // namespace steelyard
