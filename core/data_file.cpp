#include "core/data_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <numeric>
#include <thread>
#include <unordered_map>

#include "core/errors.hpp"
#include "core/text.hpp"

namespace steelyard {

struct DataFile::State {
  std::string name, unpacked;
  std::string_view text;  ///< without the byte-order mark
  void* mapped = nullptr;
  std::size_t mapped_size = 0;
  std::vector<std::string> header;
  std::size_t body = 0;  ///< where the first row starts
  int body_line = 2;
  char separator = ',';
  mutable std::size_t rows = 0;

  ~State() {
    if (mapped != nullptr) ::munmap(mapped, mapped_size);
  }
  void read_header();
};

namespace {

constexpr std::size_t kMaxWideLevels = 65534;

[[noreturn]] void fail(const std::string& file, int line, std::string problem, std::string hint) {
  throw UserError({file, line}, {}, std::move(problem), std::move(hint));
}

[[noreturn]] void fail_encoding(const std::string& file, int line) {
  fail(file, line, "is not valid UTF-8 (Chinese files are often GBK)",
       "convert it: iconv -f GB18030 -t UTF-8 " + file + " > utf8.csv");
}

std::string inflate_all(std::string_view packed, const std::string& file) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::bad_alloc();
  std::string out;
  out.resize(std::max<std::size_t>(packed.size() * 4, 1 << 16));
  // zlib reads through a non-const pointer but does not write to it.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  std::size_t left = packed.size(), done = 0;
  int status = Z_OK;
  for (;;) {
    if (stream.avail_in == 0) {
      stream.avail_in = static_cast<uInt>(std::min<std::size_t>(left, 1u << 30));
      left -= stream.avail_in;
    }
    if (done == out.size()) out.resize(out.size() * 2);
    const auto room = static_cast<uInt>(std::min<std::size_t>(out.size() - done, 1u << 30));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + done);
    stream.avail_out = room;
    status = inflate(&stream, Z_NO_FLUSH);
    done += room - stream.avail_out;
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0 && left == 0) break;
      inflateReset(&stream);  // gzip files may be joined
    } else if (status != Z_OK || (stream.avail_in == 0 && left == 0 && stream.avail_out > 0)) {
      inflateEnd(&stream);
      fail(file, 0, "is a damaged or truncated gzip file", "copy or pack it again");
    }
  }
  inflateEnd(&stream);
  out.resize(done);
  return out;
}

/// Fields of one record from `at`; sets `at` behind its line end.
struct Cursor {
  const char* at;
  const char* end;
  int line;
};

