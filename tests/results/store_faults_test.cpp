// What the store says when it cannot be written, or is not what it should be.

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <system_error>

#include "core/errors.hpp"
#include "core/output.hpp"
#include "core/text.hpp"
#include "results/hdf5_writer.hpp"
#include "results/store.hpp"
#include "sample_results.hpp"
#include "store_fixture.hpp"

namespace steelyard {
namespace {

namespace fs = std::filesystem;
using hdf5::Handle;
using testing::sample_results;
using StoreFaults = testing::StoreTest;

std::string message(const fs::path& path) {
  try {
    read_store(path);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no UserError";
}

TEST_F(StoreFaults, RefusesResultsWhosePartsDoNotFit) {
  const auto refused = [&](const std::function<void(StudyResults&)>& change) -> std::string {
    StudyResults results = sample_results();
    change(results);
    try {
      write_store(results, file());
    } catch (const std::invalid_argument& error) {
      return std::string(error.what()).substr(file().string().size());
    }
    return "accepted";
  };
  EXPECT_EQ(refused([](auto& r) { r.se.pop_back(); }),
            ": /estimates/se has 14 values where 15 belong");
  EXPECT_EQ(refused([](auto& r) { r.performance.clear(); }),
            ": /performance has 0 values where 3 belong");
  EXPECT_EQ(refused([](auto& r) { r.contrasts[1].reference = 3; }),
            ": /contrasts/reference points at row 3 of 3");
  EXPECT_EQ(refused([](auto& r) { r.failures[0].replicate = 5; }),
            ": /failures/replicate points at row 5 of 5");
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(StoreFaults, RefusesATextThatHdf5WouldCut) {
  StudyResults results = sample_results();
  results.title = std::string("a\0b", 3);
  try {
    write_store(results, file());
    FAIL() << "written";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()),
              file().string() + ": /scenario/title would hold a text with a NUL byte");
  }
}

TEST_F(StoreFaults, SaysSoWhenTheFolderIsMissing) {
  try {
    write_store(sample_results(), file("missing") / "results.h5");
    FAIL() << "written";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
    EXPECT_NE(std::string(error.what()).find("missing/results.h5"), std::string::npos);
  }
}

TEST_F(StoreFaults, SaysSoWhenTheDiskIsFullFromTheStart) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  try {
    write_store(sample_results(), "/dev/full");
    FAIL() << "written";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOSPC);
  }
}

