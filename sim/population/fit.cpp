#include "sim/population/fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace steelyard {
namespace {

using Group = MeanConstraint::Group;

struct Masses {
  std::vector<double> mass;  ///< of each group, in the number's view
  double total = 0, mean = 0;
};

Masses measure(const std::vector<double>& p, const std::vector<Group>& groups) {
  Masses m;
  double sum = 0;
  for (const Group& g : groups) {
    double mass = 0;
    for (std::uint32_t c : g.cells) mass += p[c];
    m.mass.push_back(mass);
    m.total += mass * g.weight;
    sum += mass * g.weight * g.value;
  }
  m.mean = m.total > 0 ? sum / m.total : std::numeric_limits<double>::quiet_NaN();
  return m;
}

/// The tilt t at which sum m c exp(t c) = 0, with c = weight (value - bound) / scale; increasing in
/// t. Nothing if all c have one sign.
double solve_tilt(const Masses& m, const std::vector<Group>& groups, double bound, double scale) {
  constexpr double kLargest = 50;
  bool positive = false, negative = false;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (m.mass[g] <= 0) continue;
    positive |= groups[g].value > bound;
    negative |= groups[g].value < bound;
  }
  if (!positive || !negative) return 0;
  const auto slope = [&](double t, double& derivative) {
    double h = 0;
    derivative = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const double c = groups[g].weight * (groups[g].value - bound) / scale;
      const double e = m.mass[g] * std::exp(t * c);
      h += e * c;
      derivative += e * c * c;
    }
    return h;
  };
  double low = -kLargest, high = kLargest, t = 0;
  for (int step = 0; step < 60; ++step) {
    double derivative = 0;
    const double h = slope(t, derivative);
    (h > 0 ? high : low) = t;
    double next = derivative > 0 ? t - h / derivative : 0.5 * (low + high);
    if (!(next > low && next < high)) next = 0.5 * (low + high);
    if (std::abs(next - t) < 1e-14 * (1 + std::abs(t))) return next;
    t = next;
  }
  return t;
}

void tilt(std::vector<double>& p, Masses& m, const std::vector<Group>& groups, double bound,
          double scale, double t) {
  double sum = 0;
  m.total = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const double factor = std::exp(t * groups[g].weight * (groups[g].value - bound) / scale);
    for (std::uint32_t c : groups[g].cells) p[c] *= factor;
    m.mass[g] *= factor;
    m.total += m.mass[g] * groups[g].weight;
    sum += m.mass[g] * groups[g].weight * groups[g].value;
  }
  m.mean = m.total > 0 ? sum / m.total : m.mean;
}

std::pair<double, double> bounds(const std::vector<double>& p, const MeanConstraint& k) {
  if (k.other_groups.empty()) return {k.lower, k.upper};
  const double other = measure(p, k.other_groups).mean;
  return {k.lower + other, k.upper + other};
}

double violation(double mean, double lower, double upper) {
  return std::isnan(mean) ? std::numeric_limits<double>::infinity()
                          : std::max({0.0, lower - mean, mean - upper});
}

/// One coordinate step on the duals of a constraint: the exact one, or `relaxation` times as far.
/// Returns how far it was from its place, in scale.
double ascend(std::vector<double>& p, MeanConstraint& k, double relaxation) {
  const auto [lower, upper] = bounds(p, k);
  Masses m = measure(p, k.groups);
  // Not yet the projection: an end that is missed, or pulled towards without being touched.
  double found = violation(m.mean, lower, upper);
  if (k.pull_up > 0 && k.pull_up < k.importance) found = std::max(found, std::abs(m.mean - lower));
  if (k.pull_down > 0 && k.pull_down < k.importance)
    found = std::max(found, std::abs(m.mean - upper));
  found /= k.scale;
  if (lower == upper && std::isinf(k.importance)) {
    tilt(p, m, k.groups, lower, k.scale, relaxation * solve_tilt(m, k.groups, lower, k.scale));
    return found;
  }
  if (std::isfinite(lower) && (m.mean < lower || k.pull_up > 0)) {
    const double step = std::clamp(relaxation * solve_tilt(m, k.groups, lower, k.scale), -k.pull_up,
                                   k.importance - k.pull_up);
    tilt(p, m, k.groups, lower, k.scale, step);
    k.pull_up += step;
  }
  if (std::isfinite(upper) && (m.mean > upper || k.pull_down > 0)) {
    const double step = std::clamp(-relaxation * solve_tilt(m, k.groups, upper, k.scale),
                                   -k.pull_down, k.importance - k.pull_down);
    tilt(p, m, k.groups, upper, k.scale, -step);
    k.pull_down += step;
  }
  return found;
}

