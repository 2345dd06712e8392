#include "core/output.hpp"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <system_error>

#include "core/errors.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {
namespace fs = std::filesystem;

class OutputTest : public ::testing::Test {
 protected:
  OutputTest()
      : folder_(fs::temp_directory_path() / ("steelyard-output-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~OutputTest() override { fs::remove_all(folder_); }
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_;
};

TEST_F(OutputTest, AFolderAppearsOnlyWhenCommitted) {
  {
    OutputFolder out(folder_ / "a", Overwrite::refuse);
    write_file(out.staging() / "x.txt", "hello");
    EXPECT_FALSE(fs::exists(folder_ / "a"));
  }
  EXPECT_EQ(entries(), 0u);
  OutputFolder out(folder_ / "a", Overwrite::refuse);
  write_file(out.staging() / "x.txt", "hello");
  out.commit();
  EXPECT_EQ(read_file((folder_ / "a/x.txt").string()), "hello");
}

TEST_F(OutputTest, WhatExistsIsKeptUnlessReplacementIsAskedFor) {
  fs::create_directory(folder_ / "a");
  write_file(folder_ / "a/old.txt", "old");
  try {
    OutputFolder out(folder_ / "a", Overwrite::refuse);
    FAIL();
  } catch (const UserError& e) {
    EXPECT_EQ(std::string(e.what()),
              (folder_ / "a").string() + ": exists; choose another name, or pass --force");
  }
  OutputFolder out(folder_ / "a", Overwrite::replace);
  write_file(out.staging() / "new.txt", "new");
  out.commit();
  EXPECT_FALSE(fs::exists(folder_ / "a/old.txt"));
  EXPECT_TRUE(fs::exists(folder_ / "a/new.txt"));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(OutputTest, WhatKilledProcessesLeftIsRemovedAndNothingElse) {
  fs::create_directories(folder_ / ".a.partial-123/deep");
  for (const char* other : {"a", ".a.parts", ".ab.partial-123", "a.partial-1"})
    write_file(folder_ / other, "kept");
  remove_abandoned(folder_ / "a");
  EXPECT_EQ(entries(), 4u);
  EXPECT_FALSE(fs::exists(folder_ / ".a.partial-123"));
  remove_abandoned(folder_ / "no such folder/a");
}

TEST_F(OutputTest, AFileAppearsOnlyWhenCommitted) {
  {
    OutputFile out(folder_ / "f", Overwrite::refuse);
    write_file(out.staging(), "x");
  }
  EXPECT_EQ(entries(), 0u);
  OutputFile out(folder_ / "f", Overwrite::refuse);
  write_file(out.staging(), "x");
  out.commit();
  EXPECT_EQ(read_file((folder_ / "f").string()), "x");
  EXPECT_THROW(OutputFile(folder_ / "f", Overwrite::refuse), UserError);
}

TEST_F(OutputTest, AFullDiskIsAnErrorThatNamesTheFile) {
  if (mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "needs the right to mount a tmpfs";
  std::string problem;
  try {
    OutputFile out(folder_ / "f", Overwrite::refuse);
    write_file(out.staging(), std::string(1 << 20, 'x'));
  } catch (const std::system_error& e) {
    problem = e.what();
  }
  const std::size_t left = entries();
  umount(folder_.c_str());
  EXPECT_NE(problem.find("No space left on device"), std::string::npos) << problem;
  EXPECT_EQ(left, 0u);
}

}  // namespace
}  // namespace steelyard
