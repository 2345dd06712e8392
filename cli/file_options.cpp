#include <fmt/format.h>

#include <algorithm>

#include "cli/above_zero.hpp"
#include "cli/file_commands.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

void add_shared(CLI::App* verb, FileOptions& o) {
  verb->add_option("data", o.data,
                   "CSV (plain or gzip, UTF-8, a header), or a sample in HDF5 that draw wrote")
      ->required();
  verb->add_option("--method", o.method, "a weighting: see `steelyard list weightings`")
      ->capture_default_str();
  verb->add_option("--bounds", o.bounds,
                   "L,U: smallest and largest weight / base weight, for instance 0.3,3")
      ->delimiter(',')
      ->expected(2);
  verb->add_option("--trim", o.trim, "cap of the weights, as a multiple of their mean");
  verb->add_option("--trim-lower", o.trim_lower, "floor, as a multiple of their mean");
  verb->add_option("--trim-iqr", o.trim_iqr, "cap at median + this × interquartile range");
  verb->add_option("--trim-deff", o.trim_deff, "cap that brings Kish's design effect down to this");
  verb->add_option("--trim-at", o.trim_at, "L,U: floor and cap in units of weight")
      ->delimiter(',')
      ->expected(2);
  verb->add_option("--trim-rule", o.trim_rule,
                   "strict, once, truncate or calibrated: what becomes of what is cut off");
  verb->add_option("-O,--option", o.options,
                   "key=value: any other option of the method, see `steelyard describe METHOD`")
      ->allow_extra_args(false);
  verb->add_option("--ordered", o.ordered,
                   "margin variables whose levels are in order (collapsing merges neighbours)")
      ->delimiter(',');
  verb->add_option("--population", o.population,
                   "size of the population, for margins in shares; default: the margins in "
                   "counts, else the base weights")
      ->check(above_zero());
  verb->add_flag("--rescale", o.rescale,
                 "bring margins whose counts do not sum alike to one population");
  verb->add_option("--missing", o.missing,
                   "rows without an answer to a margin variable: error; drop (weight 0); category "
                   "(a level of its own that keeps its share); impute (from a row alike in the "
                   "others, at random: needs --seed)")
      ->check(CLI::IsMember({"error", "drop", "category", "impute"}))
      ->capture_default_str();
  CLI::Option* reference = verb->add_option(
      "--reference", o.reference,
      "CSV of a probability sample of the same population that was asked the --covariates too; for "
      "methods that take covariates: ipw, cbps, kw (kernel_weighting), ev (elliott_valliant), "
      "matching, mi (mass_imputation), dr (doubly_robust), and for estimates mrp. With --margins "
      "the weights are then "
      "raked to them");
  reference->needs(
      verb->add_option("--reference-weights", o.reference_weights, "its column of design weights")
          ->needs(reference));
  verb->add_option("--reference-strata", o.reference_strata, "its column of strata")
      ->needs(reference);
  verb->add_option("--reference-cluster", o.reference_clusters, "its column of primary units")
      ->needs(reference);
  CLI::Option* replicates =
      verb->add_option("--reference-replicate-weights", o.reference_replicates,
                       "its columns of replicate weights, a prefix and a star: how it is drawn "
                       "again in replicates, in place of strata and primary units")
          ->needs(reference);
  CLI::Option* constants =
      verb->add_option("--reference-replicate-constants", o.reference_constants,
                       "theirs: scale=...,mse=true,df=...,factors=true, or a JSON file")
          ->needs(reference);
  replicates->needs(constants);
  constants->needs(replicates);
  verb->add_option("--numeric", o.numeric_covariates, "those of the --covariates that are numbers")
      ->delimiter(',')
      ->needs(reference);
  verb->add_option("--strata", o.strata, "column of strata");
  verb->add_option("--cluster", o.clusters,
                   "columns of clusters by stage; numbered within the stage before")
      ->delimiter(',');
  verb->add_option("--fpc", o.fpc, "columns of population sizes by stage, or of sampling fractions")
      ->delimiter(',');
  CLI::Option* pps = verb->add_option(
      "--pps", o.pps,
      "primary units were drawn with unequal probabilities: brewer, overton, hartley_rao, poisson, "
      "or with --joint yates_grundy, horvitz_thompson");
  CLI::Option* probabilities =
      verb->add_option("--probabilities", o.probabilities, "column of inclusion probabilities");
  pps->needs(probabilities);
  probabilities->needs(pps);
  verb->add_option("--joint", o.joint,
                   "CSV of joint inclusion probabilities: a header, then a row and a column for "
                   "each primary unit in the order of the file")
      ->needs(pps);
  verb->add_option("--lonely-psu", o.lonely,
                   "a stratum with one primary unit: fail, certainty (adds nothing), adjust "
                   "(distance from the mean of all units) or average (as the other strata)")
      ->check(CLI::IsMember({"fail", "certainty", "adjust", "average"}))
      ->capture_default_str();
  verb->add_option("--replicates", o.replicates,
                   "replicates of a bootstrap, or groups of random groups")
      ->check(above_zero());
  verb->add_option("--seed", o.seed, "seed of all random numbers; required where any are drawn");
  verb->add_option("--rho", o.rho, "of Fay's method")
      ->check(CLI::Range(0.0, 0.999))
      ->capture_default_str();
  verb->add_flag("--mse", o.mse,
                 "replicates: deviations from the full estimate, not from their mean");
  verb->add_option("--threads", o.threads, "default: all cores; results do not depend on it")
      ->check(above_zero());
  verb->add_flag("--json", o.json, "the answer as JSON");
  verb->add_flag("--force", o.force, "replace what exists at the outputs");
  verb->add_flag("--quiet", o.quiet, "no notes");
}

