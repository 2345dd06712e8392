#include "estimators/weighting/stages.hpp"

#include <algorithm>
#include <iterator>

namespace steelyard {
namespace {

/// An only stage leaves its factor to the weights; with others beside it each says its own.
void write_down_factors(Weights& weights) {
  if (weights.stages.empty())
    weights.stages.push_back({.factor = weights.factor});
  else if (weights.stages[0].factor.empty())
    weights.stages[0].factor = weights.factor;
}

}  // namespace

void compose(Weights& weights, Weights next) {
  write_down_factors(weights);
  write_down_factors(next);
  for (std::size_t c = 0; c < weights.factor.size(); ++c) weights.factor[c] *= next.factor[c];
  std::move(next.stages.begin(), next.stages.end(), std::back_inserter(weights.stages));
  std::move(next.notes.begin(), next.notes.end(), std::back_inserter(weights.notes));
  weights.iterations += next.iterations;
  weights.largest_margin_error = next.largest_margin_error;
  weights.at_bounds = next.at_bounds;
  if (weights.participation.empty()) weights.participation = std::move(next.participation);
  if (!weights.reference) weights.reference = std::move(next.reference);
}

CellIndex reweighted(const CellIndex& index, const Weights& weights) {
  CellIndex out = index;
  if (std::all_of(weights.factor.begin(), weights.factor.end(), [](double g) { return g == 1; }))
    return out;
  out.unit_weights = false;
  for (std::size_t c = 0; c < out.cells; ++c) {
    out.weight[c] *= weights.factor[c];
    out.weight_squared[c] *= weights.factor[c] * weights.factor[c];
  }
  return out;
}

}  // namespace steelyard
