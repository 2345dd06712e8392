#pragma once

// The stages of a weighting, put one after the other.

#include "core/sample.hpp"

namespace steelyard {

/// `next` was made from the weights of `weights`: afterwards `weights` holds the product of the
/// factors, the stages of both, and of the rest the sum or what `next` says.
void compose(Weights& weights, Weights next);

/// The index whose base weights are `weights`. Weights that were left as they are stay so.
CellIndex reweighted(const CellIndex& index, const Weights& weights);

}  // namespace steelyard
