#include "cli/build.hpp"

#include "core/errors.hpp"
#include "sources_id.hpp"

namespace steelyard {

const ProgramId& this_program() {
  static const ProgramId id{STEELYARD_VERSION, STEELYARD_SOURCES_ID};
  return id;
}

void require_this_program(const ProgramId& made_by, const std::string& name) {
  const ProgramId& now = this_program();
  if (made_by == now) return;
  if (made_by.version != now.version)
    throw UserError({name}, {},
                    "was made by steelyard " + made_by.version + "; this is " + now.version,
                    "go on with that version, or begin anew in another folder");
  throw UserError({name}, {},
                  "was made by steelyard " + to_string(made_by) + "; this is " + to_string(now) +
                      ": its numbers may differ, and would be mixed",
                  "go on with a program built from those sources, or begin anew in another folder");
}

}  // namespace steelyard
