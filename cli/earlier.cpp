#include "cli/earlier.hpp"

#include <fmt/format.h>

#include "cli/build.hpp"
#include "cli/commands.hpp"
#include "results/store.hpp"

namespace steelyard {
namespace fs = std::filesystem;

EarlierWork::EarlierWork(std::string output, Meaning meaning)
    : output_(std::move(output)), parts_(parts_path(output_)), meaning_(meaning) {
  const bool there = fs::exists(fs::symlink_status(output_)), begun = is_block_folder(parts_);
  if (meaning_ == Meaning::refuse) {
    if (there)
      throw UserError({output_}, {}, "exists",
                      "choose another name, go on with --resume, or pass --force");
    if (begun && has_blocks(parts_))
      throw UserError({parts_}, {}, "has finished replicates of an earlier run",
                      "go on with --resume, or discard them with --force");
  }
  if (meaning_ != Meaning::go_on) return;
  if (is_block_folder(output_)) {
    if (begun)
      throw UserError({output_}, {}, "is a shard, and " + parts_ + " has blocks as well",
                      "remove one of them");
    blocks_at_ = output_;
  } else if (there) {
    if (!fs::exists(fs::path(output_) / "results.h5"))
      throw UserError({output_}, {}, "has no results.h5 to go on with",
                      "name a folder that steelyard run wrote, or a new one");
    results_ = read_store(fs::path(output_) / "results.h5");
    if (results_->scenario_resolved.empty())
      throw UserError({(fs::path(output_) / "results.h5").string()}, {},
                      "has an older format, without all that --resume needs",
                      "run into another folder");
  }
  if (begun) blocks_at_ = parts_;
  if (!blocks_at_.empty()) blocks_ = read_manifest(blocks_at_);
}

std::optional<std::uint64_t> EarlierWork::seed() const {
  if (results_) return results_->seed;
  if (blocks_) return blocks_->seed;
  return std::nullopt;
}

std::optional<std::uint32_t> EarlierWork::planned() const {
  if (blocks_) return blocks_->replicates;
  if (results_) return results_->planned_replicates;
  return std::nullopt;
}

void EarlierWork::check_seed(std::uint64_t seed) const {
  const auto refuse = [&](std::uint64_t other, const std::string& name) {
    if (other != seed)
      throw UserError({name}, "--seed", fmt::format("= {}, but it ran with seed {}", seed, other),
                      "leave --seed out, or run into another folder");
  };
  if (results_) refuse(results_->seed, output_);
  if (blocks_) refuse(blocks_->seed, blocks_at_);
}

namespace {

/// Whether work of an earlier run stays valid. @throws UserError if it is of another study
bool keeps(const OpenStudy& study, const ProgramId& made_by, const BlockManifest& now,
           const std::vector<ResolvedEntry>& resolved, const std::string& name) {
  require_this_program(made_by, name);
  return study.keeps_numbers(growth(resolved, now.resolved, name));
}

}  // namespace

void EarlierWork::fill(const OpenStudy& study, const BlockManifest& now, ReplicateLedger& ledger,
                       bool quiet) {
  if (results_)
    keeps_results_ = keeps(study, {results_->version, results_->sources}, now,
                           parse_resolved(results_->scenario_resolved), output_);
  if (blocks_) {
    keeps_blocks_ = keeps(study, blocks_->program, now, blocks_->resolved, blocks_at_);
    if (blocks_->shard != now.shard)
      throw UserError({blocks_at_}, "--shard",
                      fmt::format("= {}/{}, but its blocks are of shard {}/{}", now.shard.index + 1,
                                  now.shard.count, blocks_->shard.index + 1, blocks_->shard.count),
                      "give the same shard, or run into another folder");
  }
  if (!results_ && !blocks_) return;
  if (!keeps_results_ || !keeps_blocks_)
    fmt::print(stderr,
               "a new weighting changes the cells that all weightings share: the replicates that "
               "were made without it are made again\n");
  if (results_ && keeps_results_) {
    const Texts names = estimator_names(*results_);
    const auto replicates = replicates_of(*results_);
    for (std::uint32_t r = 0; r < results_->replicates; ++r) ledger.add(names, r, replicates[r]);
  }
  if (blocks_ && keeps_blocks_)
    read_blocks(
        blocks_at_, now.fingerprint(), [&](const Block& block) { ledger.add(block); },
        [&](const std::string& file, const std::string& problem) {
          fmt::print(stderr, "{}: {}; its replicates are made again\n", file, problem);
        });
  if (quiet) return;
  const std::uint32_t complete = ledger.completed(), begun = ledger.begun() - complete;
  fmt::print(
      stderr, "going on: {} of {} replicates are done{}\n", complete, ledger.replicates(),
      begun == 0 ? "" : fmt::format(", {} lack the estimators that the scenario got since", begun));
}

bool EarlierWork::has_all(const ReplicateLedger& ledger) const {
  return results_ && keeps_results_ && results_->replicates == ledger.replicates() &&
         ledger.completed() == ledger.replicates() &&
         results_->estimators.size() == ledger.estimators().size();
}

std::unique_ptr<BlockFolder> EarlierWork::open_parts(const BlockManifest& now) const {
  if (blocks_ && blocks_at_ != parts_) fs::rename(blocks_at_, parts_);
  return std::make_unique<BlockFolder>(parts_, now,
                                       meaning_ == Meaning::go_on && keeps_blocks_
                                           ? BlockFolder::Content::kept
                                           : BlockFolder::Content::discarded);
}

}  // namespace steelyard
