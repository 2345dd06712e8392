#include <fmt/format.h>

#include <algorithm>

#include "core/sums.hpp"
#include "estimators/multilevel/modelled_answer.hpp"
#include "estimators/multilevel/population_cells.hpp"
#include "estimators/tabulate.hpp"
#include "estimators/weighting/auxiliary.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// Multilevel regression and post-stratification. Every answer gets models of its own; `weigh`
/// itself only brings the respondents to the population's size.
class MultilevelPoststratification final : public Weighting {
 public:
  MultilevelPoststratification(ConfigReader& config, const Schema& schema) {
    if (config.has("fixed") || config.is_documenting())
      model_.terms.fixed =
          read_margins(config, "fixed", schema, "fixed terms: variables, or crosses");
    if (config.has("groups") || config.is_documenting())
      model_.terms.groups =
          read_margins(config, "groups", schema,
                       "terms whose effects are drawn from a normal law: variables, or crosses");
    read_trends(config, schema);
    reference_ =
        config.text("population",
                    {.fallback = "benchmarks",
                     .choices = {"benchmarks", "reference"},
                     .help = "whose cells the predictions are summed over: a benchmark "
                             "of the cross of all terms, or the reference sample"}) == "reference";
    model_.link = config.text("link", {.fallback = "logit",
                                       .choices = {"logit", "probit"},
                                       .help = "of the share of one level"}) == "probit"
                      ? OutcomeModel::probit
                      : OutcomeModel::logit;
    ordered_ = config.text("levels", {.fallback = "separate",
                                      .choices = {"separate", "ordered"},
                                      .help = "a model for each level, their shares divided by "
                                              "their sum; or one cumulative logit where the "
                                              "answer is ordered or bucketed"}) == "ordered";
    const std::string prior = config.text(
        "prior", {.fallback = "none",
                  .choices = {"none", "boundary_avoiding", "half_normal"},
                  .help = "of the standard deviations of effects: none, a gamma law of shape 2 "
                          "that keeps them off 0, or half-normal"});
    auto& options = model_.options;
    options.prior.kind = prior == "none"          ? DeviationPrior::Kind::none
                         : prior == "half_normal" ? DeviationPrior::Kind::half_normal
                                                  : DeviationPrior::Kind::boundary_avoiding;
    options.prior.scale = config.real(
        "prior_scale",
        {.min = 1e-6, .fallback = 1, .help = "standard deviation of the half-normal prior"});
    options.deviation_error = config.flag("deviation_error", true,
                                          "standard errors that know the deviations are estimated");
    if (config.is_documenting()) return;
    cross_ = model_.terms.variables();
    if (cross_.empty())
      config.fail("groups", "is missing, and so is \"fixed\"", "name at least one variable");
    for (VariableId id : cross_)
      if (schema[id].kind == VariableKind::continuous)
        config.fail("groups", "or \"fixed\" names \"" + schema[id].name + "\", which is a number",
                    "put it in classes");
  }

