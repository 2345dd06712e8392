#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

class None final : public Weighting {
 public:
  std::vector<VariableId> variables() const override { return {}; }
  std::vector<std::vector<VariableId>> benchmarks() const override { return {}; }
  Result<Weights> weigh(const CellIndex& index, const Benchmarks&) const override {
    Weights weights;
    weights.factor.assign(index.cells, 1.0);
    return weights;
  }
};

}  // namespace

WeightingInfo none_info() {
  return {"none", "base weights as they are", "no adjustment",
          [](ConfigReader&, const Schema&) -> std::unique_ptr<const Weighting> {
            return std::make_unique<None>();
          }};
}

}  // namespace steelyard
