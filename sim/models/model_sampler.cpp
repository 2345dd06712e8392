#include "sim/models/model_sampler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/random_blocks.hpp"
#include "core/sums.hpp"

namespace steelyard {
namespace {

using Link = ParticipationModel::Link;

/// P(participation) and its derivative.
struct Probability {
  double value = 0, slope = 0;
};

Probability probability(Link link, double x) {
  switch (link) {
    case Link::probit:
      return {0.5 * std::erfc(-x / std::numbers::sqrt2),
              std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi)};
    case Link::cloglog:
      return {-std::expm1(-std::exp(x)), std::exp(x - std::exp(x))};
    case Link::logit:
      break;
  }
  const double e = std::exp(-std::abs(x)), p = (x >= 0 ? 1.0 : e) / (1 + e);
  return {p, e / ((1 + e) * (1 + e))};
}

/// Numbers of the distinct values of a column, 0, 1, ... in their order.
std::vector<std::uint32_t> numbered(const std::vector<double>& values) {
  std::vector<double> distinct = values;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::vector<std::uint32_t> numbers;
  numbers.reserve(values.size());
  for (double x : values)
    numbers.push_back(static_cast<std::uint32_t>(
        std::lower_bound(distinct.begin(), distinct.end(), x) - distinct.begin()));
  return numbers;
}

}  // namespace

double solve_intercept(Link link, std::span<const double> linear, double expected) {
  EXPECTS(expected > 0 && expected < static_cast<double>(linear.size()));
  const auto [low, high] = std::minmax_element(linear.begin(), linear.end());
  // Where everybody had the extreme η the sum would be too small, or too large.
  double left = -1 - *high, right = 1 - *low;
  const auto sum = [&](double a) {
    Sum value, slope;
    for (double x : linear) {
      const Probability p = probability(link, a + x);
      value.add(p.value);
      slope.add(p.slope);
    }
    return Probability{value.value() - expected, slope.value()};
  };
  for (double step = 1; sum(left).value > 0; step *= 2) left -= step;
  for (double step = 1; sum(right).value < 0; step *= 2) right += step;
  double a = 0.5 * (left + right);
  constexpr int kMaxSteps = 200;
  for (int i = 0; i < kMaxSteps; ++i) {
    const Probability at = sum(a);
    if (std::abs(at.value) <= 1e-14 * expected) break;
    (at.value > 0 ? right : left) = a;
    double next = a - at.value / at.slope;
    if (!(next > left && next < right)) next = 0.5 * (left + right);
    if (next == a) break;
    a = next;
  }
  return a;
}

ModelSampler::ModelSampler(const ModelScenario& model, const ModelPopulation& population,
                           const Measurement* measurement, const Measurement* reference_measurement)
    : population_(&population),
      measurement_(measurement),
      reference_measurement_(reference_measurement) {
  for (std::size_t v = 0; v < model.scenario.schema.size(); ++v)
    all_.push_back(model.scenario.schema.id(v));
  if (model.participation) make_participation(model);
  if (model.sample) sample_ = make_design(model, *model.sample);
  if (model.reference) reference_ = make_design(model, *model.reference);
  if (measurement_) measurement_->require_asked(sample_ ? sample_->asked : all_);
  if (reference_measurement_ && reference_)
    reference_measurement_->require_asked(reference_->asked);
}

void ModelSampler::make_participation(const ModelScenario& model) {
  const ParticipationModel& p = *model.participation;
  const std::vector<double> linear = population_->columns().evaluate(p.linear);
  population_->columns().require_finite(p.linear, linear);
  intercept_ = p.expected_size ? solve_intercept(p.link, linear, *p.expected_size) : p.intercept;
  participation_prob_.reserve(linear.size());
  thresholds_.reserve(linear.size());
  for (double x : linear) {
    const double prob = probability(p.link, *intercept_ + x).value;
    participation_prob_.push_back(prob);
    thresholds_.push_back(prob >= 1 ? ~std::uint64_t{0}
                                    : static_cast<std::uint64_t>(std::ldexp(prob, 64)));
  }
}

ModelSampler::Design ModelSampler::make_design(const ModelScenario& model,
                                               const ModelDesign& d) const {
  const FormulaColumns& columns = population_->columns();
  DesignFrame frame;
  frame.units = population_->size();
  if (d.size) {
    frame.size = columns.evaluate(*d.size);
    columns.require_finite(*d.size, frame.size);
    for (std::size_t i = 0; i < frame.size.size(); ++i)
      if (frame.size[i] < 0)
        throw UserError(d.size->place, d.section,
                        fmt::format("\"size\" = \"{}\" is {:g} for person {}", d.size->text,
                                    frame.size[i], i + 1),
                        "a measure of size is not negative");
  }
  if (!d.stratum.empty()) frame.stratum = numbered(*columns.find(d.stratum));
  if (!d.cluster.empty()) frame.cluster = numbered(*columns.find(d.cluster));
  // What the scenario's reader has read counts as known to the design.
  auto rest = model.scenario.reader().section(d.section);
  for (const char* key : {"design", "stratum", "cluster"}) rest->text(key, {.fallback = ""});
  if (rest->is_text("size"))
    rest->text("size");
  else
    rest->real("size", {.fallback = 0});
  rest->texts("asks", {.required = false});
  Design made;
  for (const DesignInfo& info : sampling_designs())
    if (info.name == d.design) made.design = info.make(*rest, frame);
  made.stratum = std::move(frame.stratum);
  made.cluster = std::move(frame.cluster);
  made.asked = d.asked;
  return made;
}

