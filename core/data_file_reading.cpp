// DataFile::read(): the body in parts, one a thread, their columns then put together.

#include <algorithm>
#include <cstring>
#include <exception>
#include <thread>

#include "core/csv_fields.hpp"
#include "core/data_file_state.hpp"
#include "core/level_dictionary.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

/// A thread gets at least this much. The fuzz programs set less, to split small texts.
#ifdef STEELYARD_CHUNK_BYTES
constexpr std::size_t kChunkBytes = STEELYARD_CHUNK_BYTES;
#else
constexpr std::size_t kChunkBytes = 1 << 16;
#endif

/// A contiguous part of the body that starts and ends at a record's boundary.
struct Chunk {
  std::size_t begin = 0, end = 0;
  std::size_t first_row = 0, room = 0, rows = 0;
  int first_line = 0;
  std::vector<LevelDictionary> dictionaries;
  std::exception_ptr fault;
};

}  // namespace

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
    if (rows == 0) fail_in_file(s_.name, 0, "has a header but no rows", "give at least one row");
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
    std::vector<State::Counts> counts(parts_);
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
  void first_lines(const std::vector<std::size_t>& cut, const std::vector<State::Counts>& counts) {
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
    FieldCursor cursor{body_.data() + c.begin, body_.data() + c.end, c.first_line};
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
        fail_in_file(s_.name, start,
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
    fail_in_file(s_.name, line, "column " + request.name + " has more than 65,534 levels",
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

}  // namespace steelyard
