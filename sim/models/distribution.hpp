#pragma once

// Named distributions of the columns of a model population.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.hpp"

namespace steelyard {

/// One law with numbers for its parameters.
struct DistributionInfo {
  struct Parameter {
    std::string_view name;
    bool positive = false;     ///< above 0
    bool probability = false;  ///< in [0, 1]
  };
  std::string_view name, summary;
  std::vector<Parameter> parameters;
  /// @param parameters  one a name, valid
  double (*draw)(Stream&, std::span<const double> parameters);
};

/// All laws that a variable's `distribution` may name; `levels`, with its shares, is apart.
/// Random variates: Boost.Random, whose algorithms are the same everywhere.
std::span<const DistributionInfo> distributions();

}  // namespace steelyard
