#include "estimators/survey/replicates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <memory>
#include <numeric>

#include "core/random_blocks.hpp"

namespace steelyard {
namespace {

struct Name {
  std::string_view name;
  ReplicateMethod method;
};
constexpr std::array kNames = {
    Name{"jk1", ReplicateMethod::jk1},
    Name{"jkn", ReplicateMethod::jkn},
    Name{"brr", ReplicateMethod::brr},
    Name{"fay", ReplicateMethod::fay},
    Name{"bootstrap", ReplicateMethod::bootstrap},
    Name{"canty-davison", ReplicateMethod::canty_davison},
    Name{"preston", ReplicateMethod::preston},
    Name{"generalized", ReplicateMethod::generalized},
    Name{"bayesian", ReplicateMethod::bayesian},
    Name{"successive-difference", ReplicateMethod::successive_difference},
    Name{"random-groups", ReplicateMethod::random_groups},
};

bool is_random(ReplicateMethod m) {
  return m == ReplicateMethod::bootstrap || m == ReplicateMethod::canty_davison ||
         m == ReplicateMethod::preston || m == ReplicateMethod::generalized ||
         m == ReplicateMethod::bayesian || m == ReplicateMethod::random_groups;
}

/// Units of each parent of a stage, in one array.
struct Families {
  std::vector<std::uint32_t> first, unit;  ///< units of parent p: unit[first[p] ... first[p + 1])
  explicit Families(const DesignStage& stage) : first(stage.parents + 1, 0), unit(stage.units) {
    for (std::uint32_t p : stage.parent_of_unit) ++first[p + 1];
    std::partial_sum(first.begin(), first.end(), first.begin());
    std::vector<std::uint32_t> next(first.begin(), first.end() - 1);
    for (std::uint32_t u = 0; u < stage.units; ++u) unit[next[stage.parent_of_unit[u]]++] = u;
  }
};

Failure lonely(std::size_t stratum) {
  return {FailureKind::single_unit,
          fmt::format("stratum {} has a single primary unit, so it cannot be resampled; merge "
                      "strata, or use linearization with --lonely-psu",
                      stratum + 1)};
}

/// Everything that random replicates draw from; shared by all replicates.
struct Resampler {
  const SurveyDesign& design;
  ReplicateOptions options;
  std::vector<Families> families;
  std::vector<std::vector<double>> above;  ///< by stage and parent: fraction product

  Resampler(const SurveyDesign& d, const ReplicateOptions& o) : design(d), options(o) {
    std::vector<double> multiplier(d.strata(), 1.0);
    for (const DesignStage& stage : d.stages()) {
      families.emplace_back(stage);
      above.push_back(multiplier);
      std::vector<double> next(stage.units);
      for (std::size_t u = 0; u < stage.units; ++u)
        next[u] = multiplier[stage.parent_of_unit[u]] * stage.fraction[stage.parent_of_unit[u]];
      multiplier = std::move(next);
    }
  }

  StreamId stream(std::size_t replicate, std::size_t stage, std::size_t parent) const {
    return {*options.seed, purpose("replicate weights"),
            Replicate{static_cast<std::uint32_t>(replicate)},
            Unit{(std::uint64_t{stage} << 36) | parent}};
  }

  /// How often each of n units comes up in `draws` draws with replacement; draws is n at most, so
  /// that 16 bits do.
  static void count_draws(const StreamId& id, std::size_t draws, std::size_t n,
                          std::vector<std::uint16_t>& hits) {
    hits.assign(n, 0);
    BulkStream random(id, draws);
    for (std::size_t k = 0; k < draws; ++k) ++hits[random.below(n)];
  }