  std::vector<VariableId> variables() const override { return cross_; }
  std::vector<std::vector<VariableId>> benchmarks() const override {
    return reference_ ? MarginVariables{} : MarginVariables{cross_};
  }
  std::vector<std::vector<VariableId>> margins() const override { return {}; }
  bool needs_reference() const override { return reference_; }
  bool models_answers() const override { return true; }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    double population = 0;
    if (reference_) {
      if (!benchmarks.reference()) return no_reference();
      population = total(benchmarks.reference()->sample.base_weights);
    } else {
      const auto cells = population_cells(benchmarks, cross_);
      if (!cells) return missing_cross(benchmarks.schema());
      population = total(cells->weight);
    }
    Weights weights;
    weights.factor.assign(index.cells, population / total(index.weight));
    return weights;
  }

  Result<std::unique_ptr<const ModelledAnswer>> model_answer(
      const CellIndex& index, const Benchmarks& benchmarks, const Weights&,
      const AnswerToModel& answer) const override {
    const Schema& schema = benchmarks.schema();
    Domain universe;
    for (VariableId id : answer.answers)
      universe.insert(universe.end(), schema[id].universe.begin(), schema[id].universe.end());
    auto population = reference_ ? from_reference(benchmarks, universe, answer)
                                 : from_benchmarks(benchmarks, universe, answer);
    if (!population) return population.failure();
    if (!(total(population.value().size) > 0))
      return Failure{FailureKind::empty_domain, "nobody of the population is in the domain"};
    const CoarseCells coarse = coarsen(index, cross_);
    const bool everybody = learns_from_everybody(coarse, schema, universe, answer);
    if (everybody && answer.kept != nullptr && *answer.kept)
      return post_stratify(std::static_pointer_cast<const MrpFit>(*answer.kept),
                           std::move(population.value()), schema);
    auto answers = collect(coarse, schema, universe, answer, everybody);
    if (!answers) return answers.failure();
    MrpModel model = model_;
    const VariableKind kind = schema[answer.answers[0]].kind;
    if (ordered_ && answer.answers.size() == 1 &&
        (kind == VariableKind::ordered || kind == VariableKind::bucketed) &&
        answers.value().states == answers.value().levels)
      model.levels = LevelModel::ordered;
    auto fit = fit_answers(model, std::move(answers.value()), schema);
    if (!fit) return fit.failure();
    if (everybody && answer.kept != nullptr) *answer.kept = fit.value();
    return post_stratify(std::move(fit.value()), std::move(population.value()), schema);
  }

 private:
  void read_trends(ConfigReader& config, const Schema& schema) {
    for (const std::string& name :
         config.texts("trends", {.required = false,
                                .help = "variables whose levels' numbers (assumed_values or "
                                        "scores) have one coefficient"})) {
      const VariableId id = schema.require(name, config.place("trends"));
      const Variable& v = schema[id];
      const auto& values = v.assumed_values.empty() ? v.scores : v.assumed_values;
      if (values.empty())
        config.fail("trends", "names \"" + name + "\", which has no numbers for its levels",
                    "give it assumed_values or scores");
      model_.terms.trends.push_back({id, values});
    }
  }

  static Failure no_reference() {
    return {FailureKind::unsupported,
            "there is no reference sample; give one, or population = \"benchmarks\""};
  }
  Failure missing_cross(const Schema& schema) const {
    std::string names;
    for (VariableId id : cross_) names += (names.empty() ? "" : " * ") + schema[id].name;
    return {FailureKind::unsupported,
            "no benchmark holds the cross of the model's variables, " + names};
  }

  Result<MrpPopulation> from_benchmarks(const Benchmarks& benchmarks, const Domain& universe,
                                        const AnswerToModel& answer) const {
    if (answer.domain == nullptr)
      return Failure{FailureKind::unsupported, "it is not known who is in the domain"};
    auto cells = population_cells(benchmarks, cross_);
    if (!cells) return missing_cross(benchmarks.schema());
    MrpPopulation out;
    out.cells = std::move(*cells);
    std::vector<std::uint8_t> inside(out.cells.cells, 1);
    const CellConditions conditions(out.cells, benchmarks.schema());
    conditions.restrict(*answer.domain, inside);
    conditions.restrict(universe, inside);
    for (std::size_t c = 0; c < out.cells.cells; ++c)
      out.size.push_back(inside[c] ? out.cells.weight[c] : 0.0);
    return out;
  }

  Result<MrpPopulation> from_reference(const Benchmarks& benchmarks, const Domain& universe,
                                       const AnswerToModel& answer) const {
    MrpPopulation out;
    out.reference = benchmarks.reference();
    if (!out.reference) return no_reference();
    const Sample& sample = out.reference->sample;
    for (VariableId id : cross_)
      if (!sample.has(id))
        return Failure{FailureKind::unsupported,
                       fmt::format("the reference sample does not have the model's variable \"{}\"",
                                   benchmarks.schema()[id].name)};
    out.cells = make_cell_index(sample, cross_);
    // To whom the answer applies: the cells tell, or the reference sample's own answers.
    std::vector<std::uint8_t> inside(out.cells.cells, 1);
    Domain asked;
    for (const Condition& condition : universe) {
      if (CellConditions(out.cells, benchmarks.schema()).restrict({condition}, inside) == 0)
        continue;
      if (!sample.has(condition.variable))
        return Failure{FailureKind::unsupported,
                       fmt::format("the answer does not apply to everybody, and neither the "
                                   "model's variables nor the reference sample tell \"{}\"",
                                   benchmarks.schema()[condition.variable].name)};
      asked.push_back(condition);
    }
    std::vector<std::uint8_t> applies(sample.n, 0);
    for (std::uint32_t row : domain_rows(sample, asked)) applies[row] = 1;
    out.row_cell = out.cells.cell_of;
    out.size.assign(out.cells.cells, 0.0);
    for (std::uint32_t row : answer.reference_rows) {
      if (!applies[row] || !inside[out.row_cell[row]]) continue;
      out.rows.push_back(row);
      out.size[out.row_cell[row]] += sample.base_weights[row];
    }
    return out;
  }

  /// Where the cells tell who is in the domain, all respondents are learnt from. Whoever answered
  /// is in the answer's universe, so that its conditions need not be told again.
  static bool learns_from_everybody(const CoarseCells& coarse, const Schema& schema,
                                    const Domain& universe, const AnswerToModel& answer) {
    if (answer.domain == nullptr || answer.everybody == nullptr) return false;
    const CellConditions conditions(coarse.index, schema);
    std::vector<std::uint8_t> unused(coarse.index.cells, 1);
    return std::all_of(
        answer.domain->begin(), answer.domain->end(), [&](const Condition& condition) {
          const bool applies = std::any_of(universe.begin(), universe.end(), [&](const auto& u) {
            return u.variable == condition.variable && u.levels == condition.levels;
          });
          return applies || conditions.restrict({condition}, unused) == 0;
        });
  }

  /// The respondents to learn from. Where the cells tell who is in the domain: everybody. Else
  /// those in it; of benchmarks, being in the domain is then part of what is modelled.
  Result<MrpAnswers> collect(const CoarseCells& coarse, const Schema& schema,
                             const Domain& universe, const AnswerToModel& answer,
                             bool everybody) const {
    MrpAnswers out;
    out.cells = coarse.index;
    const CellConditions conditions(out.cells, schema);
    std::vector<std::uint8_t> inside(out.cells.cells, 1);
    std::size_t unknown = conditions.restrict(universe, inside);
    std::vector<std::uint8_t> in_domain = inside;
    if (answer.domain != nullptr) unknown += conditions.restrict(*answer.domain, in_domain);
    const bool told = answer.domain != nullptr && unknown == 0;
    const Tabulation& table = everybody ? *answer.everybody : answer.table;
    if (!everybody) inside = in_domain;
    const bool rest = !reference_ && !told;
    out.continuous = table.moments;
    out.levels = table.levels;
    if (out.continuous && rest)
      return Failure{FailureKind::unsupported,
                     "the model's variables do not tell who is in the domain; add its variables "
                     "to the terms, or use a reference sample that has them"};
    if (out.continuous) {
      numbers(table, coarse, inside, out);
      return out;
    }
    out.states = table.levels + (rest ? 1 : 0);
    out.counts.assign(out.cells.cells * out.states, 0.0);
    const double* weight = table.weight.data();
    for (std::uint32_t cell : table.cells) {
      const std::uint32_t c = coarse.coarse_of[cell];
      for (std::size_t k = 0; k < table.levels; ++k)
        if (inside[c]) out.counts[c * out.states + k] += weight[k];
      weight += table.levels;
    }
    for (std::size_t c = 0; c < out.cells.cells; ++c) {
      double* count = &out.counts[c * out.states];
      if (rest && inside[c]) {
        double answered = 0;
        for (std::size_t k = 0; k < table.levels; ++k) answered += count[k];
        // What rounding of the sums leaves is nobody.
        const double left = out.cells.weight[c] - answered;
        count[table.levels] = left > 1e-9 * out.cells.weight[c] ? left : 0.0;
      }
      for (std::size_t s = 0; s < out.states; ++s) count[s] *= effective(out.cells, c);
    }
    return out;
  }

  /// Answers in a cell count as many as Kish's effective number of them.
  /// Source: Ghitza & Gelman (2013), American Journal of Political Science 57, 762-776.
  static double effective(const CellIndex& cells, std::size_t c) {
    return cells.weight_squared[c] > 0 ? cells.weight[c] / cells.weight_squared[c] : 0.0;
  }

  static void numbers(const Tabulation& table, const CoarseCells& coarse,
                      const std::vector<std::uint8_t>& inside, MrpAnswers& out) {
    const std::size_t cells = out.cells.cells;
    std::vector<double> d(cells, 0.0), dy(cells, 0.0), d2(cells, 0.0), d2y(cells, 0.0),
        d2yy(cells, 0.0);
    for (std::size_t i = 0; i < table.cells.size(); ++i) {
      const std::uint32_t c = coarse.coarse_of[table.cells[i]];
      if (!inside[c]) continue;
      d[c] += table.weight[2 * i];
      dy[c] += table.weight[2 * i + 1];
      d2[c] += table.weight_squared[3 * i];
      d2y[c] += table.weight_squared[3 * i + 1];
      d2yy[c] += table.weight_squared[3 * i + 2];
    }
    out.numbers.model = OutcomeModel::linear;
    for (std::size_t c = 0; c < cells; ++c) {
      out.numbers.n.push_back(d2[c] > 0 ? d[c] * d[c] / d2[c] : 0.0);
      out.numbers.mean.push_back(d[c] > 0 ? dy[c] / d[c] : 0.0);
      // The second moment is tabulated with squared weights.
      if (d2[c] > 0)
        out.numbers.within +=
            out.numbers.n[c] * std::max(0.0, d2yy[c] / d2[c] - d2y[c] * d2y[c] / (d2[c] * d2[c]));
    }
  }

  MrpModel model_;
  std::vector<VariableId> cross_;
  bool reference_ = false, ordered_ = false;
};

}  // namespace

WeightingInfo mrp_info() {
  return {"mrp",
          "multilevel regression and post-stratification: a model of each answer, its predictions "
          "summed over the population",
          "Gelman & Little (1997), Survey Methodology 23, 127-135; Park, Gelman & Bafumi (2004), "
          "Political Analysis 12, 375-385",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<MultilevelPoststratification>(config, schema);
          }};
}

}  // namespace steelyard
