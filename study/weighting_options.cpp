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

/// Whether the method takes the option.
bool takes_option(const WeightingInfo& info, const Schema& schema, std::string_view key) {
  ConfigReader known = ConfigReader::documenting();
  info.make(known, schema);
  const auto& records = known.records();
  return std::any_of(records.begin(), records.end(),
                     [&](const OptionRecord& record) { return record.key == key; });
}

toml::array lists_of_names(const MarginVariables& margins, const Schema& schema) {
  toml::array list;
  for (const auto& margin : margins) list.push_back(names_of(margin, schema));
  return list;
}

/// The options that name benchmarks, as far as the method takes them and they are not given.
void add_margins(toml::table& table, const WeightingInfo& info, const WeighRequest& request,
                 const Schema& schema, const MarginVariables& margins) {
  const auto takes = [&](std::string_view key) { return takes_option(info, schema, key); };
  const char* list_key = takes("predictors") ? "predictors" : "margins";
  if (takes(list_key)) table.emplace(list_key, lists_of_names(margins, schema));
  if (!takes("cross") || table.contains("cross")) return;
  if (margins.size() != 1)
    throw UserError(
        {request.margins}, "--method " + request.method,
        fmt::format("needs one margin, the cross of its variables; there are {}", margins.size()),
        "give the totals of a*b, or use raking for separate margins");
  table.insert("cross", names_of(margins[0], schema));
}

/// Of a multilevel model: those of two levels are fixed terms, the others groups, if neither is
/// given; the population is the reference sample's, or the margins' cross.
void add_multilevel_terms(toml::table& table, const WeighRequest& request, const Schema& schema,
                          const MarginVariables& margins) {
  const bool reference = !request.reference.file.empty();
  if (reference && !margins.empty())
    throw UserError({}, "--method " + request.method, "gives no weights that could be raked",
                    "leave --margins out, or --reference");
  if (!request.reference.numeric.empty())
    throw UserError({}, "--method " + request.method, "takes categories, no numbers",
                    "put the covariate in classes and leave --numeric out");
  if (reference) table.insert("population", "reference");
  if (table.contains("fixed") || table.contains("groups")) return;
  std::vector<VariableId> terms = variables_of(margins);
  for (const std::string& name : request.reference.covariates)
    terms.push_back(schema.require(name, {request.reference.file}));
  toml::array fixed, groups;
  for (VariableId id : terms)
    (schema[id].levels.size() <= 2 ? fixed : groups).push_back(schema[id].name);
  if (!fixed.empty()) table.insert("fixed", std::move(fixed));
  if (!groups.empty()) table.insert("groups", std::move(groups));
}

const WeightingInfo& find_weighting(const std::string& method) {
  static constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
      {"kw", "kernel_weighting"},
      {"ev", "elliott_valliant"},
      {"mi", "mass_imputation"},
      {"dr", "doubly_robust"}};
  std::string_view wanted = method;
  for (const auto& [alias, name] : kAliases)
    if (method == alias) wanted = name;
  std::vector<std::string> names;
  for (const WeightingInfo& info : weightings()) {
    if (info.name == wanted) return info;
    names.emplace_back(info.name);
  }
  const std::string nearest = suggestion(method, names);
  throw UserError({}, "--method", "\"" + method + "\" is not a weighting",
                  nearest.empty() ? "there are: " + join(names, ", ") : nearest);
}

}  // namespace

std::unique_ptr<const Weighting> make_weighting(const WeighRequest& request, const Schema& schema,
                                                const MarginVariables& margins) {
  const WeightingInfo* info = &find_weighting(request.method);
  toml::table table = given_options(request.options);
  const bool multilevel = takes_option(*info, schema, "groups");
  const bool with_reference = takes_option(*info, schema, "covariates");
  if (with_reference && request.reference.file.empty())
    throw UserError({}, "--method " + request.method, "needs a reference sample",
                    "pass --reference FILE --reference-weights COLUMN --covariates a,b,c");
  const bool population = multilevel && !request.reference.file.empty();
  if (!with_reference && !population && request.margins.empty())
    throw UserError({}, "--method " + request.method, "needs margins",
                    "pass --margins FILE, or a method that takes covariates: ipw, cbps, kw, ev, "
                    "matching, mi, dr, mrp");
  if (with_reference && !table.contains("covariates")) {
    toml::array list;
    for (const std::string& name : request.reference.covariates) list.push_back(name);
    table.insert("covariates", std::move(list));
  }
  if (multilevel) {
    add_multilevel_terms(table, request, schema, margins);
  } else if (with_reference && !margins.empty()) {
    // The method's weights are raked to the margins.
    table.insert_or_assign("method", std::string(info->name));
    toml::table rake;
    rake.insert("method", "raking");
    rake.insert("margins", lists_of_names(margins, schema));
    toml::array steps;
    steps.push_back(std::move(table));
    steps.push_back(std::move(rake));
    table = toml::table();
    table.insert("steps", std::move(steps));
    info = &find_weighting("sequential");
  } else if (!with_reference) {
    add_margins(table, *info, request, schema, margins);
  }
  ConfigReader reader(table, {}, "--method " + request.method);
  auto weighting = info->make(reader, schema);
  reader.finish();
  if (weighting->models_answers() && !request.for_estimates)
    throw UserError({}, "--method " + request.method,
                    "models each answer, which gives a file no weights",
                    "estimate takes it; or leave the option model out");
  return weighting;
}

}  // namespace steelyard
