#pragma once

// Files that are either whole or absent, also after a loss of power: written beside their place,
// flushed to the disk, then renamed into it.

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>

namespace steelyard {

/// Where an output is under construction: beside its target, under a name of this process's own.
std::filesystem::path staging_path(const std::filesystem::path& target);

/// Removes what killed processes have left under construction beside a target. Only for a caller
/// who knows that no other process is writing to it.
void remove_abandoned(const std::filesystem::path& target);

enum class Overwrite { refuse, replace };

/// A folder under construction. Files are written into `staging()`; `commit()` renames the folder
/// into place. Destroyed without a commit, it leaves nothing behind.
/// @throws UserError if `target` exists and `overwrite` is refuse
class OutputFolder {
 public:
  OutputFolder(std::filesystem::path target, Overwrite overwrite);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::filesystem::path& staging() const { return staging_; }
  void commit();

 private:
  std::filesystem::path target_, staging_;
  bool committed_ = false;
};

/// A single file under construction, with the same promise.
class OutputFile {
 public:
  OutputFile(std::filesystem::path target, Overwrite overwrite);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  const std::filesystem::path& staging() const { return staging_; }
  void commit();

 private:
  std::filesystem::path target_, staging_;
  bool committed_ = false;
};

/// Gives a finished file or folder its name: its content is flushed to the disk, it is renamed, and
/// the new name is flushed. Replaces a file, and an empty folder. Where a file system cannot flush,
/// it is renamed all the same.
/// @throws std::system_error naming what the disk did not take
void move_into_place(const std::filesystem::path& from, const std::filesystem::path& to);

/// Writes the whole text. @throws std::system_error naming the file (disk full, no permission)
void write_file(const std::filesystem::path& path, std::string_view text);

/// The same of a text that is made part by part, in memory that does not grow with the file.
/// @param next  appends some more to its argument; false: that was all
void write_file(const std::filesystem::path& path, const std::function<bool(std::string&)>& next);

}  // namespace steelyard
