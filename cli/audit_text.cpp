#include "cli/audit_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/csv.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kShown = 8;  ///< members and repairs told on the terminal; JSON has all

std::string names(const Schema& schema, const VariableSet& set) {
  Texts list;
  for (VariableId id : set) list.push_back(schema[id].name);
  return join(list, ", ");
}

std::string left_text(const Repair& r) {
  if (r.left_points == 0) return "leaves nothing";
  return fmt::format("leaves {:.3g} points, {:.3g} half-widths", r.left_points, r.left_widths);
}

/// Conflicts that an exchange of the same two levels repairs as well.
Texts repaired_with(const Scenario& s, const Audit& audit, const Conflict& conflict,
                    const Repair& repair) {
  Texts list;
  for (const Conflict& other : audit.conflicts) {
    if (&other == &conflict) continue;
    for (const Repair& r : other.repairs) {
      if (r.kind != Repair::Kind::exchange || r.left_points > 0) continue;
      const LevelExchange &a = r.steps[0], &b = repair.steps[0];
      if (a.variable != b.variable || a.first != b.first || a.second != b.second) continue;
      list.push_back("the contradiction on " + names(s.schema, other.variables) + " (" + r.text +
                     ")");
      break;
    }
  }
  return list;
}

const char* kind_name(Repair::Kind kind) {
  switch (kind) {
    case Repair::Kind::exchange:
      return "exchange";
    case Repair::Kind::reorder:
      return "reorder";
    case Repair::Kind::drop:
      return "drop";
    case Repair::Kind::widen:
      return "widen";
  }
  return "unknown";
}

double percent(const PublishedNumber& n) { return n.statistic == Statistic::share ? 100 : 1; }

std::string widening_text(const Scenario& s, const Widening& w) {
  const PublishedNumber& n = s.numbers[w.number];
  const double u = percent(n);
  return fmt::format("{}: [{:.8g}, {:.8g}] to [{:.8g}, {:.8g}] {}", n.id, w.from_lower * u,
                     w.from_upper * u, w.to_lower * u, w.to_upper * u, n.unit);
}

std::string conflict_text(const Scenario& s, const Audit& audit, const Conflict& c) {
  std::string text = fmt::format(
      "\ncontradiction on {}: {} numbers that cannot all be true; without any one of them the "
      "others "
      "can\n",
      names(s.schema, c.variables), c.members.size());
  // The numbers of the smallest sources first: of a large table a few rows tell enough.
  std::map<std::string, std::size_t> of_source;
  for (std::size_t m : c.members) ++of_source[s.numbers[m].source];
  std::vector<std::size_t> members = c.members;
  std::stable_sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) {
    return of_source[s.numbers[a].source] < of_source[s.numbers[b].source];
  });
  for (std::size_t k = 0; k < std::min(kShown, members.size()); ++k)
    text += "  " + describe_number(s, s.numbers[members[k]]) + "\n";
  if (c.members.size() > kShown)
    text +=
        fmt::format("  and {} more of the same set (--json has all)\n", c.members.size() - kShown);
  text += fmt::format(
      "  smallest relaxation of the {} numbers on these variables: {:.4g} points each, or {:.4g} "
      "rounding half-widths each; in sum {:.4g} points, or {:.4g} half-widths over {} numbers\n",
      c.examined, c.largest_points, c.largest_widths, c.sum_points, c.sum_widths, c.relaxed);
  std::size_t shown = 0;
  Texts single;
  for (std::size_t k = 0; k < c.repairs.size(); ++k) {
    const Repair& r = c.repairs[k];
    const bool taken = k == c.chosen;
    if (r.kind == Repair::Kind::drop && r.numbers.size() == 1 && !taken) {
      single.push_back(s.numbers[r.numbers[0]].id);
      continue;
    }
    if (++shown > kShown && !taken) continue;
    text += fmt::format("  repair: {}: {}{}\n", r.text, left_text(r), taken ? " (taken)" : "");
    if (r.kind == Repair::Kind::exchange && r.left_points == 0)
      for (const std::string& other : repaired_with(s, audit, c, r))
        text += "          the same exchange repairs " + other + "\n";
  }
  if (!single.empty()) {
    const std::size_t n = std::min(kShown, single.size());
    text +=
        fmt::format("  repair: drop one other number, any of {}{}: leaves nothing\n",
                    join({single.begin(), single.begin() + static_cast<std::ptrdiff_t>(n)}, ", "),
                    single.size() > n ? fmt::format(" and {} more", single.size() - n) : "");
  }
  return text;
}

}  // namespace

std::string audit_text(const Scenario& s, const Audit& audit) {
  std::string text = fmt::format("audit: {} numbers, {} linear programs, {:.2f} s: ", audit.numbers,
                                 audit.programs, audit.seconds);
  if (audit.possible())
    text += "some joint law meets them all";
  else
    text += fmt::format("{} contradictions", audit.conflicts.size() + audit.tables.size());
  text += "\n";
  for (const TableFinding& f : audit.tables) text += "\n" + f.text + "\n";
  for (const Conflict& c : audit.conflicts) text += conflict_text(s, audit, c);
  if (!audit.conflicts.empty()) {
    std::size_t exchanges = 0;
    for (const Conflict& c : audit.conflicts)
      exchanges += c.repairs[c.chosen].kind == Repair::Kind::exchange;
    text += fmt::format(
        "\nreconciled: possible together after {} exchanges and {} widenings (--reconcile FILE "
        "writes them)\n",
        exchanges, audit.widenings.size());
    for (const Widening& w : audit.widenings) text += "  " + widening_text(s, w) + "\n";
  }
  if (!audit.not_linear.empty()) {
    Texts ids;
    for (std::size_t i : audit.not_linear) ids.push_back(s.numbers[i].id);
    text += fmt::format(
        "{}not audited, being a difference between the means of two scopes (the fit judges it): "
        "{}\n",
        audit.conflicts.empty() ? "" : "\n", join(ids, ", "));
  }
  text.pop_back();
  return text;
}

