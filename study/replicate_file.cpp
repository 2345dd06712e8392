#include "study/replicate_file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <cmath>

#include "core/config.hpp"
#include "core/text.hpp"

namespace steelyard {

std::vector<std::string> replicate_column_names(const DataFile& file, const std::string& pattern) {
  if (pattern.empty() || pattern.back() != '*' || pattern.find('*') + 1 != pattern.size())
    throw UserError({}, "--replicate-columns", "= \"" + pattern + "\" does not end with one *",
                    "for instance --replicate-columns 'replicate_*'");
  const std::string prefix = pattern.substr(0, pattern.size() - 1);
  std::vector<std::string> names;
  for (const std::string& title : file.header())
    if (title.starts_with(prefix)) names.push_back(title);
  if (names.size() < 2)
    throw UserError({file.name(), 1}, {},
                    fmt::format("has {} columns that match {}", names.size(), pattern),
                    "at least two replicates are needed");
  return names;
}

std::string replicate_constants_text(const ReplicateDesign& design, const std::string& method) {
  std::string text = fmt::format(
      "# variance = scale * sum of rscales * (replicate estimate - centre)^2; the centre is the "
      "mean of the\n# replicates' estimates, or with mse the full-sample estimate\n"
      "method = \"{}\"\nreplicates = {}\nscale = {}\nmse = {}\ndf = {}\n",
      method, design.replicates, shortest(design.scale), design.mse, shortest(design.df));
  // TOML's numbers with a point are floats.
  if (!design.rscales.empty()) {
    text += "rscales = [";
    for (std::size_t r = 0; r < design.rscales.size(); ++r)
      text += (r == 0 ? "" : ", ") + shortest(design.rscales[r]);
    text += "]\n";
  }
  return text;
}

ReplicateDesign given_replicate_weights(std::vector<std::vector<double>> weights,
                                        const std::string& constants, const std::string& file) {
  for (std::size_t r = 0; r < weights.size(); ++r)
    for (std::size_t i = 0; i < weights[r].size(); ++i)
      if (std::isnan(weights[r][i]))
        throw UserError({file}, {}, fmt::format("row {} has no replicate weight {}", i + 1, r + 1),
                        "every row needs all of them");
  if (constants.empty())
    throw UserError({}, "--replicate-columns", "need --replicate-constants",
                    "weigh writes them beside the weights: a file with scale, rscales, mse and df");
  toml::table table;
  try {
    table = toml::parse(read_file(constants));
  } catch (const toml::parse_error& error) {
    throw UserError({constants, static_cast<int>(error.source().begin.line)}, {},
                    std::string("is not TOML: ") + std::string(error.description()), "");
  }
  ConfigReader config(table, constants, "replicate constants");
  config.text("method", {.fallback = "", .help = "how the replicates were made"});
  const auto count = static_cast<std::size_t>(
      config.integer("replicates", {.min = 2, .fallback = static_cast<std::int64_t>(weights.size())}));
  const double scale = config.real("scale", {.min = 0, .help = "before the sum"});
  const bool mse = config.flag("mse", false, "deviations from the full-sample estimate");
  const double df = config.real("df", {.min = 1, .fallback = static_cast<double>(weights.size()) - 1});
  std::vector<double> rscales = config.reals("rscales", {.required = false});
  config.finish();
  if (count != weights.size() || (!rscales.empty() && rscales.size() != weights.size()))
    throw UserError({constants}, {},
                    fmt::format("is for {} replicates, {} has {}", count, file, weights.size()),
                    "give the constants that were written with these weights");
  return given_replicates(std::move(weights), true, scale, std::move(rscales), mse, df);
}

}  // namespace steelyard
