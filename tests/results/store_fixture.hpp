#pragma once

// A folder of its own for each test of the store.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>

#include "results/hdf5_types.hpp"
#include "results/store.hpp"
#include "sample_results.hpp"

namespace steelyard::testing {

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("steelyard-store-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path file(const std::string& name = "results.h5") const {
    return folder_ / name;
  }

  /// A sample store with something changed behind its back.
  std::filesystem::path changed(const std::function<void(hid_t)>& change) const {
    write_store(sample_results(), file());
    const hdf5::Handle opened(H5Fopen(file().c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
    change(opened.id());
    return file();
  }

  std::filesystem::path folder_;
};

}  // namespace steelyard::testing
