#include "sim/measurement/measurement_model.hpp"

namespace steelyard {

namespace measurement_kinds {
#define MEASUREMENT(name) MeasurementInfo name##_info();
#include "sim/measurement/list.inc"
#undef MEASUREMENT
}  // namespace measurement_kinds

std::span<const MeasurementInfo> measurement_models() {
  static const MeasurementInfo list[] = {
#define MEASUREMENT(name) measurement_kinds::name##_info(),
#include "sim/measurement/list.inc"
#undef MEASUREMENT
  };
  return list;
}

const char* to_string(ErrorComponent component) {
  switch (component) {
    case ErrorComponent::misreport:
      return "misreport";
    case ErrorComponent::item_nonresponse:
      return "item_nonresponse";
    case ErrorComponent::duplicates:
      return "duplicates";
  }
  return "unknown";
}

VariableId require_answer(const ConfigReader& config, std::string_view key, const Schema& schema,
                          const std::string& name) {
  const VariableId id = schema.require(name, config.place(key));
  const Variable& v = schema[id];
  if (v.kind == VariableKind::grouping)
    config.fail(key, "names the grouping \"" + name + "\", which follows from another answer",
                "name \"" + schema[*v.group_of].name + "\"");
  if (v.kind == VariableKind::continuous)
    config.fail(key, "names the number \"" + name + "\", which has no levels",
                "name an answer with levels; response_error, heaping and item_nonresponse are of "
                "numbers as well");
  return id;
}

VariableId require_value(const ConfigReader& config, const Schema& schema,
                         const std::string& name) {
  const VariableId id = schema.require(name, config.place("variable"));
  const VariableKind kind = schema[id].kind;
  if (kind != VariableKind::continuous && kind != VariableKind::bucketed)
    config.fail("variable", "names \"" + name + "\", which is neither a number nor bucketed",
                "there is no value behind its levels: misclassification is of levels");
  return id;
}

}  // namespace steelyard
