#pragma once

// Fields of a CSV text, one by one, without a copy where they are not quoted. Inline: a large file
// has many.

#include <string>
#include <string_view>

namespace steelyard {

/// @throws UserError at that line; 0: the whole file
[[noreturn]] void fail_in_file(const std::string& file, int line, std::string problem,
                               std::string hint);
[[noreturn]] void fail_encoding(const std::string& file, int line);

/// Where reading stands: the next byte, the end of the text, the line in the file.
struct FieldCursor {
  const char* at;
  const char* end;
  int line;
};

/// Reads one field; `buffer` holds it if it was quoted. Returns the byte that ended it: the
/// separator, '\n', or 0 at the end of the text.
inline char read_field(FieldCursor& c, char separator, std::string_view& field, std::string& buffer,
                       const std::string& file) {
  if (c.at != c.end && *c.at == '"') {
    const int start = c.line;
    buffer.clear();
    ++c.at;
    for (;;) {
      if (c.at == c.end)
        fail_in_file(file, start, "has a quoted field that never ends", "close it with a quote");
      const char ch = *c.at++;
      if (ch == '"') {
        if (c.at == c.end || *c.at != '"') break;
        ++c.at;
      } else if (ch == '\n') {
        ++c.line;
      }
      buffer += ch;
    }
    field = buffer;
    if (c.at != c.end && *c.at == '\r' && (c.at + 1 == c.end || c.at[1] == '\n')) ++c.at;
    if (c.at == c.end) return 0;
    const char ended = *c.at++;
    if (ended != separator && ended != '\n')
      fail_in_file(file, c.line, "has text after a closing quote",
                   "double a quote inside a quoted field");
    if (ended == '\n') ++c.line;
    return ended;
  }
  const char* from = c.at;
  const char* p = from;
  while (p != c.end && *p != separator && *p != '\n' && *p != '"') ++p;
  if (p != c.end && *p == '"')
    fail_in_file(file, c.line, "has a quote inside an unquoted field",
                 "quote the whole field and double the quotes inside");
  c.at = p;
  field = {from, static_cast<std::size_t>(p - from)};
  char ended = 0;
  if (p != c.end) {
    ended = *p;
    ++c.at;
  }
  if (ended != separator && !field.empty() && field.back() == '\r') field.remove_suffix(1);
  if (ended == '\n') ++c.line;
  return ended;
}

/// An empty line is no record. The last one may lack its line feed.
inline bool skip_empty_line(FieldCursor& c) {
  const char* at = c.at;
  if (*at == '\r') ++at;
  if (at != c.end && *at != '\n') return false;
  c.at = at == c.end ? at : at + 1;
  ++c.line;
  return true;
}

inline bool is_missing(std::string_view field) {
  return field.empty() || field == "NA" || (field.size() == 1 && field[0] == '.');
}

/// A finite number; NaN if there is no answer. @throws UserError naming the column otherwise
double parse_answer(std::string_view field, const std::string& file, int line,
                    const std::string& column);

}  // namespace steelyard
