#include "study/block_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/output.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace fs = std::filesystem;
namespace {

constexpr const char* kManifest = "blocks.json";
constexpr const char* kFiletype = "steelyard blocks";
constexpr int kFormat = 2;

/// Sections that can be added to a study without changing the rest of it.
bool can_be_added(const std::string& key) {
  for (const char* kind :
       {"weighting.", "value_rule.", "interval.", "estimand.", "benchmark[", "file "})
    if (key.starts_with(kind)) return true;
  return false;
}

fs::path block_path(const fs::path& folder, std::uint32_t number) {
  return folder / fmt::format("block-{:08}", number);
}

std::vector<fs::path> block_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("block-")) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// Written beside its place, so that no other process ever sees half of it.
void write_beside(const fs::path& path, std::string_view text) {
  const fs::path beside = path.parent_path() / ("." + path.filename().string() + ".partial");
  try {
    write_file(beside, text);
    move_into_place(beside, path);
  } catch (...) {
    std::error_code ignored;
    fs::remove(beside, ignored);
    throw;
  }
}

std::string manifest_text(const BlockManifest& m) {
  nlohmann::json json{{"filetype", kFiletype},
                      {"format", kFormat},
                      {"program_version", m.program.version},
                      {"program_sources", m.program.sources},
                      {"scenario", m.scenario},
                      {"settings", m.settings},
                      {"conditions", m.conditions},
                      {"accept", m.accept},
                      {"tally_truth", m.tally_truth},
                      {"seed", m.seed},
                      {"replicates", m.replicates},
                      {"shard", m.shard.index + 1},
                      {"shards", m.shard.count},
                      {"resolved", resolved_text(m.resolved)}};
  return json.dump(1) + "\n";
}

}  // namespace

std::string BlockManifest::fingerprint() const {
  std::string text =
      fmt::format("{}\n{}\n{}\n{}\n", program.version, program.sources, seed, kBlockReplicates);
  for (const std::string& condition : conditions) text += condition + "\n";
  for (const ResolvedEntry& entry : resolved)
    if (!can_be_added(entry.key)) text += resolved_text({entry});
  return content_hash(text);
}

bool is_block_folder(const fs::path& path) { return fs::exists(path / kManifest); }

bool has_blocks(const fs::path& folder) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (entry.path().filename().string().starts_with("block-")) return true;
  return false;
}

BlockManifest read_manifest(const fs::path& folder) {
  const std::string path = (folder / kManifest).string();
  const std::string again = "remove the folder and run again";
  if (!fs::is_directory(folder))
    throw UserError({folder.string()}, {}, "is no folder", "name one that run --shard wrote");
  if (!fs::exists(path))
    throw UserError({folder.string()}, {},
                    fs::exists(folder / "results.h5") ? "is a finished study, not a shard"
                                                      : "has no finished blocks",
                    "name folders that run --shard wrote");
  const auto json = nlohmann::json::parse(read_file(path), nullptr, false);
  if (json.is_discarded() || !json.is_object() || json.value("filetype", "") != kFiletype)
    throw UserError({path}, {}, "is damaged", again);
  if (json.value("format", 0) != kFormat)
    throw UserError({path}, {},
                    fmt::format("has format version {}, of another steelyard; this one reads {}",
                                json.value("format", 0), kFormat),
                    again);
  try {
    BlockManifest m;
    m.program = {json.at("program_version"), json.at("program_sources")};
    m.scenario = json.at("scenario");
    m.settings = json.at("settings").get<Texts>();
    m.conditions = json.at("conditions").get<Texts>();
    m.accept = json.at("accept");
    m.tally_truth = json.at("tally_truth");
    m.seed = json.at("seed");
    m.replicates = json.at("replicates");
    m.shard = {json.at("shard").get<std::uint32_t>() - 1, json.at("shards")};
    m.resolved = parse_resolved(json.at("resolved"));
    return m;
  } catch (const nlohmann::json::exception&) {
    throw UserError({path}, {}, "is damaged", again);
  }
}

void read_blocks(
    const fs::path& folder, const std::string& study, const std::function<void(const Block&)>& take,
    const std::function<void(const std::string& file, const std::string& problem)>& damaged) {
  for (const fs::path& file : block_files(folder)) {
    Block block;
    try {
      block = unpack(read_file(file.string()));
    } catch (const DamagedBlock& problem) {
      damaged(file.string(), problem.what());
      continue;
    }
    if (block.study != study || file != block_path(folder, block.number))
      throw UserError({file.string()}, {},
                      block.study != study ? "is a block of another study"
                                           : "is another block than its name says",
                      "remove the file; its replicates are then made again by --resume");
    take(block);
  }
}

BlockFolder::BlockFolder(fs::path folder, const BlockManifest& manifest, Content content)
    : folder_(std::move(folder)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw std::system_error(error, "cannot create folder " + folder_.string());
  const std::string lock = (folder_ / "lock").string();
  lock_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) throw std::system_error(errno, std::generic_category(), "cannot create " + lock);
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(lock_);
    throw UserError({folder_.string()}, {}, "another steelyard is at work there",
                    "wait for it, or choose another output");
  }
  // What a killed process left half-written.
  for (const auto& entry : fs::directory_iterator(folder_))
    if (entry.path().extension() == ".partial") fs::remove(entry.path());
  if (content == Content::discarded)
    for (const fs::path& file : block_files(folder_)) fs::remove(file);
  write_beside(folder_ / kManifest, manifest_text(manifest));
}

BlockFolder::~BlockFolder() {
  if (lock_ >= 0) ::close(lock_);
}

void BlockFolder::keep(const Block& block) const {
  try {
    write_beside(block_path(folder_, block.number), pack(block));
  } catch (const std::system_error& error) {
    std::error_code ignored;
    if (!fs::exists(folder_ / kManifest, ignored))
      throw std::runtime_error(fmt::format(
          "the folder {} was removed while the study ran, and its finished blocks with it",
          folder_.string()));
    throw std::runtime_error(fmt::format(
        "{}; the blocks that were finished are kept in {}: when the cause is gone, go on with "
        "--resume",
        error.what(), folder_.string()));
  }
}

void BlockFolder::remove() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void BlockFolder::rename(const fs::path& target) {
  fs::remove(folder_ / "lock");
  move_into_place(folder_, target);
}

}  // namespace steelyard
