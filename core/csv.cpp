#include "core/csv.hpp"

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

struct Record {
  std::vector<std::string> fields;
  int line = 0;
};

/// Splits text into records; `line` counts physical lines, so quoted newlines keep later places
/// right.
class RecordReader {
 public:
  RecordReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  bool next(Record& record) {
    while (at_ < text_.size() && (text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n"))
      skip_newline();
    if (at_ >= text_.size()) return false;
    record.fields.clear();
    record.line = line_;
    for (;;) {
      record.fields.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted() : plain());
      if (at_ < text_.size() && text_[at_] == ',') {
        ++at_;
        continue;
      }
      skip_newline();
      return true;
    }
  }

 private:
  void skip_newline() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') {
      ++at_;
      ++line_;
    }
  }

  std::string plain() {
    const std::size_t end = std::min(text_.find_first_of(",\n", at_), text_.size());
    std::string field(text_.substr(at_, end - at_));
    at_ = end;
    if (at_ < text_.size() && text_[at_] == '\n' && !field.empty() && field.back() == '\r')
      field.pop_back();
    if (at_ == text_.size() && !field.empty() && field.back() == '\r') field.pop_back();
    return field;
  }

  std::string quoted() {
    const int opened = line_;
    std::string field;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        field += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        field += '"';
        ++at_;
      } else {
        ++at_;
        if (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_[at_] != '\r')
          throw UserError({name_, line_}, {}, "text after a closing quote",
                          "double the quotes inside a quoted field");
        return field;
      }
    }
    throw UserError({name_, opened}, {}, "a quote is never closed", "close it, or double it");
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

CsvFile CsvFile::read(const std::string& path) { return parse(read_file(path), path); }

CsvFile CsvFile::parse(std::string_view text, std::string name) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (const auto at = invalid_utf8(text)) {
    const auto line =
        1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(*at), '\n');
    throw UserError({name, static_cast<int>(line)}, {}, "is not UTF-8",
                    "convert it, for instance: iconv -f GB18030 -t UTF-8");
  }
  CsvFile file;
  file.name_ = std::move(name);
  RecordReader reader(text, file.name_);
  Record record;
  if (!reader.next(record))
    throw UserError({file.name_}, {}, "is empty", "give a header row and at least one row");
  file.header_ = record.fields;
  for (std::string& title : file.header_) title = std::string(trim(title));
  for (std::size_t i = 0; i < file.header_.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (file.header_[i] == file.header_[j])
        throw UserError({file.name_, 1}, {}, "column \"" + file.header_[i] + "\" stands twice",
                        "rename or remove one");
  while (reader.next(record)) {
    if (record.fields.size() != file.header_.size())
      throw UserError({file.name_, record.line}, {},
                      std::to_string(record.fields.size()) + " columns, the header has " +
                          std::to_string(file.header_.size()),
                      "quote fields that hold a comma");
    file.lines_.push_back(record.line);
    for (std::string& field : record.fields) file.fields_.push_back(std::move(field));
  }
  if (file.rows() == 0)
    throw UserError({file.name_}, {}, "has a header and no rows", "add at least one row");
  return file;
}

bool CsvFile::has_column(std::string_view title) const {
  return std::find(header_.begin(), header_.end(), title) != header_.end();
}

std::size_t CsvFile::column(std::string_view title) const {
  const auto found = std::find(header_.begin(), header_.end(), title);
  if (found != header_.end()) return static_cast<std::size_t>(found - header_.begin());
  std::string hint = suggestion(title, header_);
  throw UserError({name_, 1}, {}, "has no column \"" + std::string(title) + "\"",
                  hint.empty() ? "its columns: " + join(header_, ", ") : hint);
}

double CsvFile::number(std::size_t row, std::size_t column) const {
  const std::string& text = field(row, column);
  const auto value = parse_number(trim(text));
  if (!value || std::isnan(*value))
    throw UserError({name_, line(row)}, header_[column], "\"" + text + "\" is not a number",
                    "write plain digits with a decimal point, no thousands separators");
  return *value;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace steelyard