std::string number_list(const std::vector<double>& values) {
  std::string text = "[";
  for (double v : values) text += (text.size() > 1 ? ", " : "") + shortest(v);
  return text + "]";
}

std::string unquoted(const std::string& text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

void add_weigh(CLI::App& app, WeighOptions& o, int& code) {
  CLI::App* verb = app.add_subcommand(
      "weigh", "weights for your own file, from margins; with what the weighting did to it");
  add_shared(verb, o);
  verb->add_option("--margins", o.margins,
                   "CSV variable,level,target: counts or shares; several variables joined with *; "
                   "a number's total has no level; the variable 1 is the population");
  verb->add_option("--covariates", o.weight_covariates,
                   "columns of the data and of the --reference that the propensity or outcome "
                   "model is made of")
      ->delimiter(',');
  verb->add_option("--base", o.base, "column of base weights");
  verb->add_option("-o,--output", o.output,
                   "the file of weights to write, a row a row: row (or the --id), weight, "
                   "replicate weights");
  verb->add_option("--id", o.id, "column that names the rows in the output");
  verb->add_flag("--append", o.append, "write all columns of the data, then the weights");
  verb->add_option("--weight-column", o.weight_column, "its title")->capture_default_str();
  verb->add_option("--replicate-weights", o.replicate_method,
                   "also write replicate weights, weighted anew in each: " +
                       std::string(replicate_method_names()));
  verb->add_option("--report", o.report, "HTML page: margins before and after, weights, cells");
  verb->callback([&] { code = weigh_command(o); });
}

void add_estimate(CLI::App& app, EstimateOptions& o, int& code) {
  CLI::App* verb = app.add_subcommand(
      "estimate",
      "means, totals, proportions, ratios, quantiles, Gini coefficients and indices of your own "
      "file, with standard errors that know its design and weighting");
  add_shared(verb, o);
  verb->add_option("--weights", o.weights,
                   "column of weights (with --margins: base weights), or the file that weigh "
                   "wrote for the same rows");
  verb->add_option("--margins", o.margins, "weigh first, from these margins: see `weigh --help`");
  const auto list = [&](const char* name, std::vector<std::string>& to, const char* help) {
    verb->add_option(name, to, help)->delimiter(',');
  };
  list("--mean", o.means, "columns, comma-separated");
  list("--total", o.totals, "columns");
  list("--proportion", o.proportions, "columns: the share of every level");
  list("--ratio", o.ratios, "numerator/denominator, columns");
  list("--quantile", o.quantiles, "columns; with --probs");
  list("--gini", o.ginis, "columns");
  list("--by", o.by, "columns whose combinations are domains");
  verb->add_option("--multiple", o.multiple,
                   "name=item,item,...: a question with several answers, one 0/1 column each: "
                   "shares of respondents and of mentions")
      ->allow_extra_args(false);
  verb->add_option("--crosstab", o.crosstabs,
                   "a*b: counts, shares, and Rao-Scott and Wald tests of independence")
      ->allow_extra_args(false);
  add_questions(verb, o);
  verb->add_flag("--bias-indices", o.bias_indices,
                 "how far selection on the answer itself could move each mean (MUB, SMUB) and "
                 "share (MUBP), from none (phi=0) to nothing else (phi=1); of the respondents' "
                 "unweighted estimate");
  verb->add_option("--turns-at", o.turns_at,
                   "name=number, where a conclusion turns: how strong that selection must be for "
                   "the estimate to be this (phi; data defect correlation; odds ratio of taking "
                   "part a standard deviation)")
      ->allow_extra_args(false);
  verb->add_option("--contrasts", o.contrasts,
                   "differences between the domains of --by: each from the first, or pairwise")
      ->check(CLI::IsMember({"first", "pairwise"}));
  verb->add_option("--against", o.against,
                   "an earlier wave's file, with the same columns: changes since then");
  verb->add_option("--unit", o.unit,
                   "column of ids that both waves share (overlapping samples); default: "
                   "independent samples");
  CLI::Option* versus = verb->add_option(
      "--versus-margins", o.versus_margins,
      "margins of another weighting of the same rows: paired differences between the two");
  verb->add_option("--versus-method", o.versus_method, "its method")
      ->needs(versus)
      ->capture_default_str();
  verb->add_option("--versus-option", o.versus_options, "its options, key=value")
      ->needs(versus)
      ->allow_extra_args(false);
  verb->add_option("--probs", o.probabilities, "of the quantiles; default 0.5")
      ->delimiter(',')
      ->check(CLI::Range(0.0, 1.0));
  verb->add_option("--interval", o.interval,
                   "how standard errors are made: linearization (woodruff is the same), or "
                   "replicates, weighted anew in each: " +
                       std::string(replicate_method_names()))
      ->default_str("linearization");
  verb->add_option("--replicate-weights", o.replicate_columns,
                   "columns of given replicate weights: a prefix and a star, for instance rep*");
  verb->add_option("--replicate-constants", o.replicate_constants,
                   "scale=...,mse=true,df=...,factors=true, or the JSON file that weigh wrote");
  verb->add_option("--proportion-interval", o.proportion_interval,
                   "logit, mean (p ± t se), asin, beta (Korn & Graubard), wilson or likelihood")
      ->capture_default_str();
  verb->add_option("--quantile-rule", o.quantile_rule,
                   "math (smallest x with F(x) >= p), school (midway on a step) or hf7")
      ->check(CLI::IsMember({"math", "school", "hf7"}))
      ->capture_default_str();
  verb->add_option("--quantile-interval", o.quantile_interval,
                   "woodruff (interval of F inverted; default with linearization), replicates "
                   "(their quantiles; default with replicates), score (Francisco-Fuller), or "
                   "score-survey (its ends read off as R's survey does)")
      ->check(CLI::IsMember({"woodruff", "replicates", "score", "score-survey"}));
  verb->add_option("--quantile-scale", o.woodruff_scale,
                   "scale of the interval of F that is inverted: mean, logit, asin or beta")
      ->capture_default_str();
  verb->add_option("--level", o.level, "confidence")
      ->check(CLI::Range(0.5, 0.9999))
      ->capture_default_str();
  verb->add_option("--df", o.df, "degrees of freedom, instead of the design's")
      ->check(above_zero());
  verb->add_option("--deff", o.deff,
                   "fill the column deff: against sampling without replacement, or, with "
                   "--deff=replace, with")
      ->expected(0, 1)
      ->default_str("without");
  verb->add_option("-o,--output", o.output, "CSV to write; default: a table here");
  verb->callback([&] { code = estimate_command(o); });
}

WeighRequest weigh_request(const FileOptions& o, const std::string& base) {
  WeighRequest r;
  r.data = o.data;
  r.margins = o.margins;
  r.method = o.method;
  r.base = base;
  r.ordered = o.ordered;
  r.population = o.population;
  r.rescale = o.rescale;
  r.missing = *parse_missing_rule(o.missing);
  if (o.seed) r.seed = Seed{*o.seed};
  r.threads = thread_count(o.threads);
  r.options = o.options;
  r.reference = {
      o.reference,         o.reference_weights,  o.reference_strata,     o.reference_clusters,
      o.weight_covariates, o.numeric_covariates, o.reference_replicates, o.reference_constants};
  if (!o.reference.empty() && o.weight_covariates.empty())
    throw UserError({}, "--reference", "has no covariates",
                    "pass --covariates a,b,c: columns of both files");
  if (o.reference.empty() && !o.weight_covariates.empty())
    throw UserError({}, "--covariates", "need a reference sample",
                    "pass --reference FILE --reference-weights COLUMN");
  for (const std::string& name : o.numeric_covariates)
    if (std::find(o.weight_covariates.begin(), o.weight_covariates.end(), name) ==
        o.weight_covariates.end())
      throw UserError({}, "--numeric", "\"" + name + "\" is not among the --covariates",
                      suggestion(name, o.weight_covariates));
  if (o.margins.empty() && o.reference.empty())
    throw UserError({}, "--margins", "is missing",
                    "pass --margins FILE, or --reference FILE with --covariates");
  if (!o.bounds.empty()) r.options.push_back("bounds=" + number_list(o.bounds));
  const auto trim = [&](const char* key, const std::optional<double>& value) {
    if (value) r.options.push_back(std::string(key) + "=" + shortest(*value));
  };
  trim("trim", o.trim);
  trim("trim_lower", o.trim_lower);
  trim("trim_iqr", o.trim_iqr);
  trim("trim_deff", o.trim_deff);
  if (!o.trim_at.empty()) r.options.push_back("trim_at=" + number_list(o.trim_at));
  if (!o.trim_rule.empty()) r.options.push_back("trim_rule=\"" + o.trim_rule + "\"");
  for (const std::string& option : o.options)
    if (option.starts_with("outcome=")) r.also.push_back(unquoted(option.substr(8)));
  for (const std::string& option : o.options)
    if (option.starts_with("equal_within_clusters")) {
      r.clusters = o.clusters;
      r.strata = o.strata;
      if (r.clusters.empty())
        throw UserError({}, "-O " + option, "needs clusters", "pass --cluster COLUMN");
    }
  return r;
}

FileDesign file_design(const FileOptions& o) {
  FileDesign d;
  d.strata = o.strata;
  d.clusters = o.clusters;
  d.fpc = o.fpc;
  d.pps = o.pps;
  d.probabilities = o.probabilities;
  d.joint = o.joint;
  d.lonely = o.lonely == "certainty" ? LonelyPsu::certainty
             : o.lonely == "adjust"  ? LonelyPsu::adjust
             : o.lonely == "average" ? LonelyPsu::average
                                     : LonelyPsu::fail;
  return d;
}

ReplicateOptions replicate_options(const FileOptions& o, const std::string& method) {
  const auto parsed = parse_replicate_method(method);
  if (!parsed) {
    const auto names = split(replicate_method_names(), ", ");
    const std::string nearest = suggestion(method, names);
    throw UserError(
        {}, {}, "\"" + method + "\" is not a replication method",
        nearest.empty() ? "there are: " + std::string(replicate_method_names()) : nearest);
  }
  ReplicateOptions r;
  r.method = *parsed;
  r.replicates = o.replicates;
  if (o.seed) r.seed = Seed{*o.seed};
  r.rho = o.rho;
  r.mse = o.mse;
  return r;
}

}  // namespace steelyard
