// Which columns are read, which rows take part and what they stand for.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/sums.hpp"
#include "core/text.hpp"
#include "study/weigh_assembly.hpp"

namespace steelyard {

WeighAssembly::Factor* WeighAssembly::find(const std::string& name) {
  for (Factor& f : factors_)
    if (f.name == name) return &f;
  return nullptr;
}

bool WeighAssembly::is_missing(const Factor& f, std::size_t i) const {
  return columns_[f.column].numbers.empty() ? columns_[f.column].levels.codes[i] == kMissingCode
                                            : std::isnan(columns_[f.column].numbers[i]);
}

void WeighAssembly::read() {
  std::vector<ColumnRequest> wanted(extra_.begin(), extra_.end());
  const auto want = [&](const std::string& name, ColumnRequest::As as) {
    wanted.push_back({name, as});
    return wanted.size() - 1;
  };
  for (const auto& margin : margins_.margins)
    for (const std::string& name : margin.variables)
      if (find(name) == nullptr) {
        require(name, margin.line);
        factors_.push_back({name, {}, want(name, ColumnRequest::As::levels), margin.line});
      }
  for (const auto& total : margins_.totals) {
    require(total.variable, total.line);
    numbers_.push_back({total.variable, {}, want(total.variable, ColumnRequest::As::numbers)});
  }
  for (const std::string& name : r_.also)
    if (find(name) == nullptr) others_.push_back({name, {}, want(name, ColumnRequest::As::levels)});
  for (const std::string& name : r_.reference.covariates) {
    data_.require_column(name);
    const bool number = r_.reference.is_number(name), has_levels = find(name) != nullptr;
    const bool has_total = std::any_of(margins_.totals.begin(), margins_.totals.end(),
                                       [&](const auto& total) { return total.variable == name; });
    if (has_total && !number)
      fail("the covariate \"" + name + "\" has a total in the margins, so it is a number",
           "name it in --numeric too");
    if (has_levels && number)
      fail("the covariate \"" + name + "\" has levels in the margins, so it is not a number",
           "leave it out of --numeric");
    if (has_total || has_levels) continue;
    (number ? numbers_ : others_)
        .push_back({name,
                    {},
                    want(name, number ? ColumnRequest::As::numbers : ColumnRequest::As::levels)});
  }
  if (!r_.reference.file.empty()) reference_ = read_reference_file(r_.reference, r_.threads);
  if (!r_.base.empty()) base_at_ = want(r_.base, ColumnRequest::As::numbers);
  if (!r_.strata.empty()) strata_at_ = want(r_.strata, ColumnRequest::As::ids);
  if (!r_.clusters.empty()) cluster_at_ = want(r_.clusters[0], ColumnRequest::As::ids);
  columns_ = data_.read(wanted, r_.threads);
  n_ = out_->rows = data_.rows();
}

/// A margin's variable must be a column; the message points at the margins file.
void WeighAssembly::require(const std::string& name, int line) const {
  if (data_.has_column(name)) return;
  std::string hint = suggestion(name, data_.header());
  if (hint.empty()) hint = "the columns are: " + join(data_.header(), ", ");
  throw UserError({margins_.file, line}, {}, "\"" + name + "\" is not a column of " + data_.name(),
                  hint);
}

void WeighAssembly::drop() {
  std::vector<bool> gone(n_, false);
  for (const auto* group : {&factors_, &numbers_, &others_})
    for (const Factor& f : *group)
      for (std::size_t i = 0; i < n_; ++i)
        if (is_missing(f, i)) gone[i] = true;
  std::vector<std::uint32_t> kept;
  for (std::size_t i = 0; i < n_; ++i)
    if (!gone[i]) kept.push_back(static_cast<std::uint32_t>(i));
  if (kept.size() == n_) return;
  if (kept.empty()) fail("has no row with answers to all margin variables", "use --missing");
  out_->notes.push_back(
      fmt::format("{} of {} rows lack an answer to a margin variable and are left out (weight 0)",
                  n_ - kept.size(), n_));
  keep_rows(kept, columns_);
  out_->kept = std::move(kept);
  n_ = out_->kept.size();
}

void WeighAssembly::check_base() {
  if (!base_at_) return;
  out_->base = std::move(columns_[*base_at_].numbers);
  for (std::size_t i = 0; i < n_; ++i) {
    const double d = out_->base[i];
    if (d > 0) continue;
    fail(std::isnan(d)
             ? fmt::format("row {} has no base weight in column {}", row_number(i), r_.base)
             : fmt::format("row {} has the base weight {:g} in column {}", row_number(i), d,
                           r_.base),
         d == 0 ? "a weight of 0 represents nobody: remove the row, or correct it"
                : "base weights are positive: remove the row, or correct it");
  }
}

void WeighAssembly::settle() {
  double base = static_cast<double>(n_);
  if (base_at_) base = total(out_->base);
  if (reference_ && margins_.margins.empty() && !margins_.population)
    base = total(reference_->weights);
  const bool known = reference_ || r_.population || margins_.population ||
                     std::any_of(margins_.margins.begin(), margins_.margins.end(),
                                 [](const auto& margin) { return !margin.shares; });
  out_->population = margins_.settle(r_.population, base, r_.rescale, out_->notes);
  if (!known && !margins_.margins.empty() && !base_at_)
    out_->notes.push_back(
        "no count, no --population and no base weights: weights sum to the number of rows");
}

}  // namespace steelyard
