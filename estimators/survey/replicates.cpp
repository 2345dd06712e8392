#include "estimators/survey/replicates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numeric>

#include "estimators/survey/resampler.hpp"

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
    Name{"rao-wu-yue-beaumont", ReplicateMethod::rao_wu_yue_beaumont},
    Name{"generalized", ReplicateMethod::generalized},
    Name{"bayesian", ReplicateMethod::bayesian},
    Name{"successive-difference", ReplicateMethod::successive_difference},
    Name{"random-groups", ReplicateMethod::random_groups},
    Name{"delete-a-group", ReplicateMethod::delete_a_group},
};

Failure lonely(std::size_t stratum) {
  return {FailureKind::single_unit,
          fmt::format("stratum {} has a single primary unit, so it cannot be resampled; merge "
                      "strata, or use linearization with --lonely-psu",
                      stratum + 1)};
}

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

/// Kott (2001): units of each stratum, in random order, dealt to G groups in turn, one deck after
/// another. In strata with fewer units than groups a dealt unit is not deleted but moved, by the
/// extended jackknife's Z² = G / ((G - 1) n (n - 1)).
ReplicateDesign delete_a_group(const SurveyDesign& design, const ReplicateOptions& o) {
  const std::size_t groups = o.replicates > 0 ? o.replicates : 100;
  const DesignStage& stage = design.stages()[0];
  const Families families(stage);
  auto group = std::make_shared<std::vector<std::uint32_t>>(stage.units);
  auto sizes = std::make_shared<std::vector<double>>(stage.parents * groups, 0.0);
  std::size_t next = 0;
  for (std::size_t p = 0; p < stage.parents; ++p) {
    std::vector<std::uint32_t> deck(families.unit.begin() + families.first[p],
                                    families.unit.begin() + families.first[p + 1]);
    Stream random({*o.seed, purpose("delete a group"), {}, Unit{p}});
    for (std::size_t k = 0; k + 1 < deck.size(); ++k)
      std::swap(deck[k], deck[k + random.below(deck.size() - k)]);
    for (const std::uint32_t u : deck) {
      (*group)[u] = static_cast<std::uint32_t>(next++ % groups);
      (*sizes)[p * groups + (*group)[u]] += 1;
    }
  }
  ReplicateDesign out;
  out.replicates = groups;
  const auto g = static_cast<double>(groups);
  out.scale = (g - 1) / g;
  out.mse = true;
  out.df = std::min(g - 1, design.df());
  out.fill = [&design, group, sizes, groups, g](std::size_t r, std::span<double> factor) {
    const DesignStage& first = design.stages()[0];
    for (std::size_t i = 0; i < factor.size(); ++i) {
      const std::uint32_t u = design.psu(i), p = first.parent_of_unit[u];
      const double n = first.units_in_parent[p], left_out = (*sizes)[p * groups + r];
      const bool out_of_it = (*group)[u] == r;
      double deviation = 0;
      if (n >= g)
        deviation = out_of_it ? -1.0 : n / (n - left_out) - 1;
      else if (left_out > 0 && n > 1)
        deviation = std::sqrt(g / ((g - 1) * n * (n - 1))) * (out_of_it ? 1 - n : 1.0);
      factor[i] = 1 + std::sqrt(1 - first.fraction[p]) * deviation;
    }
  };
  return out;
}

}  // namespace

std::optional<ReplicateMethod> parse_replicate_method(std::string_view name) {
  for (const Name& entry : kNames)
    if (entry.name == name) return entry.method;
  return std::nullopt;
}

bool draws_independently(ReplicateMethod m) {
  return m == ReplicateMethod::bootstrap || m == ReplicateMethod::canty_davison ||
         m == ReplicateMethod::preston || m == ReplicateMethod::generalized ||
         m == ReplicateMethod::bayesian || m == ReplicateMethod::random_groups ||
         m == ReplicateMethod::rao_wu_yue_beaumont || m == ReplicateMethod::delete_a_group;
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
  if (draws_independently(o.method) && !o.seed)
    return Failure{FailureKind::unsupported, "random replicates need a seed"};
  switch (o.method) {
    case ReplicateMethod::delete_a_group:
      for (std::size_t p = 0; p < design.strata(); ++p)
        if (design.stages()[0].units_in_parent[p] < 2 && design.stages()[0].fraction[p] < 1)
          return lonely(p);
      return finished(delete_a_group(design, o));
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

double simulation_cv(const ReplicateDesign& design, std::span<const double> theta, double full) {
  // se² is a mean of R squares; their spread gives its error, and half of it that of se.
  double centre = full;
  const auto r = static_cast<double>(theta.size());
  if (!design.mse) centre = std::accumulate(theta.begin(), theta.end(), 0.0) / r;
  double mean = 0, fourth = 0;
  for (const double value : theta) mean += (value - centre) * (value - centre) / r;
  for (const double value : theta) {
    const double off = (value - centre) * (value - centre) - mean;
    fourth += off * off / (r - 1);
  }
  return mean > 0 ? std::sqrt(fourth / r) / (2 * mean) : 0.0;
}

}  // namespace steelyard
