#include <cmath>

#include "cli/above_zero.hpp"
#include "cli/file_commands.hpp"

namespace steelyard {

void add_questions(CLI::App* verb, EstimateOptions& o) {
  const auto list = [&](const char* name, std::vector<std::string>& to, const char* help) {
    return verb->add_option(name, to, help)->allow_extra_args(false);
  };
  CLI::Option* index =
      list("--index", o.indices,
           "column:level=score,level=score,...: diffusion index 50 + 50 × mean score, with the "
           "probability that it is above no change; answers with a score of none, or without one, "
           "are left out and counted; quote a level with a comma");
  verb->add_option("--index-form", o.index_form,
                   "mean (50 + 50 × mean score; no change: 50) or balance (100 × mean score; 0)")
      ->needs(index)
      ->check(CLI::IsMember({"mean", "balance"}))
      ->capture_default_str();
  verb->add_option("--index-interval", o.index_interval,
                   "limits of an index: logit (t interval on the logit scale of its range, which "
                   "it cannot leave), wilson, dirichlet, or t (index ± t se; may leave the range)")
      ->needs(index)
      ->check(CLI::IsMember({"logit", "wilson", "dirichlet", "t"}))
      ->capture_default_str();
  list("--index-change", o.index_changes,
       "a,b: index b minus index a of the same persons, for instance current,expected")
      ->needs(index);
  CLI::Option* power =
      verb->add_option("--power-of", o.power_of,
                       "a change of the index: the power of its two-sided test between two waves "
                       "with this file's variance, and the change found with 80 % power")
          ->needs(index);
  verb->add_option("--overlap", o.overlap,
                   "correlation of the two waves' indices for --power-of: the share of persons in "
                   "both times the correlation of their answers")
      ->needs(power)
      ->check(CLI::Range(0.0, 0.999))
      ->capture_default_str();
  CLI::Option* quantified =
      list("--carlson-parkin", o.carlson_parkin,
           "column:up=level|level,same=level,down=level|level: mean and spread of expected rates");
  verb->add_option("--delta", o.delta,
                   "its threshold: rates within ± delta are answered \"same\"; 1: rates in "
                   "thresholds")
      ->needs(quantified)
      ->check(above_zero())
      ->capture_default_str();
  verb->add_option("--law", o.law, "its law of rates over persons: normal, logistic or uniform")
      ->needs(quantified)
      ->check(CLI::IsMember({"normal", "logistic", "uniform"}))
      ->capture_default_str();
  CLI::Option* bucketed =
      list("--bucketed", o.bucketed,
           "column:rule: mean, quantiles (--probs), Gini and Theil coefficient of a column whose "
           "levels are buckets (0-2000, 20000+); rules: `steelyard list bucket-rules`");
  list("--known-mean", o.known_means,
       "column=mean: the overall mean, for rules that need it; taken as known, without error")
      ->needs(bucketed);
  CLI::Option* levels =
      list("--levels", o.bucket_levels,
           "column=level,level,...: which levels of a column of --bucketed, --interval-regression "
           "or --impute are buckets (others are left out), with --edges from the lowest bucket up");
  list("--edges", o.bucket_edges,
       "column=0,2000,...,inf: where the buckets of --levels start, and where the last one ends")
      ->needs(levels);
  list("--interval-regression", o.regressed,
       "column: regression of a column answered in buckets on --covariates, by maximum likelihood; "
       "coefficients, sigma, log-likelihood, in every domain of --by");
  CLI::Option* impute =
      list("--impute", o.imputed,
           "column: multiple imputation inside its buckets, by interval regression on "
           "--covariates; --impute-statistics pooled by Rubin's rules; needs --seed");
  verb->add_option("--covariates", o.covariates,
                   "columns that they are regressed on: numbers, or levels against the first one; "
                   "column=level: levels against this one, also where they are numbers")
      ->delimiter(',');
  verb->add_option("--regression-scale", o.regression_scale,
                   "normal errors on this scale of the amounts: log or identity")
      ->check(CLI::IsMember({"log", "identity"}))
      ->capture_default_str();
  verb->add_option("--imputations", o.imputations, "how many")
      ->needs(impute)
      ->check(above_zero())
      ->capture_default_str();
  verb->add_option("--impute-statistics", o.impute_statistics,
                   "mean, median, gini, and quantiles such as q10 (the 10th percentile)")
      ->delimiter(',')
      ->needs(impute)
      ->capture_default_str();
}

IndexRequest index_request(const EstimateOptions& o) {
  IndexRequest r;
  r.indices = o.indices;
  r.changes = o.index_changes;
  r.net_balance = o.index_form == "balance";
  r.interval = o.index_interval == "t"           ? IndexInterval::t
               : o.index_interval == "wilson"    ? IndexInterval::wilson
               : o.index_interval == "dirichlet" ? IndexInterval::dirichlet
                                                 : IndexInterval::logit;
  r.carlson_parkin = o.carlson_parkin;
  r.threshold = o.delta;
  r.law.kind = o.law == "logistic"  ? PerceptionLaw::Kind::logistic
               : o.law == "uniform" ? PerceptionLaw::Kind::uniform
                                    : PerceptionLaw::Kind::normal;
  if (o.power_of && (*o.power_of == 0 || !std::isfinite(*o.power_of)))
    throw UserError({}, "--power-of", "is a change that the test is to find, so it is not 0",
                    "for instance --power-of 2");
  r.power_of = o.power_of;
  r.overlap = o.overlap;
  return r;
}

BucketedRequest bucketed_request(const EstimateOptions& o) {
  if (!o.known_means.empty() && !o.by.empty())
    throw UserError({}, "--known-mean", "is that of everybody, and --by has domains",
                    "leave one of them out, or choose a rule that needs no mean");
  if (!o.known_means.empty() && !o.against.empty())
    throw UserError({}, "--known-mean", "is that of one wave, and --against has another",
                    "leave one of them out, or choose a rule that needs no mean");
  return {o.bucketed, o.bucket_edges, o.bucket_levels, o.known_means};
}

RegressionRequest regression_request(const EstimateOptions& o) {
  RegressionRequest r;
  r.regressed = o.regressed;
  r.imputed = o.imputed;
  // With a reference sample they are also, or only, those of the weighting.
  if (o.reference.empty() || !o.regressed.empty() || !o.imputed.empty())
    r.covariates = o.covariates;
  r.scale = o.regression_scale == "identity" ? IntervalScale::identity : IntervalScale::logarithm;
  r.imputations = o.imputations;
  r.statistics = o.impute_statistics;
  if (o.seed) r.seed = Seed{*o.seed};
  return r;
}

}  // namespace steelyard
