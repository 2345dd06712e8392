#include "study/file_models.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "core/text.hpp"
#include "estimators/survey/quantiles.hpp"
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

  void number(const EstimateRequest& q) {
    const std::vector<double>& y = file_.data.columns[q.y];
    const VariableId id = add(q.variable, VariableKind::continuous, {});
    sample_.numbers[index(id)] = y;
    const auto answered = [&](std::uint32_t i) { return !std::isnan(y[i]); };
    const bool mean = q.statistic == SurveyStatistic::mean;
    each_domain(id, answered,
                [&](std::size_t k, std::size_t n,
                    const Result<std::unique_ptr<const ModelledAnswer>>& model) {
                  if (!model) return fail(q, k, model.failure());
                  const auto totals = model.value()->totals();
                  const double size = totals[0], sum = totals[1];
                  const std::vector<double> influence =
                      mean ? std::vector<double>{-sum / (size * size), 1 / size}
                           : std::vector<double>{0, 1};
                  add_line(q, k, n, mean ? sum / size : sum, model.value()->variance(influence));
                });
  }

  void shares(std::span<const EstimateRequest> requests) {
    std::vector<std::string> levels;
    for (const EstimateRequest& q : requests) levels.push_back(q.level);
    if (levels.size() < 2 || levels.size() > kMaxReferenceLevels) {
      for (std::size_t k = 0; k < domains_.size(); ++k)
        for (const EstimateRequest& q : requests)
          fail(q, k, {FailureKind::unsupported, "a model needs 2 to 250 levels of the answer"});
      return;
    }
    const VariableId id = add(requests[0].variable, VariableKind::categorical, levels);
    auto& codes = sample_.columns[index(id)];
    codes.assign(sample_.n, static_cast<LevelCode>(levels.size()));
    for (std::size_t level = 0; level < requests.size(); ++level)
      for (std::size_t i = 0; i < sample_.n; ++i)
        if (file_.data.columns[requests[level].y][i] == 1) codes[i] = static_cast<LevelCode>(level);
    const auto answered = [&](std::uint32_t i) { return codes[i] < levels.size(); };
    const std::size_t first = rows_.size();
    each_domain(id, answered,
                [&](std::size_t k, std::size_t n,
                    const Result<std::unique_ptr<const ModelledAnswer>>& model) {
                  for (std::size_t level = 0; level < requests.size(); ++level) {
                    if (!model) {
                      fail(requests[level], k, model.failure());
                      continue;
                    }
                    const auto totals = model.value()->totals();
                    const double size = std::accumulate(totals.begin(), totals.end(), 0.0);
                    const double share = totals[level] / size;
                    std::vector<double> influence(totals.size(), -share / size);
                    influence[level] += 1 / size;
                    add_line(requests[level], k, n, share, model.value()->variance(influence));
                  }
                });
    // Levels slowest, as elsewhere.
    std::vector<FileEstimate> made(std::make_move_iterator(rows_.begin() + std::ptrdiff_t(first)),
                                   std::make_move_iterator(rows_.end()));
    for (std::size_t level = 0; level < levels.size(); ++level)
      for (std::size_t k = 0; k < domains_.size(); ++k)
        rows_[first + level * domains_.size() + k] = std::move(made[k * levels.size() + level]);
  }

  /// Calls use(domain, answers in it, model) for each.
  template <typename Answered, typename Use>
  void each_domain(VariableId id, const Answered& answered, const Use& use) {
    const auto with_answer = [&](const std::vector<std::uint32_t>& rows) {
      std::vector<std::uint32_t> out;
      std::copy_if(rows.begin(), rows.end(), std::back_inserter(out), answered);
      return out;
    };
    Tabulator tabulator(sample_, weighed_.index);
    std::vector<std::uint32_t> all(sample_.n);
    std::iota(all.begin(), all.end(), std::uint32_t{0});
    const Tabulation everybody = tabulator.tabulate({&id, 1}, with_answer(all));
    const VariableId answers[] = {id};
    std::shared_ptr<const void> kept;
    for (std::size_t k = 0; k < domains_.size(); ++k) {
      const FileDomain& domain = domains_[k];
      const Tabulation table = tabulator.tabulate(answers, with_answer(domain.rows));
      if (weighed_.weighting->needs_reference() && !domain.reference_rows) {
        use(k, table.respondents,
            Failure{FailureKind::unsupported,
                    "the reference sample does not know who is in the domain: name the columns of "
                    "--by among the --covariates"});
        continue;
      }
      const std::span<const std::uint32_t> none;
      use(k, table.respondents,
          weighed_.weighting->model_answer(
              weighed_.index, *weighed_.benchmarks, weighed_.weights,
              {answers, table, domain.reference_rows ? *domain.reference_rows : none,
               domain.conditions ? &*domain.conditions : nullptr, &everybody, &kept}));
    }
  }

  void add_line(const EstimateRequest& q, std::size_t domain, std::size_t n, double estimate,
                double variance) {
    const EstimationOptions& o = file_.options;
    const double df = o.df.value_or(file_.design->df());
    EstimateRow row = failed_row(domain, {});
    row.failure.reset();
    row.n = n;
    row.estimate = estimate;
    row.se = std::sqrt(std::max(0.0, variance));
    row.df = df;
    const bool inside = estimate > 0 && estimate < 1 && row.se > 0;
    const Limits limits =
        proportion_limits(estimate, row.se,
                          q.statistic != SurveyStatistic::proportion ? ProportionInterval::mean
                          : inside                                   ? o.proportions
                                                                     : ProportionInterval::beta,
                          {.level = o.level, .df = df, .n = n});
    row.lower = limits.lower;
    row.upper = limits.upper;
    rows_.push_back(
        {to_string(q.statistic), q.variable, q.level, file_.data.domains[domain], std::move(row)});
  }

  void fail(const EstimateRequest& q, std::size_t domain, const Failure& failure) {
    rows_.push_back({to_string(q.statistic), q.variable, q.level, file_.data.domains[domain],
                     failed_row(domain, failure)});
  }

  PreparedFile& file_;
  WeighedFile& weighed_;
  std::vector<FileEstimate>& rows_;
  std::vector<FileDomain> domains_;
  Sample sample_;
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
  refuse(file.replicates != nullptr, "replication");
  refuse(file.versus != nullptr, "--versus-margins");
  refuse(!file.design->element_sampling() || file.design->strata() > 1,
         "--strata, --cluster and --pps of the respondents");
  ModelledEstimates(file, rows).run();
}

}  // namespace steelyard
