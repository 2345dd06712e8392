#pragma once

// Writes one HDF5 file, whole or not at all.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "results/hdf5_types.hpp"

namespace steelyard::hdf5 {

/// A file under construction. It grows in memory, so a full disk is met by plain writes whose
/// errors carry the system's reason; until `commit()` nothing is on disk. Object headers hold no
/// times. Every failure is a std::runtime_error naming file and dataset. Memory: twice the file's
/// size.
class FileWriter {
 public:
  explicit FileWriter(std::filesystem::path path);

  void attribute(const std::string& name, const std::string& text);  ///< of the root
  void attribute(const std::string& name, std::span<const std::uint32_t> values);
  void group(const std::string& path);

  /// Value as in file_type().
  template <typename Value>
  void dataset(const std::string& path, const std::vector<Value>& values, const Shape& shape);

  /// Writes the file. @throws std::system_error (disk full, no permission)
  void commit();

 private:
  void write(const std::string& path, const Shape& shape, hid_t file_type, hid_t memory_type,
             const void* values);
  void label(hid_t object, const std::string& path, const char* name, const std::string& text);
  [[noreturn]] void fail(const std::string& path, const std::string& problem) const;

  Quiet quiet_;
  std::filesystem::path path_;
  Handle access_, file_;
};

}  // namespace steelyard::hdf5
