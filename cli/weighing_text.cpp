#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "cli/file_commands.hpp"
#include "report/format.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kMostMargins = 50;

std::string count(std::size_t n) { return grouped(static_cast<double>(n)); }

std::string number(double value) {
  return std::abs(value) >= 1e5 ? grouped(value) : fmt::format("{:.5g}", value);
}

nlohmann::json json_number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
}

nlohmann::ordered_json spread_json(const WeightSpread& s) {
  nlohmann::ordered_json json{{"sum", s.sum},
                              {"min", s.minimum},
                              {"max", s.maximum},
                              {"mean", s.mean},
                              {"cv", s.cv},
                              {"kish_deff", s.kish_deff},
                              {"effective_n", s.effective_n},
                              {"largest_1_percent_share", s.top_share}};
  for (std::size_t k = 0; k < s.quantiles.size(); ++k)
    json["quantiles"][fmt::format("{:g}", kWeightProbabilities[k])] = s.quantiles[k];
  return json;
}

/// @param title  of the first column
/// @param met    the weighting meets the targets, so that differences afterwards need no column
std::string margin_rows(const std::vector<MarginRecord>& margins, const char* title, bool met) {
  std::vector<std::size_t> rows(margins.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  std::string text;
  if (rows.size() > kMostMargins) {
    std::stable_sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
      return std::abs(margins[a].smd_before) > std::abs(margins[b].smd_before);
    });
    rows.resize(kMostMargins / 2);
    text = fmt::format("the {} of {} levels that were farthest off (all: --report or --json)\n",
                       rows.size(), margins.size());
  }
  std::size_t width = 8;
  const auto name = [&](const MarginRecord& m) {
    return m.level.empty() ? m.margin : m.margin + "=" + m.level;
  };
  for (std::size_t k : rows) width = std::max(width, name(margins[k]).size());
  text += fmt::format("  {:<{}} {:>11} {:>14} {:>14} {:>14} {:>10} {:>8}{}\n", title, width,
                      "respondents", "target", "before", "after", "error", "smd was",
                      met ? "" : "   smd is");
  for (std::size_t k : rows) {
    const MarginRecord& m = margins[k];
    text += fmt::format("  {:<{}} {:>11} {:>14} {:>14} {:>14} {:>10} {:>8}{}\n", name(m), width,
                        count(m.respondents), number(m.target), number(m.before), number(m.after),
                        fmt::format("{:.1e}", m.error), fmt::format("{:+.2f}", m.smd_before),
                        met ? "" : fmt::format("{:>9}", fmt::format("{:+.2f}", m.smd_after)));
  }
  return text;
}

/// How the reference sample sees the respondents.
std::string participation_text(const WeighingRecord& r) {
  std::string text = margin_rows(r.covariates, "covariate", false);
  const ParticipationRecord& p = r.participation;
  if (!p.failure.empty())
    return text + "  participation         no logistic model on the covariates: " + p.failure +
           "\n";
  const auto range = [&](const std::vector<double>& q) {
    const std::size_t middle = q.size() / 2;
    return fmt::format("{:.3g} to {:.3g} (median {:.3g})", q.front(), q.back(), q[middle]);
  };
  text += fmt::format(
      "  participation         respondents {}; population {}; {:.2g} % of it below every "
      "respondent, {:.2g} % above\n",
      range(p.respondents), range(p.population), 100 * p.below, 100 * p.above);
  text += fmt::format(
      "  representativity      R {:.4f} (se {:.4f}); coefficient of variation {:.3f} (se {:.3f}): "
      "the most standard deviations by which these covariates can move an unweighted mean\n",
      p.r, p.r_se, p.cv, p.cv_se);
  text += "  of each alone        ";
  for (std::size_t k = 0; k < p.partial.size() && k < 8; ++k)
    text += fmt::format("{} {} {:.3f}", k == 0 ? "" : ",", p.partial[k].term, p.partial[k].cv);
  return text + (p.partial.size() > 8 ? ", ...\n" : "\n");
}

nlohmann::ordered_json margin_json(const MarginRecord& m) {
  return {{"margin", m.margin},
          {"level", m.level},
          {"respondents", m.respondents},
          {"target", m.target},
          {"before", m.before},
          {"after", m.after},
          {"error", m.error},
          {"smd_before", json_number(m.smd_before)},
          {"smd_after", json_number(m.smd_after)}};
}

