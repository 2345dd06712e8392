#include <fmt/format.h>

#include <cmath>

#include "cli/build.hpp"
#include "cli/commands.hpp"
#include "cli/earlier.hpp"
#include "cli/previews.hpp"
#include "cli/study_output.hpp"
#include "core/text.hpp"
#include "core/timing.hpp"
#include "report/report.hpp"
#include "results/store.hpp"
#include "study/study_run.hpp"
#include "study/until.hpp"

namespace steelyard {
namespace fs = std::filesystem;

std::uint64_t require_seed(const std::optional<std::uint64_t>& given, const Scenario& scenario) {
  if (given) return *given;
  if (scenario.seed) return *scenario.seed;
  throw UserError({(scenario.folder / "scenario.toml").string()}, {}, "no seed is given",
                  "pass --seed N, so that the run can be repeated");
}

std::string parts_path(const std::string& output) {
  fs::path plain = fs::path(output).lexically_normal();
  if (!plain.has_filename()) plain = plain.parent_path();
  return plain.string() + ".parts";
}

namespace {

Shard parse_shard(const std::string& text) {
  if (text.empty()) return {};
  const Texts parts = split(text, "/");
  const auto whole = [](const std::string& part) {
    const auto number = parse_number(part);
    return number && *number == std::floor(*number) && *number >= 0 && *number <= 1e6 ? *number
                                                                                      : -1;
  };
  const double index = whole(parts[0]), count = parts.size() == 2 ? whole(parts[1]) : -1;
  if (index < 0 || count < 0)
    throw UserError({}, "--shard", "\"" + text + "\" is not i/k", "for instance --shard 3/16");
  if (index < 1 || index > count)
    throw UserError({}, "--shard", fmt::format("{} is no part of {}", parts[0], parts[1]),
                    fmt::format("number the shards 1/{0} to {0}/{0}", parts[1]));
  return {static_cast<std::uint32_t>(index) - 1, static_cast<std::uint32_t>(count)};
}

void check_together(const RunOptions& o) {
  const auto refuse = [](const char* key, const char* problem, const char* hint) {
    throw UserError({}, key, problem, hint);
  };
  if (o.resume && o.force) refuse("--resume", "goes on, and --force starts afresh", "choose one");
  if (!o.until.empty() && !o.shard.empty())
    refuse("--until", "needs all replicates, and a shard sees only its own", "leave one out");
  if (o.estimate && o.replicate)
    refuse("--estimate", "and --replicate exclude one another", "choose one");
  if ((o.estimate || o.replicate) && (o.resume || !o.shard.empty() || !o.until.empty()))
    refuse(o.estimate ? "--estimate" : "--replicate", "runs no study",
           "leave --resume, --shard and --until out");
  if (o.output.empty() && !o.estimate && !o.replicate)
    refuse("--output", "is missing", "name the folder to write: -o DIR");
}

/// A run from what is there to what it leaves.
class Run {
 public:
  Run(const RunOptions& options, Ranks& ranks)
      : o_(options),
        ranks_(ranks),
        shard_(parse_shard(options.shard)),
        study_(options.scenario, options.settings, options.conditions) {
    if (!o_.until.empty()) until_.emplace(o_.until);
  }

  int run() {
    const auto start = Clock::now();
    const std::string started = utc_now();
    if (first()) earlier_.emplace(o_.output, earlier_means());
    settings_.seed = Seed{ranks_.agree(first() ? seed() : 0)};
    study_.fit(o_.accept, o_.quiet || !first());
    settings_.threads = o_.threads;
    if (o_.tally_truth) settings_.tally = Tally::yes;
    settings_.replicates = replicates();
    session_ = study_.session(settings_);
    ReplicateLedger ledger(session_->estimators(), settings_.replicates);
    if (!first()) {
      run_study(*session_, ledger, run_settings());
      return 0;
    }
    const BlockManifest manifest = make_manifest();
    earlier_->fill(study_, manifest, ledger, o_.quiet);
    if (!is_shard() && earlier_->has_all(ledger)) {
      ranks_.serve([] { return std::string(); }, [](const std::string&) {});
      fmt::print("nothing to do: {} has all {} replicates\n", o_.output, ledger.replicates());
      return 0;
    }
    folder_ = earlier_->open_parts(manifest);  // locked: no other process writes to the output
    remove_abandoned(o_.output);
    setup_seconds_ = seconds_since(start);
    const int code = work(ledger, started);
    return o_.stop->signal != 0 ? 128 + o_.stop->signal : code;
  }

