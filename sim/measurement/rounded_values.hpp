#pragma once

// Values that are rounded before they fall into their bucket.

#include "sim/measurement/measurement_model.hpp"

namespace steelyard {

/// The bucket [edge, next edge) of a value; values outside the edges fall into the outer buckets.
LevelCode bucket_of(std::span<const double> edges, double value);

/// A bucketed answer that respondents give about a value other than their own.
class RoundedValues : public MeasurementModel {
 public:
  /// @throws UserError unless the variable is bucketed and has latent values
  RoundedValues(const ConfigReader& config, const Schema& schema, const std::string& variable);

  std::vector<VariableId> changes() const final { return {answer_}; }
  std::vector<VariableId> values() const final { return {value_}; }
  void apply(ReportedAnswers& answers, const SourceStreams& streams) const final;
  std::string objection() const final {
    return "it depends on where values lie inside their buckets, which is known only after the fit";
  }

 protected:
  std::span<const double> edges() const { return edges_; }

 private:
  /// The bucket that somebody with this value reports; @param truth  the value's own.
  virtual LevelCode report(double value, LevelCode truth, Stream stream) const = 0;

  VariableId answer_, value_;
  std::vector<double> edges_;
};

}  // namespace steelyard