double scale_block(std::vector<double>& p, const BlockConstraint& block) {
  std::vector<double> present(block.target.size(), 0.0);
  for (std::size_t c = 0; c < p.size(); ++c) present[block.state_of[c]] += p[c];
  double error = 0;
  for (std::size_t s = 0; s < present.size(); ++s) {
    error = std::max(error, std::abs(present[s] - block.target[s]));
    present[s] = present[s] > 0 ? block.target[s] / present[s] : 0.0;
  }
  for (std::size_t c = 0; c < p.size(); ++c) p[c] *= present[block.state_of[c]];
  return error;
}

/// The constraints of one clique, on the cross of the variables that they speak of: tilts depend on
/// nothing else, so they are found on this small table and applied to the clique once.
class CliqueFit {
 public:
  CliqueFit(const JunctionTree& tree, std::size_t clique, std::vector<MeanConstraint*> constraints,
            const std::vector<const BlockConstraint*>& blocks)
      : clique_(clique), originals_(std::move(constraints)) {
    const Clique& c = tree.cliques()[clique];
    // Cells are alike if no constraint and no block tells them apart.
    std::vector<std::vector<std::uint32_t>> labels;
    const auto add_label = [&](const std::vector<Group>& groups) {
      std::vector<std::uint32_t> label(c.cells, 0);
      for (std::size_t g = 0; g < groups.size(); ++g)
        for (std::uint32_t cell : groups[g].cells) label[cell] = static_cast<std::uint32_t>(g + 1);
      labels.push_back(std::move(label));
    };
    for (const MeanConstraint* k : originals_) {
      add_label(k->groups);
      if (!k->other_groups.empty()) add_label(k->other_groups);
    }
    for (const BlockConstraint* block : blocks) labels.push_back(block->state_of);
    state_of_.assign(c.cells, 0);
    std::size_t states = 1;
    for (const auto& label : labels) {  // refine the partition label by label
      std::unordered_map<std::uint64_t, std::uint32_t> renumber;
      for (std::size_t cell = 0; cell < c.cells; ++cell) {
        const std::uint64_t key = (std::uint64_t{state_of_[cell]} << 32) | label[cell];
        state_of_[cell] =
            renumber.emplace(key, static_cast<std::uint32_t>(renumber.size())).first->second;
      }
      states = renumber.size();
    }
    mass_.assign(states, 0.0);
    const auto shrink = [&](std::vector<std::uint32_t> cells) {
      for (std::uint32_t& cell : cells) cell = state_of_[cell];
      std::sort(cells.begin(), cells.end());
      cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
      return cells;
    };
    for (const MeanConstraint* k : originals_) {
      MeanConstraint& small = constraints_.emplace_back(*k);
      for (Group& g : small.groups) g.cells = shrink(g.cells);
      for (Group& g : small.other_groups) g.cells = shrink(g.cells);
    }
    for (const BlockConstraint* block : blocks) {
      BlockConstraint small = *block;
      small.state_of.assign(states, 0);
      for (std::size_t cell = 0; cell < c.cells; ++cell)
        small.state_of[state_of_[cell]] = block->state_of[cell];
      blocks_.push_back(std::move(small));
    }
  }

  /// Fits this clique alone; reports what was violated on arrival.
  void run(JunctionTree& tree, double tolerance, double relaxation, double& violation,
           double& block_error) {
    constexpr int kRepeats = 20;  // steps on the small table are cheap beside the messages
    std::vector<double>& p = tree.cliques()[clique_].p;
    std::fill(mass_.begin(), mass_.end(), 0.0);
    for (std::size_t c = 0; c < p.size(); ++c) mass_[state_of_[c]] += p[c];
    const std::vector<double> arrived = mass_;
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      double worst = 0, worst_block = 0;
      for (const BlockConstraint& block : blocks_)
        worst_block = std::max(worst_block, scale_block(mass_, block));
      for (MeanConstraint& k : constraints_) worst = std::max(worst, ascend(mass_, k, relaxation));
      if (repeat == 0) {
        violation = std::max(violation, worst);
        block_error = std::max(block_error, worst_block);
      }
      if (worst <= 0.1 * tolerance && worst_block <= 0.1 * tolerance) break;
    }
    double sum = 0;
    for (double x : mass_) sum += x;
    std::vector<double> factor(mass_.size(), 0.0);
    for (std::size_t s = 0; s < mass_.size(); ++s)
      factor[s] = arrived[s] > 0 ? mass_[s] / (arrived[s] * sum) : 0.0;
    for (std::size_t c = 0; c < p.size(); ++c) p[c] *= factor[state_of_[c]];
    for (std::size_t k = 0; k < originals_.size(); ++k) {
      originals_[k]->pull_up = constraints_[k].pull_up;
      originals_[k]->pull_down = constraints_[k].pull_down;
    }
  }

 private:
  std::size_t clique_;
  std::vector<MeanConstraint*> originals_;
  std::vector<MeanConstraint> constraints_;
  std::vector<BlockConstraint> blocks_;
  std::vector<std::uint32_t> state_of_;  ///< cells of the clique: state of the small table
  std::vector<double> mass_;
};

