// What is done, in parts: estimators by name, each from where it was made first.

#include "study/ledger.hpp"

#include <gtest/gtest.h>

namespace steelyard {
namespace {

/// Estimator i of this replicate has estimate 10 r + first + i.
ReplicateResults made(std::uint32_t r, double first, std::size_t n) {
  ReplicateResults results;
  for (std::size_t i = 0; i < n; ++i) results.estimate.push_back(10 * r + first + double(i));
  results.se = results.lower = results.upper = results.seconds = results.weights_cv2 =
      results.estimate;
  results.published = {double(r)};
  return results;
}

TEST(Ledger, PutsEstimatorsInPlaceByName) {
  ReplicateLedger ledger({"a", "b", "c"}, 20);
  EXPECT_FALSE(ledger.complete(0));
  EXPECT_TRUE(ledger.missing(0).empty());  // all of it
  ReplicateResults two = made(0, 0, 2);
  two.failures = {{0, 1, "empty cell", "in a"}};
  ledger.add({"c", "a"}, 0, two);
  EXPECT_FALSE(ledger.complete(0));
  EXPECT_EQ(std::vector<std::uint8_t>(ledger.missing(0).begin(), ledger.missing(0).end()),
            (std::vector<std::uint8_t>{0, 1, 0}));
  ReplicateResults all = made(0, 100, 3);
  all.failures = {{0, 0, "x", "a again"}, {0, 1, "y", "in b"}};
  ledger.add({"a", "b", "c"}, 0, all);
  EXPECT_TRUE(ledger.complete(0));
  EXPECT_EQ(ledger.at(0).estimate, (std::vector<double>{1, 101, 0}));  // only b is taken
  ASSERT_EQ(ledger.at(0).failures.size(), 2u);
  EXPECT_EQ(ledger.at(0).failures[0].detail, "in a");
  EXPECT_EQ(ledger.at(0).failures[1].detail, "in b");
}

TEST(Ledger, LeavesOutWhatTheStudyDoesNotHave) {
  ReplicateLedger ledger({"a"}, 2);
  ledger.add({"z", "a"}, 1, made(1, 0, 2));
  ledger.add({"a"}, 7, made(7, 0, 1));
  EXPECT_EQ(ledger.at(1).estimate, (std::vector<double>{11}));
  EXPECT_EQ(ledger.completed(), 1u);
  EXPECT_EQ(ledger.leading(), 0u);
}

TEST(Ledger, KnowsWhatIsCompleteWithoutAGap) {
  ReplicateLedger ledger({"a"}, 40);
  for (std::uint32_t r = 0; r < 40; ++r)
    if (r != 20) ledger.add({"a"}, r, made(r, 0, 1));
  EXPECT_EQ(ledger.leading(), 20u);
  EXPECT_EQ(ledger.completed(), 39u);
  EXPECT_TRUE(ledger.complete_block(0));
  EXPECT_FALSE(ledger.complete_block(1));
  EXPECT_TRUE(ledger.complete_block(2));  // 32 to 39
  EXPECT_EQ(ledger.block(1, "s").replicates.size(), 15u);
  ReplicateLedger copy({"a"}, 40);
  for (std::uint32_t b = 0; b < 3; ++b) copy.add(unpack(pack(ledger.block(b, "s"))));
  copy.add({"a"}, 20, made(20, 0, 1));
  const auto taken = copy.take(40);
  ASSERT_EQ(taken.size(), 40u);
  for (std::uint32_t r = 0; r < 40; ++r) EXPECT_EQ(taken[r].estimate[0], 10.0 * r);
}

}  // namespace
}  // namespace steelyard
