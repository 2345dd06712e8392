#include "sim/selection/reference_selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/sums.hpp"
#include "sim/selection/drawn_persons.hpp"

namespace steelyard {

ReferenceSelection::ReferenceSelection(ConfigReader& section, const Population& population,
                                       const PopulationFrame& frame)
    : frame_(&frame) {
  const Schema& schema = population.law().schema();
  const std::string design = section.text(
      "design", {.fallback = {},
                 .choices = {"simple_random", "stratified"},
                 .help = "of a synthetic population, whose persons have no clusters and no sizes"});
  const auto n = static_cast<std::size_t>(
      section.integer("n", {.min = 2, .max = 100'000'000, .help = "persons in it"}));
  make_strata(section, population);
  const bool stratified = design == "stratified";
  if (stratified != (strata_.size() > 1 || section.has("stratum")))
    section.fail(stratified ? std::string_view{} : "stratum",
                 stratified ? "has no stratum" : "is given to a simple random sample",
                 stratified ? "add stratum = [\"...\"]" : "set design = \"stratified\"");
  const bool equally =
      section.text("allocation", {.fallback = "proportional",
                                  .choices = {"proportional", "equal"},
                                  .help = "of n to the strata, two persons or more each"}) ==
      "equal";
  allocate(section, n, equally);
  const Texts asks = section.texts(
      "asks", {.required = false, .help = "what its respondents are asked; default: all of root"});
  if (asks.empty())
    asked_ = population.scenario().root;
  else
    for (const std::string& name : asks)
      asked_.push_back(schema.require(name, section.place("asks")));
}

void ReferenceSelection::make_strata(ConfigReader& section, const Population& population) {
  const Schema& schema = population.law().schema();
  const Clique& root = population.law().root();
  std::vector<VariableId> by;
  std::size_t groups = 1;
  for (const std::string& name :
       section.texts("stratum", {.required = false, .help = "root variables, or groupings"})) {
    const VariableId id = schema.require(name, section.place("stratum"));
    const Variable& v = schema[id];
    if (!root.contains({&id, 1}) && !(v.group_of && root.contains({&*v.group_of, 1})))
      section.fail("stratum", "names \"" + name + "\", which is not in population.root",
                   "only root variables are known of everybody");
    by.push_back(id);
    groups *= v.size();
  }
  std::vector<double> persons(root.cells), persons_of(groups, 0.0);
  std::vector<std::size_t> group_of(root.cells, 0);
  for (std::size_t c = 0; c < root.cells; ++c) {
    persons[c] =
        frame_->finite() ? static_cast<double>(frame_->count(c)) : root.p[c] * population.persons();
    std::size_t& g = group_of[c];
    for (VariableId id : by) {
      const Variable& v = schema[id];
      const LevelCode code = root.contains({&id, 1})
                                 ? root.code(c, root.position(id))
                                 : v.group_map[root.code(c, root.position(*v.group_of))];
      g = g * v.size() + code;
    }
    persons_of[g] += persons[c];
  }
  std::vector<double> inside(root.cells);
  for (std::size_t g = 0; g < groups; ++g) {
    if (!(persons_of[g] > 0)) continue;
    for (std::size_t c = 0; c < root.cells; ++c) inside[c] = group_of[c] == g ? persons[c] : 0;
    strata_.push_back({persons_of[g], CellDraw(schema, root, inside), 0});
  }
}

/// Whole numbers by largest remainders, two or more each.
void ReferenceSelection::allocate(ConfigReader& section, std::size_t n, bool equally) {
  double everybody = 0;
  for (const Stratum& s : strata_) everybody += s.persons;
  if (n < 2 * strata_.size())
    section.fail(
        "n", fmt::format("= {} is less than two persons in each of {} strata", n, strata_.size()),
        "raise n or use fewer strata");
  const auto spread = static_cast<double>(n - 2 * strata_.size());
  std::vector<double> remainder;
  std::size_t given = 0;
  for (Stratum& s : strata_) {
    const double share =
        equally ? 1 / static_cast<double>(strata_.size()) : std::max(0.0, s.persons / everybody);
    const double exact = strata_.size() == 1 ? static_cast<double>(n) : 2 + share * spread;
    s.n = static_cast<std::size_t>(exact);
    given += s.n;
    remainder.push_back(exact - std::floor(exact));
  }
  std::vector<std::size_t> order(strata_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return remainder[a] > remainder[b]; });
  for (std::size_t k = 0; given < n; ++k, ++given) ++strata_[order[k % order.size()]].n;
  for (std::size_t h = 0; h < strata_.size(); ++h) {
    const Stratum& s = strata_[h];
    if (frame_->finite() && static_cast<double>(s.n) > s.persons)
      section.fail("n", fmt::format("takes {} persons from a stratum of {:.0f}", s.n, s.persons),
                   "lower n or use coarser strata");
    weights_.insert(weights_.end(), s.n, s.persons / static_cast<double>(s.n));
    if (strata_.size() > 1) stratum_.insert(stratum_.end(), s.n, static_cast<std::uint32_t>(h));
  }
}

void ReferenceSelection::draw(Seed seed, Replicate replicate, std::span<PersonRef> persons,
                              std::vector<std::uint64_t>& slots) const {
  DrawnPersons drawn(slots, frame_->finite() ? persons.size() : 0);
  std::size_t at = 0;
  for (const Stratum& s : strata_)
    for (const std::size_t end = at + s.n; at < end; ++at) {
      Stream stream({seed, purpose("reference sample"), replicate, Unit{at}});
      PersonRef& person = persons[at];
      do {
        person = {s.cells.draw(stream), at};
        if (!frame_->finite()) break;
        std::optional<std::uint64_t> number;
        while (!number) number = frame_->person_at(stream.bits64(), person.cell);
        person.unit = *number;
      } while (!drawn.insert(frame_->first(person.cell) + person.unit));
    }
}

}  // namespace steelyard
