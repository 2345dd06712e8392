#include "estimators/weighting/two_samples.hpp"

#include <fmt/format.h>

namespace steelyard {
namespace {

/// Rows of a term that have no level there: skip logic.
std::optional<Failure> not_applicable(const CellIndex& index, const Schema& schema, VariableId id,
                                      const char* whom) {
  const std::size_t position = *index.position(id);
  for (std::size_t c = 0; c < index.cells; ++c)
    if (index.code(c, position) >= schema[id].size())
      return Failure{
          FailureKind::unsupported,
          fmt::format("covariate \"{}\" does not apply to some of {}", schema[id].name, whom)};
  return std::nullopt;
}

std::vector<double> group_sums(const CellGroups& groups, std::span<const double> weight) {
  std::vector<double> sums(groups.groups, 0.0);
  for (std::size_t c = 0; c < weight.size(); ++c) sums[groups.group_of[c]] += weight[c];
  return sums;
}

/// A level that only one of the samples has.
std::optional<Failure> no_overlap(const Schema& schema, std::span<const VariableId> term,
                                  std::span<const double> a, std::span<const double> b) {
  for (std::size_t g = 0; g < a.size(); ++g) {
    if (a[g] > 0 && !(b[g] > 0))
      return Failure{FailureKind::empty_cell,
                     fmt::format("no overlap: {} of the respondents have {}, nobody in the "
                                 "reference sample; merge the level with another",
                                 a[g], describe_group(schema, term, g))};
    if (b[g] > 0 && !(a[g] > 0))
      return Failure{
          FailureKind::empty_cell,
          fmt::format("no overlap: no respondent has {}, which stands for {:.4g} persons "
                      "of the reference sample; merge the level with another",
                      describe_group(schema, term, g), b[g])};
  }
  return std::nullopt;
}

}  // namespace

std::vector<CalibrationBlock> TwoSamples::blocks_of(const Auxiliary& x) {
  return {x.blocks.begin(), x.blocks.end()};
}

std::string TwoSamples::term_name(std::size_t block) const {
  std::string name;
  for (const VariableId id : a.variables[block])
    name += (name.empty() ? "" : " × ") + (*a.schema)[id].name;
  return name;
}

MarginVariables read_covariates(ConfigReader& config, const Schema& schema) {
  return read_margins(config, "covariates", schema,
                      "the model's terms: variables, or lists of variables to be crossed; numbers "
                      "alone");
}

Result<TwoSamples> make_two_samples(const MarginVariables& terms, const CellIndex& index,
                                    const Benchmarks& benchmarks) {
  const Schema& schema = benchmarks.schema();
  TwoSamples out;
  out.reference = benchmarks.reference();
  if (!out.reference)
    return Failure{FailureKind::unsupported,
                   "there is no reference sample; give one, or use a weighting on benchmarks"};
  const Sample& reference = out.reference->sample;
  const std::vector<VariableId> all = variables_of(terms);
  for (VariableId id : all) {
    const std::size_t at = steelyard::index(id);
    const bool there =
        schema[id].kind == VariableKind::continuous
            ? at < reference.numbers.size() && reference.numbers[at].size() == reference.n
            : reference.has(id);
    if (!there)
      return Failure{
          FailureKind::unsupported,
          fmt::format("the reference sample does not have the covariate \"{}\"", schema[id].name)};
  }
  out.reference_index = make_cell_index(reference, all);
  out.weight_a = index.weight;
  for (std::size_t c = 0; c < index.cells; ++c)
    out.base_a.push_back(index.weight[c] > 0 ? index.weight_squared[c] / index.weight[c] : 1.0);
  out.a.cells = index.cells;
  out.b.cells = out.reference_index.cells;
  out.a.schema = out.b.schema = &schema;
  out.a.add_number(std::vector<double>(index.cells, 1.0), 0);
  out.b.add_number(std::vector<double>(out.b.cells, 1.0), 0);
  out.a.variables.emplace_back();
  for (const auto& term : terms) {
    out.a.variables.push_back(term);
    if (schema[term[0]].kind == VariableKind::continuous) {
      out.a.add_number(index.numbers[*index.number_position(term[0])], 0);
      out.b.add_number(out.reference_index.numbers[*out.reference_index.number_position(term[0])],
                       0);
      continue;
    }
    for (VariableId id : term) {
      if (auto wrong = not_applicable(index, schema, id, "the respondents")) return *wrong;
      if (auto wrong = not_applicable(out.reference_index, schema, id, "the reference sample"))
        return *wrong;
    }
    CellGroups a = group_cells(index, schema, term);
    CellGroups b = group_cells(out.reference_index, schema, term);
    if (auto wrong = no_overlap(schema, term, group_sums(a, index.weight),
                                group_sums(b, out.reference_index.weight)))
      return *wrong;
    const std::vector<double> zero(a.groups, 0.0);
    out.a.add_groups(std::move(a), zero);
    out.b.add_groups(std::move(b), zero);
  }
  return out;
}

}  // namespace steelyard
