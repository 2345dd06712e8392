#include "report/report.hpp"

#include <fmt/format.h>

#include <cmath>

namespace steelyard {
namespace {

std::string escape(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string number(double x, const std::string& unit) {
  return std::isnan(x) ? "&ndash;" : fmt::format("{:.5g}", unit == "%" ? 100 * x : x);
}

}  // namespace

std::string render_report(const StudyResults& r, Language language) {
  const bool zh = language == Language::zh;
  std::string html = fmt::format(
      "<!doctype html><html lang=\"{}\"><meta charset=\"utf-8\"><title>{}</title><h1>{}</h1>",
      zh ? "zh" : "en", escape(r.title), escape(zh ? r.title_zh : r.title));
  html += fmt::format(
      "<p>{} &times; {} &middot; seed {}</p><table "
      "border=1><tr><th>{}<th>{}<th>{}<th>{}<th>{}<th>{}</tr>",
      r.replicates, r.sample_size, r.seed, zh ? "估计量" : "estimand", zh ? "加权" : "weighting",
      zh ? "取值规则" : "value rule", zh ? "真值" : "truth", zh ? "偏差 (MCSE)" : "bias (MCSE)",
      zh ? "覆盖率 (MCSE)" : "coverage (MCSE)");
  for (std::size_t i = 0; i < r.estimators.size(); ++i) {
    const EstimandRecord& e = r.estimands[r.estimators[i].estimand];
    const PerformanceRecord& p = r.performance[i];
    html += fmt::format(
        "<tr><td>{}, {} ({})<td>{}<td>{}<td>{}<td>{} ({})<td>{:.1f} % ({:.1f})</tr>",
        escape(zh ? e.label_zh : e.label), escape(zh ? e.domain_label_zh : e.domain_label),
        escape(e.unit), escape(r.estimators[i].weighting), escape(r.estimators[i].value_rule),
        number(p.truth, e.unit), number(p.bias, e.unit), number(p.bias_mcse, e.unit),
        100 * p.coverage, 100 * p.coverage_mcse);
  }
  html += "</table>";
  return html;
}

}  // namespace steelyard
