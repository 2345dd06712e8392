#pragma once

// Reads options from TOML: each is declared once, where it is used; that line gives its type,
// range, default, help text and error message.

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/errors.hpp"

namespace toml {
inline namespace v3 {
class node;
class table;
}  // namespace v3
}  // namespace toml

namespace steelyard {

/// What an option is, for `steelyard describe` and the docs.
struct OptionRecord {
  std::string key, type, range, fallback, help;
};

struct RealOption {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::optional<double> fallback;
  std::string_view help = {};
};

struct IntegerOption {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::optional<std::int64_t> fallback;
  std::string_view help = {};
};

struct TextOption {
  std::optional<std::string> fallback;
  std::vector<std::string> choices = {};
  std::string_view help = {};
};

struct ListOption {
  bool required = true;
  std::string_view help = {};
};

using Texts = std::vector<std::string>;

/// One TOML table being read. Unknown keys are reported by `finish()`, with the nearest known key.
/// A reader without a table (`ConfigReader::documenting()`) answers with defaults and records.
class ConfigReader {
 public:
  /// `context` names the section in messages, for instance "weighting raking".
  ConfigReader(const toml::table& table, std::string file, std::string context);
  static ConfigReader documenting() { return ConfigReader(); }

  bool is_documenting() const { return table_ == nullptr; }
  bool has(std::string_view key) const;
  bool is_text(std::string_view key) const;
  std::string text(std::string_view key, const TextOption& option = {});
  double real(std::string_view key, const RealOption& option = {});
  std::int64_t integer(std::string_view key, const IntegerOption& option = {});
  bool flag(std::string_view key, bool fallback, std::string_view help = {});
  Texts texts(std::string_view key, const ListOption& option = {});
  std::vector<double> reals(std::string_view key, const ListOption& option = {});
  /// A list of lists of names; a plain name stands for a list of one.
  std::vector<Texts> text_lists(std::string_view key, const ListOption& option = {});
  /// The table under `key`; nothing if absent.
  std::optional<ConfigReader> section(std::string_view key);
  /// The tables under `[[key]]`.
  std::vector<ConfigReader> sections(std::string_view key, std::string_view help = {});
  /// All keys of this table, in alphabetical order; they count as read.
  Texts keys();

  /// Reports every key that nothing has read. Call it last.
  void finish() const;

  Place place() const;
  Place place(std::string_view key) const;
  const std::string& context() const { return context_; }
  const std::string& file() const { return file_; }
  const std::vector<OptionRecord>& records() const { return records_; }
  [[noreturn]] void fail(std::string_view key, std::string problem, std::string hint = {}) const;

 private:
  ConfigReader() = default;
  const toml::node* find(std::string_view key, std::string type, std::string range,
                         std::string fallback, std::string_view help);

  const toml::table* table_ = nullptr;
  std::string file_, context_;
  Texts known_;
  std::vector<OptionRecord> records_;
};

}  // namespace steelyard