  /// Centred deviation a - 1 of each unit of a stage, given that its parent was kept.
  void deviations(std::size_t r, std::size_t s, std::vector<double>& a) const {
    const DesignStage& stage = design.stages()[s];
    a.assign(stage.units, 0.0);
    std::vector<std::uint16_t> hits;
    for (std::size_t p = 0; p < stage.parents; ++p) {
      const std::uint32_t* units = families[s].unit.data() + families[s].first[p];
      const std::size_t n = families[s].first[p + 1] - families[s].first[p];
      const double open = above[s][p] * (1 - stage.fraction[p]);
      if (open <= 1e-15 || n < 2) continue;
      const auto size = static_cast<double>(n);
      const StreamId id = stream(r, s, p);
      Stream random(id);
      switch (options.method) {
        case ReplicateMethod::bootstrap: {
          const double lambda = std::sqrt(open);
          count_draws(id, n - 1, n, hits);
          for (std::size_t k = 0; k < n; ++k)
            a[units[k]] = lambda * (hits[k] * size / (size - 1) - 1);
          break;
        }
        case ReplicateMethod::canty_davison:
          count_draws(id, n, n, hits);
          for (std::size_t k = 0; k < n; ++k) a[units[k]] = hits[k] - 1.0;
          break;
        case ReplicateMethod::preston: {
          const std::size_t m = n / 2;
          std::vector<std::uint32_t> deck(units, units + n);
          for (std::size_t k = 0; k < m; ++k) std::swap(deck[k], deck[k + random.below(n - k)]);
          const auto half = static_cast<double>(m);
          const double lambda = std::sqrt(half * open / (size - half));
          for (std::size_t k = 0; k < n; ++k)
            a[deck[k]] = lambda * ((k < m ? size / half : 0.0) - 1);
          break;
        }
        case ReplicateMethod::generalized: {
          boost::random::normal_distribution<double> normal;
          double mean = 0;
          for (std::size_t k = 0; k < n; ++k) mean += a[units[k]] = normal(random);
          mean /= size;
          const double lambda = std::sqrt(open * size / (size - 1));
          for (std::size_t k = 0; k < n; ++k) a[units[k]] = lambda * (a[units[k]] - mean);
          break;
        }
        case ReplicateMethod::bayesian: {
          double sum = 0;
          for (std::size_t k = 0; k < n; ++k) sum += a[units[k]] = -std::log(random.uniform());
          for (std::size_t k = 0; k < n; ++k) a[units[k]] = a[units[k]] * size / sum - 1;
          break;
        }
        default:
          break;
      }
    }
  }

