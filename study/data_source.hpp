#pragma once

// The rows of a user's data: a CSV file (plain or gzip), or a sample in HDF5. One way to ask both
// for columns.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data_file.hpp"

namespace steelyard {

class DataSource {
 public:
  virtual ~DataSource() = default;
  /// By content: HDF5 if it starts as such a file does, otherwise CSV.
  static std::unique_ptr<DataSource> open(const std::string& path);
  /// The same for text that is in memory (and outlives the object); `name` stands for the file.
  static std::unique_ptr<DataSource> over(std::string_view text, std::string name);

  virtual const std::string& name() const = 0;
  virtual std::span<const std::string> header() const = 0;
  virtual std::size_t rows() const = 0;  ///< known after read()
  virtual std::vector<ColumnData> read(std::span<const ColumnRequest> requests,
                                       int threads) const = 0;
  /// The CSV file behind it; null for HDF5.
  virtual const DataFile* csv() const { return nullptr; }

  bool has_column(std::string_view title) const;
  /// @throws UserError naming the nearest column, or all of them
  void require_column(std::string_view title) const;
};

}  // namespace steelyard
