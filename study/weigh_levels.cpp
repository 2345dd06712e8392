// The levels of the margins, and the rows' answers in their terms.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/text.hpp"
#include "study/weigh_assembly.hpp"

namespace steelyard {

void WeighAssembly::make_schema() {
  for (Factor& f : factors_) add_factor(f);
  for (const std::string& name : r_.ordered)
    if (find(name) == nullptr)
      throw UserError({}, "--ordered", "\"" + name + "\" is in no margin",
                      "name variables of the margins");
  for (Factor& f : numbers_) {
    Variable v;
    v.name = f.name;
    v.kind = VariableKind::continuous;
    f.id = out_->schema.add(std::move(v));
  }
  for (Factor& f : others_) add_other(f);
}

void WeighAssembly::add_factor(Factor& f) {
  read_levels(f);
  if (f.levels.size() < 2)
    throw UserError({margins_.file, f.line}, {}, f.name + " has a single level",
                    "give all its levels, or the population's size as the variable 1");
  add_missing_level(f);
  Variable v;
  v.name = f.name;
  v.levels = f.levels;
  v.place = {margins_.file, f.line};
  if (std::find(r_.ordered.begin(), r_.ordered.end(), f.name) != r_.ordered.end())
    v.kind = VariableKind::ordered;
  f.id = out_->schema.add(std::move(v), kMaxWideLevels);
}

/// Its levels in the order of the first margin that has it; all margins must have the same.
void WeighAssembly::read_levels(Factor& f) const {
  for (const auto& margin : margins_.margins) {
    const auto at = std::find(margin.variables.begin(), margin.variables.end(), f.name);
    if (at == margin.variables.end()) continue;
    const auto position = static_cast<std::size_t>(at - margin.variables.begin());
    std::vector<std::string> levels;
    for (const auto& cell : margin.cells)
      if (std::find(levels.begin(), levels.end(), cell.levels[position]) == levels.end())
        levels.push_back(cell.levels[position]);
    if (f.levels.empty())
      f.levels = levels;
    else
      same_levels(f, levels, margin);
  }
}

/// A column that only the method's options name: levels as they are, their numbers as values.
void WeighAssembly::add_other(Factor& f) {
  const LevelColumn& column = columns_[f.column].levels;
  f.levels = column.levels;
  if (const LevelColumn* other = reference_ ? reference_->levels(f.name) : nullptr)
    for (const std::string& level : other->levels)
      if (std::find(f.levels.begin(), f.levels.end(), level) == f.levels.end())
        f.levels.push_back(level);
  Variable v;
  v.name = f.name;
  v.levels = f.levels;
  for (const std::string& level : f.levels)
    if (const auto number = parse_number(level)) v.assumed_values.push_back(*number);
  if (v.assumed_values.size() != f.levels.size()) v.assumed_values.clear();
  for (std::uint16_t code : column.codes)
    if (code == kMissingCode)
      fail("column " + f.name + " has rows without an answer", "use --missing drop");
  f.id = out_->schema.add(std::move(v), kMaxWideLevels);
}

void WeighAssembly::same_levels(const Factor& f, const std::vector<std::string>& levels,
                                const MarginsFile::Margin& margin) const {
  const auto lacks = [&](const std::vector<std::string>& from,
                         const std::vector<std::string>& in) -> const std::string* {
    for (const std::string& level : from)
      if (std::find(in.begin(), in.end(), level) == in.end()) return &level;
    return nullptr;
  };
  const std::string* more = lacks(levels, f.levels);
  const std::string* less = lacks(f.levels, levels);
  if (more != nullptr || less != nullptr)
    throw UserError({margins_.file, margin.line}, {},
                    fmt::format("{} {} the level \"{}\" of {}, and another margin {}",
                                margin.name(), more ? "has" : "lacks", more ? *more : *less, f.name,
                                more ? "does not" : "has it"),
                    "give the same levels in every margin");
}

bool WeighAssembly::any_missing(const Factor& f) const {
  for (std::size_t i = 0; i < n_; ++i)
    if (is_missing(f, i)) return true;
  return false;
}

void WeighAssembly::add_missing_level(Factor& f) {
  if (r_.missing != MissingRule::category || !any_missing(f)) return;
  for (const auto& margin : margins_.margins)
    if (margin.variables.size() > 1 && std::find(margin.variables.begin(), margin.variables.end(),
                                                 f.name) != margin.variables.end())
      fail("column " + f.name + " has rows without an answer and is crossed in " + margin.name(),
           "a category of its own works for single variables; use --missing drop or impute");
  f.levels.push_back(kNoAnswer);
}

void WeighAssembly::recode() {
  if (r_.missing == MissingRule::impute) impute();
  for (const Factor& f : factors_) recode_levels(f);
  for (Factor& f : numbers_)
    for (std::size_t i = 0; i < n_; ++i)
      if (std::isnan(columns_[f.column].numbers[i]))
        fail(fmt::format("row {} has no answer in column {}", row_number(i), f.name),
             "choose --missing drop or impute");
}

/// From the order of the file's levels to that of the margins.
void WeighAssembly::recode_levels(const Factor& f) {
  LevelColumn& column = columns_[f.column].levels;
  std::unordered_map<std::string, std::uint16_t> code;
  for (std::size_t k = 0; k < f.levels.size(); ++k)
    code.emplace(f.levels[k], static_cast<std::uint16_t>(k));
  std::vector<std::uint16_t> to(column.levels.size(), kMissingCode);
  for (std::size_t k = 0; k < to.size(); ++k)
    if (const auto at = code.find(column.levels[k]); at != code.end()) to[k] = at->second;
  const auto no_answer = code.find(kNoAnswer);
  const bool category = no_answer != code.end() && r_.missing == MissingRule::category;
  std::vector<std::size_t> strangers(column.levels.size(), 0);
  std::size_t missing = 0, first = 0;
  for (std::size_t i = 0; i < n_; ++i) {
    std::uint16_t& c = column.codes[i];
    if (c == kMissingCode) {
      if (category) {
        c = no_answer->second;
      } else if (missing++ == 0) {
        first = i;
      }
      continue;
    }
    if (to[c] == kMissingCode)
      ++strangers[c];
    else
      c = to[c];
  }
  report_strangers(f, column, strangers);
  if (missing > 0)
    fail(fmt::format("{} rows have no answer in column {}, the first is row {}", missing, f.name,
                     row_number(first)),
         "choose --missing drop, category or impute");
}

void WeighAssembly::report_strangers(const Factor& f, const LevelColumn& column,
                                     const std::vector<std::size_t>& strangers) const {
  std::string text, nearest;
  std::size_t kinds = 0;
  for (std::size_t k = 0; k < strangers.size(); ++k) {
    if (strangers[k] == 0) continue;
    if (kinds++ < 5)
      text += fmt::format("{}\"{}\" ({} rows)", text.empty() ? "" : ", ", column.levels[k],
                          strangers[k]);
    if (nearest.empty()) nearest = suggestion(column.levels[k], f.levels);
  }
  if (kinds == 0) return;
  if (kinds > 5) text += fmt::format(" and {} more", kinds - 5);
  fail(fmt::format("column {} has levels that no margin has: {}", f.name, text),
       nearest.empty() ? "the margins have: " + join(f.levels, ", ") : nearest);
}

}  // namespace steelyard
