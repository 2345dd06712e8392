#include "core/random.hpp"

#include <gtest/gtest.h>

#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <set>
#include <vector>

#include "core/random_blocks.hpp"
#include "core/sums.hpp"

namespace steelyard {
namespace {

// Known answers of Random123's kat_vectors for philox4x32-10.
static_assert(philox4x32({0, 0, 0, 0}, 0, 0) ==
              PhiloxBlock{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u});
static_assert(philox4x32({0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu}, 0xffffffffu,
                         0xffffffffu) ==
              PhiloxBlock{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu});
static_assert(philox4x32({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, 0xa4093822u,
                         0x299f31d0u) ==
              PhiloxBlock{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u});

TEST(BulkStream, GivesTheNumbersOfAStream) {
  for (const std::uint64_t unit : {std::uint64_t{11}, kMaxUnits - 5})
    for (const std::size_t expected : {1, 7, 100, 5000}) {
      const StreamId id{Seed{0x123456789abcdef0}, purpose("person"), Replicate{3}, Unit{unit}};
      Stream one(id);
      BulkStream many(id, expected);
      for (int i = 0; i < 2000; ++i) {
        EXPECT_EQ(many.bits64(), one.bits64()) << i;
        EXPECT_EQ(many.below(7), one.below(7)) << i;
      }
    }
}

TEST(Stream, IsAPureFunctionOfItsId) {
  const StreamId id{Seed{7}, purpose("person"), Replicate{3}, Unit{11}};
  Stream a(id), b(id);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a(), b());
}

TEST(Stream, ChangesWithEveryFieldOfItsId) {
  const StreamId base{Seed{7}, purpose("person"), Replicate{3}, Unit{11}};
  std::set<std::uint64_t> seen;
  for (const StreamId& id :
       {base, StreamId{Seed{8}, base.purpose, base.replicate, base.unit},
        StreamId{Seed{7 + (1ull << 32)}, base.purpose, base.replicate, base.unit},
        StreamId{base.seed, purpose("selection"), base.replicate, base.unit},
        StreamId{base.seed, base.purpose, Replicate{4}, base.unit},
        StreamId{base.seed, base.purpose, base.replicate, Unit{12}},
        StreamId{base.seed, base.purpose, base.replicate, Unit{11 + (1ull << 32)}}})
    seen.insert(Stream(id).bits64());
  EXPECT_EQ(seen.size(), 7u);
}

TEST(StreamBlocks, AreTheScalarBlocksBitForBit) {
  for (std::size_t n : {1u, 7u, 16u, 61u}) {
    std::vector<std::uint32_t> replicate(n), low(n), high(n), words(4 * n);
    for (std::size_t i = 0; i < n; ++i) {
      low[i] = static_cast<std::uint32_t>(i * 2654435761u);
      high[i] = static_cast<std::uint32_t>(i % 256);
      replicate[i] = static_cast<std::uint32_t>(9 + i * i);
    }
    stream_blocks(Seed{0x123456789abcdef0}, purpose("person"), 5, replicate, low, high,
                  words.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      const Unit unit{low[i] | (std::uint64_t{high[i]} << 32)};
      const PhiloxBlock block = stream_block(
          {Seed{0x123456789abcdef0}, purpose("person"), Replicate{replicate[i]}, unit}, 5);
      for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(words[k * n + i], block[k]);
    }
  }
}

TEST(UnitBlocks, AreTheBlocksOfUnitsInARow) {
  constexpr std::size_t kUnits = 61;
  std::vector<std::uint32_t> words(4 * kUnits);
  const std::uint64_t first = 70'000;
  unit_blocks({Seed{0x123456789abcdef0}, purpose("selection"), Replicate{7}, Unit{first}}, 3,
              kUnits, words.data(), kUnits);
  for (std::size_t i = 0; i < kUnits; ++i) {
    const PhiloxBlock block = stream_block(
        {Seed{0x123456789abcdef0}, purpose("selection"), Replicate{7}, Unit{first + i}}, 3);
    for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(words[k * kUnits + i], block[k]);
  }
}

TEST(Purpose, NamesInUseDiffer) {
  const std::set<std::uint32_t> all{static_cast<std::uint32_t>(purpose("person")),
                                    static_cast<std::uint32_t>(purpose("respondent")),
                                    static_cast<std::uint32_t>(purpose("selection")),
                                    static_cast<std::uint32_t>(purpose("selection in the cell")),
                                    static_cast<std::uint32_t>(purpose("selection again"))};
  EXPECT_EQ(all.size(), 5u);
}

TEST(Stream, UniformsAreInsideTheOpenIntervalAndHaveTheRightMoments) {
  Stream stream({Seed{1}, purpose("test"), {}, {}});
  Moments moments;
  for (int i = 0; i < 200000; ++i) {
    const double u = stream.uniform();
    ASSERT_GT(u, 0);
    ASSERT_LT(u, 1);
    moments.add(u);
  }
  EXPECT_NEAR(moments.mean(), 0.5, 4.5 * moments.mean_se());
  EXPECT_NEAR(moments.variance(), 1.0 / 12, 4.5 * std::sqrt(1.0 / 180 / 200000));
}

TEST(Stream, BoundedDrawsFillTheirRangeEvenly) {
  Stream stream({Seed{2}, purpose("test"), {}, {}});
  std::vector<double> counts(7, 0);
  const int n = 70000;
  for (int i = 0; i < n; ++i) counts[stream.below(7)] += 1;
  double chi2 = 0;
  for (double c : counts) chi2 += (c - n / 7.0) * (c - n / 7.0) / (n / 7.0);
  EXPECT_LT(chi2, 35.9);  // chi-square, 6 df: false alarm 3e-6
}

TEST(Stream, IsAcceptedByBoostRandom) {
  Stream stream({Seed{3}, purpose("test"), {}, {}});
  boost::random::normal_distribution<double> normal;
  boost::random::uniform_int_distribution<int> die(1, 6);
  Moments moments;
  for (int i = 0; i < 50000; ++i) moments.add(normal(stream));
  EXPECT_NEAR(moments.mean(), 0, 4.5 * moments.mean_se());
  EXPECT_NEAR(moments.sd(), 1, 4.5 / std::sqrt(2 * 50000.0));
  for (int i = 0; i < 100; ++i) {
    const int d = die(stream);
    EXPECT_TRUE(d >= 1 && d <= 6);
  }
}

}  // namespace
}  // namespace steelyard
