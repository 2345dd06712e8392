#pragma once

// What a published simulation study printed about its estimators, beside what this one finds.

#include <string>
#include <vector>

#include "core/scenario.hpp"
#include "results/results.hpp"

namespace steelyard {

/// One printed measure of one estimator, and how far from it a replication may lie.
struct PublishedMeasure {
  std::string id, condition, estimand, weighting, value_rule, interval, measure, printed, source;
  double value = 0, tolerance = 0;
  Place place;
};

/// Measures that can be published: bias, relative_bias (%), sd, mse, rmse, coverage (%),
/// mean_width, and variance_bias: the relative bias (%) of the squared standard error against the
/// variance of the estimates.
std::vector<std::string> published_measure_names();

/// Reads the file of [published]: columns id, condition, estimand, weighting, measure, value,
/// tolerance (absolute, or in per cent of the value: "15%"), source, and perhaps value_rule and
/// interval (absent or empty: the first).
/// @throws UserError with file and line
std::vector<PublishedMeasure> read_published_measures(const Scenario& scenario);

/// One record a published measure: `lower` and `upper` are the printed value ∓ the tolerance,
/// `simulated` what the study found, with its Monte Carlo error. Reproduced: it lies between them.
/// Where the study's replicates leave no value, the record says so.
/// @pre each names an estimator of the results (find_published)
std::vector<ReproductionRecord> compare_published(const std::vector<PublishedMeasure>& published,
                                                  const StudyResults& results);

/// The estimator that a measure is of: an index into results.estimators.
/// @throws UserError with the line: no such estimand, condition, weighting, value rule or interval
std::size_t find_published(const PublishedMeasure& m, const StudyResults& results);

}  // namespace steelyard
