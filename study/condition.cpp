#include "study/condition.hpp"

#include <algorithm>

#include "study/parallel.hpp"

namespace steelyard {

PreparedCondition::PreparedCondition(const std::string& scenario,
                                     const std::vector<std::string>& settings,
                                     Population::Unmet unmet) {
  if (is_model_scenario(scenario)) {
    model_ = std::make_unique<const ModelStudy>(scenario, settings);
    return;
  }
  scenario_ = std::make_unique<const Scenario>(load_scenario(scenario, settings));
  study_ = std::make_unique<const Study>(*scenario_, unmet);
}

const Scenario& PreparedCondition::scenario() const {
  return model_ ? model_->scenario() : *scenario_;
}

const StudyPlan& PreparedCondition::plan() const {
  return model_ ? model_->plan() : study_->plan();
}

StudyResults PreparedCondition::run(const StudyOptions& options,
                                    const StudyProgress& progress) const {
  return model_ ? model_->run(options, progress) : study_->run(options, progress);
}

namespace {

/// What a scenario answers to impossible numbers; empty: it has nothing against them.
template <typename Work>
std::string reason_of(Work&& work) {
  try {
    work();
  } catch (const NegativeAnswer& no) {
    return no.what();
  } catch (const UserError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

void run_each_condition(const std::string& scenario, std::size_t n,
                        const std::function<std::vector<std::string>(std::size_t)>& settings,
                        Population::Unmet unmet, const StudyOptions& options,
                        const std::function<void(std::size_t, ConditionOutcome)>& finished,
                        const std::function<void(double)>& progress) {
  const auto batch = static_cast<std::size_t>(thread_count(options.threads));
  for (std::size_t begin = 0; begin < n; begin += batch) {
    const std::size_t size = std::min(batch, n - begin);
    std::vector<std::unique_ptr<const PreparedCondition>> ready(size);
    std::vector<std::string> failures(size);
    parallel_for(size, options.threads, [&](std::uint64_t i, std::size_t) {
      failures[i] = reason_of([&] {
        ready[i] = std::make_unique<const PreparedCondition>(scenario, settings(begin + i), unmet);
      });
    });
    for (std::size_t i = 0; i < size; ++i) {
      const auto done = static_cast<double>(begin + i);
      ConditionOutcome outcome{{}, std::move(failures[i])};
      if (outcome.failure.empty())
        outcome.failure = reason_of([&] {
          outcome.results = ready[i]->run(options, [&](const char*, double fraction) {
            if (progress) progress(done + 0.999 * fraction);
          });
        });
      ready[i].reset();
      finished(begin + i, std::move(outcome));
      if (progress) progress(done + 1);
    }
  }
}

ScenarioTitle title_of_scenario(const std::string& scenario) {
  const ScenarioDocument document = open_scenario(scenario);
  ConfigReader root = document.reader();
  ScenarioTitle found;
  if (auto section = root.section("scenario")) {
    found.name = section->text("name");
    found.title = section->text("title");
    found.title_zh = section->text("title_zh", {.fallback = found.title});
  }
  return found;
}

void check_settings(const std::string& scenario, const std::vector<std::string>& settings) {
  if (is_model_scenario(scenario))
    (void)ModelStudy(scenario, settings);
  else
    (void)plan_study(load_scenario(scenario, settings));
}

}  // namespace steelyard
