#include "study/calibration_matrix.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <optional>

#include "estimators/weighting/auxiliary.hpp"

namespace steelyard {
namespace {

/// The calibration matrix of all margins; nothing if one cannot be made.
std::optional<Auxiliary> matrix(const WeighedFile& file) {
  auto made = make_auxiliary(file.margins, file.index, *file.benchmarks);
  if (!made) return std::nullopt;
  return std::move(made.value());
}

/// Parameters that a margin adds to those before it if all combinations of levels occur: over the
/// sets of its variables that no earlier margin holds, the products of (levels - 1).
double structural_rank(const WeighedFile& file, std::size_t margin,
                       const std::vector<double>& present) {
  const auto& variables = file.margins[margin];
  double rank = 0;
  for (std::size_t set = 0; set < (std::size_t{1} << variables.size()); ++set) {
    double product = 1;
    std::vector<VariableId> chosen;
    for (std::size_t v = 0; v < variables.size(); ++v)
      if ((set >> v) & 1) {
        chosen.push_back(variables[v]);
        product *= present[index(variables[v])] - 1;
      }
    bool earlier = false;
    for (std::size_t m = 0; m < margin && !earlier; ++m) {
      const auto& other = file.margins[m];
      earlier = file.schema[other[0]].kind != VariableKind::continuous &&
                std::all_of(chosen.begin(), chosen.end(), [&](VariableId id) {
                  return std::find(other.begin(), other.end(), id) != other.end();
                });
    }
    if (!earlier) rank += product;
  }
  return rank;
}

/// By variable of the schema: how many of its levels respondents have.
std::vector<double> levels_present(const WeighedFile& file) {
  std::vector<double> present(file.schema.size(), 0.0);
  for (std::size_t v = 0; v < file.index.variables.size(); ++v) {
    std::vector<bool> seen(file.schema[file.index.variables[v]].size(), false);
    for (std::size_t c = 0; c < file.index.cells; ++c) seen[file.index.code(c, v)] = true;
    present[index(file.index.variables[v])] =
        static_cast<double>(std::count(seen.begin(), seen.end(), true));
  }
  return present;
}

}  // namespace

std::vector<std::string> dependent_benchmarks(const WeighedFile& file) {
  const auto x = matrix(file);
  if (!x || x->columns() > 4000) return {};
  Eigen::MatrixXd gram;
  x->gram(file.index.weight, gram);
  const auto independent = independent_columns(gram);
  const std::vector<double> present = levels_present(file);
  std::vector<std::string> names;
  for (std::size_t b = 0; b < x->blocks.size(); ++b) {
    const auto& block = x->blocks[b];
    double with_weight = 0, kept = 0;
    std::size_t last = block.offset;
    for (std::size_t j = block.offset; j < block.offset + block.size(); ++j) {
      const bool has = gram(static_cast<Eigen::Index>(j), static_cast<Eigen::Index>(j)) > 0;
      const bool in = std::binary_search(independent.begin(), independent.end(), j);
      with_weight += has;
      kept += in;
      if (has && !in) last = j;
    }
    const double want =
        block.number.empty() ? std::min(with_weight, structural_rank(file, b, present)) : 1.0;
    if (kept < want) names.push_back(x->describe(last));
  }
  return names;
}

std::vector<double> cell_leverages(const WeighedFile& file) {
  const auto x = matrix(file);
  if (!x || x->columns() > 2000) return {};
  Eigen::MatrixXd gram;
  x->gram(file.index.weight, gram);
  const auto kept = independent_columns(gram);
  const auto k = static_cast<Eigen::Index>(kept.size());
  Eigen::MatrixXd lower;
  lower_part(gram, kept, lower);
  const Eigen::LLT<Eigen::MatrixXd> cholesky(lower);
  const Eigen::MatrixXd inverse = cholesky.solve(Eigen::MatrixXd::Identity(k, k));
  std::vector<Eigen::Index> position(x->columns(), -1);
  for (std::size_t a = 0; a < kept.size(); ++a) position[kept[a]] = static_cast<Eigen::Index>(a);
  std::vector<double> out(file.index.cells);
  std::vector<std::pair<Eigen::Index, double>> row;
  for (std::size_t c = 0; c < file.index.cells; ++c) {
    row.clear();
    for (const auto& block : x->blocks) {
      const bool levels = block.number.empty();
      const Eigen::Index at =
          position[block.offset + (levels ? std::size_t{block.groups.group_of[c]} : 0)];
      if (at >= 0) row.emplace_back(at, levels ? 1.0 : block.number[c]);
    }
    double h = 0;
    for (const auto& [a, va] : row)
      for (const auto& [b, vb] : row) h += va * vb * inverse(a, b);
    out[c] = h;
  }
  return out;
}

}  // namespace steelyard
