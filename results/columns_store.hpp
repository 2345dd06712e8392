#pragma once

// Persons or respondents in HDF5: one dataset a variable, chunked and compressed, written as they
// are made, so any number fits in bounded memory.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace steelyard {

struct CodeColumn {
  std::string name, label;
  std::vector<std::string>
      levels;  ///< code k stands for levels[k]; one code above them: not applicable
};

struct ValueColumn {
  std::string name, unit;  ///< a latent value; NaN where the variable does not apply
};

/// Writes /variables/NAME (uint8) and /latent/NAME (float64), all of one length.
/// @throws std::runtime_error naming the file (disk full, no permission)
class ColumnsWriter {
 public:
  ColumnsWriter(const std::filesystem::path& path, std::string_view filetype,
                std::vector<CodeColumn> codes, std::vector<ValueColumn> values,
                const std::vector<std::pair<std::string, std::string>>& attributes);
  ~ColumnsWriter();

  /// Appends rows: one span a column, all of one length.
  void append(std::span<const std::span<const std::uint8_t>> codes,
              std::span<const std::span<const double>> values);
  /// Flushes and closes; the file is whole only after this.
  void close();

 private:
  struct State;
  static std::unique_ptr<State> make_state();
  std::unique_ptr<State> state_;
};

/// Reads what ColumnsWriter wrote: a sample or a population.
/// @throws UserError naming file and dataset for anything else
class ColumnsReader {
 public:
  explicit ColumnsReader(const std::filesystem::path& path);
  ~ColumnsReader();

  std::size_t rows() const;
  std::span<const CodeColumn> codes() const;
  std::span<const ValueColumn> values() const;
  /// Level codes of codes()[column]; levels.size() stands for "not applicable".
  std::vector<std::uint8_t> read_codes(std::size_t column) const;
  /// Numbers of values()[column]; NaN where there is none.
  std::vector<double> read_values(std::size_t column) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace steelyard