nlohmann::ordered_json audit_json(const Scenario& s, const Audit& audit) {
  using Json = nlohmann::ordered_json;
  const auto finite = [](double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); };
  const auto widening = [&](const Widening& w) {
    const double u = percent(s.numbers[w.number]);
    return Json{{"id", s.numbers[w.number].id},
                {"from", {finite(w.from_lower * u), finite(w.from_upper * u)}},
                {"to", {finite(w.to_lower * u), finite(w.to_upper * u)}}};
  };
  Json answer{{"possible", audit.possible()},
              {"numbers", audit.numbers},
              {"linear_programs", audit.programs},
              {"seconds", audit.seconds}};
  answer["tables"] = Json::array();
  for (const TableFinding& f : audit.tables) answer["tables"].push_back(f.text);
  answer["contradictions"] = Json::array();
  for (const Conflict& c : audit.conflicts) {
    Json one{{"variables", Json::array()},
             {"examined", c.examined},
             {"largest_points", finite(c.largest_points)},
             {"largest_half_widths", finite(c.largest_widths)},
             {"sum_points", finite(c.sum_points)},
             {"sum_half_widths", finite(c.sum_widths)}};
    for (VariableId id : c.variables) one["variables"].push_back(s.schema[id].name);
    one["members"] = Json::array();
    for (std::size_t m : c.members) {
      const PublishedNumber& n = s.numbers[m];
      one["members"].push_back({{"id", n.id},
                                {"file", n.place.file},
                                {"line", n.place.line},
                                {"source", n.source},
                                {"printed", n.printed},
                                {"unit", n.unit},
                                {"text", describe_number(s, n)}});
    }
    one["repairs"] = Json::array();
    for (std::size_t k = 0; k < c.repairs.size(); ++k) {
      const Repair& r = c.repairs[k];
      Json repair{{"kind", kind_name(r.kind)},
                  {"text", r.text},
                  {"left_points", finite(r.left_points)},
                  {"left_half_widths", finite(r.left_widths)},
                  {"taken", k == c.chosen}};
      if (r.kind == Repair::Kind::exchange && r.left_points == 0)
        repair["also_repairs"] = repaired_with(s, audit, c, r);
      for (const Widening& w : r.widenings) repair["widening"] = widening(w);
      one["repairs"].push_back(std::move(repair));
    }
    answer["contradictions"].push_back(std::move(one));
  }
  answer["widenings"] = Json::array();
  for (const Widening& w : audit.widenings) answer["widenings"].push_back(widening(w));
  answer["not_audited"] = Json::array();
  for (std::size_t i : audit.not_linear) answer["not_audited"].push_back(s.numbers[i].id);
  return answer;
}

std::string reconciled_csv(const Scenario& s, const Audit& audit) {
  std::string text =
      "id,view,scope,quantity,level,statistic,value,relation,lower,upper,unit,use,status_note,"
      "provenance,range_lower,range_upper,source\n";
  // Of two statements of the same thing only one can be fitted; the widened one is checked.
  const auto fitted_twice = [&](std::size_t i) {
    const PublishedNumber& n = audit.reconciled[i];
    if (std::none_of(audit.widenings.begin(), audit.widenings.end(),
                     [&](const Widening& w) { return w.number == i; }))
      return false;
    return std::any_of(
        audit.reconciled.begin(), audit.reconciled.end(), [&](const PublishedNumber& other) {
          return &other != &n && other.use == Use::fit && other.view == n.view &&
                 other.statistic == n.statistic && other.scope_text == n.scope_text &&
                 other.quantity_text == n.quantity_text && other.level_text == n.level_text;
        });
  };
  const auto number = [](double x) { return std::isfinite(x) ? fmt::format("{:.12g}", x) : ""; };
  for (std::size_t i = 0; i < audit.reconciled.size(); ++i) {
    const PublishedNumber &n = audit.reconciled[i], &before = s.numbers[i];
    const double u = percent(n);
    const bool bounded = std::isfinite(n.lower) && std::isfinite(n.upper);
    const bool at_least = std::isfinite(n.lower);
    // A bound without another stays a relation; its value moves with it.
    const bool moved = n.lower != before.lower || n.upper != before.upper;
    const char* use = n.use == Use::fit        ? (fitted_twice(i) ? "check" : "fit")
                      : n.use == Use::check    ? "check"
                      : n.use == Use::excluded ? "excluded"
                                               : "not_modelled";
    const bool modelled = n.use != Use::not_modelled;
    Texts fields{n.id,
                 to_string(n.view),
                 n.scope_text,
                 n.quantity_text,
                 n.level_text,
                 modelled ? to_string(n.statistic) : "share",
                 !bounded && moved ? number((at_least ? n.lower : n.upper) * u) : n.printed,
                 !modelled || bounded ? "="
                 : at_least           ? ">="
                                      : "<=",
                 modelled && bounded ? number(n.lower * u) : "",
                 modelled && bounded ? number(n.upper * u) : "",
                 n.unit,
                 use,
                 n.note,
                 to_string(n.provenance),
                 n.range ? number(n.range->first) : "",
                 n.range ? number(n.range->second) : "",
                 n.source};
    for (std::size_t k = 0; k < fields.size(); ++k) text += (k ? "," : "") + csv_field(fields[k]);
    text += "\n";
  }
  return text;
}

}  // namespace steelyard
