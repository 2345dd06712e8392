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

namespace {
struct Counts {
  std::size_t quotes = 0, line_ends = 0;
};
}  // namespace

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

  /// Pages that were read are given back, so that a large file never stands in memory: they are
  /// still in the system's cache.
  void release(const char* from, const char* to) const {
    if (mapped == nullptr || text.data() < static_cast<const char*>(mapped) ||
        text.data() >= static_cast<const char*>(mapped) + mapped_size)
      return;
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(from) + page - 1) / page * page,
                         end = reinterpret_cast<std::uintptr_t>(to) / page * page;
    if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }

  /// Quotes and line ends in [from, to).
  Counts count(const char* from, const char* to) const {
    Counts found;
    while (from != to) {
      const char* const next = to - from > kRelease ? from + kRelease : to;
      found.quotes += static_cast<std::size_t>(std::count(from, next, '"'));
      found.line_ends += static_cast<std::size_t>(std::count(from, next, '\n'));
      release(from, next);
      from = next;
    }
    return found;
  }
  static constexpr std::ptrdiff_t kRelease = 4 << 20;
};

namespace {

constexpr std::size_t kMaxWideLevels = 65534;

/// A thread gets at least this much. The fuzz programs set less, to split small texts.
#ifdef STEELYARD_CHUNK_BYTES
constexpr std::size_t kChunkBytes = STEELYARD_CHUNK_BYTES;
#else
constexpr std::size_t kChunkBytes = 1 << 16;
#endif

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
    if (c.at != c.end && *c.at == '\r' && (c.at + 1 == c.end || c.at[1] == '\n')) ++c.at;
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

/// An empty line is no record. The last one may lack its line feed.
bool skip_empty_line(Cursor& c) {
  const char* at = c.at;
  if (*at == '\r') ++at;
  if (at != c.end && *at != '\n') return false;
  c.at = at == c.end ? at : at + 1;
  ++c.line;
  return true;
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
    const std::uint64_t hash =
        name.size() <= 8 ? mix(word ^ (name.size() << 56)) : std::hash<std::string_view>{}(name);
    for (std::size_t slot = hash & (table_.size() - 1);; slot = (slot + 1) & (table_.size() - 1)) {
      Entry& entry = table_[slot];
      if (entry.code == 0) return names_.size() < limit ? insert(name, word, hash) : kMissingId;
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
  const bool plus = field[0] == '+' && field.substr(1, 1) != "-";
  const char* from = field.data() + (plus ? 1 : 0);
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
    const std::string reason =
        file >= 0 && S_ISDIR(info.st_mode) ? "it is a folder" : std::strerror(errno);
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
    fail(name, 1, "is UTF-16",
         "save it as UTF-8: iconv -f UTF-16 -t UTF-8 " + name + " > utf8.csv");
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

/// One call of read(): its requests, the parts of the body and the columns being filled.
class DataFile::Reading {
 public:
  Reading(const DataFile& file, std::span<const ColumnRequest> requests, int threads)
      : s_(*file.state_),
        requests_(requests),
        body_(s_.text.substr(s_.body)),
        parts_(std::clamp<std::size_t>(body_.size() / kChunkBytes, 1,
                                       static_cast<std::size_t>(std::max(1, threads)))),
        chunks_(parts_),
        uses_(s_.header.size()),
        out_(requests.size()) {
    for (std::size_t r = 0; r < requests.size(); ++r)
      uses_[file.column(requests[r].name)].push_back(r);
  }

  std::vector<ColumnData> run() {
    split();
    make_room();
    in_parallel([&](std::size_t k) {
      try {
        parse(chunks_[k]);
      } catch (...) {
        chunks_[k].fault = std::current_exception();
      }
    });
    for (const Chunk& c : chunks_)
      if (c.fault) std::rethrow_exception(c.fault);
    std::size_t rows = 0;
    for (const Chunk& c : chunks_) rows += c.rows;
    if (rows == 0) fail(s_.name, 0, "has a header but no rows", "give at least one row");
    s_.rows = rows;
    for (std::size_t r = 0; r < requests_.size(); ++r) {
      if (requests_[r].as != ColumnRequest::As::numbers) one_dictionary(r);
      close_gaps(r);
    }
    return std::move(out_);
  }

 private:
  using As = ColumnRequest::As;

  template <typename Work>
  void in_parallel(Work&& work) const {
    std::vector<std::thread> helpers;
    for (std::size_t k = 1; k < parts_; ++k) helpers.emplace_back([&work, k] { work(k); });
    work(0);
    for (std::thread& helper : helpers) helper.join();
  }

  /// Chunks that start at records. Inside quotes a line end is not one: the parity of quotes tells.
  void split() {
    std::vector<std::size_t> cut(parts_ + 1);
    std::vector<Counts> counts(parts_);
    for (std::size_t k = 0; k <= parts_; ++k) cut[k] = body_.size() * k / parts_;
    in_parallel([&](std::size_t k) {
      counts[k] = s_.count(body_.data() + cut[k], body_.data() + cut[k + 1]);
    });
    std::size_t quotes_before = 0;
    for (std::size_t k = 0; k < parts_; ++k) chunks_[k].room = counts[k].line_ends + 1;
    for (std::size_t k = 1; k < parts_; ++k) {
      quotes_before += counts[k - 1].quotes;
      bool inside = quotes_before % 2 != 0;
      std::size_t at = cut[k];
      while (at < body_.size() && (inside || body_[at] != '\n')) {
        chunks_[k - 1].room += body_[at] == '\n';
        inside ^= body_[at++] == '"';
      }
      chunks_[k].begin = std::max(chunks_[k - 1].begin, std::min(body_.size(), at + 1));
      chunks_[k - 1].end = chunks_[k].begin;
    }
    chunks_[parts_ - 1].end = body_.size();
    first_lines(cut, counts);
  }

  /// The physical line that each chunk starts in.
  void first_lines(const std::vector<std::size_t>& cut, const std::vector<Counts>& counts) {
    std::size_t line_ends = 0;  // before cut[k]
    for (std::size_t k = 0; k < parts_; ++k) {
      const std::size_t begin = std::max(chunks_[k].begin, cut[k]);
      const auto skipped = std::count(body_.begin() + static_cast<std::ptrdiff_t>(cut[k]),
                                      body_.begin() + static_cast<std::ptrdiff_t>(begin), '\n');
      chunks_[k].first_line =
          s_.body_line + static_cast<int>(line_ends) + static_cast<int>(skipped);
      line_ends += counts[k].line_ends;
    }
  }

  void make_room() {
    std::size_t room = 0;
    for (Chunk& c : chunks_) {
      c.first_row = room;
      room += c.room;
      c.dictionaries.resize(requests_.size());
    }
    for (std::size_t r = 0; r < requests_.size(); ++r) switch (requests_[r].as) {
        case As::levels:
          out_[r].levels.codes.resize(room);
          break;
        case As::numbers:
          out_[r].numbers.resize(room);
          break;
        case As::ids:
          out_[r].ids.resize(room);
          break;
      }
  }

  void parse(Chunk& c) {
    Cursor cursor{body_.data() + c.begin, body_.data() + c.end, c.first_line};
    std::string buffer;
    std::string_view field;
    const char* kept_from = cursor.at;
    while (cursor.at != cursor.end) {
      if (cursor.at - kept_from > State::kRelease) {
        s_.release(kept_from, cursor.at);
        kept_from = cursor.at;
      }
      if (skip_empty_line(cursor)) continue;
      const int start = cursor.line;
      std::size_t column = 0;
      for (;; ++column) {
        const char ended = read_field(cursor, s_.separator, field, buffer, s_.name);
        if (column < uses_.size())
          for (std::size_t r : uses_[column]) store(c, r, field, start);
        if (ended != s_.separator) break;
      }
      if (column + 1 != s_.header.size())
        fail(s_.name, start,
             "has " + std::to_string(column + 1) + " fields, the header has " +
                 std::to_string(s_.header.size()),
             "give every row the same fields; quote a field that holds the separator");
      ++c.rows;
    }
  }

  void store(Chunk& c, std::size_t r, std::string_view field, int line) {
    const std::size_t row = c.first_row + c.rows;
    const ColumnRequest& request = requests_[r];
    if (request.as == As::numbers) {
      out_[r].numbers[row] = parse_answer(field, s_.name, line, request.name);
    } else if (request.as == As::ids) {
      out_[r].ids[row] = is_missing(field) ? kMissingId : c.dictionaries[r].code(field, kMissingId);
    } else {
      std::uint32_t code = kMissingCode;
      if (!is_missing(field)) {
        code = c.dictionaries[r].code(field, kMaxWideLevels);
        if (code == kMissingId) fail_levels(request, line);
      }
      out_[r].levels.codes[row] = static_cast<std::uint16_t>(code);
    }
  }

  [[noreturn]] void fail_levels(const ColumnRequest& request, int line) const {
    fail(s_.name, line, "column " + request.name + " has more than 65,534 levels",
         "it looks like an identifier or a measurement; group it first");
  }

  /// One dictionary a column: the names of all chunks in alphabetical order.
  void one_dictionary(std::size_t r) {
    std::vector<std::string> names;
    for (const Chunk& c : chunks_)
      names.insert(names.end(), c.dictionaries[r].names().begin(), c.dictionaries[r].names().end());
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    if (requests_[r].as == As::levels && names.size() > kMaxWideLevels)
      fail_levels(requests_[r], 0);
    for (const std::string& name : names)
      if (invalid_utf8(name)) fail_encoding(s_.name, 0);
    in_parallel([&](std::size_t k) {
      const Chunk& c = chunks_[k];
      std::vector<std::uint32_t> code;
      for (const std::string& name : c.dictionaries[r].names())
        code.push_back(static_cast<std::uint32_t>(
            std::lower_bound(names.begin(), names.end(), name) - names.begin()));
      const auto recode = [&](auto& codes, auto missing) {
        for (std::size_t i = c.first_row; i < c.first_row + c.rows; ++i)
          if (codes[i] != missing) codes[i] = static_cast<decltype(missing)>(code[codes[i]]);
      };
      if (requests_[r].as == As::levels)
        recode(out_[r].levels.codes, kMissingCode);
      else
        recode(out_[r].ids, kMissingId);
    });
    if (requests_[r].as == As::levels) out_[r].levels.levels = std::move(names);
  }

  /// Rows of all chunks together: a chunk has at most as many rows as room.
  void close_gaps(std::size_t r) {
    const auto close = [&](auto& values) {
      if (values.empty()) return;
      std::size_t at = 0;
      for (const Chunk& c : chunks_) {
        if (at != c.first_row)
          std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(c.first_row), c.rows,
                      values.begin() + static_cast<std::ptrdiff_t>(at));
        at += c.rows;
      }
      values.resize(at);
    };
    close(out_[r].levels.codes);
    close(out_[r].numbers);
    close(out_[r].ids);
  }

  const State& s_;
  std::span<const ColumnRequest> requests_;
  std::string_view body_;
  std::size_t parts_;
  std::vector<Chunk> chunks_;
  std::vector<std::vector<std::size_t>> uses_;  ///< requests of each column of the file
  std::vector<ColumnData> out_;
};

std::vector<ColumnData> DataFile::read(std::span<const ColumnRequest> requests, int threads) const {
  return Reading(*this, requests, threads).run();
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

void DataFile::each_field(std::size_t column,
                          const std::function<void(std::size_t, std::string_view)>& use) const {
  std::string buffer;
  const char* const end = state_->text.data() + state_->text.size();
  each_record([&](std::size_t row, std::string_view record) {
    Cursor cursor{record.data(), end, 0};  // the record with its line end, as read() takes it
    std::string_view field;
    for (std::size_t k = 0; k <= column; ++k)
      read_field(cursor, state_->separator, field, buffer, state_->name);
    use(row, field);
  });
}

}  // namespace steelyard
