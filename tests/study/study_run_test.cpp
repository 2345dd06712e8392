// How replicates are handed out, kept and ended, with a study that costs nothing.

#include "study/study_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>

namespace steelyard {
namespace {

/// Two conditions of two estimators each: estimate = 1000 r + 10 c + i.
class FakeSession final : public StudySession {
 public:
  std::size_t conditions() const override { return 2; }
  const Texts& estimators() const override { return names_; }
  std::size_t first_estimator(std::size_t c) const override { return 2 * c; }
  ReplicateResults replicate(std::size_t c, std::uint32_t r, std::size_t,
                             std::span<const std::uint8_t> wanted) override {
    const std::lock_guard lock(mutex_);
    ++made_;
    if (r == failing) throw std::runtime_error("replicate cannot be made");
    if (stop != nullptr && r >= stop_at) stop->signal = 2;
    ReplicateResults results;
    for (std::size_t i = 0; i < 2; ++i) {
      results.estimate.push_back(1000.0 * r + 10.0 * double(c) + double(i));
      made_estimates += wanted.empty() || wanted[i] != 0;
    }
    results.se = results.lower = results.upper = results.seconds = results.weights_cv2 =
        results.estimate;
    if (r % 5 == 0) results.failures = {{r, 1, "empty cell", "c" + std::to_string(c)}};
    return results;
  }
  StudyResults describe(const StudyProgress&) override { return {}; }
  void conclude(const std::vector<ReplicateResults>& replicates, StudyResults&) override {
    concluded = replicates.size();
  }

  std::uint32_t failing = 1'000'000, stop_at = 0;
  StopRequest* stop = nullptr;
  int made_ = 0, made_estimates = 0;
  std::size_t concluded = 0;

