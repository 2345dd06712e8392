#pragma once

// A registered weighting made from a user's options on the command line.

#include <memory>

#include "study/weigh_file.hpp"

namespace steelyard {

/// The method of the request with its options, the margins (or their cross) among them unless they
/// are given. @throws UserError: no such method, or an option that it does not take
std::unique_ptr<const Weighting> make_weighting(const WeighRequest& request, const Schema& schema,
                                                const MarginVariables& margins);

}  // namespace steelyard
