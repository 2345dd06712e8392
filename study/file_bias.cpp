#include "study/file_bias.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.hpp"
#include "estimators/bias_indices/pattern_mixture.hpp"
#include "estimators/survey/contrasts.hpp"
#include "study/file_estimation.hpp"
#include "study/regression_model.hpp"

namespace steelyard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
/// Below it the covariates say too little of the answer for the indices (Andridge & Thompson 2015).
constexpr double kWeakProxy = 0.3;

/// The covariates of the respondents, and of the population by a reference sample or margins.
struct Population {
  Auxiliary x;
  std::vector<double> means;
  std::optional<TwoSamples> samples;
  double size = 0;
};

Result<Population> population_of(const WeighedFile& file) {
  Population out;
  out.size = file.population;
  if (file.benchmarks->reference()) {
    MarginVariables terms;
    for (VariableId id : file.covariates) terms.push_back({id});
    auto samples = make_two_samples(terms, file.index, *file.benchmarks);
    if (!samples) return samples.failure();
    out.samples = std::move(samples.value());
    return out;
  }
  auto margins = make_auxiliary(file.margins, file.index, *file.benchmarks);
  if (!margins) return margins.failure();
  const Auxiliary& from = margins.value();
  out.x.cells = from.cells;
  out.x.schema = from.schema;
  out.x.add_number(std::vector<double>(from.cells, 1.0), out.size);
  for (std::size_t k = 0; k < from.blocks.size(); ++k) {
    const Auxiliary::Block& block = from.blocks[k];
    if (!block.number.empty())
      out.x.add_number(block.number, from.targets[block.offset]);
    else
      out.x.add_groups(block.groups,
                       std::span(from.targets).subspan(block.offset, block.groups.groups));
  }
  for (const double target : out.x.targets) out.means.push_back(target / out.size);
  return out;
}

class BiasOfFile {
 public:
  BiasOfFile(const PreparedFile& file, const BiasRequest& request, Population population,
             std::vector<FileEstimate>& rows, std::vector<std::string>& notes)
      : file_(file),
        r_(request),
        population_(std::move(population)),
        rows_(rows),
        notes_(notes),
        df_(file.options.df.value_or(file.design->df())) {}

  void run() {
    for (std::size_t k = 0; k < file_.plain(); ++k) {
      const EstimateRequest& q = file_.requests[k];
      if (q.statistic == SurveyStatistic::mean || q.statistic == SurveyStatistic::proportion)
        add(k, q);
    }
    if (!weak_.empty())
      notes_.push_back("the covariates predict " + join(weak_, ", ") +
                       " weakly (correlation below 0.3): the indices of selection bias say little");
  }

 private:
  struct Answers {
    std::vector<double> y, d, w;
    std::vector<std::uint32_t> cell_of;
  };