 private:
  Texts names_{"a0", "a1", "b0", "b1"};
  std::mutex mutex_;
};

/// Which blocks were kept, from any thread.
struct Kept {
  std::mutex mutex;
  std::multiset<std::uint32_t> numbers;
  std::function<void(const Block&)> keep() {
    return [this](const Block& block) {
      const std::lock_guard lock(mutex);
      numbers.insert(block.number);
    };
  }
};

TEST(StudyRun, MakesEveryReplicateOnceAndKeepsEveryBlockOnce) {
  for (int threads : {1, 4}) {
    FakeSession session;
    ReplicateLedger ledger(session.estimators(), 100);
    Kept kept;
    const RunEnd end = run_replicates(
        session, ledger, {.replicates = 100, .threads = threads, .keep = kept.keep()}, {});
    EXPECT_EQ(end.why, RunEnd::Why::complete);
    EXPECT_EQ(session.made_, 200);
    EXPECT_EQ(kept.numbers, (std::multiset<std::uint32_t>{0, 1, 2, 3, 4, 5, 6}));
    for (std::uint32_t r = 0; r < 100; ++r)
      EXPECT_EQ(ledger.at(r).estimate, (std::vector<double>{1000.0 * r, 1000.0 * r + 1,
                                                            1000.0 * r + 10, 1000.0 * r + 11}));
    ASSERT_EQ(ledger.at(5).failures.size(), 2u);
    EXPECT_EQ(ledger.at(5).failures[1].estimator, 3u);
  }
}

TEST(StudyRun, MakesOnlyWhatIsMissing) {
  FakeSession session;
  ReplicateLedger ledger(session.estimators(), 40);
  ReplicateResults old;
  old.estimate = old.se = old.lower = old.upper = old.seconds = old.weights_cv2 = {-1, -2, -3};
  for (std::uint32_t r = 0; r < 20; ++r) ledger.add({"b1", "a0", "b0"}, r, old);
  Kept kept;
  run_replicates(session, ledger, {.replicates = 40, .threads = 3, .keep = kept.keep()}, {});
  EXPECT_EQ(session.made_estimates, 20 * 1 + 20 * 4);
  EXPECT_EQ(ledger.at(7).estimate, (std::vector<double>{-2, 7001, -3, -1}));
  EXPECT_EQ(ledger.at(27).estimate, (std::vector<double>{27000, 27001, 27010, 27011}));
  EXPECT_EQ(kept.numbers.size(), 3u);
  run_replicates(session, ledger, {.replicates = 40, .keep = kept.keep()}, {});
  EXPECT_EQ(kept.numbers.size(), 3u);  // nothing was left
}

TEST(StudyRun, AShardMakesItsOwnBlocks) {
  FakeSession session;
  ReplicateLedger ledger(session.estimators(), 100);
  Kept kept;
  RunSettings settings{.replicates = 100, .threads = 2, .shard = {1, 3}, .keep = kept.keep()};
  EXPECT_EQ(run_replicates(session, ledger, settings, {}).why, RunEnd::Why::complete);
  EXPECT_EQ(kept.numbers, (std::multiset<std::uint32_t>{1, 4}));
}

TEST(StudyRun, ASignalEndsItAfterTheBlocksUnderWay) {
  for (int threads : {1, 4}) {
    FakeSession session;
    StopRequest stop;
    session.stop = &stop;
    session.stop_at = 50;
    ReplicateLedger ledger(session.estimators(), 10'000);
    RunSettings settings{.replicates = 10'000, .threads = threads};
    settings.stop = &stop;
    const StudyResults results = run_study(session, ledger, settings);
    EXPECT_EQ(results.replicates % kBlockReplicates, 0u);
    EXPECT_GE(results.replicates, 48u);
    EXPECT_LE(results.replicates, 64u + 16u * static_cast<unsigned>(threads));
    EXPECT_EQ(session.concluded, results.replicates);
    EXPECT_EQ(results.planned_replicates, 10'000u);
    EXPECT_EQ(results.ended,
              "interrupted: " + std::to_string(results.replicates) + " of 10000 replicates");
  }
  FakeSession session;
  StopRequest stop;
  stop.signal = 15;
  ReplicateLedger ledger(session.estimators(), 100);
  RunSettings settings{.replicates = 100};
  settings.stop = &stop;
  EXPECT_THROW(run_study(session, ledger, settings), NegativeAnswer);
}

TEST(StudyRun, TheStoppingRuleIsAskedInOrderOfReplicates) {
  for (int threads : {1, 5}) {
    FakeSession session;
    ReplicateLedger ledger(session.estimators(), 5000);
    std::vector<std::uint32_t> asked;
    RunSettings settings{.replicates = 5000, .threads = threads};
    settings.enough = [&](const ReplicateLedger& done, std::uint32_t n,
                          const StudyResults&) -> std::optional<std::string> {
      EXPECT_GE(done.leading(), n);
      asked.push_back(n);
      if (n < 2300) return std::nullopt;
      return "so it is";
    };
    const StudyResults results = run_study(session, ledger, settings);
    // Every 64 up to 2,048, then every 128.
    ASSERT_EQ(asked.size(), 34u);
    EXPECT_EQ(asked[0], 64u);
    EXPECT_EQ(asked[32], 2176u);
    EXPECT_EQ(results.replicates, 2304u);
    EXPECT_EQ(session.concluded, 2304u);
    EXPECT_EQ(results.ended, "stopped after 2304 of at most 5000 replicates: so it is");
  }
}

TEST(StudyRun, TheFirstErrorEndsIt) {
  FakeSession session;
  session.failing = 70;
  ReplicateLedger ledger(session.estimators(), 100'000);
  const auto what = [&](const RunSettings& settings) -> std::string {
    try {
      run_replicates(session, ledger, settings, {});
    } catch (const std::runtime_error& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_EQ(what({.replicates = 100'000, .threads = 4}), "replicate cannot be made");
  EXPECT_LT(session.made_, 200'000);  // not all
  EXPECT_TRUE(ledger.complete_block(0));
  FakeSession other;
  ReplicateLedger full(other.estimators(), 100'000);
  int kept = 0;
  RunSettings settings{.replicates = 100'000, .threads = 1};
  settings.keep = [&](const Block&) {
    if (++kept == 3) throw std::runtime_error("disk full");
  };
  EXPECT_THROW(run_replicates(other, full, settings, {}), std::runtime_error);
  EXPECT_EQ(kept, 3);
}

}  // namespace
}  // namespace steelyard
