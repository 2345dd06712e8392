#include "core/output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

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

fs::path staging_path(const fs::path& target) {
  fs::path plain = target.lexically_normal();
  if (!plain.has_filename()) plain = plain.parent_path();
  const fs::path parent = plain.has_parent_path() ? plain.parent_path() : fs::path(".");
  return parent / ("." + plain.filename().string() + ".partial-" + std::to_string(getpid()));
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
  fs::rename(staging_, target_);
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
  fs::rename(staging_, target_);
  committed_ = true;
}

void write_file(const fs::path& path, std::string_view text) {
  const auto fail = [&](const char* what) {
    throw std::system_error(errno, std::generic_category(), std::string(what) + path.string());
  };
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) fail("cannot create ");
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      ::close(file);
      errno = error;
      fail("cannot write ");
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::close(file) != 0) fail("cannot write ");
}

}  // namespace steelyard
