#include "study/study_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "core/timing.hpp"
#include "study/parallel.hpp"

namespace steelyard {
namespace {

/// Replicates of one block that are to be made.
struct BlockTask {
  std::uint32_t number = 0;
  std::vector<std::uint32_t> replicates;
  std::vector<std::vector<std::uint8_t>> wanted;  ///< by replicate; see ReplicateLedger::missing
};

std::string pack_task(const BlockTask& task) {
  std::string bytes;
  const auto number = [&](std::uint32_t value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  number(task.number);
  number(static_cast<std::uint32_t>(task.replicates.size()));
  for (std::size_t k = 0; k < task.replicates.size(); ++k) {
    number(task.replicates[k]);
    number(static_cast<std::uint32_t>(task.wanted[k].size()));
    bytes.append(task.wanted[k].begin(), task.wanted[k].end());
  }
  return bytes;
}

/// Of this program's own making, between processes of one run.
BlockTask unpack_task(const std::string& bytes) {
  std::size_t at = 0;
  const auto number = [&] {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    at += sizeof value;
    return value;
  };
  BlockTask task;
  task.number = number();
  const std::uint32_t count = number();
  for (std::uint32_t k = 0; k < count; ++k) {
    task.replicates.push_back(number());
    const std::uint32_t size = number();
    task.wanted.emplace_back(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                             bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
  }
  return task;
}

/// Rank 0: hands out the blocks that are not complete, in order, and takes what comes back.
class Dispatcher {
 public:
  Dispatcher(ReplicateLedger& ledger, const RunSettings& settings, const StudyResults& described)
      : ledger_(&ledger), settings_(&settings), described_(&described) {
    look();
    for (std::uint32_t b = 0; b < blocks_of(ledger.replicates()); ++b)
      if (settings.shard.holds(b) && !ledger.complete_block(b)) left_ += missing(b).size();
  }

  std::size_t replicates_left() const { return left_; }

  std::optional<BlockTask> next() {
    const std::lock_guard lock(mutex_);
    if (failed_ || enough_ || (settings_->stop && settings_->stop->signal != 0))
      return std::nullopt;
    for (; next_ < blocks_of(ledger_->replicates()); ++next_) {
      if (!settings_->shard.holds(next_) || ledger_->complete_block(next_)) continue;
      BlockTask task{next_, missing(next_), {}};
      for (std::uint32_t r : task.replicates) {
        const auto wanted = ledger_->missing(r);
        task.wanted.emplace_back(wanted.begin(), wanted.end());
      }
      ++next_;
      return task;
    }
    return std::nullopt;
  }

  void take(const Block& done) {
    Block whole;
    {
      const std::lock_guard lock(mutex_);
      ledger_->add(done);
      if (settings_->keep) whole = ledger_->block(done.number, settings_->study);
    }
    if (settings_->keep) settings_->keep(whole);
    const std::lock_guard lock(mutex_);
    look();
  }

  void fail() {
    const std::lock_guard lock(mutex_);
    failed_ = true;
  }

  RunEnd end() const {
    if (enough_) return {RunEnd::Why::enough, *enough_, reason_};
    for (std::uint32_t b = 0; b < blocks_of(ledger_->replicates()); ++b)
      if (settings_->shard.holds(b) && !ledger_->complete_block(b))
        return {RunEnd::Why::interrupted, ledger_->leading(), {}};
    return {RunEnd::Why::complete, ledger_->replicates(), {}};
  }

 private:
  std::vector<std::uint32_t> missing(std::uint32_t block) const {
    std::vector<std::uint32_t> replicates;
    for (std::uint32_t r = block * kBlockReplicates;
         r < std::min((block + 1) * kBlockReplicates, ledger_->replicates()); ++r)
      if (!ledger_->complete(r)) replicates.push_back(r);
    return replicates;
  }

  /// Asks the stopping rule after whole sets of blocks that have become complete.
  void look() {
    if (!settings_->enough || enough_) return;
    constexpr std::uint32_t kSet = kUntilBlocks * kBlockReplicates;
    const auto complete = [&](std::uint32_t begin, std::uint32_t end) {
      for (std::uint32_t r = begin; r < end; ++r)
        if (!ledger_->complete(r)) return false;
      return true;
    };
    while (!enough_ && looked_ + kSet <= ledger_->replicates() &&
           complete(looked_, looked_ + kSet)) {
      looked_ += kSet;
      // Ever rarer, so that looking costs no more than a few passes over all replicates.
      const std::uint32_t step = std::max(kSet, std::bit_floor(looked_) / 16);
      if (looked_ < settings_->enough_from || looked_ % step != 0) continue;
      if (auto reason = settings_->enough(*ledger_, looked_, *described_)) {
        enough_ = looked_;
        reason_ = std::move(*reason);
      }
    }
  }

  ReplicateLedger* ledger_;
  const RunSettings* settings_;
  const StudyResults* described_;
  std::mutex mutex_;
  std::uint32_t next_ = 0, looked_ = 0;
  std::size_t left_ = 0;
  std::optional<std::uint32_t> enough_;
  std::string reason_;
  bool failed_ = false;
};

/// The threads of one process: each takes the next replicate of the block under way, so that they
/// all work to the end and few blocks are under way at a time.
class Workers {
 public:
  Workers(StudySession& session, int threads) : session_(&session), threads_(threads) {}

  std::function<std::optional<BlockTask>()> fetch;
  std::function<void(const Block&)> deliver;
  std::function<void()> made_one = [] {};
  std::function<void()> fail = [] {};

  void run() {
    const auto threads = static_cast<std::uint64_t>(thread_count(threads_));
    parallel_for(threads, threads_, [&](std::uint64_t, std::size_t worker) {
      try {
        while (const auto item = take()) make(*item->first, item->second, worker);
      } catch (...) {
        fail();
        const std::lock_guard lock(mutex_);
        exhausted_ = true;
        throw;
      }
    });
  }

 private:
  struct Open {
    BlockTask task;
    std::size_t next = 0;
    std::atomic<std::size_t> left{0};
    std::vector<ReplicateResults> parts;  ///< replicates × conditions
  };
  using Item = std::pair<std::shared_ptr<Open>, std::size_t>;

  std::optional<Item> take() {
    const std::lock_guard lock(mutex_);
    if (!open_ || open_->next == open_->parts.size()) {
      open_.reset();
      if (exhausted_) return std::nullopt;
      auto task = fetch();
      if (!task) {
        exhausted_ = true;
        return std::nullopt;
      }
      open_ = std::make_shared<Open>();
      open_->task = std::move(*task);
      open_->parts.resize(open_->task.replicates.size() * session_->conditions());
      open_->left = open_->parts.size();
    }
    const std::size_t item = open_->next++;
    return Item{open_, item};
  }

  void make(Open& open, std::size_t item, std::size_t worker) {
    const std::size_t k = item / session_->conditions(), c = item % session_->conditions();
    std::span<const std::uint8_t> wanted = open.task.wanted[k];
    if (!wanted.empty())
      wanted = wanted.subspan(session_->first_estimator(c),
                              session_->first_estimator(c + 1) - session_->first_estimator(c));
    open.parts[item] = session_->replicate(c, open.task.replicates[k], worker, wanted);
    made_one();
    if (--open.left == 0) deliver(joined(open));
  }

  Block joined(Open& open) const {
    Block block{.study = {}, .number = open.task.number, .estimators = session_->estimators()};
    block.replicates = open.task.replicates;
    const std::size_t conditions = session_->conditions();
    for (std::size_t k = 0; k < block.replicates.size(); ++k) {
      if (conditions == 1) {
        block.results.push_back(std::move(open.parts[k]));
        continue;
      }
      ReplicateResults& all = block.results.emplace_back();
      for (std::size_t c = 0; c < conditions; ++c)
        append(open.parts[k * conditions + c], session_->first_estimator(c), all);
    }
    return block;
  }

  StudySession* session_;
  int threads_;
  std::mutex mutex_;
  std::shared_ptr<Open> open_;
  bool exhausted_ = false;
};

/// Another rank than 0: asks for blocks until there are no more.
void work_for_others(StudySession& session, const RunSettings& settings) {
  Workers workers(session, settings.threads);
  workers.fetch = [&]() -> std::optional<BlockTask> {
    const std::string task = settings.ranks->request();
    if (task.empty()) return std::nullopt;
    return unpack_task(task);
  };
  workers.deliver = [&](const Block& block) { settings.ranks->deliver(pack(block)); };
  workers.run();
  settings.ranks->deliver({});
}

/// Counts replicates under all conditions, for progress.
class Counter {
 public:
  Counter(double total, const StudyProgress& progress) : total_(total), progress_(&progress) {}
  void add(double n) {
    const std::lock_guard lock(mutex_);
    done_ += n;
    if (*progress_) (*progress_)("replicates", done_ / total_);
  }

 private:
  double total_, done_ = 0;
  const StudyProgress* progress_;
  std::mutex mutex_;
};

}  // namespace

RunEnd run_replicates(StudySession& session, ReplicateLedger& ledger, const RunSettings& settings,
                      const StudyResults& described, const StudyProgress& progress) {
  if (settings.ranks && settings.ranks->rank() != 0) {
    work_for_others(session, settings);
    return {};
  }
  Dispatcher dispatcher(ledger, settings, described);
  const auto conditions = static_cast<double>(session.conditions());
  Counter counter(static_cast<double>(dispatcher.replicates_left()) * conditions, progress);
  std::exception_ptr served;
  std::thread server;
  if (settings.ranks && settings.ranks->size() > 1)
    server = std::thread([&] {
      const auto keep_first = [&](auto&& body) {
        try {
          if (!served) body();
        } catch (...) {
          served = std::current_exception();
          dispatcher.fail();
        }
      };
      settings.ranks->serve(
          [&] {
            std::string task;
            keep_first([&] {
              if (const auto next = dispatcher.next()) task = pack_task(*next);
            });
            return task;
          },
          [&](const std::string& bytes) {
            keep_first([&] {
              const Block block = unpack(bytes);
              dispatcher.take(block);
              counter.add(static_cast<double>(block.replicates.size()) * conditions);
            });
          });
    });
  std::exception_ptr own;
  try {
    Workers workers(session, settings.threads);
    workers.fetch = [&] { return dispatcher.next(); };
    workers.deliver = [&](const Block& block) { dispatcher.take(block); };
    workers.made_one = [&] { counter.add(1); };
    workers.fail = [&] { dispatcher.fail(); };
    workers.run();
  } catch (...) {
    own = std::current_exception();
  }
  if (server.joinable()) server.join();
  if (own) std::rethrow_exception(own);
  if (served) std::rethrow_exception(served);
  return dispatcher.end();
}

StudyResults run_study(StudySession& session, ReplicateLedger& ledger, const RunSettings& settings,
                       const StudyProgress& progress,
                       const std::function<void(const StudyResults&)>& described) {
  if (settings.ranks && settings.ranks->rank() != 0) {
    run_replicates(session, ledger, settings, {}, progress);
    return {};
  }
  StudyResults results = session.describe(progress);
  if (described) described(results);
  const auto start = Clock::now();
  const RunEnd end = run_replicates(session, ledger, settings, results, progress);
  results.run.replicate_seconds = seconds_since(start);
  if (end.why == RunEnd::Why::interrupted && end.replicates == 0)
    throw NegativeAnswer("interrupted before the first block of replicates was done");
  results.replicates = end.replicates;
  results.planned_replicates = settings.replicates;
  if (end.why == RunEnd::Why::interrupted)
    results.ended =
        fmt::format("interrupted: {} of {} replicates", end.replicates, settings.replicates);
  if (end.why == RunEnd::Why::enough)
    results.ended = fmt::format("stopped after {} of at most {} replicates: {}", end.replicates,
                                settings.replicates, end.reason);
  session.conclude(ledger.take(end.replicates), results);
  return results;
}

}  // namespace steelyard
