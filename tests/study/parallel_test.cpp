#include "study/parallel.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace steelyard {
namespace {

TEST(ParallelFor, DoesEveryIndexOnce) {
  for (int threads : {1, 2, 5}) {
    std::vector<int> hits(1000, 0);
    parallel_for(hits.size(), threads, [&](std::uint64_t i, std::size_t) { ++hits[i]; });
    EXPECT_EQ(hits, std::vector<int>(1000, 1));
  }
}

TEST(ParallelFor, WorkersAreNumberedBelowTheThreadCountAndNeverShared) {
  std::vector<std::atomic<int>> busy(3);
  std::atomic<bool> shared{false};
  parallel_for(2000, 3, [&](std::uint64_t, std::size_t worker) {
    if (worker >= 3 || busy[worker]++ != 0) shared = true;
    --busy[worker];
  });
  EXPECT_FALSE(shared);
}

TEST(ParallelFor, TheFirstExceptionIsThrownAgain) {
  EXPECT_THROW(parallel_for(100, 2,
                            [](std::uint64_t i, std::size_t) {
                              if (i == 37) throw std::runtime_error("37");
                            }),
               std::runtime_error);
}

TEST(PerWorker, MakesAValueOnlyWhereItIsAskedFor) {
  int made = 0;
  PerWorker<int> values(4, [&] { return ++made; });
  EXPECT_EQ(values[2], 1);
  EXPECT_EQ(values[2], 1);
  int seen = 0;
  values.each([&](int) { ++seen; });
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace steelyard
