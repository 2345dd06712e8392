#include "study/dials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/scenario_settings.hpp"
#include "core/text.hpp"
#include "sim/models/model_scenario.hpp"
#include "study/condition.hpp"

namespace steelyard {
namespace {

constexpr const char* kNumber = "number.";

/// The number in the unit in which --set takes it: shares in per cent.
double printed_unit(const PublishedNumber& n) { return n.statistic == Statistic::share ? 100 : 1; }

DialRequest request_of(const PublishedNumber& n) {
  return {kNumber + n.id, n.range, 0, {}, n.source, n.place};
}

std::vector<DialRequest> assumed_numbers(const std::vector<PublishedNumber>& numbers) {
  std::vector<DialRequest> requests;
  for (const PublishedNumber& n : numbers)
    if (n.provenance == Provenance::assumed && n.use == Use::fit && n.range &&
        n.range->first < n.range->second)
      requests.push_back(request_of(n));
  return requests;
}

[[noreturn]] void unknown_dial(const DialRequest& request, const Texts& known) {
  const std::string nearest = suggestion(request.key, known);
  throw UserError(
      request.place, "dial", "\"" + request.key + "\" is no number of the scenario",
      nearest.empty() ? "keys are those of --set, for instance sample.size or number.ID" : nearest);
}

void check_range(const Dial& dial) {
  if (!(dial.lower < dial.upper) || !std::isfinite(dial.lower) || !std::isfinite(dial.upper))
    throw UserError(
        dial.place, "dial " + dial.key,
        fmt::format("the range {}:{} is empty", shortest(dial.lower), shortest(dial.upper)),
        "give LOW:HIGH with LOW below HIGH");
  if (dial.whole && std::ceil(dial.lower) >= std::floor(dial.upper))
    throw UserError(dial.place, "dial " + dial.key,
                    fmt::format("the range {}:{} holds fewer than two whole numbers",
                                shortest(dial.lower), shortest(dial.upper)),
                    "widen it");
}

Dial dial_of_number(const DialRequest& request, const PublishedNumber& n) {
  const double unit = printed_unit(n);
  Dial dial{.key = request.key, .source = request.source, .base = n.value * unit};
  if (dial.source.empty()) dial.source = n.source;
  const auto range = request.range ? request.range : n.range;
  if (!range)
    throw UserError(request.place, "dial " + request.key,
                    fmt::format("is {}, without a stated range", to_string(n.provenance)),
                    "give one: " + request.key + "=LOW:HIGH");
  std::tie(dial.lower, dial.upper) = *range;
  if (n.statistic == Statistic::share && (dial.lower < 0 || dial.upper > 100))
    throw UserError(request.place, "dial " + request.key,
                    fmt::format("the range {}:{} leaves what a share can be", shortest(dial.lower),
                                shortest(dial.upper)),
                    "shares are in per cent, 0 to 100");
  return dial;
}

/// A number that the scenario's own conditions set has no effect as a dial.
void refuse_set_by_conditions(const DialRequest& request, const ScenarioDocument& document) {
  ConfigReader root = document.reader();
  for (ConfigReader& condition : root.sections("condition"))
    for (const std::string& setting : condition.texts("set", {.required = false}))
      if (setting.starts_with(request.key + "="))
        throw UserError(request.place, "dial " + request.key,
                        "is set by the scenario's [[condition]] \"" + condition.text("name") + "\"",
                        "turn another number: conditions have the last word");
}

Dial dial_of_key(const DialRequest& request, const ScenarioDocument& document) {
  const auto present = number_at(document, request.key);
  if (!present && !has_section_of(document, request.key))
    unknown_dial(request, numeric_keys(document));
  refuse_set_by_conditions(request, document);
  Dial dial{.key = request.key,
            .source = request.source,
            .base = request.base.value_or(std::numeric_limits<double>::quiet_NaN())};
  if (present) {
    dial.base = present->value;
    dial.whole = present->whole && std::abs(present->value) >= 10;
  }
  if (!request.range)
    throw UserError(request.place, "dial " + request.key, "has no range",
                    "give one: " + request.key + "=LOW:HIGH");
  std::tie(dial.lower, dial.upper) = *request.range;
  return dial;
}

}  // namespace

double Dial::at(double unit) const {
  const double value = lower + unit * (upper - lower);
  if (!whole) return value;
  return std::clamp(std::round(value), std::ceil(lower), std::floor(upper));
}

DialRequest parse_dial(const std::string& text) {
  DialRequest request;
  const auto equals = text.find('=');
  request.key = text.substr(0, equals);
  const auto fail = [&](const char* problem) {
    throw UserError({}, "--dial", "\"" + text + "\" " + problem,
                    "for instance --dial sample.size=5000:50000, or :5 behind it for five levels");
  };
  if (request.key.empty()) fail("names no number");
  if (equals == std::string::npos) return request;
  const Texts parts = split(text.substr(equals + 1), ":");
  if (parts.size() != 2 && parts.size() != 3) fail("is not KEY=LOW:HIGH");
  const auto low = parse_number(parts[0]), high = parse_number(parts[1]);
  if (!low || !high) fail("has ends that are no numbers");
  request.range = {*low, *high};
  if (parts.size() == 3) {
    const auto levels = parse_number(parts[2]);
    if (!levels || *levels != std::floor(*levels) || *levels < 2 || *levels > 1000)
      fail("asks for a number of levels that is not 2 to 1000");
    request.levels = static_cast<std::size_t>(*levels);
  }
  return request;
}

std::vector<DialRequest> read_dials(ConfigReader& section) {
  std::vector<DialRequest> requests;
  for (ConfigReader& c : section.sections("dial", "numbers that are moved")) {
    DialRequest request;
    request.key = c.text("key", {.help = "the number, as --set addresses it"});
    request.place = c.place("key");
    const auto range = c.reals(
        "range", {.required = false, .help = "its ends; default: the number's stated range"});
    if (!range.empty()) {
      if (range.size() != 2) c.fail("range", "must be two numbers");
      request.range = {range[0], range[1]};
    }
    request.levels = static_cast<std::size_t>(
        c.integer("levels", {.min = 2,
                             .max = 1000,
                             .fallback = 2,
                             .help = "levels in grids and one-at-a-time designs"}));
    if (c.has("base"))
      request.base = c.real("base", {.help = "the default of a key that the scenario leaves out"});
    request.source = c.text("source", {.fallback = ""});
    c.finish();
    requests.push_back(std::move(request));
  }
  return requests;
}

std::vector<DialRequest> dials_of_sweep(const std::string& scenario,
                                        const std::vector<std::string>& settings) {
  Texts of_toml;
  for (const std::string& setting : settings)
    if (!setting.starts_with(kNumber)) of_toml.push_back(setting);
  const ScenarioDocument document = open_scenario(scenario, of_toml);
  ConfigReader root = document.reader();
  auto section = root.section("sweep");
  return section ? read_dials(*section) : std::vector<DialRequest>{};
}

std::vector<DialRequest> completed(std::vector<DialRequest> asked,
                                   const std::vector<DialRequest>& listed) {
  if (asked.empty()) return listed;
  for (DialRequest& request : asked) {
    const auto known = std::find_if(listed.begin(), listed.end(), [&](const DialRequest& other) {
      return other.key == request.key;
    });
    if (known == listed.end()) continue;
    if (!request.base) request.base = known->base;
    if (request.levels == 0) request.levels = known->levels;
    if (request.range) continue;
    request.range = known->range;
    request.source = known->source;
  }
  return asked;
}

Dials::Dials(const std::string& scenario, const std::vector<std::string>& settings,
             const std::vector<DialRequest>& requests)
    : settings_(settings) {
  resolve(scenario, requests);
  std::set<std::string> seen;
  for (const Dial& dial : dials_) {
    check_range(dial);
    if (!seen.insert(dial.key).second)
      throw UserError(dial.place, "dial " + dial.key, "stands twice", "leave one out");
  }
  check_ends(scenario);
}

void Dials::resolve(const std::string& scenario, const std::vector<DialRequest>& requests) {
  Texts of_toml;
  for (const std::string& setting : settings_)
    if (!setting.starts_with(kNumber)) of_toml.push_back(setting);
  const ScenarioDocument document = open_scenario(scenario, of_toml);
  const bool model = is_model_scenario(scenario);
  const Scenario read = model ? Scenario{} : load_scenario(scenario, settings_);
  const auto asked = requests.empty() ? assumed_numbers(read.numbers) : requests;
  if (asked.empty())
    throw UserError(document.reader().place(), "sweep", "there is no dial to turn",
                    "no assumed number has a range: give [[sweep.dial]], or --dial KEY=LOW:HIGH");
  Texts known = numeric_keys(document);
  for (const PublishedNumber& n : read.numbers) known.push_back(kNumber + n.id);
  for (const DialRequest& request : asked) {
    Dial dial;
    if (request.key.starts_with(kNumber)) {
      const auto found =
          std::find_if(read.numbers.begin(), read.numbers.end(),
                       [&](const PublishedNumber& n) { return kNumber + n.id == request.key; });
      if (found == read.numbers.end()) unknown_dial(request, known);
      dial = dial_of_number(request, *found);
    } else {
      dial = dial_of_key(request, document);
    }
    dial.levels = request.levels;
    dial.place = request.place;
    dials_.push_back(std::move(dial));
  }
  if (model) return;
  // Questions whose shares are all fixed numbers: what a dial takes, the others give.
  std::map<std::string, std::vector<const PublishedNumber*>> questions;
  for (const PublishedNumber& n : read.numbers)
    if (n.use == Use::fit && n.statistic == Statistic::share && n.levels.size() == 1)
      questions[fmt::format("{}|{}|{}", to_string(n.view), n.scope_text, n.quantity_text)]
          .push_back(&n);
  for (const auto& [name, shares] : questions) {
    double sum = 0;
    for (const PublishedNumber* n : shares) sum += n->value;
    if (shares.size() != read.schema[shares[0]->quantity[0]].size() || std::abs(sum - 1) > 5e-3)
      continue;
    Rest rest;
    for (const PublishedNumber* n : shares) {
      const auto dial = std::find_if(dials_.begin(), dials_.end(),
                                     [&](const Dial& d) { return d.key == kNumber + n->id; });
      if (dial == dials_.end())
        rest.others.emplace_back(n->id, 100 * n->value);
      else
        rest.dials.push_back(static_cast<std::size_t>(dial - dials_.begin()));
    }
    if (!rest.dials.empty()) rests_.push_back(std::move(rest));
  }
}

/// What the scenario refuses at an end of a range is told before anything runs.
void Dials::check_ends(const std::string& scenario) const {
  for (const Dial& dial : dials_) {
    if (dial.key.starts_with(kNumber)) continue;  // checked where it was looked up
    for (double end : {dial.at(0), dial.at(1)}) {
      std::vector<std::string> all = settings_;
      all.push_back(dial.key + "=" + shortest(end));
      try {
        check_settings(scenario, all);
      } catch (const UserError& error) {
        throw UserError(dial.place, "dial " + dial.key,
                        fmt::format("the scenario refuses {} at an end of its range: {}",
                                    shortest(end), error.problem()),
                        error.hint());
      }
    }
  }
}

std::vector<std::string> Dials::settings(const std::vector<double>& values) const {
  std::vector<std::string> all = settings_;
  for (std::size_t k = 0; k < dials_.size(); ++k)
    if (!std::isnan(values[k])) all.push_back(dials_[k].key + "=" + shortest(values[k]));
  for (const Rest& rest : rests_) {
    double taken = 0, others = 0;
    for (std::size_t k : rest.dials) taken += values[k];
    for (const auto& [id, share] : rest.others) others += share;
    const bool moved = std::any_of(rest.dials.begin(), rest.dials.end(),
                                   [&](std::size_t k) { return values[k] != dials_[k].base; });
    if (!moved) continue;
    if (taken > 100 || !(others > 0))
      throw UserError({}, "dial " + dials_[rest.dials[0]].key,
                      fmt::format("shares of one question come to {:.4g} per cent", taken),
                      "narrow the ranges, or leave one of its shares without a dial");
    for (const auto& [id, share] : rest.others)
      all.push_back(kNumber + id + "=" + shortest(share * (100 - taken) / others));
  }
  return all;
}

}  // namespace steelyard
