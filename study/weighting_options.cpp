#include "study/weighting_options.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "core/text.hpp"

namespace steelyard {
namespace {

std::string toml_text(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + '"';
}

/// "key=value" as a table.
toml::table parse_option(const std::string& option) {
  const std::size_t equals = option.find('=');
  const std::string key(trim(std::string_view(option).substr(0, equals)));
  if (equals == std::string::npos || key.empty())
    throw UserError({}, "--option", "\"" + option + "\" is not key=value",
                    "for instance --option tolerance=1e-12");
  const std::string value(trim(std::string_view(option).substr(equals + 1)));
  try {
    return toml::parse(key + " = " + value);
  } catch (const toml::parse_error&) {
    try {
      return toml::parse(key + " = " + toml_text(value));
    } catch (const toml::parse_error&) {
      throw UserError({}, "--option", "\"" + option + "\" cannot be read",
                      "write key=value, lists as [\"a\", \"b\"]");
    }
  }
}

/// The options as given.
toml::table given_options(const std::vector<std::string>& options) {
  toml::table table;
  for (const std::string& option : options)
    for (auto& [key, node] : parse_option(option)) table.insert_or_assign(key, std::move(node));
  return table;
}

toml::array names_of(const std::vector<VariableId>& variables, const Schema& schema) {
  toml::array names;
  for (VariableId id : variables) names.push_back(schema[id].name);
  return names;
}

/// The options that name benchmarks, as far as the method takes them and they are not given.
void add_margins(toml::table& table, const WeightingInfo& info, const WeighRequest& request,
                 const Schema& schema, const MarginVariables& margins) {
  ConfigReader known = ConfigReader::documenting();
  info.make(known, schema);
  const auto takes = [&](std::string_view key) {
    const auto& records = known.records();
    return std::any_of(records.begin(), records.end(),
                       [&](const OptionRecord& record) { return record.key == key; });
  };
  const char* list_key = takes("predictors") ? "predictors" : "margins";
  if (takes(list_key)) {
    toml::array list;
    for (const auto& margin : margins) list.push_back(names_of(margin, schema));
    table.emplace(list_key, std::move(list));
  }
  if (!takes("cross") || table.contains("cross")) return;
  if (margins.size() != 1)
    throw UserError(
        {request.margins}, "--method " + request.method,
        fmt::format("needs one margin, the cross of its variables; there are {}", margins.size()),
        "give the totals of a*b, or use raking for separate margins");
  table.insert("cross", names_of(margins[0], schema));
}

}  // namespace

std::unique_ptr<const Weighting> make_weighting(const WeighRequest& request, const Schema& schema,
                                                const MarginVariables& margins) {
  std::vector<std::string> names;
  for (const WeightingInfo& info : weightings()) {
    names.emplace_back(info.name);
    if (info.name != request.method) continue;
    toml::table table = given_options(request.options);
    add_margins(table, info, request, schema, margins);
    ConfigReader reader(table, {}, "--method " + request.method);
    auto weighting = info.make(reader, schema);
    reader.finish();
    return weighting;
  }
  const std::string nearest = suggestion(request.method, names);
  throw UserError({}, "--method", "\"" + request.method + "\" is not a weighting",
                  nearest.empty() ? "there are: " + join(names, ", ") : nearest);
}

}  // namespace steelyard
