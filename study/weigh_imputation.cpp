// Hot-deck imputation of the margin variables.

#include <fmt/format.h>

#include <map>

#include "study/weigh_assembly.hpp"

namespace steelyard {

/// Donors are alike in all other margin variables; if there is none, anybody who answered. Drawn
/// with probability proportional to the base weight.
void WeighAssembly::impute() {
  if (!r_.seed)
    throw UserError({}, "--missing", "impute draws at random",
                    "pass --seed N, so that it can be repeated");
  std::vector<Factor*> all;
  for (auto* group : {&factors_, &numbers_})
    for (Factor& f : *group) all.push_back(&f);
  std::vector<std::vector<std::uint16_t>> answers;  // before any imputation
  for (const Factor& f : factors_) answers.push_back(columns_[f.column].levels.codes);
  for (std::size_t v = 0; v < all.size(); ++v) impute_factor(v, *all[v], answers);
}

/// @param position  among factors, then numbers. @param answers  to the factors, by row, as given
void WeighAssembly::impute_factor(std::size_t position, const Factor& f,
                                  const std::vector<std::vector<std::uint16_t>>& answers) {
  const auto key = [&](std::size_t i) {
    std::string text;
    for (std::size_t v = 0; v < answers.size(); ++v)
      if (v != position) text += std::to_string(answers[v][i]) + ",";
    return text;
  };
  std::vector<std::size_t> empty, answered;
  for (std::size_t i = 0; i < n_; ++i) (is_missing(f, i) ? empty : answered).push_back(i);
  if (empty.empty()) return;
  if (answered.empty()) fail("column " + f.name + " has no answer at all", "remove it");
  std::map<std::string, std::vector<std::size_t>> donors;
  for (std::size_t i : empty) donors[key(i)];
  for (std::size_t i : answered)
    if (const auto at = donors.find(key(i)); at != donors.end()) at->second.push_back(i);
  ColumnData& column = columns_[f.column];
  std::vector<std::size_t> from(empty.size());
  for (std::size_t k = 0; k < empty.size(); ++k) {
    const auto& near = donors[key(empty[k])];
    Stream stream({*r_.seed, purpose("impute"), Replicate{static_cast<std::uint32_t>(position)},
                   Unit{row_number(empty[k])}});
    from[k] = draw_donor(near.empty() ? answered : near, stream);
  }
  for (std::size_t k = 0; k < empty.size(); ++k)
    if (column.numbers.empty())
      column.levels.codes[empty[k]] = column.levels.codes[from[k]];
    else
      column.numbers[empty[k]] = column.numbers[from[k]];
  out_->imputed += empty.size();
  out_->notes.push_back(
      fmt::format("{} answers to {} were imputed from rows alike in the other margin "
                  "variables; standard errors take them as given",
                  empty.size(), f.name));
}

std::size_t WeighAssembly::draw_donor(const std::vector<std::size_t>& donors,
                                      Stream& stream) const {
  if (out_->base.empty()) return donors[stream.below(donors.size())];
  double sum = 0;
  for (std::size_t i : donors) sum += out_->base[i];
  double left = stream.uniform() * sum;
  for (std::size_t i : donors)
    if ((left -= out_->base[i]) <= 0) return i;
  return donors.back();
}

}  // namespace steelyard