 private:
  /// A run that is refused before its first block leaves nothing.
  int work(ReplicateLedger& ledger, const std::string& started) {
    try {
      return is_shard() ? run_shard(ledger) : run_whole(ledger, started);
    } catch (const UserError&) {
      if (!has_blocks(folder_->path())) folder_->remove();
      throw;
    }
  }

  bool first() const { return ranks_.rank() == 0; }
  bool is_shard() const { return !o_.shard.empty(); }

  EarlierWork::Meaning earlier_means() const {
    if (o_.resume) return EarlierWork::Meaning::go_on;
    return o_.force ? EarlierWork::Meaning::replace : EarlierWork::Meaning::refuse;
  }

  std::uint64_t seed() const {
    const std::uint64_t seed =
        !o_.seed && earlier_->seed() ? *earlier_->seed() : require_seed(o_.seed, study_.scenario());
    earlier_->check_seed(seed);
    return seed;
  }

  std::uint32_t replicates() const {
    const auto planned = earlier_ ? earlier_->planned() : std::nullopt;
    const std::uint32_t wanted = o_.replicates.value_or(planned.value_or(study_.plan().replicates));
    if (earlier_ && wanted < earlier_->finished())
      throw UserError({o_.output}, "--replicates",
                      fmt::format("= {}, but {} replicates are done", wanted, earlier_->finished()),
                      "ask for more, or run into another folder");
    return wanted;
  }

  BlockManifest make_manifest() const {
    std::error_code none;
    const bool is_path = fs::exists(fs::path(o_.scenario) / "scenario.toml", none);
    return {
        .program = this_program(),
        .scenario = is_path ? fs::absolute(o_.scenario).lexically_normal().string() : o_.scenario,
        .settings = o_.settings,
        .conditions = o_.conditions,
        .accept = o_.accept,
        .tally_truth = o_.tally_truth,
        .seed = static_cast<std::uint64_t>(settings_.seed),
        .replicates = settings_.replicates,
        .shard = shard_,
        .resolved = study_.resolved()};
  }

  RunSettings run_settings() {
    RunSettings s{.replicates = settings_.replicates, .threads = o_.threads, .shard = shard_};
    s.ranks = &ranks_;
    s.stop = o_.stop;
    if (!first()) return s;
    s.study = make_manifest().fingerprint();
    s.keep = [this](const Block& block) { folder_->keep(block); };
    s.enough_from = earlier_->finished();
    if (until_)
      s.enough = [this](const ReplicateLedger& ledger, std::uint32_t n, const StudyResults& r) {
        return until_->met(ledger, n, r);
      };
    return s;
  }

  StudyProgress shown(Progress& progress, const ReplicateLedger& ledger) const {
    const double left = settings_.replicates - ledger.completed();
    return [&progress, left, this](const char* phase, double fraction) {
      const bool persons = std::string_view(phase) == "population";
      progress.update(phase, fraction,
                      persons ? static_cast<double>(study_.synthetic()->frame().size())
                              : left * static_cast<double>(study_.conditions()),
                      persons ? "persons" : "replicates");
    };
  }

