#pragma once

// Answers in brackets that overlap, made a table of buckets that any rule takes.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bucket_record.hpp"
#include "study/bucket_tables.hpp"

namespace steelyard {

/// A table with the sampling covariance of its shares.
struct Sampled {
  BucketTable table;
  std::vector<double> covariance;  ///< m × m
  std::string no_errors;           ///< why there is none; empty: there is one
};

struct Unfolded {
  UnfoldedRecord record;
  Sampled sampled;
  std::string no_rules;  ///< why no rule can take the table; empty: they can
};

/// Masses of a table's answers, or of its buckets where it has none. Without `errors` none are
/// computed. Cost: innermost_masses, and O(m³) for errors.
Unfolded unfold(const NamedBucketTable& named, bool errors);

/// "[2000,5000)".
std::string range_of(const UnfoldedRecord::Mass& mass);

/// Calls row(method, stat, value) for each number of the record.
void unfolded_rows(
    const UnfoldedRecord& record,
    const std::function<void(std::string_view, std::string_view, const std::string&)>& row);

}  // namespace steelyard
