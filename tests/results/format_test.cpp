// docs/results-format.md against a file that was just written, both ways.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "core/text.hpp"
#include "inspection.hpp"
#include "results/layout.hpp"
#include "results/store.hpp"
#include "sample_results.hpp"

namespace steelyard {
namespace {

namespace fs = std::filesystem;
using testing::Inspection;

struct Entry {
  std::string type, shape, unit, meaning, present;
};

std::string plain(std::string text) {
  std::erase(text, '`');
  return text;
}

/// Rows of every table of the document whose first cell is a path or an attribute.
std::map<std::string, Entry> document() {
  std::map<std::string, Entry> entries;
  for (const std::string& line :
       split(read_file(STEELYARD_SOURCE_DIR "/docs/results-format.md"), "\n")) {
    if (!line.starts_with("| `")) continue;
    const std::vector<std::string> cells = split(line, "|");  // empty first and last
    if (cells.size() != 8) {
      ADD_FAILURE() << "a row of " << cells.size() - 2 << " cells: " << line;
      continue;
    }
    const Entry entry{plain(cells[2]), plain(cells[3]), plain(cells[4]), cells[5], cells[6]};
    if (!entries.emplace(plain(cells[1]), entry).second)
      ADD_FAILURE() << cells[1] << " stands twice";
  }
  return entries;
}

class Format : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const fs::path path =
        fs::temp_directory_path() / ("steelyard-format-" + std::to_string(getpid()) + ".h5");
    write_store(testing::sample_results(), path);
    inspection_ = testing::inspect(path);
    entries_ = document();
    fs::remove(path);
  }
  static inline Inspection inspection_;
  static inline std::map<std::string, Entry> entries_;
};

TEST_F(Format, DocumentsEveryDatasetAndAttribute) {
  for (const auto& [path, dataset] : inspection_.datasets)
    EXPECT_TRUE(entries_.contains(path)) << path;
  for (const auto& [name, value] : inspection_.attributes)
    EXPECT_TRUE(entries_.contains("@" + name)) << name;
}

TEST_F(Format, HasEverythingThatIsDocumented) {
  EXPECT_GT(entries_.size(), 80u);
  for (const auto& [path, entry] : entries_) {
    if (path.starts_with("@"))
      EXPECT_TRUE(inspection_.attributes.contains(path.substr(1))) << path;
    else
      EXPECT_TRUE(inspection_.datasets.contains(path)) << path;
  }
}

TEST_F(Format, HasTheDocumentedTypesShapesAndUnits) {
  const std::map<std::string, std::size_t> lengths{
      {"estimands", 2},    {"estimators", 3}, {"contrasts", 4}, {"replicates", 5},
      {"reproduction", 6}, {"profile", 7},    {"failures", 8},  {"value_rules", 9},
      {"selection", 3},    {"numbers", 10}};
  for (const auto& [path, dataset] : inspection_.datasets) {
    if (!entries_.contains(path)) continue;
    const Entry& entry = entries_.at(path);
    EXPECT_EQ(dataset.type, entry.type) << path;
    EXPECT_EQ(dataset.dimensions.empty() ? "scalar" : dataset.dimensions, entry.shape) << path;
    EXPECT_EQ(dataset.unit.empty() ? "-" : dataset.unit, entry.unit) << path;
    std::vector<std::size_t> extents;
    if (entry.shape != "scalar")
      for (const std::string& name : split(entry.shape, ",")) extents.push_back(lengths.at(name));
    EXPECT_EQ(dataset.extents, extents) << path;
  }
}

TEST_F(Format, SaysWhatEachDatasetMeansAndWhenItIsThere) {
  for (const auto& [path, entry] : entries_) {
    EXPECT_GT(entry.meaning.size(), 5u) << path;
    EXPECT_EQ(entry.present, "always") << path;
  }
}

TEST_F(Format, StoresTheAttributesOfThisVersion) {
  EXPECT_EQ(inspection_.attributes.at("filetype"), layout::kFiletype);
  EXPECT_EQ(inspection_.attributes.at("version"),
            std::to_string(layout::kMajor) + "." + std::to_string(layout::kMinor));
  const std::string text = read_file(STEELYARD_SOURCE_DIR "/docs/results-format.md");
  EXPECT_NE(text.find("Format version " + inspection_.attributes.at("version") + "."),
            std::string::npos);
}

TEST_F(Format, HasTheDocumentedGroupsOnly) {
  std::vector<std::string> groups = inspection_.groups;
  std::sort(groups.begin(), groups.end());
  EXPECT_EQ(groups, (std::vector<std::string>{
                        "/contrasts", "/estimands", "/estimates", "/estimators", "/failures",
                        "/performance", "/profile", "/provenance", "/reproduction", "/scenario",
                        "/selection", "/survey", "/value_rules"}));
}

}  // namespace
}  // namespace steelyard