  int run_whole(ReplicateLedger& ledger, const std::string& started) {
    StudyResults results;
    const RunSettings run = run_settings();
    {
      Progress progress(o_.quiet ? Progress::Mode::silent : Progress::Mode::automatic);
      const Heeding heeding(*o_.stop);
      try {
        results =
            run_study(*session_, ledger, run, shown(progress, ledger), [&](const StudyResults& r) {
              if (until_) until_->bind(r);
            });
      } catch (const NegativeAnswer& none) {
        if (o_.stop->signal == 0) throw;
        fmt::print(stderr, "steelyard: {}; go on with --resume\n", none.what());
        return 1;
      }
    }
    Progress progress(o_.quiet ? Progress::Mode::silent : Progress::Mode::automatic);
    complete_results(study_, settings_, progress, results);
    progress.finish();
    results.run.setup_seconds = setup_seconds_;
    results.run.started_utc = started;
    write_results(results, o_.language, o_.output,
                  o_.force || o_.resume ? Overwrite::replace : Overwrite::refuse);
    if (results.ended.starts_with("interrupted"))
      fmt::print("{}; go on with --resume\n", results.ended);
    else
      folder_->remove();
    return 0;
  }

  int run_shard(ReplicateLedger& ledger) {
    RunEnd end;
    {
      Progress progress(o_.quiet ? Progress::Mode::silent : Progress::Mode::automatic);
      const Heeding heeding(*o_.stop);
      end = run_replicates(*session_, ledger, run_settings(), {}, shown(progress, ledger));
    }
    std::uint32_t own = 0, done = 0;
    for (std::uint32_t b = 0; b < blocks_of(ledger.replicates()); ++b) {
      own += shard_.holds(b);
      done += shard_.holds(b) && ledger.complete_block(b);
    }
    if (end.why == RunEnd::Why::interrupted) {
      fmt::print(
          "interrupted: {} of the {} blocks of shard {} are kept in {}; go on with --resume\n",
          done, own, o_.shard, folder_->path().string());
      return 0;
    }
    std::error_code ignored;
    if (o_.force) fs::remove_all(o_.output, ignored);
    folder_->rename(o_.output);
    fmt::print(
        "shard {}: {} blocks of {} replicates, written to {}; when all are there: steelyard "
        "merge\n",
        o_.shard, own, kBlockReplicates, o_.output);
    return 0;
  }

  /// While replicates run, a signal ends them softly.
  struct Heeding {
    explicit Heeding(StopRequest& request) : stop(request) { stop.heeded = true; }
    ~Heeding() { stop.heeded = false; }
    Heeding(const Heeding&) = delete;
    Heeding& operator=(const Heeding&) = delete;
    StopRequest& stop;
  };

  const RunOptions& o_;
  Ranks& ranks_;
  Shard shard_;
  OpenStudy study_;
  std::optional<UntilRule> until_;
  std::optional<EarlierWork> earlier_;
  StudyOptions settings_;
  std::unique_ptr<StudySession> session_;
  std::unique_ptr<BlockFolder> folder_;
  double setup_seconds_ = 0;
};

}  // namespace

int run_command(const RunOptions& options) {
  check_together(options);
  if (options.estimate) return preview_run(options);
  if (options.replicate) return replay_replicate(options);
  const std::unique_ptr<Ranks> ranks = join_ranks();
  if (ranks->rank() != 0) {
    // Rank 0 hears of a signal as well, and gives out no more blocks. The others may hear of it
    // while they make ready, or when they have no more to do: they heed it from their start to
    // their end.
    options.stop->silent = true;
    options.stop->heeded = true;
  }
  return Run(options, *ranks).run();
}

int report_command(const ReportOptions& options) {
  const std::filesystem::path store = std::filesystem::path(options.folder) / "results.h5";
  if (!std::filesystem::exists(store))
    throw UserError(
        {options.folder}, {},
        is_block_folder(options.folder) ? "is a shard, not a whole study" : "has no results.h5",
        is_block_folder(options.folder) ? "put the shards together: steelyard merge"
                                        : "name a folder that steelyard run wrote");
  const StudyResults results = read_store(store);
  const std::filesystem::path target = options.output.empty()
                                           ? std::filesystem::path(options.folder) / "report.html"
                                           : std::filesystem::path(options.output);
  OutputFile file(target, options.force ? Overwrite::replace : Overwrite::refuse);
  write_file(file.staging(),
             render_report(results, options.language == "zh" ? Language::zh : Language::en));
  file.commit();
  fmt::print("written: {}\n", target.string());
  return 0;
}

}  // namespace steelyard
