#include "estimators/weighting/benchmark_error.hpp"

#include <algorithm>
#include <numeric>

namespace steelyard {
namespace {

void fill_block(std::vector<double>& v, std::size_t width, std::size_t offset,
                std::span<const double> t, double cv, double size, bool shared_total) {
  const double total = std::accumulate(t.begin(), t.end(), 0.0);
  const auto at = [&](std::size_t j, std::size_t k) -> double& {
    return v[(offset + j) * width + offset + k];
  };
  if (size > 0) {
    for (std::size_t j = 0; j < t.size(); ++j)
      for (std::size_t k = 0; k < t.size(); ++k)
        at(j, k) = ((j == k ? t[j] * total : 0.0) - t[j] * t[k]) / size;
    return;
  }
  double sum = 0;
  for (double x : t) sum += cv * cv * x * x;
  for (std::size_t j = 0; j < t.size(); ++j) {
    const double own = cv * cv * t[j] * t[j];
    at(j, j) = own;
    if (shared_total && sum > 0)
      for (std::size_t k = 0; k < t.size(); ++k) at(j, k) -= own * cv * cv * t[k] * t[k] / sum;
  }
}

}  // namespace

bool BenchmarkErrors::any() const {
  const auto positive = [](double x) { return x > 0; };
  return std::any_of(cvs.begin(), cvs.end(), positive) ||
         std::any_of(sizes.begin(), sizes.end(), positive);
}

void BenchmarkErrors::extend(std::size_t margins) {
  for (auto* list : {&cvs, &sizes})
    if (!list->empty()) list->resize(margins, 0.0);
}

BenchmarkErrors read_benchmark_errors(ConfigReader& config, const Schema& schema,
                                      const MarginVariables& margins) {
  BenchmarkErrors errors;
  const auto read = [&](std::string_view key, std::string_view help) {
    std::vector<double> given = config.reals(key, {.required = false, .help = help});
    if (!given.empty() && given.size() != margins.size())
      config.fail(key, "has not one number a margin", "give one a margin, 0 if known exactly");
    for (double x : given)
      if (!(x >= 0)) config.fail(key, "holds a negative number", "give 0 or more");
    return given;
  };
  errors.cvs = read("benchmark_cvs",
                    "coefficient of variation of each margin's totals: the margins are met, and "
                    "their error is part of the variance; 0: known exactly");
  errors.sizes = read("benchmark_sizes",
                      "respondents of the survey that each margin comes from: the same for shares "
                      "of a known population; 0: known exactly");
  if (!errors.cvs.empty() && !errors.sizes.empty())
    config.fail("benchmark_sizes", "stands beside benchmark_cvs", "give one of the two");
  for (std::size_t k = 0; k < errors.sizes.size(); ++k)
    if (errors.sizes[k] > 0 && schema[margins[k][0]].kind == VariableKind::continuous)
      config.fail("benchmark_sizes",
                  "has a size for \"" + schema[margins[k][0]].name + "\", which is a number",
                  "use benchmark_cvs");
  return errors;
}

std::vector<double> target_covariance(const BenchmarkErrors& errors,
                                      std::span<const CalibrationBlock* const> blocks,
                                      std::span<const double> targets, bool shared_total) {
  if (!errors.any()) return {};
  std::vector<double> v(targets.size() * targets.size(), 0.0);
  std::size_t offset = 0;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const std::span<const double> t = targets.subspan(offset, blocks[b]->size());
    const bool number = !blocks[b]->number.empty();
    fill_block(v, targets.size(), offset, t, errors.cvs.empty() ? 0.0 : errors.cvs[b],
               errors.sizes.empty() ? 0.0 : errors.sizes[b], shared_total && !number);
    offset += t.size();
  }
  return v;
}

std::vector<double> target_covariance(const BenchmarkErrors& errors, const Auxiliary& x) {
  std::vector<const CalibrationBlock*> blocks;
  std::size_t margins = 0;
  for (const auto& block : x.blocks) {
    blocks.push_back(&block);
    margins += block.number.empty();
  }
  return target_covariance(errors, blocks, x.targets, margins > 1);
}

}  // namespace steelyard
