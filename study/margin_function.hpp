#pragma once

// How far a conclusion is from turning, as a function of a scenario's dials.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "study/tipping.hpp"

namespace steelyard::detail {

/// The margin at a point of the dials, or why there is none.
struct MarginAt {
  ConclusionMargin margin;
  std::string failure;
};

/// Margins at points of the dials, each made once for a number of replicates.
class MarginFunction {
 public:
  /// The references must outlive it. @throws UserError, NegativeAnswer if the scenario itself
  /// cannot be run
  MarginFunction(const std::string& scenario, const Dials& dials, const Conclusion& conclusion,
                 const TippingOptions& options,
                 const std::function<void(const std::string&)>& progress);

  /// The scenario's own values; NaN where a default has no key.
  const std::vector<double>& base() const { return base_; }
  const BoundConclusion& conclusion() const { return *bound_; }
  std::uint32_t replicates() const { return replicates_; }
  /// Forgets what was made with another number.
  void set_replicates(std::uint32_t replicates);

  /// Makes those of the points that are not there yet.
  void prepare(const std::vector<std::vector<double>>& points);
  const MarginAt& at(const std::vector<double>& point);

 private:
  StudyOptions study_options() const;
  std::string line(const std::vector<double>& point, const MarginAt& at) const;

  const std::string& scenario_;
  const Dials& dials_;
  TippingOptions options_;
  std::function<void(const std::string&)> progress_;
  std::uint32_t replicates_;
  std::vector<double> base_;
  std::optional<BoundConclusion> bound_;
  std::map<std::string, MarginAt> made_;
};

}  // namespace steelyard::detail
