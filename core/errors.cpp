#include "core/errors.hpp"

namespace steelyard {
namespace {

std::string compose(const Place& place, const std::string& key, const std::string& problem,
                    const std::string& hint) {
  std::string text;
  if (!place.file.empty()) {
    text = place.file;
    if (place.line > 0) text += ":" + std::to_string(place.line);
    if (place.column > 0) text += ":" + std::to_string(place.column);
    text += ": ";
  }
  if (!key.empty()) text += "[" + key + "] ";
  text += problem;
  if (!hint.empty()) text += "; " + hint;
  return text;
}

}  // namespace

UserError::UserError(Place place, std::string key, std::string problem, std::string hint)
    : std::runtime_error(compose(place, key, problem, hint)),
      place_(std::move(place)),
      key_(std::move(key)),
      problem_(std::move(problem)),
      hint_(std::move(hint)) {}

const char* to_string(FailureKind kind) {
  switch (kind) {
    case FailureKind::none:
      return "none";
    case FailureKind::empty_domain:
      return "empty domain";
    case FailureKind::empty_cell:
      return "empty cell";
    case FailureKind::no_convergence:
      return "no convergence";
    case FailureKind::singular_matrix:
      return "singular matrix";
    case FailureKind::unbounded_tail:
      return "unbounded tail";
    case FailureKind::single_unit:
      return "single unit";
    case FailureKind::unsupported:
      return "unsupported";
    case FailureKind::infeasible:
      return "infeasible";
  }
  return "unknown";
}

}  // namespace steelyard
