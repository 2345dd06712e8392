// The fuzz programs' properties over the kept corpus, with any compiler and in every build.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace {

TEST(Corpus, KeepsItsProperties) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(STEELYARD_CORPUS))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  EXPECT_GE(files.size(), 5u);
  EXPECT_LE(files.size(), 40u);
  for (const auto& file : files) {
    SCOPED_TRACE(file);
    const std::string text = steelyard::read_file(file);
    EXPECT_LE(text.size(), 2048u);
    EXPECT_EQ(
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()), 0);
  }
}

}  // namespace
