#pragma once

// A user's data file: columns of a CSV file (plain or gzip), read in one parallel pass over only
// the columns that are asked for. Every fault is a UserError with file and line.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace steelyard {

inline constexpr std::uint16_t kMissingCode = 0xFFFF;
inline constexpr std::uint32_t kMissingId = 0xFFFFFFFF;
inline constexpr std::size_t kMaxWideLevels = 65534;  ///< of a column of levels

/// A column of levels. Levels are in alphabetical order, so they do not depend on that of the rows.
struct LevelColumn {
  std::vector<std::string> levels;
  std::vector<std::uint16_t> codes;  ///< n; kMissingCode: no answer
};

/// What to read of a column.
struct ColumnRequest {
  std::string name;
  /// ids: only which rows are alike matters, and there may be any number of them.
  enum class As { levels, numbers, ids } as = As::levels;
};

struct ColumnData {
  LevelColumn levels;              ///< if read as levels
  std::vector<double> numbers;     ///< if read as numbers; NaN: no answer
  std::vector<std::uint32_t> ids;  ///< if read as ids; kMissingId: no answer
};

class DataFile {
 public:
  /// Maps the file into memory (unpacks it if it is gzip) and reads its header: names separated by
  /// commas, or by semicolons or tabs if there is no comma. UTF-8, an optional byte-order mark, LF
  /// or CRLF, RFC 4180 quoting.
  static DataFile open(const std::string& path);
  /// `name` stands for the file in messages; the text must outlive the object.
  static DataFile over(std::string_view text, std::string name);
  DataFile(DataFile&&) noexcept;
  DataFile& operator=(DataFile&&) noexcept;
  ~DataFile();

  const std::string& name() const;
  std::span<const std::string> header() const;
  bool has_column(std::string_view title) const;
  /// Position of a column; an unknown one is a UserError that names the nearest.
  std::size_t column(std::string_view title) const;
  std::size_t bytes() const;
  char separator() const;

  /// Reads the columns, in the order of the requests. No answer: an empty field, NA or a point.
  /// A level column has at most 65,534 levels. Cost: one pass over the bytes on `threads` threads.
  /// @throws UserError: no rows, ragged rows, a quote that never ends or stands inside a field, not
  /// UTF-8, not a (finite) number, too many levels
  std::vector<ColumnData> read(std::span<const ColumnRequest> requests, int threads) const;
  std::size_t rows() const;  ///< known after read()

  /// Calls use(row, record) with each record's own bytes without its line end, in order.
  void each_record(const std::function<void(std::size_t, std::string_view)>& use) const;
  /// Calls use(row, text) with one column's text (unquoted) in each record, in order.
  void each_field(std::size_t column,
                  const std::function<void(std::size_t, std::string_view)>& use) const;
  /// The header's own bytes.
  std::string_view header_record() const;

 private:
  struct State;
  class Reading;
  explicit DataFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace steelyard
