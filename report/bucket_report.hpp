#pragma once

// What bucket rules make of tables as one self-contained HTML page.

#include <string>

#include "core/bucket_record.hpp"

namespace steelyard {

/// For each table the densities of the rules over its buckets, the spread between the rules in
/// mean, median and Gini with standard errors and the sharp bounds, and all numbers.
std::string bucket_page(const BucketTablesRecord& record);

}  // namespace steelyard
