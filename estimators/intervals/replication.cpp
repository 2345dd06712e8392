#include "estimators/intervals/replication.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "estimators/intervals/modelled_replicates.hpp"
#include "estimators/survey/reference_replicates.hpp"

namespace steelyard {
namespace {

/// Level of each row in a tabulation; `levels` where an answer does not apply. Of a continuous
/// answer its value: the totals are then Σ w and Σ w y.
struct RowLevels {
  std::size_t levels = 0;
  std::vector<std::uint32_t> row, level;
  std::vector<double> value;

  RowLevels(const Sample& sample, const AnswerRows& table) {
    const Schema& schema = *sample.schema;
    if (schema[table.answers[0]].kind == VariableKind::continuous) {
      levels = 2;
      const std::vector<double>& y = sample.numbers[index(table.answers[0])];
      for (std::uint32_t i : table.rows) {
        if (std::isnan(y[i])) continue;
        row.push_back(i);
        value.push_back(y[i]);
      }
      return;
    }
    const std::size_t first_size = schema[table.answers[0]].size();
    const bool two = table.answers.size() == 2;
    const std::size_t second_size = two ? schema[table.answers[1]].size() : 1;
    const LevelCode* first = sample.column(table.answers[0]).data();
    const LevelCode* second = two ? sample.column(table.answers[1]).data() : nullptr;
    levels = first_size * second_size;
    for (std::uint32_t i : table.rows) {
      const std::size_t b = two ? second[i] : 0;
      if (first[i] >= first_size || b >= second_size) continue;
      row.push_back(i);
      level.push_back(static_cast<std::uint32_t>(first[i] * second_size + b));
    }
  }
};

/// Σ of replicate weights by level, or of weights and of weights times values.
void add_totals(const RowLevels& rows, std::span<const double> w, double* sums) {
  if (!rows.value.empty()) {
    for (std::size_t k = 0; k < rows.row.size(); ++k) {
      sums[0] += w[rows.row[k]];
      sums[1] += w[rows.row[k]] * rows.value[k];
    }
    return;
  }
  for (std::size_t k = 0; k < rows.row.size(); ++k) sums[rows.level[k]] += w[rows.row[k]];
}

/// Respondents dealt to groups of sizes that differ by one at most.
std::vector<std::uint32_t> deal(std::size_t n, std::size_t groups, Stream random) {
  std::vector<std::uint32_t> deck(n), group(n);
  std::iota(deck.begin(), deck.end(), 0u);
  for (std::size_t k = 0; k + 1 < n; ++k) std::swap(deck[k], deck[k + random.below(n - k)]);
  for (std::size_t k = 0; k < n; ++k) group[deck[k]] = static_cast<std::uint32_t>(k % groups);
  return group;
}

/// Totals of a table's levels, replicates × levels; or why a replicate has none.
struct TableTotals {
  std::vector<double> values;
  std::optional<Failure> failure;
};

class PreparedReplication final : public PreparedInterval {
 public:
  PreparedReplication(const ReplicationOptions& options, const ReplicateDesign& design,
                      std::size_t n, std::vector<TableTotals> totals)
      : o_(options),
        n_(n),
        replicates_(design.replicates),
        totals_(std::move(totals)),
        constants_(design),
        t_(t_quantile(options.interval.level, design.df)) {
    constants_.fill = nullptr;
    constants_.fill_reference = nullptr;
  }

  Result<Interval> interval(const MadeEstimate& made) const override {
    if (totals_[made.table].failure) return *totals_[made.table].failure;
    const std::vector<double>& totals = totals_[made.table].values;
    const std::size_t levels = totals.size() / replicates_;
    std::vector<double> theta(replicates_);
    for (std::size_t r = 0; r < replicates_; ++r) {
      const auto again = made.estimator->value(std::span(totals).subspan(r * levels, levels),
                                               static_cast<double>(made.tabulation.respondents));
      if (!again)
        return Failure{again.failure().kind,
                       fmt::format("replicate {} of {} has no estimate: {}", r + 1, replicates_,
                                   again.failure().detail)};
      theta[r] = again.value();
    }
    const double se = std::sqrt(constants_.variance(theta, made.point.estimate));
    if (o_.limits == ReplicateLimits::percentile) {
      const std::vector<double> ones(replicates_, 1.0);
      const WeightedDistribution f(theta, ones);
      const double tail = (1 - o_.interval.level) / 2;
      return Interval{se, f.quantile(tail, QuantileRule::hf7),
                      f.quantile(1 - tail, QuantileRule::hf7), constants_.df};
    }
    return make_interval(o_.interval, &made.estimator->functional(), made.point.estimate, se,
                         constants_.df, t_, n_, made.tabulation.respondents);
  }

