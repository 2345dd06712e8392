#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/build.hpp"
#include "cli/commands.hpp"
#include "cli/open_study.hpp"
#include "cli/study_output.hpp"
#include "core/text.hpp"
#include "core/timing.hpp"
#include "study/block_folder.hpp"
#include "study/study_run.hpp"

namespace steelyard {
namespace {

struct ShardFolder {
  std::string path;
  BlockManifest manifest;
};

/// @throws UserError naming the difference between two shards
void check_same_study(const ShardFolder& first, const ShardFolder& other) {
  const BlockManifest &a = first.manifest, &b = other.manifest;
  const auto refuse = [&](const char* what, const std::string& own, const std::string& theirs) {
    if (own != theirs)
      throw UserError({other.path}, {},
                      fmt::format("has {} {}, and {} has {}", what, theirs, first.path, own),
                      "merge shards of one study");
  };
  refuse("numbers of steelyard", to_string(a.program), to_string(b.program));
  refuse("seed", std::to_string(a.seed), std::to_string(b.seed));
  refuse("replicates:", std::to_string(a.replicates), std::to_string(b.replicates));
  refuse("a number of shards of", std::to_string(a.shard.count), std::to_string(b.shard.count));
  if (!growth(a.resolved, b.resolved, first.path).empty() ||
      !growth(b.resolved, a.resolved, other.path).empty())
    throw UserError({other.path}, {}, "has other estimators than " + first.path,
                    "run --resume with the present scenario on every shard");
}

std::vector<ShardFolder> read_shards(const std::vector<std::string>& folders) {
  std::vector<ShardFolder> shards;
  std::map<std::uint32_t, std::string> found;
  for (const std::string& folder : folders) {
    shards.push_back({folder, read_manifest(folder)});
    check_same_study(shards.front(), shards.back());
    const auto [at, is_new] = found.emplace(shards.back().manifest.shard.index, folder);
    if (!is_new)
      throw UserError({folder}, {},
                      fmt::format("is shard {}, and {} is the same one", at->first + 1, at->second),
                      "name each shard once");
  }
  Texts missing;
  const std::uint32_t count = shards.front().manifest.shard.count;
  for (std::uint32_t i = 0; i < count; ++i)
    if (!found.contains(i)) missing.push_back(fmt::format("{}/{}", i + 1, count));
  if (!missing.empty())
    throw UserError(
        {}, "merge",
        fmt::format("{} of {} shards are missing: {}", missing.size(), count, join(missing, ", ")),
        "run them with --shard, then name their folders as well");
  return shards;
}

void fill(const std::vector<ShardFolder>& shards, ReplicateLedger& ledger) {
  for (const ShardFolder& shard : shards) {
    const std::string again = "run the shard again with --resume";
    read_blocks(
        shard.path, shard.manifest.fingerprint(), [&](const Block& block) { ledger.add(block); },
        [&](const std::string& file, const std::string& problem) {
          throw UserError({file}, {}, problem, again);
        });
    std::uint32_t own = 0, done = 0;
    for (std::uint32_t b = 0; b < blocks_of(ledger.replicates()); ++b) {
      own += shard.manifest.shard.holds(b);
      done += shard.manifest.shard.holds(b) && ledger.complete_block(b);
    }
    if (done < own)
      throw UserError({shard.path}, {},
                      fmt::format("has {} of the {} blocks of its shard", done, own), again);
  }
}

}  // namespace

int merge_command(const MergeOptions& o) {
  const auto start = Clock::now();
  const std::string started = utc_now();
  const std::vector<ShardFolder> shards = read_shards(o.folders);
  const Overwrite overwrite = o.force ? Overwrite::replace : Overwrite::refuse;
  OutputFolder(o.output, overwrite);  // refuses now what it would refuse in the end
  const BlockManifest& m = shards.front().manifest;
  require_this_program(m.program, shards.front().path);
  OpenStudy study(o.scenario.empty() ? m.scenario : o.scenario, m.settings, m.conditions);
  if (!growth(m.resolved, study.resolved(), shards.front().path).empty())
    throw UserError({(study.scenario().folder / "scenario.toml").string()}, {},
                    "has estimators that the shards do not have", "run the shards with --resume");
  study.fit(m.accept, o.quiet);
  StudyOptions options;
  options.seed = Seed{m.seed};
  options.threads = o.threads;
  options.replicates = m.replicates;
  if (m.tally_truth) options.tally = Tally::yes;
  const auto session = study.session(options);
  ReplicateLedger ledger(session->estimators(), m.replicates);
  fill(shards, ledger);
  const double setup = seconds_since(start);
  Progress progress(o.quiet ? Progress::Mode::silent : Progress::Mode::automatic);
  StudyResults results =
      run_study(*session, ledger, {.replicates = m.replicates, .threads = o.threads});
  complete_results(study, options, progress, results);
  progress.finish();
  results.run.setup_seconds = setup;
  results.run.started_utc = started;
  write_results(results, o.language, o.output, overwrite);
  return 0;
}

}  // namespace steelyard
