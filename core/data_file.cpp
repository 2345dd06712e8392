#include "core/data_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "core/csv_fields.hpp"
#include "core/data_file_state.hpp"
#include "core/errors.hpp"
#include "core/gzip.hpp"
#include "core/text.hpp"

namespace steelyard {

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
  state->take(text);
  return DataFile(std::move(state));
}

DataFile DataFile::over(std::string_view text, std::string name) {
  auto state = std::make_unique<State>();
  state->name = std::move(name);
  state->take(text);
  return DataFile(std::move(state));
}

DataFile::State::~State() {
  if (mapped != nullptr) ::munmap(mapped, mapped_size);
}

void DataFile::State::take(std::string_view bytes) {
  text = bytes;
  if (is_gzip(text)) {
    unpacked = gunzip(text, name);
    text = unpacked;
  }
  read_header();
}

void DataFile::State::release(const char* from, const char* to) const {
  if (mapped == nullptr || text.data() < static_cast<const char*>(mapped) ||
      text.data() >= static_cast<const char*>(mapped) + mapped_size)
    return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(from) + page - 1) / page * page,
                       end = reinterpret_cast<std::uintptr_t>(to) / page * page;
  if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

DataFile::State::Counts DataFile::State::count(const char* from, const char* to) const {
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

void DataFile::State::read_header() {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  if (text.substr(0, 2) == "\xFF\xFE" || text.substr(0, 2) == "\xFE\xFF")
    fail_in_file(name, 1, "is UTF-16",
                 "save it as UTF-8: iconv -f UTF-16 -t UTF-8 " + name + " > utf8.csv");
  if (trim(text).empty()) fail_in_file(name, 0, "is empty", "give a header line and rows");
  const std::string_view first = text.substr(0, text.find('\n'));
  if (first.find(',') == std::string_view::npos) {
    if (first.find(';') != std::string_view::npos)
      separator = ';';
    else if (first.find('\t') != std::string_view::npos)
      separator = '\t';
  }
  FieldCursor cursor{text.data(), text.data() + text.size(), 1};
  std::string_view field;
  std::string buffer;
  char ended = separator;
  while (ended == separator) {
    ended = read_field(cursor, separator, field, buffer, name);
    const std::string title(trim(field));
    if (invalid_utf8(title)) fail_encoding(name, 1);
    if (title.empty())
      fail_in_file(name, 1, "column " + std::to_string(header.size() + 1) + " has no name",
                   "name every column in the first line");
    if (std::find(header.begin(), header.end(), title) != header.end())
      fail_in_file(name, 1, "column \"" + title + "\" stands twice", "rename one");
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
    fail_in_file(state_->name, 1, "has no column \"" + std::string(title) + "\"", hint);
  }
  return static_cast<std::size_t>(at - state_->header.begin());
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
    FieldCursor cursor{record.data(), end, 0};  // the record with its line end, as read() takes it
    std::string_view field;
    for (std::size_t k = 0; k <= column; ++k)
      read_field(cursor, state_->separator, field, buffer, state_->name);
    use(row, field);
  });
}

}  // namespace steelyard