 private:
  ReplicationOptions o_;
  std::size_t n_, replicates_;
  std::vector<TableTotals> totals_;  ///< by table
  ReplicateDesign constants_;        ///< of the variance
  double t_;
};

class Replication final : public IntervalMethod {
 public:
  explicit Replication(const ReplicationOptions& options) : o_(options) {}

  std::optional<std::string> objection(const Functional& functional) const override {
    if (o_.method != ReplicateMethod::jk1 || functional.smooth()) return std::nullopt;
    return "the jackknife is inconsistent for a quantile that jumps from level to level";
  }

  Result<std::unique_ptr<const PreparedInterval>> prepare(const WeightedSample& s) const override {
    EXPECTS(s.sample && s.weighting && s.benchmarks);
    const auto design = survey_design(s);
    if (!design) return design.failure();
    // A seed of their own: the replicates' streams are numbered by replicate, as the study's are.
    Stream seeds({s.seed, purpose("interval replicates"), s.replicate, {}});
    auto replicates = make_replicates(
        design.value(),
        {.method = o_.method, .replicates = o_.replicates, .seed = Seed{seeds.bits64()}});
    if (!replicates) return replicates.failure();
    ReplicateDesign both = std::move(replicates.value());
    if (s.weighting->needs_reference() && s.benchmarks->reference()) {
      auto made = again(*s.benchmarks->reference(), both, Seed{seeds.bits64()});
      if (!made) return made.failure();
      both = join_replicates(std::move(both), std::move(made.value()), Joining::side_by_side);
    }
    auto totals = replicate_totals(s, both);
    if (!totals) return totals.failure();
    return std::unique_ptr<const PreparedInterval>(
        std::make_unique<PreparedReplication>(o_, both, s.index.n, std::move(totals.value())));
  }

 private:
  /// The reference sample drawn again by its own design. Groups are dealt in its strata, so that a
  /// replicate leaves out one group of either sample.
  Result<ReplicateDesign> again(const ReferenceSample& reference, const ReplicateDesign& own,
                                Seed seed) const {
    const bool groups = o_.method == ReplicateMethod::jk1;
    auto made = reference_replicates(
        reference, {.method = groups ? ReplicateMethod::delete_a_group : o_.method,
                    .replicates = o_.replicates,
                    .seed = seed});
    if (made && groups) {  // both are (G - 1)/G Σ (θ_r - c)²
      made.value().scale = own.scale;
      made.value().mse = own.mse;
    }
    return made;
  }

  Result<SurveyDesign> survey_design(const WeightedSample& s) const {
    if (s.index.n < 2)
      return Failure{FailureKind::unsupported, "a variance needs at least two respondents"};
    if (o_.method != ReplicateMethod::jk1) return SurveyDesign::rows(s.index.n);
    if (s.index.n < o_.replicates)
      return Failure{FailureKind::unsupported,
                     fmt::format("{} groups need as many respondents, there are {}; lower groups",
                                 o_.replicates, s.index.n)};
    DesignColumns columns;
    columns.n = s.index.n;
    columns.clusters = {deal(s.index.n, o_.replicates,
                             Stream({s.seed, purpose("jackknife groups"), s.replicate, {}}))};
    return SurveyDesign::make(columns);
  }