  void fill(std::size_t r, std::span<double> factor) const {
    std::fill(factor.begin(), factor.end(), 1.0);
    const bool one_stage = options.method == ReplicateMethod::canty_davison ||
                           options.method == ReplicateMethod::bayesian || design.one_stage();
    std::vector<double> a;
    for (std::size_t s = 0; s < (one_stage ? 1 : design.stages().size()); ++s) {
      deviations(r, s, a);
      const auto& map = design.stages()[s].unit_of_row;
      for (std::size_t i = 0; i < factor.size(); ++i) factor[i] += a[map.empty() ? i : map[i]];
    }
  }
};

Result<ReplicateDesign> jackknife(const SurveyDesign& design, const ReplicateOptions& o) {
  const DesignStage& stage = design.stages()[0];
  if (o.method == ReplicateMethod::jk1 && stage.parents > 1)
    return Failure{FailureKind::unsupported, "JK1 is for designs without strata; use jkn"};
  ReplicateDesign out;
  out.replicates = stage.units;
  for (std::size_t p = 0; p < stage.parents; ++p)
    if (stage.units_in_parent[p] < 2) return lonely(p);
  for (std::size_t u = 0; u < stage.units; ++u) {
    const std::size_t p = stage.parent_of_unit[u];
    const double n = stage.units_in_parent[p];
    out.rscales.push_back((n - 1) / n * (1 - stage.fraction[p]));
  }
  if (o.method == ReplicateMethod::jk1) {
    out.scale = out.rscales[0];
    out.rscales.clear();
  }
  out.df = design.df();
  out.fill = [&design](std::size_t r, std::span<double> factor) {
    const DesignStage& first = design.stages()[0];
    const std::uint32_t stratum = first.parent_of_unit[r];
    const double others = first.units_in_parent[stratum] / (first.units_in_parent[stratum] - 1);
    for (std::size_t i = 0; i < factor.size(); ++i) {
      const std::uint32_t u = design.psu(i);
      factor[i] = u == r ? 0.0 : first.parent_of_unit[u] == stratum ? others : 1.0;
    }
  };
  return out;
}

Result<ReplicateDesign> balanced(const SurveyDesign& design, const ReplicateOptions& o) {
  const DesignStage& stage = design.stages()[0];
  for (std::size_t p = 0; p < stage.parents; ++p)
    if (stage.units_in_parent[p] != 2)
      return Failure{FailureKind::unsupported,
                     fmt::format("balanced half samples need two primary units in every stratum; "
                                 "stratum {} has {:g}",
                                 p + 1, stage.units_in_parent[p])};
  ReplicateDesign out;
  std::size_t size = 0;
  auto signs = std::make_shared<std::vector<std::uint8_t>>(hadamard(stage.parents + 1, size));
  const double rho = o.method == ReplicateMethod::fay ? o.rho : 0.0;
  out.replicates = size;
  out.scale = 1 / (static_cast<double>(size) * (1 - rho) * (1 - rho));
  out.df = static_cast<double>(stage.parents);
  std::vector<std::uint8_t> second(stage.units, 0), seen(stage.parents, 0);
  for (std::size_t u = 0; u < stage.units; ++u) second[u] = seen[stage.parent_of_unit[u]]++;
  out.fill = [&design, signs, size, rho, second](std::size_t r, std::span<double> factor) {
    const DesignStage& first = design.stages()[0];
    for (std::size_t i = 0; i < factor.size(); ++i) {
      const std::uint32_t u = design.psu(i);
      const bool minus = (*signs)[r * size + first.parent_of_unit[u] + 1] != 0;
      factor[i] = (second[u] != 0) == minus ? 2 - rho : rho;
    }
  };
  return out;
}

ReplicateDesign successive_difference(const SurveyDesign& design, const ReplicateOptions& o) {
  ReplicateDesign out;
  const std::size_t wanted = o.replicates > 0 ? o.replicates : 80;
  std::size_t size = 0;
  auto signs = std::make_shared<std::vector<std::uint8_t>>(hadamard(wanted, size));
  out.replicates = size;
  out.scale = 4 / static_cast<double>(size);
  out.mse = true;
  out.df = design.df();
  const std::size_t units = design.psus();
  std::vector<double> open(design.strata());
  for (std::size_t p = 0; p < open.size(); ++p)
    open[p] = std::sqrt(1 - design.stages()[0].fraction[p]);
  out.fill = [&design, signs, size, units, open](std::size_t r, std::span<double> factor) {
    // Units take the matrix's rows 1, 2, ... in turn; each differs from the next one's row.
    const auto sign = [&](std::size_t unit) {
      return (*signs)[r * size + 1 + unit % (size - 1)] ? -1.0 : 1.0;
    };
    const DesignStage& first = design.stages()[0];
    for (std::size_t i = 0; i < factor.size(); ++i) {
      const std::size_t u = design.psu(i);
      factor[i] = 1 + open[first.parent_of_unit[u]] * (sign(u) - sign(u + 1 == units ? 0 : u + 1)) /
                          std::sqrt(8.0);
    }
  };
  return out;
}

Result<ReplicateDesign> random_groups(const SurveyDesign& design, const ReplicateOptions& o) {
  const std::size_t groups = o.replicates > 0 ? o.replicates : 10;
  const DesignStage& stage = design.stages()[0];
  for (std::size_t p = 0; p < stage.parents; ++p)
    if (stage.units_in_parent[p] < static_cast<double>(groups))
      return Failure{FailureKind::unsupported,
                     fmt::format("{} random groups need as many primary units in every stratum; "
                                 "stratum {} has {:g}",
                                 groups, p + 1, stage.units_in_parent[p])};
  auto group = std::make_shared<std::vector<std::uint32_t>>(stage.units);
  const Families families(stage);
  for (std::size_t p = 0; p < stage.parents; ++p) {
    std::vector<std::uint32_t> deck(families.unit.begin() + families.first[p],
                                    families.unit.begin() + families.first[p + 1]);
    Stream random({*o.seed, purpose("random groups"), {}, Unit{p}});
    for (std::size_t k = 0; k + 1 < deck.size(); ++k)
      std::swap(deck[k], deck[k + random.below(deck.size() - k)]);
    for (std::size_t k = 0; k < deck.size(); ++k)
      (*group)[deck[k]] = static_cast<std::uint32_t>(k % groups);
  }
  ReplicateDesign out;
  out.replicates = groups;
  const auto k = static_cast<double>(groups);
  out.scale = 1 / (k * (k - 1));
  out.df = k - 1;
  // A group of m_h of the n_h units of a stratum stands for all of them.
  auto sizes = std::make_shared<std::vector<double>>(stage.parents * groups, 0.0);
  for (std::size_t u = 0; u < stage.units; ++u)
    (*sizes)[stage.parent_of_unit[u] * groups + (*group)[u]] += 1;
  out.fill = [&design, group, sizes, groups](std::size_t r, std::span<double> factor) {
    const DesignStage& first = design.stages()[0];
    for (std::size_t i = 0; i < factor.size(); ++i) {
      const std::uint32_t u = design.psu(i), p = first.parent_of_unit[u];
      factor[i] = (*group)[u] == r ? first.units_in_parent[p] / (*sizes)[p * groups + r] : 0.0;
    }
  };
  return out;
}

bool is_prime(std::size_t q) {
  for (std::size_t f = 2; f * f <= q; ++f)
    if (q % f == 0) return false;
  return q > 1;
}

}  // namespace

std::optional<ReplicateMethod> parse_replicate_method(std::string_view name) {
  for (const Name& entry : kNames)
    if (entry.name == name) return entry.method;
  return std::nullopt;
}

std::string_view replicate_method_names() {
  static const std::string names = [] {
    std::string text;
    for (const Name& entry : kNames) text += (text.empty() ? "" : ", ") + std::string(entry.name);
    return text;
  }();
  return names;
}

double ReplicateDesign::variance(std::span<const double> theta, double full) const {
  double centre = full;
  if (!mse) {
    double sum = 0, count = 0;
    for (std::size_t r = 0; r < theta.size(); ++r)
      if (rscales.empty() || rscales[r] > 0) {
        sum += theta[r];
        count += 1;
      }
    centre = sum / count;
  }
  double variance = 0;
  for (std::size_t r = 0; r < theta.size(); ++r)
    variance += (rscales.empty() ? 1.0 : rscales[r]) * (theta[r] - centre) * (theta[r] - centre);
  return scale * variance;
}

Result<ReplicateDesign> make_replicates(const SurveyDesign& design, const ReplicateOptions& o) {
  const auto finished = [&](Result<ReplicateDesign> made) {
    if (made) {
      made.value().n = design.n();
      made.value().mse |= o.mse;
    }
    return made;
  };
  if (is_random(o.method) && !o.seed)
    return Failure{FailureKind::unsupported, "random replicates need a seed"};
  switch (o.method) {
    case ReplicateMethod::jk1:
    case ReplicateMethod::jkn:
      return finished(jackknife(design, o));
    case ReplicateMethod::brr:
    case ReplicateMethod::fay:
      return finished(balanced(design, o));
    case ReplicateMethod::successive_difference:
      return finished(successive_difference(design, o));
    case ReplicateMethod::random_groups:
      return finished(random_groups(design, o));
    default:
      break;
  }
  const DesignStage& stage = design.stages()[0];
  double harmonic = 0;
  for (std::size_t p = 0; p < stage.parents; ++p) {
    if (stage.units_in_parent[p] < 2 && stage.fraction[p] < 1) return lonely(p);
    harmonic += 1 / stage.units_in_parent[p];
  }
  harmonic = static_cast<double>(stage.parents) / harmonic;
  ReplicateDesign out;
  out.replicates = o.replicates > 0 ? o.replicates : 500;
  const auto r = static_cast<double>(out.replicates);
  out.scale = 1 / (o.mse ? r : r - 1);
  if (o.method == ReplicateMethod::canty_davison) out.scale *= harmonic / (harmonic - 1);
  out.df = std::min(r - 1, design.df());
  auto resampler = std::make_shared<const Resampler>(design, o);
  out.fill = [resampler](std::size_t replicate, std::span<double> factor) {
    resampler->fill(replicate, factor);
  };
  return finished(std::move(out));
}

ReplicateDesign given_replicates(std::vector<std::vector<double>> columns, bool combined,
                                 double scale, std::vector<double> rscales, bool mse, double df) {
  ReplicateDesign out;
  out.n = columns.empty() ? 0 : columns[0].size();
  out.replicates = columns.size();
  out.scale = scale;
  out.rscales = std::move(rscales);
  out.mse = mse;
  out.df = df;
  out.combined = combined;
  auto kept = std::make_shared<const std::vector<std::vector<double>>>(std::move(columns));
  out.fill = [kept](std::size_t r, std::span<double> factor) {
    std::copy((*kept)[r].begin(), (*kept)[r].end(), factor.begin());
  };
  return out;
}

std::size_t replicates_for_cv(double cv) {
  return static_cast<std::size_t>(std::ceil(1 / (2 * cv * cv) - 1e-9));
}

std::vector<std::uint8_t> hadamard(std::size_t order, std::size_t& size) {
  // Candidates 2^k and 2^k (q + 1), q a prime with q % 4 == 3: the smallest that is large enough.
  std::size_t best = 1, best_q = 0;
  while (best < order) best *= 2;
  for (std::size_t q = 3; q + 1 < best; q += 4) {
    if (!is_prime(q)) continue;
    std::size_t candidate = q + 1;
    while (candidate < order) candidate *= 2;
    if (candidate < best) {
      best = candidate;
      best_q = q;
    }
  }
  size = best_q == 0 ? 1 : best_q + 1;
  std::vector<std::uint8_t> matrix(size * size, 0);
  if (best_q !=
      0) {  // Paley I: 1s in row and column 0; Legendre symbols of i - j, -1 on the diagonal
    std::vector<std::uint8_t> square(best_q, 1);
    for (std::size_t k = 1; k < best_q; ++k) square[k * k % best_q] = 0;
    for (std::size_t i = 1; i < size; ++i) {
      matrix[i * size] = 1;  // the skew-symmetric border
      for (std::size_t j = 1; j < size; ++j)
        matrix[i * size + j] = i == j ? 0 : square[(j + best_q - i) % best_q];
    }
  }
  while (size < best) {
    std::vector<std::uint8_t> next(4 * size * size);
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j) {
        const std::uint8_t v = matrix[i * size + j];
        next[i * 2 * size + j] = next[i * 2 * size + size + j] = v;
        next[(size + i) * 2 * size + j] = v;
        next[(size + i) * 2 * size + size + j] = v ^ 1;
      }
    matrix = std::move(next);
    size *= 2;
  }
  // Column 0 all +1.
  for (std::size_t i = 0; i < size; ++i)
    if (matrix[i * size] != 0)
      for (std::size_t j = 0; j < size; ++j) matrix[i * size + j] ^= 1;
  return matrix;
}

}  // namespace steelyard
