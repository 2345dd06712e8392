#include "sim/selection/reference_selection.hpp"

#include <algorithm>

namespace steelyard {

ReferenceFrame::Groups ReferenceFrame::groups(ConfigReader& section, std::string_view key,
                                              const Texts& names) const {
  const Schema& schema = population.law().schema();
  const Clique& root = population.law().root();
  std::vector<VariableId> by;
  Groups out;
  for (const std::string& name : names) {
    const VariableId id = schema.require(name, section.place(key));
    const Variable& v = schema[id];
    if (!root.contains({&id, 1}) && !(v.group_of && root.contains({&*v.group_of, 1})))
      section.fail(key, "names \"" + name + "\", which is not in population.root",
                   "only root variables are known of everybody");
    by.push_back(id);
    out.groups *= v.size();
  }
  out.of_cell.assign(root.cells, 0);
  for (std::size_t c = 0; c < root.cells; ++c)
    for (const VariableId id : by) {
      const Variable& v = schema[id];
      const LevelCode code = root.contains({&id, 1})
                                 ? root.code(c, root.position(id))
                                 : v.group_map[root.code(c, root.position(*v.group_of))];
      out.of_cell[c] = out.of_cell[c] * v.size() + code;
    }
  return out;
}

ReferenceSelection::ReferenceSelection(ConfigReader& section, const Population& population,
                                       const PopulationFrame& frame)
    : frame_(&frame) {
  const std::string design = section.text(
      "design", {.fallback = {},
                 .choices = {"simple_random", "stratified", "systematic_pps",
                             "random_systematic_pps", "two_stage"},
                 .help = "of a synthetic population; all but the first two need one of persons"});
  ReferenceFrame known{population, frame, {}};
  const Clique& root = population.law().root();
  for (std::size_t c = 0; c < root.cells; ++c)
    known.persons.push_back(frame.finite() ? static_cast<double>(frame.count(c))
                                           : root.p[c] * population.persons());
  const bool random_order = design == "random_systematic_pps";
  const bool listed = random_order || design == "systematic_pps" || design == "two_stage";
  if (listed && !frame.finite())
    section.fail(
        "design",
        "= \"" + design + "\" draws from a list of persons, and a superpopulation has none",
        "set population.size to a number of persons, or design = \"simple_random\" or "
        "\"stratified\"");
  if (design != "stratified" && section.has("stratum"))
    section.fail("stratum", "is given to design = \"" + design + "\"",
                 "set design = \"stratified\", or leave it out");
  design_ = design == "systematic_pps" || random_order
                ? make_systematic_reference(section, known, random_order)
            : design == "two_stage"
                ? make_two_stage_reference(section, known)
                : make_stratified_reference(section, known, design == "stratified");
  read_asked(section, population);
}

void ReferenceSelection::read_asked(ConfigReader& section, const Population& population) {
  const Schema& schema = population.law().schema();
  const Texts asks = section.texts(
      "asks", {.required = false, .help = "what its respondents are asked; default: all of root"});
  if (asks.empty())
    asked_ = population.scenario().root;
  else
    for (const std::string& name : asks)
      asked_.push_back(schema.require(name, section.place("asks")));
  for (const Texts& margin : section.text_lists(
           "margins", {.required = false,
                      .help = "margins of the population, without error, that its weights are "
                              "calibrated to; crosses as lists"})) {
    auto& ids = margins_.emplace_back();
    for (const std::string& name : margin) {
      ids.push_back(schema.require(name, section.place("margins")));
      if (std::find(asked_.begin(), asked_.end(), ids.back()) == asked_.end())
        section.fail("margins", "names \"" + name + "\", which it does not ask", "add it to asks");
    }
  }
}

void ReferenceSelection::draw(Seed seed, Replicate replicate, ReferenceDraw& out,
                              std::vector<std::uint64_t>& slots) const {
  for (auto* column : {&out.stratum, &out.unit}) column->clear();
  for (auto* column : {&out.weights, &out.unit_prob, &out.within_share}) column->clear();
  out.persons.clear();
  design_->draw(seed, replicate, out, slots);
}

}  // namespace steelyard