  /// The cells, each split into parts whose respondents have equal weights: what a weighting that
  /// acts on single weights can work on. Weights of a replicate take few values. Cost O(n values).
  static CellIndex split_by_weight(const CellIndex& index, std::span<const double> w) {
    CellIndex out;
    out.variables = index.variables;
    out.number_variables = index.number_variables;
    out.numbers.resize(index.numbers.size());
    out.n = index.n;
    out.cell_of.resize(index.n);
    std::vector<std::vector<std::pair<double, std::uint32_t>>> parts(index.cells);
    const std::size_t width = index.variables.size();
    for (std::size_t i = 0; i < index.n; ++i) {
      const std::uint32_t cell = index.cell_of[i];
      auto& list = parts[cell];
      std::size_t k = 0;
      while (k < list.size() && list[k].first != w[i]) ++k;
      if (k == list.size()) {
        list.emplace_back(w[i], static_cast<std::uint32_t>(out.cells++));
        for (std::size_t v = 0; v < width; ++v) out.codes.push_back(index.codes[cell * width + v]);
        for (std::size_t v = 0; v < out.numbers.size(); ++v)
          out.numbers[v].push_back(index.numbers[v][cell]);
        if (!index.cluster_of.empty()) out.cluster_of.push_back(index.cluster_of[cell]);
        out.respondents.push_back(0);
      }
      out.cell_of[i] = list[k].second;
      ++out.respondents[list[k].second];
    }
    return out;
  }

  /// By table: weighted totals of each replicate's levels.
  static Result<std::vector<TableTotals>> replicate_totals(const WeightedSample& s,
                                                           const ReplicateDesign& design) {
    const std::size_t n = s.index.n;
    std::vector<RowLevels> rows;
    std::vector<TableTotals> totals;
    for (const AnswerRows& table : s.tables) {
      rows.emplace_back(*s.sample, table);
      totals.push_back({std::vector<double>(rows.back().levels * design.replicates, 0.0), {}});
    }
    std::optional<ModelledReplicates> models;
    if (s.weighting->models_answers()) models.emplace(*s.weighting, *s.sample, s.tables);
    CellIndex index = s.index;
    Benchmarks benchmarks = *s.benchmarks;
    ReferenceResampler reference(s.benchmarks->reference(), design);
    std::vector<double> w(n);
    for (std::size_t r = 0; r < design.replicates; ++r) {
      design.fill(r, w);
      if (!s.index.unit_weights)
        for (std::size_t i = 0; i < n; ++i) w[i] *= s.sample->base_weights[i];
      if (s.weighting->by_respondent()) index = split_by_weight(s.index, w);
      reweigh_cells(index, w);
      // Factors of unit weights are relative, as unit weights are: calibrations scale them alike.
      index.unit_weights = s.index.unit_weights;
      if (auto wrong = reference.set(r, benchmarks)) return *wrong;
      const auto weights = s.weighting->weigh(index, benchmarks);
      if (!weights)
        return Failure{weights.failure().kind,
                       fmt::format("replicate {} of {} cannot be weighted: {}", r + 1,
                                   design.replicates, weights.failure().detail)};
      if (models) {
        add_modelled(models->totals(index, benchmarks, w, reference.kept(), weights.value()), r,
                     design.replicates, totals);
        continue;
      }
      const std::vector<double>& g = weights.value().factor;
      for (std::size_t i = 0; i < n; ++i) w[i] *= g[index.cell_of[i]];
      for (std::size_t t = 0; t < rows.size(); ++t)
        add_totals(rows[t], w, totals[t].values.data() + r * rows[t].levels);
    }
    return totals;
  }

  static void add_modelled(const std::vector<Result<std::vector<double>>>& made, std::size_t r,
                           std::size_t replicates, std::vector<TableTotals>& totals) {
    for (std::size_t t = 0; t < made.size(); ++t) {
      if (totals[t].failure) continue;
      if (made[t])
        std::copy(
            made[t].value().begin(), made[t].value().end(),
            totals[t].values.begin() + static_cast<std::ptrdiff_t>(r * made[t].value().size()));
      else
        totals[t].failure = Failure{made[t].failure().kind,
                                    fmt::format("replicate {} of {} cannot be modelled: {}", r + 1,
                                                replicates, made[t].failure().detail)};
    }
  }

  ReplicationOptions o_;
};

}  // namespace

std::unique_ptr<const IntervalMethod> make_replication(const ReplicationOptions& options) {
  return std::make_unique<Replication>(options);
}

std::unique_ptr<const IntervalMethod> make_group_replication(ConfigReader& config,
                                                             ReplicateMethod method,
                                                             std::int64_t usual_groups) {
  ReplicationOptions options;
  options.method = method;
  options.replicates = static_cast<std::size_t>(
      config.integer("groups", {.min = 2,
                                .max = 100'000,
                                .fallback = usual_groups,
                                .help = "random groups; the degrees of freedom are one less"}));
  options.interval = read_interval_options(config);
  return make_replication(options);
}

}  // namespace steelyard
