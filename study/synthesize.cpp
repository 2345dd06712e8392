#include "study/synthesize.hpp"

#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <memory>
#include <mutex>

#include "core/config.hpp"
#include "core/text.hpp"
#include "study/parallel.hpp"

namespace steelyard {
namespace {

namespace tbb = oneapi::tbb;
constexpr std::uint64_t kRun = 128 * Synthesizer::kBlock;

}  // namespace

PersonRange parse_slice(const std::string& text, std::uint64_t size) {
  if (text.empty()) return {0, size};
  const auto fail = [&](const std::string& problem) -> PersonRange {
    throw UserError(
        {}, "--slice", "\"" + text + "\" " + problem,
        "write a:b for persons a to b - 1, numbered from 0; there are " + std::to_string(size));
  };
  const Texts parts = split(text, ":");
  PersonRange range;
  std::uint64_t* const ends[] = {&range.first, &range.last};
  if (parts.size() != 2) return fail("is not a:b");
  for (std::size_t k = 0; k < 2; ++k) {
    const char* const begin = parts[k].data();
    const auto [end, error] = std::from_chars(begin, begin + parts[k].size(), *ends[k]);
    if (error != std::errc{} || end != begin + parts[k].size())
      return fail("is not two whole numbers");
  }
  if (range.first >= range.last) return fail("holds nobody");
  if (range.last > size) return fail("is out of range");
  return range;
}

void synthesize_blocks(const Population& population, const PopulationFrame& frame,
                       PersonRange range, std::span<const VariableId> variables,
                       std::span<const VariableId> latents, Seed seed, int threads,
                       const std::function<void(const PersonBlock&)>& take) {
  const Synthesizer synthesizer(population, variables, latents);
  tbb::enumerable_thread_specific<Synthesizer::Scratch> scratches(
      [&] { return synthesizer.scratch(); });
  tbb::task_arena arena(thread_count(threads));
  arena.execute([&] {
    std::uint64_t next = range.first;
    const auto source = [&](tbb::flow_control& control) -> std::uint64_t {
      if (next >= range.last) control.stop();
      return std::exchange(next, next + kRun);
    };
    const auto make = [&](std::uint64_t begin) {
      auto block = std::make_shared<PersonBlock>();
      block->first = begin;
      block->n = static_cast<std::size_t>(std::min(range.last, begin + kRun) - begin);
      block->columns.resize(population.law().schema().size());
      block->latent_values.resize(latents.size());
      Synthesizer::Scratch& scratch = scratches.local();
      frame.each_block(begin, begin + block->n, [&](const std::vector<PersonRef>& persons) {
        synthesizer.make(persons, seed, purpose("person"), {}, scratch);
        const auto n = static_cast<std::ptrdiff_t>(persons.size());
        for (VariableId id : synthesizer.made()) {
          auto& column = scratch.columns[index(id)];
          block->columns[index(id)].insert(block->columns[index(id)].end(), column.begin(),
                                           column.begin() + n);
        }
        for (std::size_t l = 0; l < latents.size(); ++l)
          block->latent_values[l].insert(block->latent_values[l].end(),
                                         scratch.latent_values[l].begin(),
                                         scratch.latent_values[l].begin() + n);
      });
      return block;
    };
    tbb::parallel_pipeline(
        static_cast<std::size_t>(2 * thread_count(threads)),
        tbb::make_filter<void, std::uint64_t>(tbb::filter_mode::serial_in_order, source) &
            tbb::make_filter<std::uint64_t, std::shared_ptr<PersonBlock>>(
                tbb::filter_mode::parallel, make) &
            tbb::make_filter<std::shared_ptr<PersonBlock>, void>(
                tbb::filter_mode::serial_in_order,
                [&](const std::shared_ptr<PersonBlock>& block) { take(*block); }));
  });
}

std::vector<std::vector<std::uint64_t>> tally_population(
    const Population& population, const PopulationFrame& frame, Seed seed, int threads,
    const std::function<void(double)>& progress) {
  const Schema& schema = population.law().schema();
  std::vector<VariableId> all;
  for (std::size_t i = 0; i < schema.size(); ++i) all.push_back(schema.id(i));
  const Synthesizer synthesizer(population, all, {});
  const auto zero = [&] {
    std::vector<std::vector<std::uint64_t>> counts;
    for (const Variable& v : schema.variables()) counts.emplace_back(v.states(), 0);
    return counts;
  };
  struct Local {
    Synthesizer::Scratch scratch;
    std::vector<std::vector<std::uint64_t>> counts;
  };
  PerWorker<Local> locals(threads, [&] { return Local{synthesizer.scratch(), zero()}; });
  const std::uint64_t runs = (frame.size() + kRun - 1) / kRun;
  std::atomic<std::uint64_t> done{0};
  std::mutex reporting;
  parallel_for(runs, threads, [&](std::uint64_t run, std::size_t worker) {
    Local& local = locals[worker];
    frame.each_block(run * kRun, std::min(frame.size(), (run + 1) * kRun),
                     [&](const std::vector<PersonRef>& persons) {
                       synthesizer.make(persons, seed, purpose("person"), {}, local.scratch);
                       for (std::size_t v = 0; v < schema.size(); ++v) {
                         const LevelCode* column = local.scratch.columns[v].data();
                         std::uint64_t* counts = local.counts[v].data();
                         for (std::size_t i = 0; i < persons.size(); ++i) ++counts[column[i]];
                       }
                     });
    const std::uint64_t finished = ++done;
    if (!progress) return;
    const std::lock_guard lock(reporting);
    progress(static_cast<double>(finished) / static_cast<double>(runs));
  });
  auto total = zero();  // whole numbers: the order of the sum does not matter
  locals.each([&](const Local& local) {
    for (std::size_t v = 0; v < total.size(); ++v)
      for (std::size_t s = 0; s < total[v].size(); ++s) total[v][s] += local.counts[v][s];
  });
  return total;
}

}  // namespace steelyard
