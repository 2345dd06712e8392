#include "study/margin_function.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.hpp"

namespace steelyard::detail {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// NaN (a default without a key) is not equal to itself; its text is.
std::string key(const std::vector<double>& point) {
  std::string text;
  for (double x : point) text += shortest(x) + " ";
  return text;
}

}  // namespace

MarginFunction::MarginFunction(const std::string& scenario, const Dials& dials,
                               const Conclusion& conclusion, const TippingOptions& options,
                               const std::function<void(const std::string&)>& progress)
    : scenario_(scenario),
      dials_(dials),
      options_(options),
      progress_(progress),
      replicates_(options.replicates) {
  for (const Dial& dial : dials.list()) base_.push_back(dial.base);
  // The scenario's own errors are the user's: they are thrown, not noted.
  StudyOptions settings = study_options();
  settings.replicates = 2;
  const PreparedCondition stands(scenario, dials.base_settings(), options.unmet);
  bound_.emplace(conclusion, stands.run(settings));
}

void MarginFunction::set_replicates(std::uint32_t replicates) {
  if (replicates != replicates_) made_.clear();
  replicates_ = replicates;
}

void MarginFunction::prepare(const std::vector<std::vector<double>>& points) {
  std::vector<std::vector<double>> missing;
  std::map<std::string, bool> listed;
  for (const auto& point : points)
    if (!made_.contains(key(point)) && listed.emplace(key(point), true).second)
      missing.push_back(point);
  run_each_condition(
      scenario_, missing.size(), [&](std::size_t i) { return dials_.settings(missing[i]); },
      options_.unmet, study_options(),
      [&](std::size_t i, ConditionOutcome outcome) {
        MarginAt made{{kNone, kNone, 0}, outcome.failure};
        try {
          if (outcome.results) made.margin = bound_->margin(*outcome.results);
        } catch (const UserError& error) {  // a measure without a value
          made.failure = error.problem();
        }
        if (progress_) progress_(line(missing[i], made));
        made_[key(missing[i])] = std::move(made);
      });
}

const MarginAt& MarginFunction::at(const std::vector<double>& point) {
  prepare({point});
  return made_.at(key(point));
}

StudyOptions MarginFunction::study_options() const {
  StudyOptions settings;
  settings.seed = options_.seed;
  settings.replicates = replicates_;
  settings.threads = options_.threads;
  settings.tally = Tally::no;
  return settings;
}

std::string MarginFunction::line(const std::vector<double>& point, const MarginAt& at) const {
  std::string text;
  for (std::size_t k = 0; k < point.size(); ++k)
    if (!(point[k] == base_[k]) && !std::isnan(point[k]))
      text +=
          fmt::format("{}{} = {:.6g}", text.empty() ? "" : ", ", dials_.list()[k].key, point[k]);
  if (text.empty()) text = "the scenario as it stands";
  return at.failure.empty()
             ? fmt::format("{}: margin {:.5g} (MCSE {:.2g})", text, at.margin.value, at.margin.mcse)
             : fmt::format("{}: no result", text);
}

}  // namespace steelyard::detail
