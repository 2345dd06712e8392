#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/file_commands.hpp"
#include "core/csv.hpp"
#include "core/output.hpp"
#include "core/text.hpp"
#include "study/parallel.hpp"

namespace steelyard {
namespace {

std::string cell(double value) { return std::isnan(value) ? std::string() : shortest(value); }

double chosen_deff(const EstimateOptions& o, const EstimateRow& row) {
  if (o.deff.empty()) return std::nan("");
  return o.deff == "replace" ? row.deff_wr : row.deff;
}

/// Of imputations: within, between, total variance; the share due to imputation; the fraction of
/// missing information.
constexpr std::array<const char*, 5> kVarianceParts = {"within", "between", "total", "lambda",
                                                       "fmi"};
std::array<double, 5> variance_parts(const FileEstimate& line) {
  std::array<double, 5> out;
  out.fill(std::nan(""));
  if (line.pooled) {
    const PooledEstimate& p = *line.pooled;
    out = {p.within, p.between, p.se * p.se, p.missing_share, p.missing_information()};
  }
  return out;
}

/// Differences and tests of independence have two columns more.
bool has_tests(const FileEstimates& e) {
  return std::any_of(e.rows.begin(), e.rows.end(),
                     [](const FileEstimate& line) { return line.p_value || line.df2; });
}

std::string as_csv(const EstimateOptions& o, const FileEstimates& e) {
  const bool tests = has_tests(e), indices = !o.indices.empty();
  const bool coefficients = !o.regressed.empty(), imputed = !o.imputed.empty();
  std::string text = "functional,variable,level,domain,estimate,se,lower,upper,df,deff,n";
  if (tests) text += ",p,df2";
  if (indices) text += ",p_above";
  if (coefficients) text += ",t";
  if (imputed)
    for (const char* part : kVarianceParts) text += std::string(",") + part;
  text += "\n";
  for (const FileEstimate& line : e.rows) {
    const EstimateRow& row = line.row;
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{}", line.functional,
                        csv_field(line.variable), csv_field(line.level), csv_field(line.domain),
                        cell(row.estimate), cell(row.se), cell(row.lower), cell(row.upper),
                        cell(row.df), cell(chosen_deff(o, row)), row.n);
    if (tests)
      text += fmt::format(",{},{}", line.p_value ? cell(*line.p_value) : "",
                          line.df2 ? cell(*line.df2) : "");
    if (indices) text += "," + (line.p_above ? cell(*line.p_above) : "");
    if (coefficients) text += "," + (line.t ? cell(*line.t) : "");
    if (imputed)
      for (const double part : variance_parts(line)) text += "," + cell(part);
    text += "\n";
  }
  return text;
}

std::string as_json(const EstimateOptions& o, const FileEstimates& e) {
  const auto number = [](double value) {
    return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
  };
  nlohmann::ordered_json json{{"data", o.data},
                              {"n", e.n},
                              {"psus", e.psus},
                              {"strata", e.strata},
                              {"replicates", e.replicates},
                              {"level", o.level},
                              {"notes", e.notes},
                              {"estimates", nlohmann::ordered_json::array()}};
  for (const FileEstimate& line : e.rows) {
    const EstimateRow& row = line.row;
    nlohmann::ordered_json one{{"functional", line.functional},
                               {"variable", line.variable},
                               {"level", line.level},
                               {"domain", line.domain},
                               {"estimate", number(row.estimate)},
                               {"se", number(row.se)},
                               {"lower", number(row.lower)},
                               {"upper", number(row.upper)},
                               {"df", number(row.df)},
                               {"deff", number(chosen_deff(o, row))},
                               {"n", row.n}};
    if (line.p_value) one["p_value"] = number(*line.p_value);
    if (line.df2) one["df2"] = number(*line.df2);
    if (line.p_above) one["p_above"] = number(*line.p_above);
    if (line.t) one["t"] = number(*line.t);
    if (line.pooled)
      for (std::size_t k = 0; k < kVarianceParts.size(); ++k)
        one[kVarianceParts[k]] = number(variance_parts(line)[k]);
    if (row.failure)
      one["failure"] = {{"kind", to_string(row.failure->kind)}, {"detail", row.failure->detail}};
    json["estimates"].push_back(std::move(one));
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// For people: six digits, columns that line up.
std::string as_table(const EstimateOptions& o, const FileEstimates& e) {
  std::vector<std::vector<std::string>> lines = {{"functional", "variable", "level", "domain",
                                                  "estimate", "se", "lower", "upper", "df", "deff",
                                                  "n", "p", "df2", "p_above", "t"}};
  lines[0].insert(lines[0].end(), kVarianceParts.begin(), kVarianceParts.end());
  const auto number = [](double value) {
    return std::isnan(value) ? std::string("-") : fmt::format("{:.6g}", value);
  };
  for (const FileEstimate& line : e.rows) {
    const EstimateRow& row = line.row;
    lines.push_back({line.functional, line.variable, line.level, line.domain, number(row.estimate),
                     number(row.se), number(row.lower), number(row.upper), number(row.df),
                     number(chosen_deff(o, row)), std::to_string(row.n),
                     line.p_value ? number(*line.p_value) : "-",
                     line.df2 && std::isfinite(*line.df2) ? number(*line.df2) : "-",
                     line.p_above ? number(*line.p_above) : "-", line.t ? number(*line.t) : "-"});
    for (const double part : variance_parts(line)) lines.back().push_back(number(part));
  }
  std::vector<std::size_t> width(lines[0].size(), 0);
  std::vector<bool> used(lines[0].size(), false);
  for (std::size_t r = 0; r < lines.size(); ++r)
    for (std::size_t k = 0; k < width.size(); ++k) {
      width[k] = std::max(width[k], lines[r][k].size());
      used[k] = used[k] || (r > 0 && !lines[r][k].empty() && lines[r][k] != "-");
    }
  std::string text;
  for (const auto& line : lines) {
    std::string row;
    for (std::size_t k = 0; k < line.size(); ++k)
      if (used[k])
        row += k < 4 ? fmt::format("{:<{}}  ", line[k], width[k])
                     : fmt::format("{:>{}}  ", line[k], width[k]);
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

/// The first option given that only a weighting reads; empty if there is none.
std::string weighting_option(const FileOptions& o) {
  const FileOptions plain;
  const std::pair<const char*, bool> given[] = {{"--method", o.method != plain.method},
                                                {"--bounds", !o.bounds.empty()},
                                                {"--trim", o.trim.has_value()},
                                                {"--trim-lower", o.trim_lower.has_value()},
                                                {"--trim-iqr", o.trim_iqr.has_value()},
                                                {"--trim-deff", o.trim_deff.has_value()},
                                                {"--trim-at", !o.trim_at.empty()},
                                                {"--trim-rule", !o.trim_rule.empty()},
                                                {"--option", !o.options.empty()},
                                                {"--ordered", !o.ordered.empty()},
                                                {"--population", o.population.has_value()},
                                                {"--rescale", o.rescale},
                                                {"--missing", o.missing != plain.missing}};
  for (const auto& [name, is_given] : given)
    if (is_given) return name;
  return {};
}

/// "income=3000", "member=yes=0.5": what stands before the last = is the name.
BiasRequest bias_request(const EstimateOptions& o) {
  BiasRequest r;
  r.indices = o.bias_indices;
  for (const std::string& text : o.turns_at) {
    const std::size_t equals = text.rfind('=');
    const auto value = equals == std::string::npos
                           ? std::nullopt
                           : parse_number(std::string_view(text).substr(equals + 1));
    if (!value || equals == 0)
      throw UserError({}, "--turns-at", "\"" + text + "\" is not name=number",
                      "for instance --turns-at income=3000, or of a share member=yes=0.5");
    r.turns_at.emplace_back(text.substr(0, equals), *value);
  }
  return r;
}

EstimateFileRequest request_of(const EstimateOptions& o) {
  EstimateFileRequest r;
  r.data = o.data;
  r.weights = o.weights;
  r.design = file_design(o);
  r.threads = thread_count(o.threads);
  if (!o.reference.empty()) {
    const bool linear =
        o.interval.empty() || o.interval == "linearization" || o.interval == "woodruff";
    if (!o.reference_replicates.empty() && linear && o.replicate_columns.empty())
      throw UserError(
          {}, "--reference-replicate-weights", "are read for replication only",
          "pass --interval METHOD that says how the data are drawn again, or leave them "
          "out: linearization takes --reference-strata and --reference-cluster");
    FileOptions weighed = o;
    weighed.weight_covariates = o.covariates;
    r.weighting = weigh_request(weighed, {});
  } else if (!o.margins.empty()) {
    r.weighting = weigh_request(o, {});
  } else if (const std::string given = weighting_option(o);
             !given.empty() && o.versus_margins.empty()) {
    throw UserError({}, given, "is an option of a weighting, and there are no --margins",
                    "pass --margins, or leave it out");
  }
  r.totals = o.totals;
  r.means = o.means;
  r.proportions = o.proportions;
  r.ratios = o.ratios;
  r.quantiles = o.quantiles;
  r.ginis = o.ginis;
  if (!o.probabilities.empty()) r.probabilities = o.probabilities;
  r.by = o.by;
  r.multiple = o.multiple;
  r.crosstabs = o.crosstabs;
  r.index = index_request(o);
  r.bucketed = bucketed_request(o);
  r.regression = regression_request(o);
  r.bias = bias_request(o);
  r.against = o.against;
  r.unit = o.unit;
  if (!o.unit.empty() && o.against.empty())
    throw UserError({}, "--unit", "matches two waves, and there is one", "pass --against FILE");
  r.contrasts = o.contrasts == "first"      ? DomainContrasts::first
                : o.contrasts == "pairwise" ? DomainContrasts::pairwise
                                            : DomainContrasts::none;
  if (!o.versus_margins.empty()) {
    FileOptions other = o;
    other.margins = o.versus_margins;
    other.method = o.versus_method;
    other.options = o.versus_options;
    other.reference.clear();
    other.numeric_covariates.clear();
    other.bounds.clear();
    other.trim_at.clear();
    other.trim.reset();
    other.trim_lower.reset();
    other.trim_iqr.reset();
    other.trim_deff.reset();
    other.trim_rule.clear();
    r.versus = weigh_request(other, {});
    if (!o.bucketed.empty())
      throw UserError({}, "--versus-margins", "does not compare statistics of buckets",
                      "leave --bucketed out, or compare two calls");
  }
  r.replicate_columns = o.replicate_columns;
  r.replicate_constants = o.replicate_constants;
  if (o.replicate_columns.empty() != o.replicate_constants.empty())
    throw UserError({}, "--replicate-constants", "goes with --replicate-weights",
                    "give both, for instance --replicate-weights 'rep*' --replicate-constants "
                    "scale=0.005");
  r.interval = o.interval.empty() ? "linearization" : o.interval;
  EstimationOptions& e = r.estimation;
  if (r.interval == "woodruff") r.interval = "linearization";
  if (r.interval != "linearization") r.replicates = replicate_options(o, r.interval);
  const bool replicated = r.replicates || !r.replicate_columns.empty();
  if (!replicated && o.quantile_interval == "replicates")
    throw UserError({}, "--quantile-interval", "replicates needs replicates",
                    "pass --interval bootstrap or another replication method");
  e.quantiles = o.quantile_interval == "score"          ? QuantileInterval::score
                : o.quantile_interval == "score-survey" ? QuantileInterval::score_unweighted_rank
                : o.quantile_interval == "replicates" || (replicated && o.quantile_interval.empty())
                    ? QuantileInterval::replicates
                    : QuantileInterval::woodruff;
  e.level = o.level;
  e.df = o.df;
  e.rule = *parse_quantile_rule(o.quantile_rule);
  const auto scale = [](const std::string& name, const char* key) {
    const auto parsed = parse_proportion_interval(name);
    if (!parsed)
      throw UserError({}, key, "\"" + name + "\" is not an interval",
                      "there are: logit, mean, asin, beta, wilson, likelihood");
    return *parsed;
  };
  e.proportions = scale(o.proportion_interval, "--proportion-interval");
  e.woodruff = scale(o.woodruff_scale, "--quantile-scale");
  if (!o.deff.empty() && o.deff != "without" && o.deff != "replace" && o.deff != "true")
    throw UserError({}, "--deff", "\"" + o.deff + "\" is not without or replace",
                    "--deff compares with sampling without replacement, --deff=replace with");
  return r;
}

}  // namespace

int estimate_command(const EstimateOptions& o) {
  std::optional<OutputFile> output;
  if (!o.output.empty()) output.emplace(o.output, o.force ? Overwrite::replace : Overwrite::refuse);
  const FileEstimates e = estimate_file(request_of(o));
  std::size_t failed = 0;
  for (const FileEstimate& line : e.rows) {
    if (!line.row.failure) continue;
    if (++failed <= 20)
      fmt::print(stderr, "steelyard: {} of {}{}{}: {}\n", line.functional, line.variable,
                 line.domain.empty() ? "" : " in ", line.domain, line.row.failure->detail);
  }
  if (failed > 20) fmt::print(stderr, "steelyard: and {} more that have no answer\n", failed - 20);
  if (!o.quiet && !o.json)
    for (const std::string& note : e.notes) fmt::print(stderr, "note: {}\n", note);
  if (output) {
    write_file(output->staging(), as_csv(o, e));
    output->commit();
  }
  if (o.json)
    fmt::print("{}", as_json(o, e));
  else if (!output)
    fmt::print("{}", as_table(o, e));
  else if (!o.quiet)
    fmt::print("written: {} ({} estimates from {} rows{})\n", o.output, e.rows.size(), e.n,
               failed > 0 ? fmt::format(", {} without an answer", failed) : "");
  return failed == e.rows.size() ? 1 : 0;
}

}  // namespace steelyard
