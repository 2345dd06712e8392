#pragma once

// An interval method gives the standard error and the confidence interval of an estimate.

#include <memory>
#include <span>
#include <string_view>

#include "core/config.hpp"
#include "core/sample.hpp"

namespace steelyard {

/// An interval method made ready for one sample and one weighting; used for many estimates.
class PreparedInterval {
 public:
  virtual ~PreparedInterval() = default;
  /// @param tabulation  the domain's answers by cell; influence: one number a level of it
  virtual Result<Interval> interval(const Tabulation& tabulation,
                                    const PointEstimate& estimate) const = 0;
};

class IntervalMethod {
 public:
  virtual ~IntervalMethod() = default;
  /// The references must outlive what is returned.
  virtual Result<std::unique_ptr<const PreparedInterval>> prepare(const CellIndex& index,
                                                                  const Weights& weights) const = 0;
};

struct IntervalInfo {
  std::string_view name, summary, source;
  std::unique_ptr<const IntervalMethod> (*make)(ConfigReader&, const Schema&);
};

std::span<const IntervalInfo> intervals();

}  // namespace steelyard
