#pragma once

// Which program made a number.

#include <string>

namespace steelyard {

/// Two builds with the same id give the same numbers (on one machine, with one compiler): what was
/// begun with one may go on with the other. The version alone does not tell: between two releases
/// the sources change and it does not.
struct ProgramId {
  std::string version;
  std::string sources;  ///< hash of all files that decide numbers; empty: not known

  friend bool operator==(const ProgramId&, const ProgramId&) = default;
};

/// "0.1.0 (sources 0123456789ab)".
inline std::string to_string(const ProgramId& id) {
  return id.version + " (sources " + (id.sources.empty() ? "not known" : id.sources) + ")";
}

}  // namespace steelyard
