// Block files: what is written is read back to the bit, and nothing else is read.

#include "study/block.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace steelyard {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

ReplicateResults replicate(double x) {
  ReplicateResults r;
  r.estimate = {x, -0.0};
  r.se = {0.1, kNaN};
  r.lower = {x - 1, kNaN};
  r.upper = {x + 1, kNaN};
  r.seconds = {1e-3, 0};
  r.weights_cv2 = {0.5, 0.25};
  r.published = {x, kNaN, 3};
  r.profile_sample = {0.25, 0.75};
  r.profile_weighted = {0.5, 0.5};
  r.failures = {{33, 1, "empty cell", "区域 = \"north\""}};
  return r;
}

Block sample_block() {
  return {.study = "0123456789abcdef",
          .number = 2,
          .estimators = {"mean@all, none, -, linearization", "b"},
          .replicates = {32, 33, 47},
          .results = {replicate(1.5), replicate(0.1 + 0.2), replicate(1e300)}};
}

std::string problem(const std::string& bytes) {
  try {
    (void)unpack(bytes);
  } catch (const DamagedBlock& e) {
    return e.what();
  }
  return "is whole";
}

TEST(Block, IsReadBackToTheBit) {
  const std::string bytes = pack(sample_block());
  const Block block = unpack(bytes);
  EXPECT_EQ(block.study, "0123456789abcdef");
  EXPECT_EQ(block.number, 2u);
  EXPECT_EQ(block.estimators, sample_block().estimators);
  EXPECT_EQ(block.replicates, sample_block().replicates);
  EXPECT_EQ(block.results[1].failures[0].detail, "区域 = \"north\"");
  EXPECT_EQ(pack(block), bytes);  // also NaN and -0
}

TEST(Block, IsRefusedWhereverItIsCut) {
  const std::string bytes = pack(sample_block());
  for (std::size_t n = 0; n < bytes.size(); ++n)
    EXPECT_NE(problem(bytes.substr(0, n)).find("is truncated"), std::string::npos) << n;
  EXPECT_EQ(problem(bytes), "is whole");
}

TEST(Block, IsRefusedWhicheverByteIsChanged) {
  const std::string bytes = pack(sample_block());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    std::string other = bytes;
    other[n] = static_cast<char>(other[n] ^ 1);
    EXPECT_NE(problem(other), "is whole") << n;
  }
  EXPECT_EQ(problem("#!/bin/sh\n"), "is no block file of steelyard's");
  std::string newer = bytes;
  newer.replace(16, 1, "2");
  EXPECT_EQ(problem(newer), "is a block file of another format version, by another steelyard");
}

TEST(Block, HoldsAFixedRangeOfReplicates) {
  EXPECT_EQ(block_of(0), 0u);
  EXPECT_EQ(block_of(15), 0u);
  EXPECT_EQ(block_of(16), 1u);
  EXPECT_EQ(blocks_of(0), 0u);
  EXPECT_EQ(blocks_of(16), 1u);
  EXPECT_EQ(blocks_of(17), 2u);
  Block wrong = sample_block();
  wrong.replicates[2] = 48;
  EXPECT_EQ(problem(pack(wrong)), "is damaged: a replicate is not of this block");
}

TEST(Shard, EveryBlockIsInOne) {
  for (std::uint32_t b = 0; b < 40; ++b) {
    int held = 0;
    for (std::uint32_t i = 0; i < 7; ++i) held += Shard{i, 7}.holds(b);
    EXPECT_EQ(held, 1);
  }
}

}  // namespace
}  // namespace steelyard
