#pragma once

// One run of a study as its runner sees it: replicates that can be made in any order, and results
// that are made of them.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "study/replicate.hpp"

namespace steelyard {

/// What is done and how far: "population" fraction, or "replicates" fraction. Called by workers.
using StudyProgress = std::function<void(const char* phase, double fraction)>;

class StudySession {
 public:
  StudySession() = default;
  StudySession(const StudySession&) = delete;
  StudySession& operator=(const StudySession&) = delete;
  virtual ~StudySession() = default;

  /// A replicate is made under each of them; its results are joined in their order.
  virtual std::size_t conditions() const = 0;
  /// Names of all estimators in the order of the results: "estimand@domain, weighting, rule,
  /// interval". They differ.
  virtual const Texts& estimators() const = 0;
  /// The first estimator of a condition; of conditions(): how many there are in all.
  virtual std::size_t first_estimator(std::size_t condition) const = 0;

  /// A pure function of the study, its seed, condition and number. Calls at the same time have
  /// different workers.
  /// @param wanted  by estimator of this condition: 0 if it need not be made (NaN); empty: all
  virtual ReplicateResults replicate(std::size_t condition, std::uint32_t number,
                                     std::size_t worker, std::span<const std::uint8_t> wanted) = 0;

  /// Results without replicates: scenario, truths, estimands and estimators.
  virtual StudyResults describe(const StudyProgress& progress) = 0;
  /// Fills performance measures and all else that is made of replicates.
  virtual void conclude(const std::vector<ReplicateResults>& replicates, StudyResults& results) = 0;
};

/// Appends the results of the next condition to those of the ones before.
void append(const ReplicateResults& from, std::size_t first_estimator, ReplicateResults& to);

/// The names of estimators as records tell them.
Texts estimator_names(const StudyResults& results);
/// The same as they are planned, appended to `names`.
void append_estimator_names(const StudyPlan& plan, const ReplicatePlan& replicates, Texts& names);

}  // namespace steelyard
