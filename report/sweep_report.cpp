#include "report/sweep_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/page.hpp"
#include "report/sweep_charts.hpp"

namespace steelyard {
namespace {

class SweepPage {
 public:
  SweepPage(const SweepResults& results, Language language) : r_(results), language_(language) {}

  std::string render() {
    const std::string title = escape_html(language_ == Language::zh ? r_.title_zh : r_.title) +
                              " · " + t("sensitivity", "敏感性分析");
    html_ = page_start(title, language_);
    opening();
    dials();
    for (std::uint32_t e = 0; e < r_.estimands.size(); ++e)
      if (r_.estimands[e].headline) estimand(e);
    html_ += page_end();
    return std::move(html_);
  }

 private:
  const char* t(const char* en, const char* zh) const { return say(language_, en, zh); }

  void opening() {
    html_ += fmt::format(
        "<p class=soft>{} {} ({}) × {} {} · {} {}</p><p>{}</p>", r_.conditions.size() - 1,
        t("conditions", "个情形"), escape_html(r_.design), r_.replicates, t("replicates", "次重复"),
        t("seed", "种子"), r_.seed,
        t("Each condition is the scenario with other values of its dials. All conditions draw from "
          "the same random numbers, and the errors of changes between them use that. Bars are "
          "changes from the lower to the upper end of a dial's range; the thin line is ± 1.96 "
          "Monte Carlo standard errors.",
          "每个情形是改变了参数取值的同一情景。所有情形使用相同的随机数，变化的误差据此按配对计算。"
          "条形为参数从下限到上限时的变化；细线为 ± 1.96 个蒙特卡罗标准误。"));
    if (r_.failures() == 0) return;
    html_ += fmt::format("<p class=warn>{} {}</p><ul>", r_.failures(),
                         t("conditions have no result:", "个情形没有结果："));
    for (std::size_t c = 0; c < r_.conditions.size(); ++c)
      if (!r_.conditions[c].failure.empty())
        html_ += fmt::format("<li>{}: {}", c, escape_html(r_.conditions[c].failure));
    html_ += "</ul>";
  }

  void dials() {
    html_ += fmt::format(
        "<h2>{}</h2><table id=dials><thead><tr><th>{}<th class=n>{}<th class=n>{}<th "
        "class=n>{}</tr></thead><tbody>",
        t("Dials", "参数"), t("number", "数值"), t("as the scenario stands", "情景原值"),
        t("from", "下限"), t("to", "上限"));
    for (const DialRecord& d : r_.dials)
      html_ += fmt::format(
          "<tr><td>{}<div class=soft>{}</div><td class=n>{}<td class=n>{:.6g}<td class=n>{:.6g}",
          escape_html(d.key), escape_html(d.source),
          std::isnan(d.base) ? t("default", "默认") : fmt::format("{:.6g}", d.base), d.lower,
          d.upper);
    html_ += "</tbody></table>";
  }

  void estimand(std::uint32_t e) {
    const EstimandRecord& record = r_.estimands[e];
    html_ += fmt::format(
        "<h2>{} · {}{}</h2>",
        escape_html(language_ == Language::zh ? record.label_zh : record.label),
        escape_html(language_ == Language::zh ? record.domain_label_zh : record.domain_label),
        record.unit.empty() ? "" : " <span class=soft>(" + escape_html(record.unit) + ")</span>");
    for (std::uint32_t o = 0; o < r_.outputs.size(); ++o) {
      const SweepOutput& output = r_.outputs[o];
      const EstimatorRecord& m = r_.estimators[output.estimator];
      if (m.estimand != e) continue;
      if (output.measure == SweepMeasure::truth)
        section(o, t("The truth", "真值"));
      else if (m.reference && output.measure == SweepMeasure::bias)
        section(o, t("Bias of the report's own procedure", "报告方法的偏差"));
    }
    others(e);
  }

