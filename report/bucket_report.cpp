#include "report/bucket_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/format.hpp"
#include "report/page.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kMostCases = 60;  ///< on one page
constexpr std::array<const char*, 8> kColours = {"#20639b", "#c0392b", "#16834a", "#8e44ad",
                                                 "#d68910", "#117a8b", "#7b241c", "#5c6675"};

std::string plain(double value) {
  if (std::isnan(value)) return "–";
  if (std::isinf(value)) return value > 0 ? "∞" : "−∞";
  return std::abs(value) >= 1000 ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

/// A round step that divides `span` into about `parts`.
double round_step(double span, int parts) {
  const double raw = span / parts, power = std::pow(10, std::floor(std::log10(raw)));
  for (double m : {1.0, 2.0, 5.0})
    if (raw <= m * power) return m * power;
  return 10 * power;
}

class BucketPage {
 public:
  explicit BucketPage(const BucketTablesRecord& record) : r_(record) {}

  std::string render() {
    const std::string title = "Buckets of " + escape_html(r_.file);
    html_ = page_start(title);
    const std::size_t shown = std::min(kMostCases, r_.cases.size());
    html_ += fmt::format(
        "<p class=soft>{} table{}{}{} · Steelyard {}</p><p>Rules differ in what they assume inside "
        "the buckets. The bounds are sharp: without assumptions a table says no more than that. "
        "Standard errors are those of sampling n persons, given the rule; the spread between rules "
        "is not in them and is often larger.</p>",
        r_.cases.size(), r_.cases.size() == 1 ? "" : "s",
        r_.meta_file.empty() ? "" : " · " + escape_html(r_.meta_file),
        shown < r_.cases.size() ? fmt::format(" · the first {} are shown", shown) : "",
        escape_html(r_.version));
    for (std::size_t k = 0; k < shown; ++k) one_case(r_.cases[k]);
    html_ += page_end();
    return std::move(html_);
  }

 private:
  void one_case(const BucketCaseRecord& c) {
    html_ += fmt::format("<h2>{}</h2><p class=soft>{} buckets, n = {}{}</p>", escape_html(c.name),
                         c.weights.size(), plain(c.n),
                         c.known_mean ? ", known mean " + plain(*c.known_mean) : "");
    if (c.turnbull) masses(*c.turnbull);
    if (c.rules.empty()) return;
    densities(c);
    for (std::size_t s : {kMeanStatistic, kMedianStatistic, kGiniStatistic}) spread(c, s);
    numbers(c);
  }

  /// Masses of innermost intervals, and what the likelihood leaves open.
  void masses(const UnfoldedRecord& unfolded) {
    html_ += "<h3>Turnbull masses of the innermost intervals</h3>";
    if (!unfolded.ok()) {
      html_ += "<p>" + escape_html(unfolded.failure) + "</p>";
      return;
    }
    html_ += fmt::format(
        "<p class=soft>{} brackets, log-likelihood {:.6f}, {} EM steps, first-order "
        "conditions met to {:.0e}</p>",
        unfolded.answers, unfolded.log_likelihood, unfolded.iterations, unfolded.gradient);
    for (const std::string& note : unfolded.notes) html_ += "<p>" + escape_html(note) + "</p>";
    html_ +=
        "<div class=scroll><table class=sortable><thead><tr><th class=n>from<th class=n>below<th "
        "class=n>mass<th class=n>se</thead><tbody>";
    for (const UnfoldedRecord::Mass& mass : unfolded.masses)
      html_ += fmt::format("<tr><td class=n>{}<td class=n>{}<td class=n>{}<td class=n>{}",
                           plain(mass.lower), plain(mass.upper), plain(mass.mass), plain(mass.se));
    html_ += "</tbody></table></div>";
  }

  /// Bars of share over width, and a line a rule.
  void densities(const BucketCaseRecord& c) {
    std::vector<const BucketRuleRecord*> drawn;
    for (const BucketRuleRecord& rule : c.rules)
      if (!rule.density.empty() && drawn.size() < kColours.size()) drawn.push_back(&rule);
    if (drawn.empty()) return;
    double sum = 0;
    for (double w : c.weights) sum += w;
    const double from = c.edges.front(), to = drawn[0]->density.back().first;
    double top = 0;
    std::vector<std::array<double, 3>> bars;
    for (std::size_t b = 0; b < c.weights.size(); ++b) {
      const double end = std::min(c.edges[b + 1], to);
      if (!(end > c.edges[b])) continue;
      bars.push_back({c.edges[b], end, c.weights[b] / sum / (end - c.edges[b])});
      if (std::isfinite(c.edges[b + 1])) top = std::max(top, bars.back()[2]);
    }
    top *= 1.3;  // peaks above that are cut, as infinite ones must be
    const double left = 20, width = 960, base = 300, height = 280;
    const auto x = [&](double v) { return left + width * (v - from) / (to - from); };
    const auto y = [&](double f) { return base - height * std::min(f, top) / top; };
    html_ += "<p class=key>";
    for (std::size_t k = 0; k < drawn.size(); ++k)
      html_ += fmt::format("<span><b style=\"color:{}\">━</b> {}</span>", kColours[k],
                           escape_html(drawn[k]->rule));
    html_ += "</p><div class=wide><svg class=chart viewBox=\"0 0 1000 340\" role=img>";
    for (const auto& [low, high, f] : bars)
      html_ += fmt::format(
          "<rect x={:.1f} width={:.1f} y={:.1f} height={:.1f} "
          "style=\"fill:#edf0f3;stroke:#cfd5dc\" "
          "/>",
          x(low), x(high) - x(low), y(f), base - y(f));
    for (std::size_t k = 0; k < drawn.size(); ++k) {
      std::string line;
      for (const auto& [at, f] : drawn[k]->density)
        line += fmt::format("{:.1f},{:.1f} ", x(at), y(f));
      html_ +=
          fmt::format("<polyline points=\"{}\" style=\"fill:none;stroke:{};stroke-width:1.8\" />",
                      line, kColours[k]);
    }
    const double step = round_step(to - from, 8);
    for (double v = std::ceil(from / step) * step; v <= to; v += step)
      html_ += fmt::format("<text class=tick x={:.1f} y=318>{}</text>", x(v), plain(v));
    html_ += "</svg></div>";
  }

  /// A dot and an error bar a rule, over the band of the bounds.
  void spread(const BucketCaseRecord& c, std::size_t s) {
    std::vector<const BucketRuleRecord*> rows;
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const BucketRuleRecord& rule : c.rules) {
      if (!rule.ok() || !std::isfinite(rule.value[s])) continue;
      const double reach = std::isfinite(rule.se[s]) ? 1.96 * rule.se[s] : 0;
      low = std::min(low, rule.value[s] - reach);
      high = std::max(high, rule.value[s] + reach);
      rows.push_back(&rule);
    }
    if (rows.empty()) return;
    const BucketBound bound = c.known(s);
    const double pad = std::max({0.08 * (high - low), 0.02 * std::abs(high), 1e-9});
    low -= pad;
    high += pad;
    const double left = 190, width = 780, line = 18;
    const double bottom = 10 + line * static_cast<double>(rows.size());
    const auto x = [&](double v) {
      return left + width * (std::clamp(v, low, high) - low) / (high - low);
    };
    html_ += fmt::format(
        "<h3>{}</h3><p class=soft>bounds: {} to {}{}</p><div class=wide><svg class=chart "
        "viewBox=\"0 0 1000 "
        "{:.0f}\" "
        "role=img>",
        s == kMeanStatistic   ? "Mean"
        : s == kGiniStatistic ? "Gini coefficient"
                              : "Median",
        plain(bound.lower), plain(bound.upper),
        bound.lower < low || bound.upper > high ? " (wider than the picture)" : "", bottom + 30);
    if (!std::isnan(bound.lower))
      html_ += fmt::format(
          "<rect x={:.1f} width={:.1f} y=4 height={:.1f} style=\"fill:#e8f3ec\"><title>bounds"
          "</title></rect>",
          x(bound.lower), x(bound.upper) - x(bound.lower), bottom - 4);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const double y = 16 + line * static_cast<double>(k), v = rows[k]->value[s];
      html_ += fmt::format("<text class=row x={:.0f} y={:.1f}>{}</text>", left - 8, y + 4,
                           escape_html(rows[k]->rule));
      if (std::isfinite(rows[k]->se[s]))
        html_ += fmt::format("<line class=est x1={:.1f} x2={:.1f} y1={:.1f} y2={:.1f} />",
                             x(v - 1.96 * rows[k]->se[s]), x(v + 1.96 * rows[k]->se[s]), y, y);
      html_ +=
          fmt::format("<circle class=est cx={:.1f} cy={:.1f} r=4><title>{}: {}</title></circle>",
                      x(v), y, escape_html(rows[k]->rule), plain(v));
    }
    const double step = round_step(high - low, 7);
    for (double v = std::ceil(low / step) * step; v <= high; v += step)
      html_ += fmt::format("<text class=tick x={:.1f} y={:.1f}>{}</text>", x(v), bottom + 18,
                           plain(std::abs(v) < step / 1e6 ? 0 : v));
    html_ += "</svg></div>";
  }

  void numbers(const BucketCaseRecord& c) {
    html_ +=
        "<div class=scroll><table class=sortable><thead><tr><th>rule<th class=n>mean<th "
        "class=n>se<th "
        "class=n>median<th class=n>se<th class=n>Gini<th class=n>se<th class=n>Theil<th class=n>10 "
        "%<th "
        "class=n>90 %<th>notes</thead><tbody>";
    for (const BucketRuleRecord& rule : c.rules) {
      html_ += "<tr><td>" + escape_html(rule.rule);
      if (!rule.ok()) {
        html_ += "<td colspan=9 class=soft>" + escape_html(rule.failure) + "<td>";
        continue;
      }
      const auto cell = [&](double v) { html_ += "<td class=n>" + plain(v); };
      for (std::size_t s : {kMeanStatistic, kMedianStatistic, kGiniStatistic}) {
        cell(rule.value[s]);
        cell(rule.se[s]);
      }
      cell(rule.value[3]);
      cell(rule.value[5]);
      cell(rule.value[9]);
      html_ += "<td>";
      for (std::size_t k = 0; k < rule.notes.size(); ++k)
        html_ += (k > 0 ? "; " : "") + escape_html(rule.notes[k]);
    }
    html_ += "</tbody></table></div>";
  }

  const BucketTablesRecord& r_;
  std::string html_;
};

}  // namespace

std::string bucket_page(const BucketTablesRecord& record) { return BucketPage(record).render(); }

}  // namespace steelyard
