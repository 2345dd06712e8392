#pragma once

// Estimates of a user's own file where a model of each answer stands in for weights.

#include <vector>

namespace steelyard {

struct FileEstimate;
struct PreparedFile;

/// Whether the file's method models answers.
bool models_answers(const PreparedFile& file);

/// A line for each mean, total and proportion by domain. All proportions of a column come from one
/// model. A domain is predicted for the population's people in it: by the cells or the covariates
/// that --by names. The answers join the file's schema.
/// Fails by line, as the method does. @throws UserError for other statistics
void estimate_modelled(PreparedFile& file, std::vector<FileEstimate>& rows);

}  // namespace steelyard