nlohmann::ordered_json participation_json(const WeighingRecord& r) {
  const ParticipationRecord& p = r.participation;
  nlohmann::ordered_json json{{"reference", r.reference_file}};
  for (const MarginRecord& m : r.covariates) json["covariates"].push_back(margin_json(m));
  if (!p.failure.empty()) {
    json["failure"] = p.failure;
    return json;
  }
  for (std::size_t k = 0; k < p.probabilities.size(); ++k) {
    const std::string at = fmt::format("{:g}", p.probabilities[k]);
    json["propensity_quantiles"]["respondents"][at] = p.respondents[k];
    json["propensity_quantiles"]["population"][at] = p.population[k];
  }
  json["population_below_respondents"] = p.below;
  json["population_above_respondents"] = p.above;
  json["mean_propensity"] = p.mean;
  json["r_indicator"] = p.r;
  json["r_indicator_se"] = json_number(p.r_se);
  json["cv"] = p.cv;
  json["cv_se"] = json_number(p.cv_se);
  for (const auto& part : p.partial) json["partial_cv"][part.term] = part.cv;
  return json;
}

}  // namespace

std::string weighing_text(const WeighingRecord& r) {
  std::string text = fmt::format(
      "{}: {} respondents in {} distinct cells, population {}, {} iteration{}\n", r.method,
      count(r.n), count(r.cells), number(r.population), r.iterations, r.iterations == 1 ? "" : "s");
  if (!r.margins.empty()) {
    text += margin_rows(r.margins, "margin", true);
    text += fmt::format("  largest margin error  {:.2e} of the population{}\n", r.largest_error,
                        r.largest_error_at.empty() ? "" : ", at " + r.largest_error_at);
  }
  if (!r.reference_file.empty()) text += participation_text(r);
  text +=
      fmt::format("  weights               {} to {}, mean {}, sum {}\n", number(r.after.minimum),
                  number(r.after.maximum), number(r.after.mean), number(r.after.sum));
  text += fmt::format("  g = weight / base     {:.4g} to {:.4g}\n", r.g_minimum, r.g_maximum);
  text += fmt::format("  negative weights      {}; at a bound: {}\n", count(r.negative),
                      r.at_bounds == 0 ? "none" : count(r.at_bounds) + " cells");
  text +=
      fmt::format("  Kish design effect    {:.4f} (before {:.4f}); effective n {} of {}\n",
                  r.after.kish_deff, r.before.kish_deff, grouped(r.after.effective_n), count(r.n));
  text += fmt::format("  largest 1 % hold      {:.2f} % of all weight\n", 100 * r.after.top_share);
  if (!r.respondents.empty()) {
    const RespondentRecord& top = r.respondents[0];
    text += fmt::format(
        "  most influential row  {}: {:.2f} % of all weight{} ({})\n", top.row,
        100 * top.weight_share,
        std::isnan(top.leverage) ? "" : fmt::format(", leverage {:.3f}", top.leverage), top.cell);
  }
  for (const std::string& note : r.notes) text += "  note: " + note + "\n";
  return text;
}

std::string weighing_json(const WeighingRecord& r) {
  nlohmann::ordered_json json{{"data", r.data},
                              {"margins_file", r.margins_file},
                              {"method", r.method},
                              {"base", r.base},
                              {"options", r.options},
                              {"version", r.version},
                              {"rows", r.rows},
                              {"n", r.n},
                              {"cells", r.cells},
                              {"population", r.population},
                              {"iterations", r.iterations},
                              {"largest_error", r.largest_error},
                              {"largest_error_at", r.largest_error_at},
                              {"g_min", r.g_minimum},
                              {"g_max", r.g_maximum},
                              {"negative", r.negative},
                              {"zero", r.zero},
                              {"at_bounds", r.at_bounds},
                              {"before", spread_json(r.before)},
                              {"after", spread_json(r.after)},
                              {"notes", r.notes}};
  for (const MarginRecord& m : r.margins) json["margins"].push_back(margin_json(m));
  if (!r.reference_file.empty()) json["participation"] = participation_json(r);
  for (const CellRecord& c : r.worst_cells)
    json["worst_cells"].push_back({{"cell", c.cell},
                                   {"respondents", c.respondents},
                                   {"g", c.g},
                                   {"weight", c.weight},
                                   {"weight_share", c.weight_share}});
  for (const RespondentRecord& p : r.respondents)
    json["influential"].push_back({{"row", p.row},
                                   {"cell", p.cell},
                                   {"weight", p.weight},
                                   {"weight_share", p.weight_share},
                                   {"leverage", json_number(p.leverage)}});
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace steelyard
