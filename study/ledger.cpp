#include "study/ledger.hpp"

#include <algorithm>
#include <limits>
#include <map>

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();

}  // namespace

ReplicateLedger::ReplicateLedger(Texts estimators, std::uint32_t replicates)
    : estimators_(std::move(estimators)), slots_(replicates) {}

const std::vector<std::size_t>& ReplicateLedger::positions(const Texts& estimators) {
  if (!position_.empty() && source_ == estimators) return position_;
  std::map<std::string_view, std::size_t> own;
  for (std::size_t i = 0; i < estimators_.size(); ++i) own[estimators_[i]] = i;
  source_ = estimators;
  position_.clear();
  for (const std::string& name : source_) {
    const auto at = own.find(name);
    position_.push_back(at == own.end() ? kNowhere : at->second);
  }
  return position_;
}

void ReplicateLedger::add(const Texts& estimators, std::uint32_t replicate,
                          const ReplicateResults& results) {
  if (replicate >= slots_.size()) return;
  Slot& slot = slots_[replicate];
  if (slot.begun && slot.missing.empty()) return;
  const std::vector<std::size_t>& position = positions(estimators);
  if (!slot.begun) {
    slot.begun = true;
    for (const auto column : kEstimatorColumns)
      (slot.results.*column).assign(estimators_.size(), kNone);
    slot.missing.assign(estimators_.size(), 1);
    for (const auto column : kSurveyColumns) slot.results.*column = results.*column;
  }
  std::vector<std::uint8_t> taken(position.size(), 0);
  for (std::size_t i = 0; i < position.size(); ++i) {
    if (position[i] == kNowhere || slot.missing[position[i]] == 0) continue;
    taken[i] = 1;
    slot.missing[position[i]] = 0;
    for (const auto column : kEstimatorColumns)
      (slot.results.*column)[position[i]] = (results.*column)[i];
  }
  for (FailureRecord failure : results.failures) {
    if (taken[failure.estimator] == 0) continue;
    failure.estimator = static_cast<std::uint32_t>(position[failure.estimator]);
    slot.results.failures.push_back(std::move(failure));
  }
  std::stable_sort(
      slot.results.failures.begin(), slot.results.failures.end(),
      [](const FailureRecord& a, const FailureRecord& b) { return a.estimator < b.estimator; });
  if (std::find(slot.missing.begin(), slot.missing.end(), 1) == slot.missing.end())
    slot.missing.clear();
}

void ReplicateLedger::add(const Block& block) {
  for (std::size_t k = 0; k < block.replicates.size(); ++k)
    add(block.estimators, block.replicates[k], block.results[k]);
}

bool ReplicateLedger::complete(std::uint32_t replicate) const {
  return slots_[replicate].begun && slots_[replicate].missing.empty();
}

bool ReplicateLedger::complete_block(std::uint32_t block) const {
  const std::uint32_t begin = block * kBlockReplicates,
                      end = std::min(begin + kBlockReplicates, replicates());
  for (std::uint32_t r = begin; r < end; ++r)
    if (!complete(r)) return false;
  return true;
}

std::span<const std::uint8_t> ReplicateLedger::missing(std::uint32_t replicate) const {
  return slots_[replicate].missing;
}

std::uint32_t ReplicateLedger::leading() const {
  std::uint32_t r = 0;
  while (r < replicates() && complete(r)) ++r;
  return r;
}

std::uint32_t ReplicateLedger::completed() const {
  return static_cast<std::uint32_t>(std::count_if(
      slots_.begin(), slots_.end(), [](const Slot& s) { return s.begun && s.missing.empty(); }));
}

std::uint32_t ReplicateLedger::begun() const {
  return static_cast<std::uint32_t>(
      std::count_if(slots_.begin(), slots_.end(), [](const Slot& s) { return s.begun; }));
}

Block ReplicateLedger::block(std::uint32_t number, const std::string& study) const {
  Block block{.study = study, .number = number, .estimators = estimators_};
  const std::uint32_t begin = number * kBlockReplicates,
                      end = std::min(begin + kBlockReplicates, replicates());
  for (std::uint32_t r = begin; r < end; ++r) {
    if (!complete(r)) continue;
    block.replicates.push_back(r);
    block.results.push_back(slots_[r].results);
  }
  return block;
}

std::vector<ReplicateResults> ReplicateLedger::take(std::uint32_t replicates) {
  std::vector<ReplicateResults> taken;
  taken.reserve(replicates);
  for (std::uint32_t r = 0; r < replicates; ++r) taken.push_back(std::move(slots_[r].results));
  slots_.clear();
  return taken;
}

std::vector<ReplicateResults> replicates_of(const StudyResults& results) {
  const std::size_t n = results.estimators.size(), total = results.replicates;
  const auto column = [&](const std::vector<double>& matrix, std::size_t r) {
    std::vector<double> values(total == 0 ? 0 : matrix.size() / total);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = matrix[i * total + r];
    return values;
  };
  std::vector<ReplicateResults> replicates(total);
  for (std::size_t r = 0; r < total; ++r) {
    ReplicateResults& replicate = replicates[r];
    replicate.estimate = column(results.estimate, r);
    replicate.se = column(results.se, r);
    replicate.lower = column(results.lower, r);
    replicate.upper = column(results.upper, r);
    replicate.weights_cv2 = column(results.survey_weights_cv2, r);
    replicate.published = column(results.survey_published, r);
    replicate.profile_sample = column(results.survey_profile_sample, r);
    replicate.profile_weighted = column(results.survey_profile_weighted, r);
    replicate.seconds.resize(n);
    for (std::size_t i = 0; i < n; ++i) replicate.seconds[i] = results.performance[i].mean_us / 1e6;
  }
  for (const FailureRecord& failure : results.failures)
    replicates[failure.replicate].failures.push_back(failure);
  return replicates;
}

void record_survey(const std::vector<ReplicateResults>& replicates, Texts numbers,
                   StudyResults& results) {
  const std::size_t total = replicates.size();
  const auto matrix = [&](std::vector<double> ReplicateResults::*column, std::size_t rows) {
    std::vector<double> values(rows * total);
    for (std::size_t r = 0; r < total; ++r)
      for (std::size_t i = 0; i < rows; ++i) values[i * total + r] = (replicates[r].*column)[i];
    return values;
  };
  results.survey_weights_cv2 = matrix(&ReplicateResults::weights_cv2, results.estimators.size());
  results.survey_published = matrix(&ReplicateResults::published, numbers.size());
  results.survey_numbers = std::move(numbers);
  results.survey_profile_sample = matrix(&ReplicateResults::profile_sample, results.profile.size());
  results.survey_profile_weighted =
      matrix(&ReplicateResults::profile_weighted, results.profile.size());
}

}  // namespace steelyard
