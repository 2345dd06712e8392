#include "study/replicate_file.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/errors.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

const char* const kHint =
    "give scale=..., and if they apply rscales, mse, df and factors, or the file that weigh wrote";

class Constants {
 public:
  explicit Constants(const std::string& option) : option_(option) {}

  ReplicateConstants from_text(const std::string& text) const {
    ReplicateConstants out;
    bool scaled = false;
    for (const std::string& part : split(text, ",")) {
      const std::size_t equals = part.find('=');
      if (equals == std::string::npos) fail("\"" + part + "\" is not key=value");
      const std::string key(trim(part.substr(0, equals)));
      const std::string value(trim(std::string_view(part).substr(equals + 1)));
      if (key == "scale") {
        out.scale = positive(key, value);
        scaled = true;
      } else if (key == "df") {
        out.df = positive(key, value);
      } else if (key == "mse" || key == "factors") {
        if (value != "true" && value != "false") fail(key + " must be true or false");
        (key == "mse" ? out.mse : out.factors) = value == "true";
      } else {
        fail("unknown key \"" + key + "\"");
      }
    }
    if (!scaled) fail("scale is missing");
    return out;
  }

  ReplicateConstants from_json(const std::string& path) const {
    ReplicateConstants out;
    try {
      const auto json = nlohmann::json::parse(read_file(path));
      out.scale = json.at("scale");
      if (json.contains("rscales")) out.rscales = json["rscales"].get<std::vector<double>>();
      out.mse = json.value("mse", false);
      out.df = json.value("df", 0.0);
      out.factors = json.value("factors", false);
    } catch (const nlohmann::json::exception& error) {
      fail(std::string("cannot be read (") + error.what() + ")", path);
    }
    if (!(out.scale > 0) || !std::isfinite(out.scale)) fail("scale must be positive", path);
    for (double r : out.rscales)
      if (!(r >= 0)) fail("rscales must not be negative", path);
    return out;
  }

 private:
  [[noreturn]] void fail(std::string problem, std::string file = {}) const {
    throw UserError({std::move(file)}, option_, std::move(problem), kHint);
  }

  double positive(const std::string& key, const std::string& text) const {
    const auto value = parse_number(trim(text));
    if (!value || !(*value > 0) || !std::isfinite(*value))
      fail(key + " = \"" + text + "\" is not a positive number");
    return *value;
  }

  const std::string& option_;
};

}  // namespace

ReplicateConstants read_replicate_constants(const std::string& text, const std::string& option) {
  const Constants constants(option);
  return text.find('=') != std::string::npos ? constants.from_text(text)
                                             : constants.from_json(text);
}

void require_rscales(const ReplicateConstants& constants, std::size_t columns,
                     const std::string& option) {
  if (!constants.rscales.empty() && constants.rscales.size() != columns)
    throw UserError(
        {}, option,
        fmt::format("has {} rscales for {} replicate columns", constants.rscales.size(), columns),
        "give one a replicate");
}

std::string replicate_constants_json(const ReplicateConstants& constants,
                                     const std::string& method) {
  nlohmann::ordered_json json;
  json["method"] = method;
  json["scale"] = constants.scale;
  if (!constants.rscales.empty()) json["rscales"] = constants.rscales;
  json["mse"] = constants.mse;
  json["df"] = constants.df;
  json["factors"] = constants.factors;
  return json.dump(2) + "\n";
}

std::vector<std::string> replicate_column_names(const DataSource& data, const std::string& pattern,
                                                const std::string& option) {
  const std::size_t star = pattern.find('*');
  const std::string before = pattern.substr(0, star),
                    after = star == std::string::npos ? "" : pattern.substr(star + 1);
  std::vector<std::string> out;
  for (const std::string& title : data.header())
    if (star == std::string::npos ? title == pattern
                                  : title.size() >= before.size() + after.size() &&
                                        title.starts_with(before) && title.ends_with(after))
      out.push_back(title);
  if (out.size() < 2)
    throw UserError({data.name()}, option,
                    "\"" + pattern + "\" names " + (out.empty() ? "no column" : "one column"),
                    "write a prefix and a star, for instance rep*");
  return out;
}

}  // namespace steelyard
