#pragma once

// Tables of buckets in a user's file: read, turned into laws by every rule asked for, written.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bucket_record.hpp"
#include "estimators/buckets/law.hpp"
#include "estimators/buckets/turnbull.hpp"

namespace steelyard {

struct NamedBucketTable {
  std::string name;
  BucketTable table;                   ///< of unfolded answers only n and known_mean
  std::vector<IntervalCount> answers;  ///< overlapping ones; empty: the table says all
};

/// Whether the rows of a case may overlap: answers to unfolding brackets, or to several bracket
/// sets. Then they may stand in any order and leave gaps.
enum class Overlap { refused, unfolded };

/// Reads `tables`: columns case (may be absent: one table), lo, hi (Inf: open), and weight (counts,
/// weighted counts) or share (of sum 1 or 100 within rounding); rows of a case stand together, from
/// the lowest bucket to the highest, without gaps. And `meta` (may be empty): case, and n,
/// known_mean or both. Without n it is the sum of the weights.
/// @throws UserError with file and line
std::vector<NamedBucketTable> read_bucket_tables(const std::string& tables, const std::string& meta,
                                                 Overlap overlap = Overlap::refused);

struct BucketRequest {
  std::vector<std::string> rules;  ///< names; "all"; "default"; "turnbull": masses
  bool errors = true;              ///< standard errors by the delta method
  bool densities = false;
  int threads = 1;
};

/// Of answers that overlap the masses of the innermost intervals, and every rule on them.
/// @throws UserError for an unknown rule
std::vector<BucketCaseRecord> run_bucket_rules(std::span<const NamedBucketTable> tables,
                                               const BucketRequest& request,
                                               const std::function<void(double)>& progress = {});

/// The header of bucket rows.
inline constexpr std::string_view kBucketRowsHeader = "case,method,stat,value\n";

/// Appends rows case,method,stat,value of one case: of each rule a status row (ok, or "infeasible: reason"), its
/// statistics, their standard errors as se:mean and so on, what was found on the way, and the
/// bounds as the method `bounds` (mean_lo, mean_hi, ..., and gini_lo_mean, gini_hi_mean given the
/// known mean). Masses are the method `turnbull`: "mass:[2000,5000)" and "se:mass:[2000,5000)".
void append_bucket_rows(const BucketCaseRecord& record, std::string& text);

}  // namespace steelyard
