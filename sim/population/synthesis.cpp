#include "sim/population/synthesis.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "core/random_blocks.hpp"

// The same source for several instruction sets, chosen at run time; sanitizers cannot see through
// it.
#ifdef STEELYARD_NO_CLONES
#define STEELYARD_CLONES
#else
#define STEELYARD_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#endif

namespace steelyard {
namespace {

STEELYARD_CLONES void add_to_key(std::uint32_t* key, const LevelCode* codes, std::uint32_t states,
                                 std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) key[i] = key[i] * states + codes[i];
}

}  // namespace

Synthesizer::Synthesizer(const Population& population, std::span<const VariableId> wanted,
                         std::span<const VariableId> latents)
    : population_(&population), latent_ids_(latents.begin(), latents.end()) {
  const JunctionTree& law = population.law();
  const Schema& schema = law.schema();
  const auto cliques = law.cliques();
  const Clique& root = law.root();

  // The clique that makes each variable, and everything that the wanted ones depend on.
  std::vector<std::size_t> maker(schema.size(), 0);
  for (std::size_t i = cliques.size(); i-- > 1;)
    for (VariableId id : cliques[i].variables)
      if (!std::binary_search(cliques[i].separator.begin(), cliques[i].separator.end(), id))
        maker[index(id)] = i;
  std::vector<bool> needed(cliques.size(), false);
  std::vector<bool> variable_needed(schema.size(), false);
  std::deque<VariableId> queue(wanted.begin(), wanted.end());
  for (VariableId id : latents) {
    queue.push_back(id);
    const auto& group = population.latent(id)->group();
    queue.insert(queue.end(), group.begin(), group.end());
  }
  while (!queue.empty()) {
    const VariableId id = queue.front();
    queue.pop_front();
    if (variable_needed[index(id)]) continue;
    variable_needed[index(id)] = true;
    const std::size_t i = maker[index(id)];
    if (i == 0 || needed[i]) continue;
    needed[i] = true;
    queue.insert(queue.end(), cliques[i].separator.begin(), cliques[i].separator.end());
  }

  for (std::size_t k = 0; k < root.variables.size(); ++k) {
    if (!variable_needed[index(root.variables[k])]) continue;
    root_variables_.push_back(root.variables[k]);
    auto& codes = root_codes_.emplace_back(root.cells);
    for (std::size_t c = 0; c < root.cells; ++c) codes[c] = root.code(c, k);
  }
  made_ = root_variables_;
  for (std::size_t i = 1; i < cliques.size(); ++i) {
    if (!needed[i]) continue;
    const Clique& clique = cliques[i];
    Step step;
    step.word = i - 1;
    step.key = key_for(clique.separator);
    for (VariableId id : clique.variables)
      if (!std::binary_search(clique.separator.begin(), clique.separator.end(), id))
        step.fresh.push_back(id);
    // Cells by separator state, in their order.
    std::vector<std::size_t> begin(clique.separator_states + 1, 0);
    for (std::uint32_t s : clique.separator_of) ++begin[s + 1];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    std::vector<std::size_t> next = begin, cells(clique.cells);
    for (std::size_t c = 0; c < clique.cells; ++c) cells[next[clique.separator_of[c]]++] = c;
    std::vector<double> p;
    for (std::size_t c : cells) p.push_back(clique.p[c]);
    step.law = InverseCdf(begin, p);
    for (std::uint32_t k : step.law.positions())
      for (VariableId id : step.fresh)
        step.codes.push_back(clique.code(cells[k], clique.position(id)));
    made_.insert(made_.end(), step.fresh.begin(), step.fresh.end());
    steps_.push_back(std::move(step));
  }
  std::size_t words = cliques.size() - 1;
  for (const LatentLaw& latent : population.latents()) {
    if (std::find(latents.begin(), latents.end(), latent.variable()) != latents.end()) {
      latent_steps_.push_back({&latent, words});
    }
    ++words;
  }
  std::sort(latent_steps_.begin(), latent_steps_.end(),
            [&](const LatentStep& a, const LatentStep& b) {
              return std::find(latents.begin(), latents.end(), a.law->variable()) <
                     std::find(latents.begin(), latents.end(), b.law->variable());
            });
  block_needed_.assign((words + 3) / 4, false);
  for (const Step& step : steps_) block_needed_[step.word / 4] = true;
  for (const LatentStep& step : latent_steps_) block_needed_[step.word / 4] = true;
}

