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
                              {"effective_n", s.effective_n}};
  for (std::size_t k = 0; k < s.quantiles.size(); ++k)
    json["quantiles"][fmt::format("{:g}", kWeightProbabilities[k])] = s.quantiles[k];
  return json;
}

std::string margin_rows(const WeighingRecord& r) {
  std::vector<std::size_t> rows(r.margins.size());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  std::string text;
  if (rows.size() > kMostMargins) {
    std::stable_sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
      return std::abs(r.margins[a].smd_before) > std::abs(r.margins[b].smd_before);
    });
    rows.resize(kMostMargins / 2);
    text = fmt::format("the {} of {} levels that were farthest off (all: --report or --json)\n",
                       rows.size(), r.margins.size());
  }
  std::size_t width = 8;
  const auto name = [&](const MarginRecord& m) {
    return m.level.empty() ? m.margin : m.margin + "=" + m.level;
  };
  for (std::size_t k : rows) width = std::max(width, name(r.margins[k]).size());
  text += fmt::format("  {:<{}} {:>11} {:>14} {:>14} {:>14} {:>10} {:>8}\n", "margin", width,
                      "respondents", "target", "before", "after", "error", "smd was");
  for (std::size_t k : rows) {
    const MarginRecord& m = r.margins[k];
    text += fmt::format("  {:<{}} {:>11} {:>14} {:>14} {:>14} {:>10} {:>8}\n", name(m), width,
                        count(m.respondents), number(m.target), number(m.before), number(m.after),
                        fmt::format("{:.1e}", m.error), fmt::format("{:+.2f}", m.smd_before));
  }
  return text;
}

}  // namespace

std::string weighing_text(const WeighingRecord& r) {
  std::string text = fmt::format(
      "{}: {} respondents in {} distinct cells, population {}, {} iteration{}\n", r.method,
      count(r.n), count(r.cells), number(r.population), r.iterations, r.iterations == 1 ? "" : "s");
  if (!r.margins.empty()) {
    text += margin_rows(r);
    text += fmt::format("  largest margin error  {:.2e} of the population{}\n", r.largest_error,
                        r.largest_error_at.empty() ? "" : ", at " + r.largest_error_at);
  }
  text +=
      fmt::format("  weights               {} to {}, mean {}, sum {}\n", number(r.after.minimum),
                  number(r.after.maximum), number(r.after.mean), number(r.after.sum));
  text += fmt::format("  g = weight / base     {:.4g} to {:.4g}\n", r.g_minimum, r.g_maximum);
  text += fmt::format("  negative weights      {}; at a bound: {}\n", count(r.negative),
                      r.at_bounds == 0 ? "none" : count(r.at_bounds) + " cells");
  text +=
      fmt::format("  Kish design effect    {:.4f} (before {:.4f}); effective n {} of {}\n",
                  r.after.kish_deff, r.before.kish_deff, grouped(r.after.effective_n), count(r.n));
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
  for (const MarginRecord& m : r.margins)
    json["margins"].push_back({{"margin", m.margin},
                               {"level", m.level},
                               {"respondents", m.respondents},
                               {"target", m.target},
                               {"before", m.before},
                               {"after", m.after},
                               {"error", m.error},
                               {"smd_before", json_number(m.smd_before)},
                               {"smd_after", json_number(m.smd_after)}});
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
