#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"
#include "estimators/weighting/stages.hpp"
#include "estimators/weighting/weighting.hpp"

namespace steelyard {
namespace {

/// Weightings one after the other, each from the weights of the one before.
class Sequential final : public Weighting {
 public:
  Sequential(ConfigReader& config, const Schema& schema) {
    for (ConfigReader& section : config.sections(
             "steps", "the weightings in order: [{method = \"poststratification\", ...}, ...]")) {
      const std::string method =
          section.text("method", {.help = "a weighting; its options stand beside it"});
      Texts names;
      const WeightingInfo* info = nullptr;
      for (const WeightingInfo& candidate : weightings()) {
        names.emplace_back(candidate.name);
        if (candidate.name == method) info = &candidate;
      }
      if (info == nullptr)
        section.fail("method", "= \"" + method + "\" is not a weighting",
                     suggestion(method, names));
      steps_.push_back({method, info->make(section, schema)});
      section.finish();
    }
    if (steps_.empty() && !config.is_documenting())
      config.fail("steps", "is empty",
                  "give the steps in order: steps = [{method = \"poststratification\", ...}, "
                  "{method = \"raking\", ...}]");
  }

  std::vector<VariableId> variables() const override {
    std::vector<VariableId> all;
    for (const Step& step : steps_)
      for (VariableId id : step.weighting->variables())
        if (std::find(all.begin(), all.end(), id) == all.end()) all.push_back(id);
    return all;
  }
  std::vector<std::vector<VariableId>> benchmarks() const override {
    std::vector<std::vector<VariableId>> all;
    for (const Step& step : steps_)
      for (auto& margin : step.weighting->benchmarks())
        if (std::find(all.begin(), all.end(), margin) == all.end()) all.push_back(margin);
    return all;
  }

  bool by_respondent() const override {
    return std::any_of(steps_.begin(), steps_.end(),
                       [](const Step& step) { return step.weighting->by_respondent(); });
  }
  bool needs_reference() const override {
    return std::any_of(steps_.begin(), steps_.end(),
                       [](const Step& step) { return step.weighting->needs_reference(); });
  }
  /// The last step's; those of earlier ones are met no longer.
  std::vector<std::vector<VariableId>> margins() const override {
    for (std::size_t s = steps_.size(); s-- > 0;)
      if (auto last = steps_[s].weighting->margins(); !last.empty()) return last;
    return {};
  }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    Weights weights;
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      auto next = s == 0 ? steps_[s].weighting->weigh(index, benchmarks)
                         : steps_[s].weighting->weigh(reweighted(index, weights), benchmarks);
      if (!next)
        return Failure{next.failure().kind, fmt::format("step {} ({}): {}", s + 1, steps_[s].method,
                                                        next.failure().detail)};
      for (std::string& note : next.value().notes)
        note = fmt::format("step {} ({}): {}", s + 1, steps_[s].method, note);
      if (s == 0)
        weights = std::move(next.value());
      else
        compose(weights, std::move(next.value()));
    }
    return weights;
  }

  std::string explain(const CellIndex& index, const Benchmarks& benchmarks) const override {
    Weights weights;
    weights.factor.assign(index.cells, 1.0);
    for (const Step& step : steps_) {
      const CellIndex before = reweighted(index, weights);
      auto next = step.weighting->weigh(before, benchmarks);
      if (!next) return step.weighting->explain(before, benchmarks);
      compose(weights, std::move(next.value()));
    }
    return {};
  }

 private:
  struct Step {
    std::string method;
    std::unique_ptr<const Weighting> weighting;
  };
  std::vector<Step> steps_;
};

}  // namespace

WeightingInfo sequential_info() {
  return {"sequential",
          "weightings one after the other (post-stratify then rake, rake then trim then rake); the "
          "variance goes through all of them",
          "stage by stage: Deville & Särndal (1992), JASA 87, 376-382, section 3.4; several phases "
          "of calibration: Estevao & Särndal (2002), J. Official Statistics 18, 233-255",
          [](ConfigReader& config, const Schema& schema) -> std::unique_ptr<const Weighting> {
            return std::make_unique<Sequential>(config, schema);
          }};
}

}  // namespace steelyard