std::span<const double> ModelSampler::probabilities() const {
  return sample_ ? sample_->design->probabilities() : std::span<const double>(participation_prob_);
}

double ModelSampler::expected_size() const { return total(probabilities()); }

void ModelSampler::answer(std::span<const std::uint32_t> units, std::span<const VariableId> asked,
                          Sample& sample) const {
  const Sample& everybody = population_->everybody();
  sample.schema = everybody.schema;
  sample.n = units.size();
  sample.columns.resize(everybody.columns.size());
  sample.numbers.resize(everybody.numbers.size());
  const auto gather = [&](const auto& from, auto& to) {
    to.resize(from.empty() ? 0 : units.size());
    if (!from.empty())
      for (std::size_t i = 0; i < units.size(); ++i) to[i] = from[units[i]];
  };
  for (VariableId id : asked) {
    gather(everybody.columns[index(id)], sample.columns[index(id)]);
    gather(everybody.numbers[index(id)], sample.numbers[index(id)]);
  }
}

void ModelSampler::answer(std::span<const std::uint32_t> units, Seed seed, Replicate replicate,
                          const std::vector<bool>& on, Scratch& s) const {
  answer(units, sample_ ? std::span<const VariableId>(sample_->asked) : all_, s.sample);
  report(measurement_, units, seed, replicate, on, s.sample, s);
}

void ModelSampler::report(const Measurement* measurement, std::span<const std::uint32_t> units,
                          Seed seed, Replicate replicate, const std::vector<bool>& on,
                          Sample& sample, Scratch& s) const {
  if (!measurement || !measurement->any()) return;
  s.persons.clear();
  for (std::uint32_t unit : units) s.persons.push_back({0, unit});
  s.values.resize(sample.schema->size());
  for (VariableId id : measurement->values()) {
    const auto behind = population_->values_behind(id);
    auto& values = s.values[index(id)];
    values.clear();
    for (std::uint32_t unit : units) values.push_back(behind[unit]);
  }
  ReportedAnswers answers{&sample, s.persons, s.values, units};
  if (on.empty())
    measurement->apply(answers, seed, replicate);
  else
    measurement->apply(answers, seed, replicate, on);
}

void ModelSampler::weigh(const Design& design, std::span<const std::uint32_t> units,
                         Sample& sample) {
  const std::span<const double> probability = design.design->probabilities();
  sample.base_weights.resize(units.size());
  for (std::size_t i = 0; i < units.size(); ++i) sample.base_weights[i] = 1 / probability[units[i]];
}

void ModelSampler::draw_units(Seed seed, Replicate replicate, Scratch& s) const {
  if (sample_) {
    Stream stream({seed, purpose("designed sample"), replicate, Unit{}});
    sample_->design->draw(stream, s.units);
    weigh(*sample_, s.units, s.sample);
  } else {
    BulkStream stream({seed, purpose("participation"), replicate, Unit{}}, thresholds_.size());
    s.units.clear();
    for (std::uint32_t i = 0; i < thresholds_.size(); ++i)
      if (stream.bits64() < thresholds_[i] || participation_prob_[i] >= 1) s.units.push_back(i);
  }
}

void ModelSampler::draw(Seed seed, Replicate replicate, Scratch& s) const {
  draw_units(seed, replicate, s);
  answer(s.units, seed, replicate, {}, s);
  draw_reference(seed, replicate, s);
}

void ModelSampler::draw_reference(Seed seed, Replicate replicate, Scratch& s) const {
  if (!reference_) return;
  Stream stream({seed, purpose("reference sample"), replicate, Unit{}});
  reference_->design->draw(stream, s.units);
  // Weights and their variances keep the reference sample, so each replicate has its own.
  auto reference = std::make_shared<ReferenceSample>();
  answer(s.units, reference_->asked, reference->sample);
  report(reference_measurement_, s.units, seed, replicate, {}, reference->sample, s);
  weigh(*reference_, s.units, reference->sample);
  for (const auto& [from, to] : {std::pair{&reference_->stratum, &reference->stratum},
                                 {&reference_->cluster, &reference->unit}})
    if (!from->empty())
      for (std::uint32_t unit : s.units) to->push_back((*from)[unit]);
  s.reference = std::move(reference);
}

}  // namespace steelyard