  std::vector<const EffectRecord*> effects_of(std::uint32_t o) const {
    std::vector<const EffectRecord*> effects;
    for (std::size_t k = 0; k < r_.dials.size(); ++k) {
      const EffectRecord& effect = r_.effects[o * r_.dials.size() + k];
      if (!std::isnan(effect.change)) effects.push_back(&effect);
    }
    std::stable_sort(effects.begin(), effects.end(), [](const auto* a, const auto* b) {
      return std::abs(a->change) > std::abs(b->change);
    });
    return effects;
  }

  double scale_of(const SweepOutput& output) const {
    const EstimandRecord& e = r_.estimands[r_.estimators[output.estimator].estimand];
    return output.measure == SweepMeasure::coverage || e.unit == "%" ? 100 : 1;
  }

  void section(std::uint32_t o, const char* heading) {
    const auto effects = effects_of(o);
    html_ += fmt::format("<h3>{}</h3>", heading);
    if (effects.empty()) {
      html_ +=
          fmt::format("<p class=warn>{}</p>", t("too few conditions have results to tell effects: "
                                                "a linear fit wants three for every two "
                                                "of its terms (the dials and one)",
                                                "有结果的情形太少，无法估计影响：线性拟合的情形数须"
                                                "不少于项数（参数个数加一）的 1.5 倍"));
      return;
    }
    if (std::all_of(effects.begin(), effects.end(), [](const EffectRecord* effect) {
          return effect->change == 0 && !(effect->mcse > 0);
        })) {
      html_ += fmt::format("<p>{}</p>", t("No dial moves it.", "没有参数影响它。"));
      return;
    }
    std::vector<TornadoBar> bars;
    for (const EffectRecord* effect : effects)
      bars.push_back({r_.dials[effect->dial].key, effect->change, effect->mcse});
    html_ += tornado(bars, scale_of(r_.outputs[o]));
    indices(effects);
    surface(r_.outputs[o]);
    response(o, effects[0]->dial);
  }

  void indices(const std::vector<const EffectRecord*>& effects) {
    if (effects[0]->indices_from.empty()) return;
    const bool bounded = !std::isnan(effects[0]->first_lower);
    html_ += fmt::format(
        "<p>{}</p><table><thead><tr><th>{}<th class=n>{}<th class=n>{}</tr></thead><tbody>",
        bounded ? t("Sobol' indices: the parts of the variance over the dials' ranges, with 95 % "
                    "bootstrap intervals.",
                    "索博尔指数：参数范围内方差的构成，附 95 % 自助区间。")
                : t("Sobol' indices of the fitted response surface: the parts of its variance over "
                    "the dials' ranges.",
                    "拟合响应面的索博尔指数：参数范围内方差的构成。"),
        t("dial", "参数"), t("first order", "一阶"), t("total", "总"));
    for (const EffectRecord* e : effects)
      html_ +=
          fmt::format("<tr><td>{}<td class=n>{}<td class=n>{}", escape_html(r_.dials[e->dial].key),
                      share(e->first, e->first_lower, e->first_upper),
                      share(e->total, e->total_lower, e->total_upper));
    html_ += "</tbody></table>";
  }

  static std::string share(double value, double lower, double upper) {
    return std::isnan(lower) ? fmt::format("{:.3f}", value)
                             : fmt::format("{:.3f} ({:.3f} – {:.3f})", value, lower, upper);
  }

  void surface(const SweepOutput& output) {
    if (output.surface.empty()) return;
    const double scale = scale_of(output);
    html_ += fmt::format(
        "<p class=soft>{}: {}; {} {:.3g}, R² {:.3f}{}</p>", t("response surface", "响应面"),
        output.surface, t("cross-validated error", "交叉验证误差"), output.cv_error * scale,
        output.cv_r2, output.cv_r2 >= 0.9 ? "" : t(" : it does not hold", "：不成立"));
  }