class Tour {
 public:
  Tour(JunctionTree& tree, std::vector<MeanConstraint>& constraints,
       const std::vector<BlockConstraint>& blocks, double tolerance)
      : tree_(tree), tolerance_(tolerance), busy_(tree.cliques().size(), false) {
    std::vector<std::vector<MeanConstraint*>> here(tree.cliques().size());
    std::vector<std::vector<const BlockConstraint*>> blocks_here(tree.cliques().size());
    for (MeanConstraint& k : constraints) here[k.clique].push_back(&k);
    for (const BlockConstraint& b : blocks) blocks_here[b.clique].push_back(&b);
    for (std::size_t i = 0; i < here.size(); ++i) {
      fits_.emplace_back();
      if (here[i].empty() && blocks_here[i].empty()) continue;
      fits_[i].emplace(tree, i, here[i], blocks_here[i]);
    }
    for (std::size_t i = here.size(); i-- > 0;) {
      if (fits_[i]) busy_[i] = true;
      if (busy_[i]) busy_[tree.cliques()[i].parent] = true;
    }
  }

  void sweep(double relaxation, double& violation, double& block_error) {
    relaxation_ = relaxation;
    violation_ = block_error_ = 0;
    visit(0);
    violation = violation_;
    block_error = block_error_;
  }

 private:
  void visit(std::size_t clique) {
    if (fits_[clique]) fits_[clique]->run(tree_, tolerance_, relaxation_, violation_, block_error_);
    for (std::size_t child : tree_.children(clique)) {
      if (!busy_[child]) continue;
      tree_.pass(clique, child);
      visit(child);
      tree_.pass(child, clique);
    }
  }

  JunctionTree& tree_;
  double tolerance_;
  std::vector<std::optional<CliqueFit>> fits_;
  std::vector<bool> busy_;
  double relaxation_ = 1, violation_ = 0, block_error_ = 0;
};

}  // namespace

double divergence(const JunctionTree& p, const JunctionTree& q) {
  double sum = 0;
  const auto add = [&](double x, double y, double sign) {
    if (x > 0) sum += sign * x * std::log(x / y);
  };
  for (std::size_t i = 0; i < p.cliques().size(); ++i) {
    const Clique &a = p.cliques()[i], &b = q.cliques()[i];
    for (std::size_t c = 0; c < a.cells; ++c) add(a.p[c], b.p[c], 1);
    if (i == 0) continue;
    std::vector<double> x(a.separator_states, 0.0), y(a.separator_states, 0.0);
    for (std::size_t c = 0; c < a.cells; ++c) {
      x[a.separator_of[c]] += a.p[c];
      y[a.separator_of[c]] += b.p[c];
    }
    for (std::size_t s = 0; s < x.size(); ++s) add(x[s], y[s], -1);
  }
  return sum;
}

double constraint_mean(const JunctionTree& tree, const MeanConstraint& k) {
  const std::vector<double>& p = tree.cliques()[k.clique].p;
  const double mean = measure(p, k.groups).mean;
  return k.other_groups.empty() ? mean : mean - measure(p, k.other_groups).mean;
}

FitReport fit(JunctionTree& tree, std::vector<MeanConstraint>& constraints,
              const std::vector<BlockConstraint>& blocks, const FitOptions& options) {
  FitReport report;
  Tour tour(tree, constraints, blocks, options.tolerance);
  // Exact steps first, while the tilts are large; then longer ones, as long as they help; and
  // exact ones at the end of what does not converge, so that it is missed by no more than it must.
  constexpr int kExactSweeps = 20;
  double relaxation = 1, smallest = std::numeric_limits<double>::infinity();
  while (report.sweeps < options.max_sweeps) {
    if (report.sweeps == kExactSweeps) relaxation = options.relaxation;
    if (report.sweeps >= options.max_sweeps - kExactSweeps) relaxation = 1;
    tour.sweep(relaxation, report.largest_violation, report.largest_block_error);
    ++report.sweeps;
    // Half the tolerance: what the last tour still moved counts too.
    const double worst = std::max(report.largest_violation, report.largest_block_error);
    if (worst <= 0.5 * options.tolerance) break;
    if (worst > 100 * smallest) relaxation = 1;
    smallest = std::min(smallest, worst);
  }
  tree.distribute();
  report.largest_block_error = 0;
  for (const BlockConstraint& block : blocks) {
    std::vector<double> present = tree.cliques()[block.clique].p;
    const double error = scale_block(present, block);
    if (error < report.largest_block_error) continue;
    report.largest_block_error = error;
    report.worst_block = block.name;
  }
  for (const MeanConstraint& k : constraints) {
    const double v = violation(constraint_mean(tree, k), k.lower, k.upper);
    if (v > 1e-6 * k.scale) report.unmet.push_back({k.number, v});
  }
  return report;
}

}  // namespace steelyard