  Answers answers_of(const EstimateRequest& q) const {
    Answers out;
    const std::vector<double>& y = file_.data.columns[q.y];
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (std::isnan(y[i]) || !(file_.data.d[i] > 0)) continue;
      out.y.push_back(y[i]);
      out.d.push_back(file_.data.d[i]);
      out.w.push_back(file_.data.w[i]);
      out.cell_of.push_back(file_.weighed->index.cell_of[i]);
    }
    return out;
  }

  void add(std::size_t request, const EstimateRequest& q) {
    const Answers answers = answers_of(q);
    const ProxyData data{population_.samples ? &population_.samples->a : &population_.x,
                         answers.cell_of,
                         answers.y,
                         answers.d,
                         population_.means,
                         population_.samples ? &*population_.samples : nullptr};
    const std::string name = q.variable + (q.level.empty() ? "" : "=" + q.level);
    n_ = answers.y.size();
    if (r_.indices) add_indices(q, data, name);
    for (const auto& [column, target] : r_.turns_at)
      if (column == name) add_tipping(request, q, data, answers, target);
  }

  void add_indices(const EstimateRequest& q, const ProxyData& data, const std::string& name) {
    const auto all = [&](const char* functional, const IndexEstimate(&values)[3]) {
      for (std::size_t k = 0; k < 3; ++k)
        line(q, functional, fmt::format("phi={:g}", kBiasDials[k]), values[k]);
    };
    if (q.statistic == SurveyStatistic::proportion) {
      const auto made = bias_of_share(data, population_.size);
      if (!made) return fail(q, "mubp", made.failure());
      note_weak(name, made.value().correlation.value);
      all("mubp", made.value().mubp);
      for (const Failure& failure : made.value().failures)
        notes_.push_back("mubp of " + name + ": " + failure.detail);
      return;
    }
    const auto made = bias_of_mean(data);
    if (!made) return fail(q, "mub", made.failure());
    note_weak(name, made.value().correlation.value);
    all("mub", made.value().mub);
    all("smub", made.value().standardised);
  }

  void add_tipping(std::size_t request, const EstimateRequest& q, const ProxyData& data,
                   const Answers& answers, double target) {
    const std::string level = fmt::format("turns at {:g}", target);
    const EstimateRequest one[] = {file_.requests[request]};
    SurveyData whole = file_.data;
    whole.domain_of.clear();
    whole.domains = {""};
    const EstimateRow estimate = estimate_all(whole, one, file_.options).front();
    if (q.statistic == SurveyStatistic::mean) {
      const auto dial = tipping_dial(data, target);
      if (!dial)
        fail(q, "tipping_phi", dial.failure(), level);
      else if (!dial.value().phi)
        fail(q, "tipping_phi",
             {FailureKind::infeasible,
              fmt::format("at no φ from 0 to 1: the corrected mean runs from {:.5g} to {:.5g}",
                          dial.value().at_zero, dial.value().at_one)},
             level);
      else
        line(q, "tipping_phi", level, *dial.value().phi);
    }
    const WeightedAnswers weighted{answers.y, answers.w, population_.size};
    const auto unit = data_defect_unit(weighted);
    if (estimate.failure || !unit)
      fail(q, "tipping_ddc", estimate.failure ? *estimate.failure : unit.failure(), level);
    else
      line(q, "tipping_ddc", level,
           {(estimate.estimate - target) / unit.value(), estimate.se / unit.value()});
    const auto selection = tipping_selection(weighted, target);
    if (!selection)
      fail(q, "tipping_selection", selection.failure(), level);
    else
      line(q, "tipping_selection", level, selection.value());
  }

  void note_weak(const std::string& name, double correlation) {
    if (std::abs(correlation) < kWeakProxy)
      weak_.push_back(fmt::format("{} ({:.2f})", name, correlation));
  }

  /// Of a proportion the level stands before the dial: "yes, phi=0.5".
  static std::string with_level(const EstimateRequest& q, const std::string& level) {
    return q.level.empty() ? level : q.level + (level.empty() ? "" : ", " + level);
  }

  void line(const EstimateRequest& q, const char* functional, const std::string& level,
            const IndexEstimate& index) {
    EstimateRow row = failed_row(0, {});
    row.failure.reset();
    row.n = n_;
    row.estimate = index.value;
    row.se = index.se;
    row.df = df_;
    const auto made = t_interval(index.value, index.se * index.se, df_, file_.options.level);
    if (made) {
      row.lower = made.value().lower;
      row.upper = made.value().upper;
    } else {
      row.failure = made.failure();
    }
    if (std::isnan(index.value))
      row.failure = Failure{FailureKind::infeasible, "not defined at this φ (see the notes)"};
    rows_.push_back({functional, q.variable, with_level(q, level), "", std::move(row)});
  }

  void fail(const EstimateRequest& q, const char* functional, const Failure& failure,
            const std::string& level = {}) {
    rows_.push_back({functional, q.variable, with_level(q, level), "", failed_row(0, failure)});
  }

  const PreparedFile& file_;
  const BiasRequest& r_;
  const Population population_;
  std::vector<FileEstimate>& rows_;
  std::vector<std::string>& notes_;
  std::vector<std::string> weak_;
  double df_;
  std::size_t n_ = 0;
};

/// Means and shares that a turning point may be of.
std::vector<std::string> turning_names(const PreparedFile& file) {
  std::vector<std::string> names;
  for (std::size_t k = 0; k < file.plain(); ++k) {
    const EstimateRequest& q = file.requests[k];
    if (q.statistic == SurveyStatistic::mean) names.push_back(q.variable);
    if (q.statistic == SurveyStatistic::proportion) names.push_back(q.variable + "=" + q.level);
  }
  return names;
}

}  // namespace

void estimate_bias(const PreparedFile& file, const BiasRequest& request,
                   std::vector<FileEstimate>& rows, std::vector<std::string>& notes) {
  if (!request.indices && request.turns_at.empty()) return;
  const char* key = request.indices ? "--bias-indices" : "--turns-at";
  if (!file.weighed)
    throw UserError({}, key, "compares the respondents with the population, and none is given",
                    "pass --reference FILE --covariates ..., or --margins FILE");
  const std::vector<std::string> names = turning_names(file);
  if (names.empty())
    throw UserError({}, key, "is about means and proportions, and none is asked",
                    "add --mean or --proportion");
  for (const auto& [name, target] : request.turns_at)
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      const std::string near = suggestion(name, names);
      throw UserError({}, "--turns-at", "\"" + name + "\" is not estimated",
                      near.empty() ? "name one of: " + join(names, ", ") : near);
    }
  auto population = population_of(*file.weighed);
  if (!population)
    throw NegativeAnswer(std::string(key).substr(2) + ": " + population.failure().detail);
  if (!file.design->element_sampling() || file.design->strata() > 1)
    notes.push_back("indices of selection bias take the respondents as drawn one by one");
  if (file.data.domains.size() > 1)
    notes.push_back("indices of selection bias are of the whole file, not of the domains");
  BiasOfFile(file, request, std::move(population.value()), rows, notes).run();
}

}  // namespace steelyard