/// Reads one field; `buffer` holds it if it was quoted. Returns the byte that ended it: the
/// separator, '\n', or 0 at the end of the text.
char read_field(Cursor& c, char separator, std::string_view& field, std::string& buffer,
                const std::string& file) {
  if (c.at != c.end && *c.at == '"') {
    const int start = c.line;
    buffer.clear();
    ++c.at;
    for (;;) {
      if (c.at == c.end)
        fail(file, start, "has a quoted field that never ends", "close it with a quote");
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
    if (c.at != c.end && *c.at == '\r' && c.at + 1 != c.end && c.at[1] == '\n') ++c.at;
    if (c.at == c.end) return 0;
    const char ended = *c.at++;
    if (ended != separator && ended != '\n')
      fail(file, c.line, "has text after a closing quote", "double a quote inside a quoted field");
    if (ended == '\n') ++c.line;
    return ended;
  }
  const char* from = c.at;
  const char* p = from;
  while (p != c.end && *p != separator && *p != '\n' && *p != '"') ++p;
  if (p != c.end && *p == '"')
    fail(file, c.line, "has a quote inside an unquoted field",
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

bool is_missing(std::string_view field) {
  return field.empty() || field == "NA" || (field.size() == 1 && field[0] == '.');
}

/// Level names to codes in order of first appearance; short names are compared as one word.
class Dictionary {
 public:
  Dictionary() : table_(256) {}
  /// kMissingId if there are more than `limit`.
  std::uint32_t code(std::string_view name, std::size_t limit) {
    std::uint64_t word = 0;
    if (name.size() <= 8) std::memcpy(&word, name.data(), name.size());
    const std::uint64_t hash = name.size() <= 8 ? mix(word ^ (name.size() << 56))
                                                : std::hash<std::string_view>{}(name);
    for (std::size_t slot = hash & (table_.size() - 1);; slot = (slot + 1) & (table_.size() - 1)) {
      Entry& entry = table_[slot];
      if (entry.code == 0)
        return names_.size() < limit ? insert(name, word, hash) : kMissingId;
      if (entry.hash == hash && (name.size() <= 8 ? entry.word == word && entry.size == name.size()
                                                  : names_[entry.code - 1] == name))
        return entry.code - 1;
    }
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  struct Entry {
    std::uint64_t hash = 0, word = 0;
    std::uint32_t code = 0;  ///< + 1; 0: free
    std::uint32_t size = 0;
  };
  static std::uint64_t mix(std::uint64_t x) {
    x ^= x >> 32;
    x *= 0x9E3779B97F4A7C15u;
    return x ^ (x >> 29);
  }
  std::uint32_t insert(std::string_view name, std::uint64_t word, std::uint64_t hash) {
    names_.emplace_back(name);
    if (2 * names_.size() > table_.size()) {
      std::vector<Entry> old(table_.size() * 2);
      old.swap(table_);
      for (const Entry& entry : old)
        if (entry.code != 0) place(entry);
    }
    place({hash, word, static_cast<std::uint32_t>(names_.size()),
           static_cast<std::uint32_t>(name.size())});
    return static_cast<std::uint32_t>(names_.size() - 1);
  }
  void place(const Entry& entry) {
    std::size_t slot = entry.hash & (table_.size() - 1);
    while (table_[slot].code != 0) slot = (slot + 1) & (table_.size() - 1);
    table_[slot] = entry;
  }
  std::vector<Entry> table_;
  std::vector<std::string> names_;
};

/// A contiguous part of the body that starts and ends at a record's boundary.
struct Chunk {
  std::size_t begin = 0, end = 0;
  std::size_t first_row = 0, room = 0, rows = 0;
  int first_line = 0;
  std::vector<Dictionary> dictionaries;
  std::exception_ptr fault;
};

double parse_answer(std::string_view field, const std::string& file, int line,
                    const std::string& column) {
  field = trim(field);
  if (is_missing(field)) return std::numeric_limits<double>::quiet_NaN();
  double value = 0;
  const char* from = field.data() + (field[0] == '+' ? 1 : 0);
  const auto [rest, error] = std::from_chars(from, field.data() + field.size(), value);
  if (error == std::errc() && rest == field.data() + field.size() && std::isfinite(value))
    return value;
  const std::string shown = "\"" + std::string(field.substr(0, 40)) + "\"";
  const bool whole = error == std::errc() && rest == field.data() + field.size();
  if (whole || error == std::errc::result_out_of_range)
    fail(file, line, "column " + column + " has " + shown + ", which is not a finite number",
         "leave the field empty if there is no answer");
  const bool grouped = field.find(',') != std::string_view::npos &&
                       field.find_first_not_of("0123456789,.+-") == std::string_view::npos;
  if (const auto bad = invalid_utf8(field)) fail_encoding(file, line);
  fail(file, line, "column " + column + " has " + shown + ", which is not a number",
       grouped ? "write numbers without thousands separators and with a decimal point"
               : "correct it, or leave the field empty if there is no answer");
}

}  // namespace

DataFile::DataFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
DataFile::DataFile(DataFile&&) noexcept = default;
DataFile& DataFile::operator=(DataFile&&) noexcept = default;
DataFile::~DataFile() = default;

DataFile DataFile::open(const std::string& path) {
  auto state = std::make_unique<State>();
  state->name = path;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (file < 0 || ::fstat(file, &info) != 0 || S_ISDIR(info.st_mode)) {
    const std::string reason = file >= 0 && S_ISDIR(info.st_mode) ? "it is a folder"
                                                                   : std::strerror(errno);
    if (file >= 0) ::close(file);
    throw UserError({path}, {}, "cannot be read: " + reason, "check the path");
  }
  std::string_view text;
  if (S_ISREG(info.st_mode) && info.st_size > 0) {
    state->mapped_size = static_cast<std::size_t>(info.st_size);
    void* mapped = ::mmap(nullptr, state->mapped_size, PROT_READ, MAP_PRIVATE, file, 0);
    ::close(file);
    if (mapped == MAP_FAILED)
      throw UserError({path}, {}, std::string("cannot be read: ") + std::strerror(errno), "");
    state->mapped = mapped;
    ::madvise(mapped, state->mapped_size, MADV_SEQUENTIAL);
    text = {static_cast<const char*>(mapped), state->mapped_size};
  } else {  // a pipe, or empty
    ::close(file);
    state->unpacked = read_file(path);
    text = state->unpacked;
  }
  if (text.size() >= 2 && text[0] == '\x1f' && text[1] == '\x8b') {
    std::string unpacked = inflate_all(text, path);
    state->unpacked = std::move(unpacked);
    text = state->unpacked;
  }
  state->text = text;
  state->read_header();
  return DataFile(std::move(state));
}

DataFile DataFile::over(std::string_view text, std::string name) {
  auto state = std::make_unique<State>();
  state->name = std::move(name);
  if (text.size() >= 2 && text[0] == '\x1f' && text[1] == '\x8b') {
    state->unpacked = inflate_all(text, state->name);
    text = state->unpacked;
  }
  state->text = text;
  state->read_header();
  return DataFile(std::move(state));
}

void DataFile::State::read_header() {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  if (text.substr(0, 2) == "\xFF\xFE" || text.substr(0, 2) == "\xFE\xFF")
    fail(name, 1, "is UTF-16", "save it as UTF-8: iconv -f UTF-16 -t UTF-8 " + name + " > utf8.csv");
  if (trim(text).empty()) fail(name, 0, "is empty", "give a header line and rows");
  const std::string_view first = text.substr(0, text.find('\n'));
  if (first.find(',') == std::string_view::npos) {
    if (first.find(';') != std::string_view::npos)
      separator = ';';
    else if (first.find('\t') != std::string_view::npos)
      separator = '\t';
  }
  Cursor cursor{text.data(), text.data() + text.size(), 1};
  std::string_view field;
  std::string buffer;
  char ended = separator;
  while (ended == separator) {
    ended = read_field(cursor, separator, field, buffer, name);
    const std::string title(trim(field));
    if (invalid_utf8(title)) fail_encoding(name, 1);
    if (title.empty())
      fail(name, 1, "column " + std::to_string(header.size() + 1) + " has no name",
           "name every column in the first line");
    if (std::find(header.begin(), header.end(), title) != header.end())
      fail(name, 1, "column \"" + title + "\" stands twice", "rename one");
    header.push_back(title);
  }
  body = static_cast<std::size_t>(cursor.at - text.data());
  body_line = cursor.line;
}

const std::string& DataFile::name() const { return state_->name; }
std::span<const std::string> DataFile::header() const { return state_->header; }
std::size_t DataFile::bytes() const { return state_->text.size(); }
char DataFile::separator() const { return state_->separator; }
std::size_t DataFile::rows() const { return state_->rows; }
std::string_view DataFile::header_record() const {
  std::string_view record = state_->text.substr(0, state_->body);
  while (!record.empty() && (record.back() == '\n' || record.back() == '\r'))
    record.remove_suffix(1);
  return record;
}

bool DataFile::has_column(std::string_view title) const {
  return std::find(state_->header.begin(), state_->header.end(), title) != state_->header.end();
}

std::size_t DataFile::column(std::string_view title) const {
  const auto at = std::find(state_->header.begin(), state_->header.end(), title);
  if (at == state_->header.end()) {
    std::string hint = suggestion(title, state_->header);
    if (hint.empty()) hint = "the columns are: " + join(state_->header, ", ");
    fail(state_->name, 1, "has no column \"" + std::string(title) + "\"", hint);
  }
  return static_cast<std::size_t>(at - state_->header.begin());
}

std::vector<ColumnData> DataFile::read(std::span<const ColumnRequest> requests, int threads) const {
  const State& s = *state_;
  // What each column of the file is wanted for: at most once as levels and once as numbers.
  using As = ColumnRequest::As;
  struct Use {
    std::size_t request;
    As as;
  };
  std::vector<std::vector<Use>> uses(s.header.size());
  for (std::size_t r = 0; r < requests.size(); ++r)
    uses[column(requests[r].name)].push_back({r, requests[r].as});

  // Chunks that start at records. Inside quotes a line end is not one: parity of quotes tells.
  const std::string_view body = s.text.substr(s.body);
  const std::size_t parts = std::clamp<std::size_t>(body.size() >> 16, 1,
                                                    static_cast<std::size_t>(std::max(1, threads)));
  std::vector<Chunk> chunks(parts);
  const auto in_parallel = [&](auto&& work) {
    std::vector<std::thread> helpers;
    for (std::size_t k = 1; k < parts; ++k) helpers.emplace_back([&work, k] { work(k); });
    work(0);
    for (std::thread& helper : helpers) helper.join();
  };
  std::vector<std::size_t> cut(parts + 1), quotes(parts);
  for (std::size_t k = 0; k <= parts; ++k) cut[k] = body.size() * k / parts;
  in_parallel([&](std::size_t k) {
    quotes[k] = static_cast<std::size_t>(
        std::count(body.begin() + static_cast<std::ptrdiff_t>(cut[k]),
                   body.begin() + static_cast<std::ptrdiff_t>(cut[k + 1]), '"'));
  });
  std::size_t quotes_before = 0;
  for (std::size_t k = 1; k < parts; ++k) {
    quotes_before += quotes[k - 1];
    bool inside = quotes_before % 2 != 0;
    std::size_t at = cut[k];
    while (at < body.size() && (inside || body[at] != '\n')) inside ^= body[at++] == '"';
    chunks[k].begin = std::max(chunks[k - 1].begin, std::min(body.size(), at + 1));
    chunks[k - 1].end = chunks[k].begin;
  }
  chunks[parts - 1].end = body.size();

  // Room for the rows: at most the line ends of each chunk, and one.
  in_parallel([&](std::size_t k) {
    Chunk& c = chunks[k];
    c.room = static_cast<std::size_t>(std::count(body.begin() + static_cast<std::ptrdiff_t>(c.begin),
                                                 body.begin() + static_cast<std::ptrdiff_t>(c.end),
                                                 '\n'));
    c.room += c.end > c.begin && body[c.end - 1] != '\n';
  });
  std::size_t room = 0;
  int line = s.body_line;
  for (Chunk& c : chunks) {
    c.first_row = room;
    c.first_line = line;
    room += c.room;
    line += static_cast<int>(c.room);
    c.dictionaries.resize(requests.size());
  }
  std::vector<ColumnData> out(requests.size());
  for (std::size_t r = 0; r < requests.size(); ++r)
    switch (requests[r].as) {
      case As::levels:
        out[r].levels.codes.resize(room);
        break;
      case As::numbers:
        out[r].numbers.resize(room);
        break;
      case As::ids:
        out[r].ids.resize(room);
        break;
    }

  in_parallel([&](std::size_t k) {
    Chunk& c = chunks[k];
    try {
      Cursor cursor{body.data() + c.begin, body.data() + c.end, c.first_line};
      std::string buffer;
      std::string_view field;
      while (cursor.at != cursor.end) {
        if (*cursor.at == '\n' || (*cursor.at == '\r' && cursor.at + 1 != cursor.end &&
                                   cursor.at[1] == '\n')) {  // an empty line is no record
          cursor.at += *cursor.at == '\r' ? 2 : 1;
          ++cursor.line;
          continue;
        }
        const int start = cursor.line;
        const std::size_t row = c.first_row + c.rows;
        std::size_t column_index = 0;
        for (;; ++column_index) {
          const char ended = read_field(cursor, s.separator, field, buffer, s.name);
          if (column_index < uses.size())
            for (const Use& use : uses[column_index]) {
              if (use.as == As::numbers) {
                out[use.request].numbers[row] =
                    parse_answer(field, s.name, start, s.header[column_index]);
                continue;
              }
              if (use.as == As::ids) {
                out[use.request].ids[row] =
                    is_missing(field) ? kMissingId
                                      : c.dictionaries[use.request].code(field, kMissingId);
                continue;
              }
              std::uint32_t code = kMissingCode;
              if (!is_missing(field)) {
                code = c.dictionaries[use.request].code(field, kMaxWideLevels);
                if (code == kMissingId)
                  fail(s.name, start,
                       "column " + s.header[column_index] + " has more than 65,534 levels",
                       "it looks like an identifier or a measurement; group it first");
              }
              out[use.request].levels.codes[row] = static_cast<std::uint16_t>(code);
            }
          if (ended != s.separator) break;
        }
        if (column_index + 1 != s.header.size())
          fail(s.name, start,
               "has " + std::to_string(column_index + 1) + " fields, the header has " +
                   std::to_string(s.header.size()),
               "give every row the same fields; quote a field that holds the separator");
        ++c.rows;
      }
    } catch (...) {
      c.fault = std::current_exception();
    }
  });
  for (const Chunk& c : chunks)
    if (c.fault) std::rethrow_exception(c.fault);

  std::size_t rows = 0;
  for (const Chunk& c : chunks) rows += c.rows;
  if (rows == 0) fail(s.name, 0, "has a header but no rows", "give at least one row");
  s.rows = rows;

  // One dictionary a column: names of all chunks in alphabetical order.
  for (std::size_t r = 0; r < requests.size(); ++r) {
    LevelColumn& column_out = out[r].levels;
    if (requests[r].as != As::numbers) {
      std::vector<std::string> names;
      for (const Chunk& c : chunks)
        names.insert(names.end(), c.dictionaries[r].names().begin(),
                     c.dictionaries[r].names().end());
      std::sort(names.begin(), names.end());
      names.erase(std::unique(names.begin(), names.end()), names.end());
      if (requests[r].as == As::levels && names.size() > kMaxWideLevels)
        fail(s.name, 0, "column " + requests[r].name + " has more than 65,534 levels",
             "it looks like an identifier or a measurement; group it first");
      for (const std::string& name : names)
        if (invalid_utf8(name)) fail_encoding(s.name, 0);
      in_parallel([&](std::size_t k) {
        const Chunk& c = chunks[k];
        std::vector<std::uint32_t> code;
        for (const std::string& name : c.dictionaries[r].names())
          code.push_back(static_cast<std::uint32_t>(
              std::lower_bound(names.begin(), names.end(), name) - names.begin()));
        const auto recode = [&](auto& codes, auto missing) {
          for (std::size_t i = c.first_row; i < c.first_row + c.rows; ++i)
            if (codes[i] != missing) codes[i] = static_cast<decltype(missing)>(code[codes[i]]);
        };
        if (requests[r].as == As::levels)
          recode(column_out.codes, kMissingCode);
        else
          recode(out[r].ids, kMissingId);
      });
      if (requests[r].as == As::levels) column_out.levels = std::move(names);
    }
    // Rows of all chunks together (a chunk has fewer rows than room if fields hold line ends).
    std::size_t at = 0;
    for (const Chunk& c : chunks) {
      const auto move = [&](auto& values) {
        if (!values.empty() && at != c.first_row)
          std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(c.first_row), c.rows,
                      values.begin() + static_cast<std::ptrdiff_t>(at));
      };
      move(column_out.codes);
      move(out[r].numbers);
      move(out[r].ids);
      at += c.rows;
    }
    if (!column_out.codes.empty()) column_out.codes.resize(rows);
    if (!out[r].numbers.empty()) out[r].numbers.resize(rows);
    if (!out[r].ids.empty()) out[r].ids.resize(rows);
  }
  return out;
}

void DataFile::each_record(const std::function<void(std::size_t, std::string_view)>& use) const {
  const State& s = *state_;
  const char* at = s.text.data() + s.body;
  const char* const end = s.text.data() + s.text.size();
  std::size_t row = 0;
  while (at != end) {
    const char* from = at;
    bool inside = false;
    while (at != end && (inside || *at != '\n')) inside ^= *at++ == '"';
    std::string_view record(from, static_cast<std::size_t>(at - from));
    if (!record.empty() && record.back() == '\r') record.remove_suffix(1);
    if (at != end) ++at;
    if (!record.empty()) use(row++, record);
  }
}

void DataFile::each_field(
    std::size_t column, const std::function<void(std::size_t, std::string_view)>& use) const {
  std::string buffer;
  each_record([&](std::size_t row, std::string_view record) {
    Cursor cursor{record.data(), record.data() + record.size(), 0};
    std::string_view field;
    for (std::size_t k = 0; k <= column; ++k)
      read_field(cursor, state_->separator, field, buffer, state_->name);
    use(row, field);
  });
}

}  // namespace steelyard
