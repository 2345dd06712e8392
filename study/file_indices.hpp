#pragma once

// Diffusion indices, their changes and power, and quantified answers from a user's own file.

#include <functional>
#include <string>
#include <vector>

#include "estimators/indices/diffusion.hpp"
#include "study/file_questions.hpp"

namespace steelyard {

struct FileEstimate;
struct PreparedFile;
using LevelsOf = std::function<const LevelColumn&(const std::string& column)>;

/// Puts the questions into the file: the indices also as requests, so that every comparison of
/// means compares them. @throws UserError as place()
void add_indices(const FileQuestions& questions, const IndexRequest& request,
                 const LevelsOf& levels_of, const std::string& name, PreparedFile& file);

/// Lines "index", "index difference" (between questions), "power", "detectable change",
/// "carlson-parkin mean" and "carlson-parkin sd", by domain. Power and detectable change are of a
/// change between two waves that are each like this file.
void estimate_indices(const PreparedFile& file, const IndexRequest& request,
                      std::vector<FileEstimate>& rows, std::vector<std::string>& notes);

}  // namespace steelyard