std::size_t Synthesizer::key_for(const VariableSet& separator) {
  for (std::size_t k = 0; k < keys_.size(); ++k)
    if (keys_[k].variables == separator) return k;
  Key key{separator, {}};
  for (VariableId id : separator)
    key.states.push_back(static_cast<std::uint32_t>(population_->law().schema()[id].states()));
  keys_.push_back(std::move(key));
  return keys_.size() - 1;
}

Synthesizer::Scratch Synthesizer::scratch() const {
  Scratch s;
  s.columns.resize(population_->law().schema().size());
  for (VariableId id : made_) s.columns[index(id)].assign(kBlock, 0);
  s.latent_values.assign(latent_ids_.size(), std::vector<double>(kBlock, 0.0));
  s.words.assign(block_needed_.size() * 4 * kBlock, 0);
  s.keys.assign((keys_.size() + 1) * kBlock, 0);
  s.cells.assign(kBlock, 0);
  s.unit_low.assign(kBlock, 0);
  s.unit_high.assign(kBlock, 0);
  s.replicates.assign(kBlock, 0);
  s.entries.assign(kBlock, 0);
  return s;
}

void Synthesizer::fill_key(const Key& key, std::size_t n, Scratch& s, std::uint32_t* out) const {
  std::fill_n(out, n, 0u);
  for (std::size_t k = 0; k < key.variables.size(); ++k)
    add_to_key(out, s.columns[index(key.variables[k])].data(), key.states[k], n);
}

void Synthesizer::make(std::span<const PersonRef> persons, Seed seed, Purpose purpose,
                       std::optional<Replicate> replicate, Scratch& s) const {
  const std::size_t n = persons.size();
  EXPECTS(n <= kBlock);
  for (std::size_t i = 0; i < n; ++i) {
    s.unit_low[i] = static_cast<std::uint32_t>(persons[i].unit);
    s.unit_high[i] = static_cast<std::uint32_t>(persons[i].unit >> 32);
    s.cells[i] = persons[i].cell;
    s.replicates[i] = replicate ? static_cast<std::uint32_t>(*replicate) : persons[i].cell;
  }
  for (std::size_t b = 0; b < block_needed_.size(); ++b)
    if (block_needed_[b])
      stream_blocks(seed, purpose, static_cast<std::uint32_t>(b), std::span(s.replicates).first(n),
                    std::span(s.unit_low).first(n), std::span(s.unit_high).first(n),
                    &s.words[b * 4 * kBlock], kBlock);
  for (std::size_t k = 0; k < root_variables_.size(); ++k) {
    LevelCode* column = s.columns[index(root_variables_[k])].data();
    const LevelCode* codes = root_codes_[k].data();
    for (std::size_t i = 0; i < n; ++i) column[i] = codes[s.cells[i]];
  }
  std::vector<bool> filled(keys_.size(), false);
  for (const Step& step : steps_) {
    std::uint32_t* key = &s.keys[step.key * kBlock];
    if (!filled[step.key]) {
      fill_key(keys_[step.key], n, s, key);
      filled[step.key] = true;
    }
    const std::uint32_t* word = &s.words[step.word * kBlock];
    const std::size_t m = step.fresh.size();
    step.law.draw(key, word, n, s.entries.data());
    for (std::size_t f = 0; f < m; ++f) {
      LevelCode* column = s.columns[index(step.fresh[f])].data();
      const LevelCode* codes = step.codes.data() + f;
      for (std::size_t i = 0; i < n; ++i) column[i] = codes[s.entries[i] * m];
    }
  }
  std::uint32_t* group = &s.keys[keys_.size() * kBlock];
  for (std::size_t l = 0; l < latent_steps_.size(); ++l) {
    const LatentLaw& law = *latent_steps_[l].law;
    Key key{law.group(), {}};
    for (VariableId id : key.variables)
      key.states.push_back(static_cast<std::uint32_t>(population_->law().schema()[id].states()));
    fill_key(key, n, s, group);
    const LevelCode* bucket = s.columns[index(law.variable())].data();
    const auto buckets = population_->law().schema()[law.variable()].size();
    const std::uint32_t* word = &s.words[latent_steps_[l].word * kBlock];
    double* out = s.latent_values[l].data();
    for (std::size_t i = 0; i < n; ++i)
      out[i] = bucket[i] < buckets ? law.draw(group[i], bucket[i], word[i]) : 0.0;
  }
}

}  // namespace steelyard