  void response(std::uint32_t o, std::uint32_t dial) {
    const SweepOutput& output = r_.outputs[o];
    std::vector<ResponsePoint> points;
    for (std::size_t c = 0; c < r_.conditions.size(); ++c) {
      const ConditionRecord& condition = r_.conditions[c];
      const double value =
          measure_of(condition, r_.estimators[output.estimator], output.estimator, output.measure);
      if (std::isnan(value) || std::isnan(condition.values[dial])) continue;
      points.push_back({condition.values[dial], value,
                        output.measure == SweepMeasure::bias
                            ? condition.performance[output.estimator].bias_mcse
                            : 0,
                        c == 0});
    }
    html_ += response_plot(points, r_.dials[dial].key, scale_of(output));
  }

  const char* measure_name(SweepMeasure measure) const {
    return measure == SweepMeasure::coverage ? t("coverage, %", "覆盖率 %") : to_string(measure);
  }

  /// Every estimator's measures over the conditions: smallest, as it stands, largest.
  void others(std::uint32_t e) {
    html_ += fmt::format(
        "<h3>{}</h3><table class=sortable><thead><tr><th>{}<th>{}<th>{}<th class=n>{}<th "
        "class=n>{}<th class=n>{}<th>{}</tr></thead><tbody>",
        t("All estimators over the conditions", "各估计量在全部情形中"), t("weighting", "加权"),
        t("value rule", "取值规则"), t("measure", "度量"), t("smallest", "最小"),
        t("as the scenario stands ± MCSE", "情景原值 ± MCSE"), t("largest", "最大"),
        t("moved most by", "影响最大的参数"));
    for (std::uint32_t o = 0; o < r_.outputs.size(); ++o) {
      const SweepOutput& output = r_.outputs[o];
      const EstimatorRecord& m = r_.estimators[output.estimator];
      if (m.estimand != e || output.measure == SweepMeasure::truth ||
          output.measure == SweepMeasure::mean_estimate)
        continue;
      row(o, output, m);
    }
    html_ += "</tbody></table>";
  }

  void row(std::uint32_t o, const SweepOutput& output, const EstimatorRecord& m) {
    double low = std::nan(""), high = low;
    for (const ConditionRecord& c : r_.conditions) {
      const double value = measure_of(c, m, output.estimator, output.measure);
      if (std::isnan(value)) continue;
      low = std::isnan(low) ? value : std::min(low, value);
      high = std::isnan(high) ? value : std::max(high, value);
    }
    const double scale = scale_of(output);
    const ConditionRecord& base = r_.conditions[0];
    std::string stands = "–";
    if (base.failure.empty()) {
      const PerformanceRecord& p = base.performance[output.estimator];
      const double error = output.measure == SweepMeasure::bias   ? p.bias_mcse
                           : output.measure == SweepMeasure::rmse ? p.rmse_mcse
                                                                  : p.coverage_mcse;
      stands =
          fmt::format("{:.5g} ± {:.2g}",
                      measure_of(base, m, output.estimator, output.measure) * scale, error * scale);
    }
    const auto effects = effects_of(o);
    html_ += fmt::format(
        "<tr{}><td>{}<td>{}<td>{}<td class=n>{:.5g}<td class=n>{}<td class=n>{:.5g}<td>{}</tr>",
        m.reference ? " class=ref" : "", escape_html(m.weighting), escape_html(m.value_rule),
        measure_name(output.measure), low * scale, stands, high * scale,
        effects.empty() || effects[0]->change == 0
            ? "–"
            : escape_html(r_.dials[effects[0]->dial].key) + " (" +
                  with_error(effects[0]->change * scale, effects[0]->mcse * scale,
                             format_for(effects[0]->mcse * scale), true) +
                  ")");
  }

  const SweepResults& r_;
  Language language_;
  std::string html_;
};

}  // namespace

std::string render_sweep(const SweepResults& results, Language language) {
  return SweepPage(results, language).render();
}

}  // namespace steelyard
