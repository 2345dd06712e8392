#include "report/weighing_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/format.hpp"
#include "report/page.hpp"

namespace steelyard {
namespace {

/// Large numbers whole, others with five digits.
std::string number(double value) {
  return std::abs(value) < 1e4 ? fmt::format("{:.5g}", value) : grouped(value);
}

class WeighingPage {
 public:
  explicit WeighingPage(const WeighingRecord& record) : r_(record) {}

  std::string render() {
    const std::string title = "Weighting of " + escape_html(r_.data);
    html_ = page_start(title);
    opening();
    histogram();
    if (!r_.margins.empty()) {
      balance("Balance", "the population", r_.margins);
      margins("Margins", r_.margins);
    }
    if (!r_.reference_file.empty()) {
      balance("Balance of the covariates", "the reference sample's population", r_.covariates);
      margins("Covariates in the reference sample", r_.covariates);
      participation();
    }
    cells();
    respondents();
    html_ += page_end();
    return std::move(html_);
  }

 private:
  void figure(const char* name, const std::string& value, bool warn = false) {
    html_ += fmt::format("<tr><td>{}<td class=\"n{}\">{}", name, warn ? " warn" : "", value);
  }

  void opening() {
    std::string options;
    for (const std::string& option : r_.options) options += ", " + escape_html(option);
    html_ += fmt::format(
        "<p class=soft>{}{} · {}: {} · base weights: {} · Steelyard {}</p><table "
        "style=\"max-width:640px\"><tbody>",
        escape_html(r_.method), options, r_.margins.empty() ? "reference sample" : "margins",
        escape_html(r_.margins.empty() ? r_.reference_file : r_.margins_file),
        r_.base.empty() ? "all alike" : escape_html(r_.base), escape_html(r_.version));
    figure("respondents weighted, of rows in the file",
           number(static_cast<double>(r_.n)) + " of " + number(static_cast<double>(r_.rows)));
    figure("population", number(r_.population));
    if (!r_.margins.empty())
      figure(
          "largest margin error, of the population",
          fmt::format("{:.2e}{}", r_.largest_error,
                      r_.largest_error_at.empty() ? "" : " at " + escape_html(r_.largest_error_at)),
          r_.largest_error > 1e-6);
    figure("g = weight / base weight", fmt::format("{:.4g} to {:.4g}", r_.g_minimum, r_.g_maximum));
    figure("weights", number(r_.after.minimum) + " to " + number(r_.after.maximum));
    figure("negative weights", number(static_cast<double>(r_.negative)), r_.negative > 0);
    figure("cells with a weight at a bound", number(static_cast<double>(r_.at_bounds)));
    figure("Kish's design effect, before and after",
           fmt::format("{:.4f}, {:.4f}", r_.before.kish_deff, r_.after.kish_deff));
    figure("effective n", number(r_.after.effective_n));
    figure("share of all weight that the largest 1 % hold",
           fmt::format("{:.2f} %", 100 * r_.after.top_share));
    figure("iterations", std::to_string(r_.iterations));
    html_ += "</tbody></table>";
    if (!r_.notes.empty()) html_ += "<ul>";
    for (const std::string& note : r_.notes) html_ += "<li>" + escape_html(note);
    if (!r_.notes.empty()) html_ += "</ul>";
  }

