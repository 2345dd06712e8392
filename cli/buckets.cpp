#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/above_zero.hpp"
#include "cli/file_commands.hpp"
#include "cli/progress.hpp"
#include "core/output.hpp"
#include "report/bucket_report.hpp"
#include "study/bucket_tables.hpp"
#include "study/parallel.hpp"
#include "study/unfold.hpp"

namespace steelyard {
namespace {

std::string number(double value) {
  if (std::isnan(value)) return "-";
  return std::abs(value) >= 1000 ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

std::string range(const BucketBound& bound) {
  return std::isinf(bound.upper) ? "at least " + number(bound.lower)
                                 : "from " + number(bound.lower) + " to " + number(bound.upper);
}

std::string with_error(double value, double se) {
  return std::isnan(se) ? number(value) : number(value) + " (" + fmt::format("{:.2g}", se) + ")";
}

std::string masses_text(const UnfoldedRecord& record) {
  if (!record.ok()) return "  turnbull: " + record.failure + "\n";
  std::string text = fmt::format(
      "  turnbull: {} innermost intervals, log-likelihood {:.6f}, {} EM steps, converged "
      "(conditions "
      "met to {:.0e})\n",
      record.masses.size(), record.log_likelihood, record.iterations, record.gradient);
  for (const UnfoldedRecord::Mass& mass : record.masses)
    text += fmt::format("  {:<22}{:>18}\n", range_of(mass),
                        mass.mass <= kZeroMass ? "0" : with_error(mass.mass, mass.se));
  for (const std::string& note : record.notes) text += "    " + note + "\n";
  return text;
}

/// For people: a block a table, a line a rule.
std::string as_text(std::span<const BucketCaseRecord> cases) {
  std::string text;
  for (const BucketCaseRecord& c : cases) {
    text += fmt::format("{}{}: {}, n = {}{}\n", text.empty() ? "" : "\n", c.name,
                        c.unfolded ? fmt::format("answers in {} brackets", c.turnbull->answers)
                                   : fmt::format("{} buckets", c.weights.size()),
                        number(c.n), c.known_mean ? ", known mean " + number(*c.known_mean) : "");
    if (c.turnbull) text += masses_text(*c.turnbull);
    if (c.rules.empty()) continue;
    if (!std::isnan(c.bounds[kMeanStatistic].lower))
      text += fmt::format("  {}: mean {}, median {}, Gini {}\n",
                          c.unfolded ? "given the masses, for certain" : "for certain",
                          range(c.bounds[kMeanStatistic]), range(c.bounds[kMedianStatistic]),
                          range(c.bounds[kGiniStatistic]));
    text += fmt::format("  {:<22}{:>18}{:>18}{:>20}{:>20}\n", "rule", "mean (se)", "median (se)",
                        "Gini (se)", "10 % to 90 %");
    for (const BucketRuleRecord& rule : c.rules) {
      if (!rule.ok()) {
        text += fmt::format("  {:<22}  {}\n", rule.rule, rule.failure);
        continue;
      }
      text += fmt::format("  {:<22}{:>18}{:>18}{:>20}{:>20}\n", rule.rule,
                          with_error(rule.value[kMeanStatistic], rule.se[kMeanStatistic]),
                          with_error(rule.value[kMedianStatistic], rule.se[kMedianStatistic]),
                          with_error(rule.value[kGiniStatistic], rule.se[kGiniStatistic]),
                          number(rule.value[5]) + " to " + number(rule.value[9]));
      for (const std::string& note : rule.notes) text += "    " + note + "\n";
    }
  }
  return text;
}

using nlohmann::ordered_json;

ordered_json finite(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json();
}

ordered_json masses_json(const UnfoldedRecord& record) {
  ordered_json json{{"status", record.ok() ? "ok" : record.failure}};
  if (!record.ok()) return json;
  json["log_likelihood"] = record.log_likelihood;
  json["gradient"] = record.gradient;
  json["iterations"] = record.iterations;
  json["masses"] = ordered_json::array();
  for (const UnfoldedRecord::Mass& mass : record.masses)
    json["masses"].push_back({{"lower", mass.lower},
                              {"upper", finite(mass.upper)},
                              {"mass", mass.mass},
                              {"se", finite(mass.se)}});
  if (!record.notes.empty()) json["notes"] = record.notes;
  return json;
}

std::string as_json(const BucketTablesRecord& record) {
  const auto list = [&](std::span<const double> values) {
    ordered_json out = ordered_json::array();
    for (double v : values) out.push_back(finite(v));
    return out;
  };
  ordered_json json{{"tables", record.file}, {"cases", ordered_json::array()}};
  for (const BucketCaseRecord& c : record.cases) {
    ordered_json one{{"case", c.name},
                     {"n", c.n},
                     {"known_mean", c.known_mean ? finite(*c.known_mean) : ordered_json()},
                     {"edges", list(c.edges)},
                     {"weights", list(c.weights)}};
    for (std::size_t s = 0; s < kBucketStatistics.size(); ++s)
      if (!std::isnan(c.bounds[s].lower))
        one["bounds"][std::string(kBucketStatistics[s])] = {finite(c.bounds[s].lower),
                                                            finite(c.bounds[s].upper)};
    if (c.turnbull) one["turnbull"] = masses_json(*c.turnbull);
    if (!std::isnan(c.gini_given_mean.lower))
      one["bounds"]["gini_given_mean"] = {finite(c.gini_given_mean.lower),
                                          finite(c.gini_given_mean.upper)};
    one["rules"] = ordered_json::array();
    for (const BucketRuleRecord& rule : c.rules) {
      ordered_json r{{"rule", rule.rule}, {"status", rule.ok() ? "ok" : rule.failure}};
      if (rule.ok())
        for (std::size_t s = 0; s < kBucketStatistics.size(); ++s) {
          r[std::string(kBucketStatistics[s])] = finite(rule.value[s]);
          if (!std::isnan(rule.se[s])) r["se"][std::string(kBucketStatistics[s])] = rule.se[s];
        }
      for (const auto& [name, value] : rule.found) r["found"][name] = finite(value);
      if (!rule.notes.empty()) r["notes"] = rule.notes;
      one["rules"].push_back(std::move(r));
    }
    json["cases"].push_back(std::move(one));
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

void add_buckets(CLI::App& app, BucketsOptions& o, int& code) {
  CLI::App* verb = app.add_subcommand(
      "buckets",
      "means, quantiles and inequality from your own tables of buckets, by any rule, with bounds");
  verb->add_option("tables", o.tables,
                   "CSV case,lo,hi,weight: one row a bucket, from the lowest up; hi = Inf: open; "
                   "weight: counts (or a column share, of sum 1 or 100)")
      ->required();
  verb->add_option("--meta", o.meta,
                   "CSV case,n,known_mean: observations behind each table (default: the sum of its "
                   "weights) and its mean where that is known; either may be empty");
  verb->add_option(
          "--rules", o.rules,
          "names, comma-separated (`steelyard list bucket-rules`); all; turnbull: masses of "
          "innermost intervals (without overlaps: the shares); or default: eight side by side, "
          "from midpoints to AVG_calibrated, because none is best everywhere, and two more where a "
          "mean is known")
      ->delimiter(',')
      ->default_str("default");
  verb->add_flag("--unfold", o.unfold,
                 "rows are answers in brackets that may overlap (unfolding brackets): the rules "
                 "take the maximum likelihood masses of the innermost intervals (Turnbull)");
  verb->add_flag("--no-errors", o.no_errors, "leave standard errors out (a few times faster)");
  verb->add_option("-o,--output", o.output,
                   "CSV to write: case,method,stat,value; default: a table here");
  verb->add_option("--report", o.report,
                   "HTML page: densities, the spread between rules, the bounds");
  verb->add_option("--threads", o.threads, "default: all cores")->check(above_zero());
  verb->add_flag("--json", o.json, "the answer as JSON");
  verb->add_flag("--force", o.force, "replace what exists at the outputs");
  verb->add_flag("--quiet", o.quiet, "no progress");
  verb->callback([&] { code = buckets_command(o); });
}

int buckets_command(const BucketsOptions& o) {
  const Overwrite overwrite = o.force ? Overwrite::replace : Overwrite::refuse;
  std::optional<OutputFile> output, page;
  if (!o.output.empty()) output.emplace(o.output, overwrite);
  if (!o.report.empty()) page.emplace(o.report, overwrite);
  const auto tables =
      read_bucket_tables(o.tables, o.meta, o.unfold ? Overlap::unfolded : Overlap::refused);
  BucketRequest request;
  request.rules = o.rules.empty() ? std::vector<std::string>{"default"} : o.rules;
  request.errors = !o.no_errors;
  request.densities = page.has_value();
  request.threads = thread_count(o.threads);
  Progress progress(o.quiet || tables.size() < 20 ? Progress::Mode::silent
                                                  : Progress::Mode::automatic);
  BucketTablesRecord record{o.tables, o.meta, STEELYARD_VERSION, {}};
  record.cases = run_bucket_rules(tables, request, [&](double f) {
    progress.update("tables", f, static_cast<double>(tables.size()), "tables");
  });
  progress.finish();
  if (output)
    write_file(output->staging(), [&, c = std::size_t{0}](std::string& text) mutable {
      if (c == 0) text += kBucketRowsHeader;
      if (c < record.cases.size()) append_bucket_rows(record.cases[c], text);
      return ++c < record.cases.size();
    });
  if (page) write_file(page->staging(), bucket_page(record));
  for (auto* file : {&output, &page})
    if (*file) (*file)->commit();
  std::size_t ok = 0, all = 0;
  for (const BucketCaseRecord& c : record.cases) {
    if (c.turnbull) {
      ++all;
      ok += c.turnbull->ok();
    }
    for (const BucketRuleRecord& rule : c.rules) {
      ++all;
      ok += rule.ok();
    }
  }
  if (o.json)
    fmt::print("{}", as_json(record));
  else if (!output && !page)
    fmt::print("{}", as_text(record.cases));
  else if (!o.quiet)
    fmt::print("written: {}{}{} ({} tables, {} rules{})\n", o.output, output && page ? ", " : "",
               o.report, record.cases.size(), record.cases[0].rules.size(),
               ok < all
                   ? fmt::format("; {} of {} fits have no answer: see their status", all - ok, all)
                   : "");
  return ok == 0 ? 1 : 0;
}

}  // namespace steelyard
