#pragma once

// Comma-separated files, read completely or not at all, with the line of everything that is wrong.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace steelyard {

/// A CSV file in memory: a header and rows of equally many fields (RFC 4180 quoting, UTF-8, an
/// optional byte-order mark, LF or CRLF line ends). Every fault is a UserError with file and line.
class CsvFile {
 public:
  static CsvFile read(const std::string& path);
  /// `name` stands for the file in messages.
  static CsvFile parse(std::string_view text, std::string name);

  const std::string& name() const { return name_; }
  std::span<const std::string> header() const { return header_; }
  std::size_t rows() const { return lines_.size(); }
  int line(std::size_t row) const { return lines_[row]; }
  const std::string& field(std::size_t row, std::size_t column) const {
    return fields_[row * header_.size() + column];
  }
  /// Column of that name; an unknown one is a UserError that names the nearest.
  std::size_t column(std::string_view title) const;
  bool has_column(std::string_view title) const;
  /// The field as a finite or infinite number; anything else is a UserError.
  double number(std::size_t row, std::size_t column) const;

 private:
  std::string name_;
  std::vector<std::string> header_, fields_;
  std::vector<int> lines_;
};

/// A field quoted where it must be.
std::string csv_field(std::string_view text);

}  // namespace steelyard