TEST_F(StoreFaults, SaysSoWhenTheDiskFillsUp) {
  const fs::path disk = file("disk");
  fs::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "mounting a small disk is not permitted here: " << std::strerror(errno);
  StudyResults results = sample_results();
  results.scenario_toml.assign(200'000, 'x');
  int code = 0;
  std::string text;
  try {
    write_store(results, disk / "results.h5");
  } catch (const std::system_error& error) {
    code = error.code().value();
    text = error.what();
  }
  umount(disk.c_str());
  EXPECT_EQ(code, ENOSPC);
  EXPECT_NE(text.find("disk/results.h5"), std::string::npos) << text;
}

TEST_F(StoreFaults, NamesWhatIsWrongWithAFileThatIsNotAStudy) {
  const std::string hint = "; name the results.h5 of a study";
  EXPECT_EQ(message(file()), file().string() + ": cannot read: No such file or directory" + hint);
  EXPECT_EQ(message(folder_), folder_.string() + ": is a folder, not a file" + hint);
  write_file(file(), "estimand,domain\n");
  EXPECT_EQ(message(file()), file().string() + ": is not an HDF5 file" + hint);
  write_file(file(), "");
  EXPECT_EQ(message(file()), file().string() + ": is not an HDF5 file" + hint);
  { Handle foreign(H5Fcreate(file().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose); }
  EXPECT_EQ(message(file()),
            file().string() + ": is an HDF5 file, but not one of steelyard's" + hint);
  hdf5::FileWriter writer(file());
  writer.attribute("filetype", "steelyard population");
  writer.commit();
  EXPECT_EQ(message(file()),
            file().string() +
                ": is a \"steelyard population\" file, not a \"steelyard study\" file" + hint);
}

TEST_F(StoreFaults, NamesTheVersionsWhenTheFormatIsNewerOrOlder) {
  const auto with_version = [&](std::uint32_t major, std::uint32_t minor) {
    return changed([&](hid_t root) {
      const std::uint32_t version[] = {major, minor};
      const Handle attribute(H5Aopen(root, "version", H5P_DEFAULT), H5Aclose);
      ASSERT_GE(H5Awrite(attribute.id(), H5T_NATIVE_UINT32, version), 0);
    });
  };
  EXPECT_EQ(
      message(with_version(2, 3)),
      file().string() +
          ": has format version 2.3, written by steelyard 0.1.0; this program reads version 1; "
          "read it with a newer steelyard");
  EXPECT_EQ(
      message(with_version(0, 9)),
      file().string() +
          ": has format version 0.9, written by steelyard 0.1.0; this program reads version 1; "
          "run the study again with this steelyard");
  EXPECT_EQ(read_store(with_version(1, 7)).replicates, 5u);
}

TEST_F(StoreFaults, ReadsAFileOfVersionOneZeroThatHasNeitherValueRulesNorSelection) {
  const auto old = changed([](hid_t root) {
    const std::uint32_t version[] = {1, 0};
    const Handle attribute(H5Aopen(root, "version", H5P_DEFAULT), H5Aclose);
    ASSERT_GE(H5Awrite(attribute.id(), H5T_NATIVE_UINT32, version), 0);
    ASSERT_GE(H5Ldelete(root, "/value_rules", H5P_DEFAULT), 0);
    ASSERT_GE(H5Ldelete(root, "/selection", H5P_DEFAULT), 0);
    ASSERT_GE(H5Ldelete(root, "/survey", H5P_DEFAULT), 0);
    ASSERT_GE(H5Ldelete(root, "/scenario/planned_replicates", H5P_DEFAULT), 0);
  });
  const StudyResults read = read_store(old);
  EXPECT_EQ(read.failures.size(), 8u);
  EXPECT_TRUE(read.rule_effects.empty());
  EXPECT_TRUE(read.selection.empty());
  EXPECT_TRUE(read.survey_numbers.empty());
  EXPECT_EQ(read.planned_replicates, read.replicates);
}

TEST_F(StoreFaults, NamesTheDatasetThatIsMissingOrDoesNotFit) {
  const std::string hint = "; the file is damaged or was changed: run the study again";
  EXPECT_EQ(message(changed([](hid_t root) { H5Ldelete(root, "/estimates/se", H5P_DEFAULT); })),
            file().string() + ": [/estimates/se] is missing" + hint);
  EXPECT_EQ(message(changed([](hid_t root) { H5Ldelete(root, "/profile", H5P_DEFAULT); })),
            file().string() + ": [/profile/variable] is missing" + hint);
  EXPECT_EQ(message(changed([](hid_t root) { H5Adelete(root, "version"); })),
            file().string() + ": does not tell its format version" + hint);
  const auto replace = [](const char* path, const char* by) {
    return [=](hid_t root) {
      H5Ldelete(root, path, H5P_DEFAULT);
      H5Lcreate_hard(root, by, root, path, H5P_DEFAULT, H5P_DEFAULT);
    };
  };
  EXPECT_EQ(message(changed(replace("/performance/bias", "/estimands/truth"))),
            file().string() + ": [/performance/bias] holds 2 values where 3 values belong" + hint);
  EXPECT_EQ(message(changed(replace("/performance/bias", "/estimators/weighting"))),
            file().string() + ": [/performance/bias] holds values of another type" + hint);
  EXPECT_EQ(message(changed(replace("/reproduction/status", "/reproduction/id"))),
            file().string() + ": [/reproduction/status] has an unknown value in row 0" + hint);
  EXPECT_EQ(message(changed([](hid_t root) {
              const std::uint32_t indices[] = {0, 0, 9};
              const Handle dataset(H5Dopen2(root, "/estimators/estimand", H5P_DEFAULT), H5Dclose);
              H5Dwrite(dataset.id(), H5T_NATIVE_UINT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, indices);
            })),
            file().string() + ": [/estimators/estimand] points at row 9 of 2" + hint);
}

TEST_F(StoreFaults, NoticesACutFile) {
  write_store(sample_results(), file());
  fs::resize_file(file(), fs::file_size(file()) / 2);
  EXPECT_NE(message(file()).find(": cannot be opened ("), std::string::npos) << message(file());
}

TEST_F(StoreFaults, NoticesAFlippedBitInTheEstimates) {
  write_store(sample_results(), file());
  haddr_t address = 0;
  {
    const Handle opened(H5Fopen(file().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    const Handle dataset(H5Dopen2(opened.id(), "/estimates/upper", H5P_DEFAULT), H5Dclose);
    const Handle space(H5Dget_space(dataset.id()), H5Sclose);
    hsize_t size = 0;
    ASSERT_GE(H5Dget_chunk_info(dataset.id(), space.id(), 0, nullptr, nullptr, &address, &size), 0);
  }
  std::string bytes = read_file(file());
  bytes[address + 10] = static_cast<char>(bytes[address + 10] ^ 1);
  write_file(file(), bytes);
  EXPECT_NE(message(file()).find(": [/estimates/upper] cannot be read ("), std::string::npos)
      << message(file());
}

TEST_F(StoreFaults, SaysNothingOnTheErrorStream) {
  ::testing::internal::CaptureStderr();
  write_file(file(), "no HDF5");
  message(file());
  message(changed([](hid_t root) { H5Ldelete(root, "/estimates/se", H5P_DEFAULT); }));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace steelyard
