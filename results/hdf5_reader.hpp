#pragma once

// Reads one HDF5 file, suspicious of everything in it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "results/hdf5_types.hpp"

namespace steelyard::hdf5 {

/// An existing file. Every fault in it is a UserError naming file and dataset.
class FileReader {
 public:
  explicit FileReader(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  hid_t id() const { return file_.id(); }

  /// Text of a root attribute; empty if there is none of that name and type.
  std::string text_attribute(const std::string& name) const;
  /// Numbers of a root attribute; empty if there is none of that name and type.
  std::vector<std::uint32_t> number_attribute(const std::string& name) const;

  std::vector<hsize_t> extents(const std::string& path) const;
  /// The whole dataset, whose extents must be the expected ones. Value as in file_type().
  template <typename Value>
  std::vector<Value> read(const std::string& path, const std::vector<hsize_t>& expected) const;

  [[noreturn]] void fail(const std::string& path, const std::string& problem) const;

 private:
  Handle open(const std::string& path) const;

  Quiet quiet_;
  std::filesystem::path path_;
  Handle access_, file_;
};

}  // namespace steelyard::hdf5
