#include "estimators/weighting/reference_margins.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/sums.hpp"
#include "estimators/survey/residuals.hpp"

namespace steelyard {
namespace {

bool is_number(const Schema& schema, const std::vector<VariableId>& margin) {
  return schema[margin[0]].kind == VariableKind::continuous;
}

/// The group of each row of the sample in the cross of the margin's variables.
std::vector<std::size_t> groups_of(const Sample& sample, const Schema& schema,
                                   const std::vector<VariableId>& margin) {
  std::vector<std::size_t> group(sample.n, 0);
  for (VariableId id : margin)
    for (std::size_t j = 0; j < sample.n; ++j)
      group[j] = group[j] * schema[id].size() + sample.column(id)[j];
  return group;
}

std::optional<Failure> unusable(const Benchmarks& benchmarks,
                                const std::vector<VariableId>& margin) {
  const Schema& schema = benchmarks.schema();
  const Sample& sample = benchmarks.reference()->sample;
  for (VariableId id : margin) {
    const bool number = schema[id].kind == VariableKind::continuous;
    const bool there =
        number ? index(id) < sample.numbers.size() && sample.numbers[index(id)].size() == sample.n
               : sample.has(id);
    if (!there)
      return Failure{FailureKind::unsupported,
                     fmt::format("the reference sample does not have \"{}\"", schema[id].name)};
    for (std::size_t j = 0; !number && j < sample.n; ++j)
      if (sample.column(id)[j] >= schema[id].size())
        return Failure{
            FailureKind::unsupported,
            fmt::format("\"{}\" does not apply to some of the reference sample", schema[id].name)};
  }
  const bool known = is_number(schema, margin) ? benchmarks.number(margin[0]).has_value()
                                               : benchmarks.margin(margin).has_value();
  if (known)
    return Failure{FailureKind::unsupported, "a benchmark holds the reference margin of \"" +
                                                 schema[margin[0]].name +
                                                 "\"; put it among the margins"};
  return std::nullopt;
}

/// Persons of the first margin with levels.
std::optional<double> population_of(const Benchmarks& benchmarks, const MarginVariables& margins) {
  for (const auto& margin : margins)
    if (!is_number(benchmarks.schema(), margin))
      if (const auto totals = benchmarks.margin(margin)) return total(*totals);
  return std::nullopt;
}

}  // namespace

MarginVariables read_reference_margins(ConfigReader& config, const Schema& schema) {
  if (!config.is_documenting() && !config.has("reference_margins")) return {};
  return read_margins(config, "reference_margins", schema,
                      "margins beside those that no benchmark holds, estimated from the reference "
                      "sample, whose error is then part of the variance");
}

Result<Benchmarks> with_reference_margins(const Benchmarks& benchmarks,
                                          const MarginVariables& margins,
                                          const MarginVariables& reference_margins) {
  if (!benchmarks.reference())
    return Failure{FailureKind::unsupported,
                   "there is no reference sample to estimate reference_margins from"};
  const auto population = population_of(benchmarks, margins);
  if (!population)
    return Failure{FailureKind::unsupported,
                   "reference_margins need a margin with levels beside them, for the population"};
  const Schema& schema = benchmarks.schema();
  const Sample& sample = benchmarks.reference()->sample;
  const double scale = *population / total(sample.base_weights);
  Benchmarks out = benchmarks;
  for (const auto& margin : reference_margins) {
    if (auto wrong = unusable(benchmarks, margin)) return *wrong;
    if (is_number(schema, margin)) {
      Sum sum;
      for (std::size_t j = 0; j < sample.n; ++j)
        sum.add(sample.base_weights[j] * sample.numbers[index(margin[0])][j]);
      out.add_number(margin[0], scale * sum.value());
      continue;
    }
    std::size_t size = 1;
    for (VariableId id : margin) size *= schema[id].size();
    std::vector<double> totals(size, 0.0);
    const auto group = groups_of(sample, schema, margin);
    for (std::size_t j = 0; j < sample.n; ++j) totals[group[j]] += scale * sample.base_weights[j];
    out.add({margin, std::move(totals)});
  }
  return out;
}

void add_reference_covariance(const Auxiliary& x, const Benchmarks& benchmarks,
                              const MarginVariables& reference_margins, std::vector<double>& v) {
  if (reference_margins.empty()) return;
  const std::size_t p = x.columns();
  v.resize(p * p, 0.0);
  const ReferenceSample& reference = *benchmarks.reference();
  const Sample& sample = reference.sample;
  const ReferenceDesign design = design_of(reference);
  const double size = total(sample.base_weights);
  const std::size_t first_block = x.blocks.size() - reference_margins.size();
  const std::size_t first = x.blocks[first_block].offset;
  const auto whole = std::find_if(x.blocks.begin(), x.blocks.end(),
                                  [](const auto& block) { return block.number.empty(); });
  const double persons = total(std::span(x.targets).subspan(whole->offset, whole->size()));
  Eigen::MatrixXd deviations;
  std::vector<double> u(sample.n);
  for (std::size_t k = 0; k < reference_margins.size(); ++k) {
    const auto& margin = reference_margins[k];
    const Auxiliary::Block& block = x.blocks[first_block + k];
    const auto group =
        block.number.empty() ? groups_of(sample, *x.schema, margin) : std::vector<std::size_t>();
    // Shares times the population N are ratios: d (N/Σd) (x - mean).
    for (std::size_t g = 0; g < block.size(); ++g) {
      const std::size_t column = block.offset + g;
      const double mean = x.targets[column] / persons;
      for (std::size_t j = 0; j < sample.n; ++j) {
        const double value =
            block.number.empty() ? double(group[j] == g) : sample.numbers[index(margin[0])][j];
        u[j] = sample.base_weights[j] * persons / size * (value - mean);
      }
      const auto e = design.deviations(u);
      EXPECTS(e.ok());
      if (deviations.size() == 0)
        deviations.resize(static_cast<Eigen::Index>(e.value().size()),
                          static_cast<Eigen::Index>(p - first));
      deviations.col(static_cast<Eigen::Index>(column - first)) = Eigen::Map<const Eigen::VectorXd>(
          e.value().data(), static_cast<Eigen::Index>(e.value().size()));
    }
  }
  const Eigen::MatrixXd covariance = deviations.transpose() * deviations;
  for (std::size_t j = first; j < p; ++j)
    for (std::size_t k = first; k < p; ++k)
      v[j * p + k] +=
          covariance(static_cast<Eigen::Index>(j - first), static_cast<Eigen::Index>(k - first));
}

}  // namespace steelyard
