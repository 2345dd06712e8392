#include "core/output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "core/errors.hpp"

namespace steelyard {
namespace fs = std::filesystem;
namespace {

void refuse_existing(const fs::path& target, Overwrite overwrite) {
  if (overwrite == Overwrite::refuse && fs::exists(fs::symlink_status(target)))
    throw UserError({target.string()}, {}, "exists", "choose another name, or pass --force");
}

/// The staging path, in a folder that is there.
fs::path beside(const fs::path& target) {
  fs::path staging = staging_path(target);
  std::error_code error;
  fs::create_directories(staging.parent_path(), error);
  if (error)
    throw std::system_error(error, "cannot create folder " + staging.parent_path().string());
  return staging;
}

}  // namespace

namespace {

/// Flushes one file or folder to the disk.
void flush(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  // A folder that may be written to and not read has no other way in.
  if (file < 0 && errno == EACCES) return;
  int problem = file < 0 || ::fsync(file) != 0 ? errno : 0;
  if (file >= 0) ::close(file);
  // What the file system has no notion of: pipes, some network and read-only ones.
  for (int unsupported : {EINVAL, ENOTSUP, EROFS})
    if (problem == unsupported) problem = 0;
  if (problem != 0)
    throw std::system_error(problem, std::generic_category(), "cannot write " + path.string());
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

void move_into_place(const fs::path& from, const fs::path& to) {
  if (fs::is_directory(from))
    for (const auto& entry : fs::recursive_directory_iterator(from))
      if (entry.is_regular_file() || entry.is_directory()) flush(entry.path());
  flush(from);
  fs::rename(from, to);
  const fs::path plain = to.lexically_normal();
  flush(folder_of(plain.has_filename() ? plain : plain.parent_path()));
}

fs::path staging_path(const fs::path& target) {
  fs::path plain = target.lexically_normal();
  if (!plain.has_filename()) plain = plain.parent_path();
  return folder_of(plain) /
         ("." + plain.filename().string() + ".partial-" + std::to_string(getpid()));
}

void remove_abandoned(const fs::path& target) {
  const fs::path own = staging_path(target);
  const std::string name = own.filename().string();
  const std::string prefix = name.substr(0, name.rfind('-') + 1);
  std::error_code ignored;
  std::vector<fs::path> abandoned;
  for (const auto& entry : fs::directory_iterator(own.parent_path(), ignored))
    if (entry.path().filename().string().starts_with(prefix)) abandoned.push_back(entry.path());
  for (const fs::path& path : abandoned) fs::remove_all(path, ignored);
}

OutputFolder::OutputFolder(fs::path target, Overwrite overwrite) : target_(std::move(target)) {
  refuse_existing(target_, overwrite);
  staging_ = beside(target_);
  std::error_code error;
  fs::remove_all(staging_);
  fs::create_directory(staging_, error);
  if (error) throw std::system_error(error, "cannot create folder " + staging_.string());
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(staging_, ignored);
}

void OutputFolder::commit() {
  fs::path previous = staging_;
  previous += ".previous";
  const bool existed = fs::exists(target_);
  if (existed) fs::rename(target_, previous);
  move_into_place(staging_, target_);
  committed_ = true;
  if (existed) fs::remove_all(previous);
}

OutputFile::OutputFile(fs::path target, Overwrite overwrite) : target_(std::move(target)) {
  refuse_existing(target_, overwrite);
  if (fs::is_directory(target_))
    throw UserError({target_.string()}, {}, "is a folder", "name a file");
  staging_ = beside(target_);
}

OutputFile::~OutputFile() {
  std::error_code ignored;
  if (!committed_) fs::remove(staging_, ignored);
}

void OutputFile::commit() {
  move_into_place(staging_, target_);
  committed_ = true;
}

namespace {

/// A file being written; every fault names it.
class OpenFile {
 public:
  explicit OpenFile(const fs::path& path)
      : path_(path), file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (file_ < 0) fail("cannot create ");
  }
  ~OpenFile() {
    if (file_ >= 0) ::close(file_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(file_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("cannot write ");
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void close() {
    if (::close(std::exchange(file_, -1)) != 0) fail("cannot write ");
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw std::system_error(errno, std::generic_category(), what + path_.string());
  }
  fs::path path_;
  int file_;
};

}  // namespace

void write_file(const fs::path& path, std::string_view text) {
  OpenFile file(path);
  file.write(text);
  file.close();
}

void write_file(const fs::path& path, const std::function<bool(std::string&)>& next) {
  constexpr std::size_t kPart = 1 << 16;
  OpenFile file(path);
  std::string part;
  part.reserve(2 * kPart);
  for (bool more = true; more;) {
    more = next(part);
    if (more && part.size() < kPart) continue;
    file.write(part);
    part.clear();
  }
  file.close();
}

}  // namespace steelyard
