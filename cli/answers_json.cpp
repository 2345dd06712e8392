#include "cli/answers_json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace steelyard {
namespace {

using Json = nlohmann::ordered_json;

Json number(double x) { return std::isfinite(x) ? Json(x) : Json(); }

Json numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (double x : values) list.push_back(number(x));
  return list;
}

/// A number with its Monte Carlo error.
Json measured(double value, double mcse) {
  return {{"value", number(value)}, {"mcse", number(mcse)}};
}

std::string text_of(const Json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Json margin_json(const ConclusionMargin& margin) {
  Json json = measured(margin.value, margin.mcse);
  json["failures"] = margin.failures;
  return json;
}

Json point_json(const TippingPoint& p, const TippingResults& r) {
  const bool together = p.dial.empty(), turns = p.kind == TippingPoint::Kind::turns;
  Json json{{"dial", together ? Json() : Json(p.dial)},
            {"answer", to_string(p.kind)},
            {"base", together ? Json() : number(p.base)},
            {"value", turns && !together ? number(p.value) : Json()},
            {"se", turns ? number(p.se) : Json()},
            {"change_in_ranges", turns ? number(p.change_in_ranges) : Json()},
            {"replicates", p.replicates}};
  if (together && turns) {
    json["values"] = Json::object();
    for (std::size_t k = 0; k < p.values.size(); ++k)
      json["values"][r.dials[k].key] = number(p.values[k]);
  }
  const bool ends = p.replicates > 0;
  json["lower_margin"] = ends ? measured(p.lower_margin, p.lower_mcse) : Json();
  json["upper_margin"] = ends ? measured(p.upper_margin, p.upper_mcse) : Json();
  json["looked"] = Json::array();
  for (const MarginLooked& looked : p.looked)
    json["looked"].push_back({{"at", number(looked.at)},
                              {"margin", margin_json(looked.margin)},
                              {"holds", looked.holds}});
  if (!p.note.empty()) json["note"] = p.note;
  return json;
}

Json change_json(const PairedChange& change) { return measured(change.change, change.mcse); }

Json row_json(const DesignRow& row, const ChangeQuestion& question) {
  const PerformanceRecord& p = row.performance;
  Json json{{"estimand", row.estimand.estimand},
            {"domain", row.estimand.domain},
            {"unit", row.estimand.unit},
            {"weighting", row.estimator.weighting},
            {"value_rule", row.estimator.value_rule},
            {"interval", row.estimator.interval},
            {"reference", row.estimator.reference},
            {"truth", number(p.truth)},
            {"bias", measured(p.bias, p.bias_mcse)},
            {"sd", measured(p.sd, p.sd_mcse)},
            {"rmse", measured(p.rmse, p.rmse_mcse)},
            {"coverage", measured(p.coverage, p.coverage_mcse)},
            {"bias_change", change_json(row.change.bias)},
            {"rmse_change", change_json(row.change.rmse)},
            {"coverage_change", change_json(row.change.coverage)},
            {"smallest_changes", Json::array()},
            {"failures", p.failures},
            {"replicates", p.replicates}};
  for (std::size_t k = 0; k < row.smallest_changes.size(); ++k) {
    Json found = measured(row.smallest_changes[k], row.smallest_changes_mcse[k]);
    found["overlap"] = question.overlaps[k];
    json["smallest_changes"].push_back(std::move(found));
  }
  return json;
}

Json design_json(const DesignResults& d, const ChangeQuestion& question) {
  Json json{{"name", d.design.name},
            {"set", d.design.settings},
            {"cost", d.design.cost ? number(*d.design.cost) : Json()},
            {"status", d.failure.empty() ? "ok" : d.failure},
            {"sample_size", d.failure.empty() ? Json(d.sample_size) : Json()},
            {"estimators", Json::array()}};
  for (const DesignRow& row : d.rows) json["estimators"].push_back(row_json(row, question));
  return json;
}

Json choices_json(const std::vector<EdgeChoice>& choices) {
  Json list = Json::array();
  for (const EdgeChoice& c : choices) {
    const bool ok = c.failure.empty();
    list.push_back({{"choice", c.name},
                    {"edges", numbers(c.edges)},
                    {"status", ok ? "ok" : c.failure},
                    {"bias", ok ? number(c.bias) : Json()},
                    {"sd", ok ? number(c.sd) : Json()},
                    {"rmse", ok ? number(c.rmse) : Json()}});
  }
  return list;
}

Json edges_json(const EdgeResults& e) {
  const EdgeSearch& s = e.search;
  return {{"variable", s.variable},
          {"estimand", s.estimand},
          {"value_rule", s.value_rule},
          {"buckets", s.buckets},
          {"range", {number(s.lower), number(s.upper)}},
          {"step", number(s.step)},
          {"respondents", number(s.respondents)},
          {"unit", e.unit},
          {"choices", choices_json(e.choices)},
          {"by_number", choices_json(e.by_number)}};
}

}  // namespace

std::string tipping_json(const TippingResults& r) {
  Json json{
      {"scenario", r.scenario},        {"conclusion", r.conclusion}, {"seed", r.seed},
      {"replicates", r.replicates},    {"holds", r.holds},           {"unit", r.unit},
      {"margin", margin_json(r.base)}, {"dials", Json::array()},     {"points", Json::array()}};
  for (const DialRecord& d : r.dials)
    json["dials"].push_back({{"key", d.key},
                             {"base", number(d.base)},
                             {"lower", number(d.lower)},
                             {"upper", number(d.upper)},
                             {"source", d.source}});
  for (const TippingPoint& p : r.points) json["points"].push_back(point_json(p, r));
  return text_of(json);
}

std::string plan_json(const PlanResults& r) {
  Json json{{"scenario", r.scenario},
            {"seed", r.seed},
            {"replicates", r.replicates},
            {"change",
             {{"power", r.change.power},
              {"level", r.change.level},
              {"overlaps", numbers(r.change.overlaps)},
              {"correlation", r.change.correlation}}},
            {"designs", Json::array()},
            {"edges", r.edges ? edges_json(*r.edges) : Json()}};
  for (const DesignResults& d : r.designs) json["designs"].push_back(design_json(d, r.change));
  return text_of(json);
}

}  // namespace steelyard
