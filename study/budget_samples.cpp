#include "study/budget_samples.hpp"

#include <algorithm>
#include <cmath>

#include "core/random_blocks.hpp"

namespace steelyard {
namespace {

std::size_t at(ErrorSource source) { return static_cast<std::size_t>(source); }

/// The root variables that some benchmark has, or has in groups.
std::vector<VariableId> benchmarked(const Study& study) {
  const Clique& root = study.population().law().root();
  std::vector<VariableId> ids;
  for (const auto& table : study.plan().benchmarks)
    for (VariableId id : table)
      if (root.contains({&id, 1}) && std::find(ids.begin(), ids.end(), id) == ids.end())
        ids.push_back(id);
  return ids;
}

bool differ(const std::vector<double>& a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::abs(a[i] - b[i]) > 1e-9) return true;
  return false;
}

}  // namespace

ErrorSource source_of(ErrorComponent component) {
  switch (component) {
    case ErrorComponent::misreport:
      return ErrorSource::misreport;
    case ErrorComponent::item_nonresponse:
      return ErrorSource::item_nonresponse;
    case ErrorComponent::duplicates:
      return ErrorSource::duplicates;
  }
  return ErrorSource::misreport;
}

BudgetSamples::BudgetSamples(const Study& study, const Population& world,
                             std::span<const VariableId> asked, bool selects_on_answers)
    : study_(&study), world_(&world), present_(kErrorSources, false) {
  const Measurement& measurement = study.measurement();
  const std::vector<VariableId> needed = measurement.needed(asked);
  answers_ = std::make_unique<Synthesizer>(world, needed, measurement.values());
  reference_answers_ = study.reference_synthesizer(world);
  if (selects_on_answers) {
    sampled_ = std::make_unique<Population>(world);
    sampled_->replace_laws(world.sample_law(), world.sample_law(), world.weighted_law());
    sampled_answers_ = std::make_unique<Synthesizer>(*sampled_, needed, measurement.values());
    present_[at(ErrorSource::selection_answers)] = true;
  }
  for (const MeasurementSource& source : measurement.sources())
    if (source.active) present_[at(source_of(source.component))] = true;
  for (const StaleBenchmark& stale : study.stale_benchmarks())
    if (stale.active) present_[at(ErrorSource::stale_benchmarks)] = true;
  make_root_laws();
}

/// With B the benchmarked and C the other root variables, p the population and q the sample:
/// p(B) or q(B), times p(C | B) or q(C | B).
void BudgetSamples::make_root_laws() {
  const Clique &p = world_->law().root(), &q = world_->sample_law().root();
  std::vector<std::uint32_t> cell;
  const std::size_t cells = project(world_->law().schema(), p, benchmarked(*study_), cell);
  std::vector<double> p_cell(cells, 0.0), q_cell(cells, 0.0);
  for (std::size_t c = 0; c < p.cells; ++c) {
    p_cell[cell[c]] += p.p[c];
    q_cell[cell[c]] += q.p[c];
  }
  std::vector<std::vector<double>> laws(4, std::vector<double>(p.cells, 0.0));
  ideal_.assign(p.cells, 0.0);
  for (std::size_t c = 0; c < p.cells; ++c) {
    const double pb = p_cell[cell[c]], qb = q_cell[cell[c]];
    const double p_rest = pb > 0 ? p.p[c] / pb : 0;
    // Nobody of the cell is sampled: its others are as in the population.
    const double q_rest = qb > 0 ? q.p[c] / qb : p_rest;
    laws[0][c] = pb * p_rest;
    laws[1][c] = qb * p_rest;
    laws[2][c] = pb * q_rest;
    laws[3][c] = qb * q_rest;
    if (qb > 0) ideal_[c] = pb / qb;
  }
  present_[at(ErrorSource::selection_benchmarked)] = differ(p_cell, q_cell);
  present_[at(ErrorSource::selection_other)] = differ(laws[0], laws[2]);
  for (const auto& law : laws) cells_.emplace_back(world_->law().schema(), p, law);
}

std::unique_ptr<BudgetSampler::Scratch> BudgetSamples::scratch() const {
  auto made = std::make_unique<Own>();
  Own& s = *made;
  const std::size_t n = study_->scenario().sample_size;
  const Schema& schema = study_->scenario().schema;
  s.words.resize(cells_[0].blocks() * 4 * n);
  s.cells.resize(n);
  s.persons.resize(n);
  s.synthesis = answers_->scratch();
  s.sample.schema = &schema;
  s.sample.n = n;
  s.sample.columns.resize(schema.size());
  s.values.resize(schema.size());
  for (VariableId id : answers_->made()) s.sample.columns[index(id)].resize(n);
  for (VariableId id : answers_->latents()) s.values[index(id)].resize(n);
  return made;
}

void BudgetSamples::start(Seed seed, Replicate replicate, Scratch& scratch) const {
  Own& s = static_cast<Own&>(scratch);
  const std::size_t n = s.cells.size();
  for (std::uint32_t b = 0; b < cells_[0].blocks(); ++b)
    unit_blocks({seed, purpose("budget selection"), replicate, Unit{0}}, b, n, &s.words[b * 4 * n],
                n);
  s.reference = study_->draw_reference(
      seed, replicate, reference_answers_ ? &*reference_answers_ : nullptr, s.of_reference);
}

void BudgetSamples::draw(Seed seed, Replicate replicate, const SourceFlags& on,
                         Scratch& scratch) const {
  Own& s = static_cast<Own&>(scratch);
  const auto is_on = [&](ErrorSource source) { return static_cast<bool>(on[at(source)]); };
  cells_[(is_on(ErrorSource::selection_benchmarked) ? 1 : 0) +
         (is_on(ErrorSource::selection_other) ? 2 : 0)]
      .draw(s.words.data(), s.cells.size(), s.cells);
  for (std::size_t i = 0; i < s.persons.size(); ++i) s.persons[i] = {s.cells[i], i};
  const Synthesizer& make = synthesizer(on);
  for (std::size_t begin = 0; begin < s.persons.size(); begin += Synthesizer::kBlock) {
    const std::size_t n = std::min(Synthesizer::kBlock, s.persons.size() - begin);
    const auto to = static_cast<std::ptrdiff_t>(begin);
    make.make(std::span(s.persons).subspan(begin, n), seed, purpose("budget respondent"), replicate,
              s.synthesis);
    for (VariableId id : make.made())
      std::copy_n(s.synthesis.columns[index(id)].begin(), n,
                  s.sample.columns[index(id)].begin() + to);
    for (std::size_t k = 0; k < make.latents().size(); ++k)
      std::copy_n(s.synthesis.latent_values[k].begin(), n,
                  s.values[index(make.latents()[k])].begin() + to);
  }
  const Measurement& measurement = study_->measurement();
  if (measurement.any()) {
    std::vector<bool> sources;
    for (const MeasurementSource& source : measurement.sources())
      sources.push_back(is_on(source_of(source.component)));
    ReportedAnswers answers{&s.sample, s.persons, s.values};
    measurement.apply(answers, seed, replicate, sources);
  }
  // A second answer has the weight of the first.
  const bool selected = is_on(ErrorSource::selection_benchmarked);
  s.ideal.clear();
  for (const PersonRef& person : s.persons) s.ideal.push_back(selected ? ideal_[person.cell] : 1);
}

}  // namespace steelyard
