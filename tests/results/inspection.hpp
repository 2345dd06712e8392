#pragma once

// What an HDF5 file holds, dataset by dataset, as plain values that tests compare.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace steelyard::testing {

struct Dataset {
  std::string type;                  ///< "string", "double", "uint32", "uint64", "bool"
  std::vector<std::size_t> extents;  ///< empty: one value
  std::string dimensions, unit;      ///< attributes
  std::vector<std::string> filters;  ///< in the order they are applied
  std::vector<std::size_t> chunk;
  std::string bytes;  ///< the values; texts end with NUL
};

struct Inspection {
  std::map<std::string, Dataset> datasets;  ///< by path
  std::map<std::string, std::string>
      attributes;  ///< of the root: texts, and numbers joined with "."
  std::vector<std::string> groups;
  std::size_t timed_objects = 0;  ///< objects whose header tells a time
};

Inspection inspect(const std::filesystem::path& path);

}  // namespace steelyard::testing