  /// Bars of the weights after, outline of those before.
  void histogram() {
    if (r_.histogram.empty()) return;
    html_ +=
        "<h2>Weights</h2><p class=key><span><b style=\"color:var(--est)\">■</b> after</span>"
        "<span><b style=\"color:var(--smp)\">▁</b> before</span> in multiples of their mean; the "
        "last bar holds all that are larger. Height: square root of the number of "
        "respondents.</p>";
    std::size_t most = 1;
    for (const HistogramBin& b : r_.histogram) most = std::max({most, b.before, b.after});
    const double top = 14, height = 220, left = 56, width = 760;
    const double step = width / static_cast<double>(r_.histogram.size());
    const auto y = [&](std::size_t count) {
      return top + height * (1 - std::sqrt(static_cast<double>(count) / static_cast<double>(most)));
    };
    html_ += "<div class=wide><svg class=chart viewBox=\"0 0 840 276\" role=img>";
    for (double share : {0.0, 0.01, 0.1, 0.25, 0.5, 1.0}) {
      const auto count = static_cast<std::size_t>(share * static_cast<double>(most));
      html_ += fmt::format(
          "<line class=grid x1={0:.0f} x2={1:.0f} y1={2:.1f} y2={2:.1f} /><text class=row "
          "x={3:.0f} y={4:.1f}>{5}</text>",
          left, left + width, y(count), left - 6, y(count) + 4, number(static_cast<double>(count)));
    }
    for (std::size_t k = 0; k < r_.histogram.size(); ++k) {
      const HistogramBin& b = r_.histogram[k];
      const double x = left + step * static_cast<double>(k);
      html_ += fmt::format(
          "<rect x={:.1f} width={:.1f} y={:.1f} height={:.1f} style=\"fill:var(--est)\"><title>"
          "{:.2f} to {:.2f}: {} before, {} after</title></rect>",
          x + 1, step - 2, y(b.after), top + height - y(b.after), b.lower, b.upper, b.before,
          b.after);
      if (b.before > 0)
        html_ += fmt::format(
            "<line x1={0:.1f} x2={1:.1f} y1={2:.1f} y2={2:.1f} style=\"stroke:var(--smp);"
            "stroke-width:3\" />",
            x, x + step, y(b.before));
      if (k % 5 == 0)
        html_ += fmt::format("<text class=tick x={:.1f} y={:.0f}>{:.2f}</text>", x,
                             top + height + 16, b.lower);
    }
    html_ +=
        fmt::format("<text class=tick x={:.1f} y={:.0f}>weight / mean weight</text></svg></div>",
                    left + width / 2, top + height + 36);
    html_ +=
        "<table style=\"max-width:760px\"><thead><tr><th><th class=n>min<th class=n>1 %<th "
        "class=n>5 %<th class=n>25 %<th class=n>median<th class=n>75 %<th class=n>95 %<th "
        "class=n>99 %<th class=n>max<th class=n>mean</thead><tbody>";
    for (const auto* s : {&r_.before, &r_.after}) {
      html_ += fmt::format("<tr><td>{}<td class=n>{}", s == &r_.before ? "before" : "after",
                           number(s->minimum));
      for (double q : s->quantiles) html_ += "<td class=n>" + number(q);
      html_ += "<td class=n>" + number(s->maximum) + "<td class=n>" + number(s->mean);
    }
    html_ += "</tbody></table>";
  }

  /// Standardised differences from the population, before and after, farthest first.
  void balance(const char* title, const char* whom, const std::vector<MarginRecord>& margins) {
    std::vector<const MarginRecord*> rows;
    for (const MarginRecord& m : margins)
      if (std::isfinite(m.smd_before)) rows.push_back(&m);
    if (rows.empty()) return;
    std::stable_sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
      return std::abs(a->smd_before) > std::abs(b->smd_before);
    });
    const std::size_t shown = std::min<std::size_t>(rows.size(), 40);
    html_ += fmt::format(
        "<h2>{}</h2><p class=key><span><b style=\"color:var(--smp)\">●</b> before</span><span>"
        "<b style=\"color:var(--est)\">◆</b> after</span> standardised mean difference from "
        "{}{}</p>",
        title, whom,
        shown < rows.size()
            ? fmt::format("; the {} of {} levels that were farthest off", shown, rows.size())
            : "");
    double far = 0.1;
    for (std::size_t k = 0; k < shown; ++k)
      far = std::max({far, std::abs(rows[k]->smd_before), std::abs(rows[k]->smd_after)});
    far = std::ceil(far * 10) / 10;
    const double top = 8, step = 18, left = 270, width = 540;
    const double bottom = top + step * static_cast<double>(shown);
    const auto at = [&](double v) { return left + (v / far + 1) / 2 * width; };
    html_ += fmt::format("<div class=wide><svg class=chart viewBox=\"0 0 840 {:.0f}\" role=img>",
                         bottom + 24);
    for (double t : {-far, -far / 2, 0.0, far / 2, far})
      html_ += fmt::format(
          "<line class={5} x1={0:.1f} x2={0:.1f} y1={1:.0f} y2={2:.0f} /><text class=tick "
          "x={0:.1f} y={3:.0f}>{4:.2g}</text>",
          at(t), top, bottom, bottom + 15, t, t == 0 ? "truth" : "grid");
    for (std::size_t k = 0; k < shown; ++k) {
      const MarginRecord& m = *rows[k];
      const double y = top + step * (static_cast<double>(k) + 0.5), a = at(m.smd_after);
      html_ += fmt::format(
          "<text class=row x={0:.0f} y={1:.1f}>{2}</text><line class=link x1={3:.1f} x2={4:.1f} "
          "y1={5:.1f} y2={5:.1f} /><circle class=smp cx={3:.1f} cy={5:.1f} r=4 /><path "
          "style=\"fill:var(--est)\" d=\"M{4:.1f} {6:.1f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z\" />",
          left - 8, y + 4, escape_html(m.level.empty() ? m.margin : m.margin + "=" + m.level),
          at(m.smd_before), a, y, y - 4.5);
    }
    html_ += "</svg></div>";
  }

