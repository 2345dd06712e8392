#pragma once

// Where the reference results of R's survey package are (tests/golden/README.md).

#include <string>

namespace steelyard::testing {

inline const std::string kWeightingFolder = std::string(STEELYARD_TEST_DATA) + "/golden/weighting/";

}  // namespace steelyard::testing