  void margins(const char* title, const std::vector<MarginRecord>& margins) {
    html_ += fmt::format("<h2>{}</h2>", title);
    html_ +=
        "<div class=scroll><table class=sortable><thead><tr><th>margin<th>level<th "
        "class=n>respondents<th class=n>target<th class=n>before<th class=n>after<th "
        "class=n>error<th class=n>difference before<th class=n>after</thead><tbody>";
    for (const MarginRecord& m : margins)
      html_ += fmt::format(
          "<tr><td>{}<td>{}<td class=n data-v={}>{}<td class=n data-v={}>{}<td class=n "
          "data-v={}>{}<td class=n data-v={}>{}<td class=n data-v={}>{:.1e}<td class=n "
          "data-v={}>{:+.3f}<td class=n data-v={}>{:+.3f}",
          escape_html(m.margin), escape_html(m.level), m.respondents,
          number(static_cast<double>(m.respondents)), m.target, number(m.target), m.before,
          number(m.before), m.after, number(m.after), m.error, m.error, m.smd_before, m.smd_before,
          m.smd_after, m.smd_after);
    html_ += "</tbody></table></div>";
  }

  /// The estimated probability of participation, and how representative it makes the respondents.
  void participation() {
    const ParticipationRecord& p = r_.participation;
    html_ += "<h2>Participation</h2>";
    if (!p.failure.empty()) {
      html_ += "<p class=warn>No logistic model of participation on the covariates: " +
               escape_html(p.failure) + "</p>";
      return;
    }
    html_ +=
        "<p>Estimated probability of being a respondent, by a logistic model of the covariates "
        "(pseudo-likelihood).</p><table style=\"max-width:760px\"><thead><tr><th>quantile";
    for (double q : p.probabilities)
      html_ += "<th class=n>" + (q == 0   ? std::string("min")
                                 : q == 1 ? std::string("max")
                                          : fmt::format("{:g} %", 100 * q));
    html_ += "</thead><tbody>";
    for (const auto* row : {&p.respondents, &p.population}) {
      html_ += row == &p.respondents ? "<tr><td>respondents" : "<tr><td>population";
      for (double q : *row) html_ += fmt::format("<td class=n>{:.3g}", q);
    }
    html_ += "</tbody></table><table style=\"max-width:760px\"><tbody>";
    figure("population below every respondent's probability (nobody answers for them)",
           fmt::format("{:.3g} %", 100 * p.below), p.below > 0.01);
    figure("population above every respondent's probability",
           fmt::format("{:.3g} %", 100 * p.above), p.above > 0.01);
    figure("R-indicator (1: all take part alike)", fmt::format("{:.4f} (se {:.4f})", p.r, p.r_se));
    figure(
        "coefficient of variation of the probability: the most standard deviations by which these "
        "covariates can move an unweighted mean",
        fmt::format("{:.3f} (se {:.3f})", p.cv, p.cv_se));
    for (const auto& part : p.partial)
      figure(("of " + escape_html(part.term) + " alone").c_str(), fmt::format("{:.3f}", part.cv));
    html_ += "</tbody></table>";
  }

  void cells() {
    if (r_.worst_cells.empty()) return;
    html_ +=
        "<h2>Cells that are weighted up most</h2><table><thead><tr><th>cell<th "
        "class=n>respondents<th class=n>weight / base<th class=n>weight<th class=n>share of all "
        "weight, %</thead><tbody>";
    for (const CellRecord& c : r_.worst_cells)
      html_ += fmt::format(
          "<tr><td>{}<td class=n>{}<td class=n>{:.4g}<td class=n>{}<td class=n>{:.2f}",
          escape_html(c.cell), c.respondents, c.g, number(c.weight), 100 * c.weight_share);
    html_ += "</tbody></table>";
  }

  void respondents() {
    if (r_.respondents.empty()) return;
    html_ +=
        "<h2>Most influential respondents</h2><p>Leverage: how far a respondent's own fitted value "
        "follows the respondent in the regression on the margins; 1 means that a margin hangs on "
        "that one alone. One of each cell is shown.</p><table><thead><tr><th "
        "class=n>row<th>cell<th "
        "class=n>weight<th class=n>share of all weight, %<th class=n>leverage</thead><tbody>";
    for (const RespondentRecord& p : r_.respondents)
      html_ += fmt::format(
          "<tr><td class=n>{}<td>{}<td class=n>{}<td class=n>{:.3f}<td "
          "class=n>{}",
          p.row, escape_html(p.cell), number(p.weight), 100 * p.weight_share,
          std::isnan(p.leverage) ? "–" : fmt::format("{:.4f}", p.leverage));
    html_ += "</tbody></table>";
  }

  const WeighingRecord& r_;
  std::string html_;
};

}  // namespace

std::string weighing_page(const WeighingRecord& record) { return WeighingPage(record).render(); }

}  // namespace steelyard
