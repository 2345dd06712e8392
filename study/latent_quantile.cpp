#include "study/latent_quantile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/sums.hpp"
#include "estimators/functionals/linear.hpp"

namespace steelyard {

LatentQuantile::LatentQuantile(const Population& population, const Domain& domain, VariableId asked)
    : law_(population.latent(population.law().schema().value_of(asked))) {
  const VariableId variable = population.law().schema().value_of(asked);
  const Variable& v = population.law().schema()[variable];
  edges_ = v.edges;
  if (law_ == nullptr)
    throw UserError(v.place, "variable " + v.name,
                    "has no latent law, so its quantile has no truth",
                    "add latent = { family = ... }");
  std::vector<VariableId> targets = law_->group();
  targets.push_back(variable);
  const auto law = population.law().query(domain, targets);
  buckets_ = v.size();
  mass_.resize(law_->groups() * buckets_);
  for (std::size_t g = 0; g < law_->groups(); ++g)
    for (std::size_t b = 0; b < buckets_; ++b) mass_[g * buckets_ + b] = law[g * v.states() + b];
  const double sum = total(mass_);
  for (double& m : mass_) m /= sum;
}

double LatentQuantile::at(double p) const {
  double below = 0;
  std::size_t bucket = buckets_;
  for (std::size_t b = 0; b < buckets_; ++b) {
    double mass = 0;
    for (std::size_t g = 0; g < law_->groups(); ++g) mass += mass_[g * buckets_ + b];
    if (!(mass > 0)) continue;
    bucket = b;
    if (below + mass >= p) break;
    below += mass;
  }
  if (bucket == buckets_) return std::numeric_limits<double>::quiet_NaN();
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (std::size_t g = 0; g < law_->groups(); ++g)
    if (mass_[g * buckets_ + bucket] > 0) {
      low = std::min(low, law_->smallest(g, bucket));
      high = std::max(high, law_->largest(g, bucket));
    }
  const auto share = [&](double x) {
    double sum = below;
    for (std::size_t g = 0; g < law_->groups(); ++g)
      if (const double m = mass_[g * buckets_ + bucket]; m > 0)
        sum += m * law_->share_below(g, bucket, x);
    return sum;
  };
  // Bisection down to neighbouring doubles: the share is piecewise linear, with kinks.
  for (;;) {
    const double middle = low + (high - low) / 2;
    if (!(middle > low && middle < high)) return high;
    (share(middle) >= p ? high : low) = middle;
  }
}

std::shared_ptr<const Law> LatentQuantile::law() const {
  std::vector<Segment> all;
  for (const auto& bucket : pieces()) all.insert(all.end(), bucket.begin(), bucket.end());
  return std::make_shared<PiecewiseLaw>(std::move(all));
}

std::vector<std::vector<Segment>> LatentQuantile::pieces() const {
  constexpr int kPieces = 256, kOctave = 64, kOctaves = 26;
  std::vector<std::vector<Segment>> pieces(buckets_);
  double below = 0, last = -std::numeric_limits<double>::infinity();
  for (std::size_t b = 0; b < buckets_; ++b) {
    const auto add = [&](double from, double to, double mass) {
      if (mass > 0 && to > from) pieces[b].push_back(Segment::uniform(from, to, mass));
    };
    double mass = 0, first = 0, lowest = std::numeric_limits<double>::infinity();
    for (std::size_t g = 0; g < law_->groups(); ++g) {
      const double m = mass_[g * buckets_ + b];
      if (!(m > 0)) continue;
      mass += m;
      first += m * law_->mean(g, b);
      lowest = std::min(lowest, law_->smallest(g, b));
    }
    if (!(mass > 0)) continue;
    last = std::max(last, lowest);
    if (!std::isinf(edges_[b + 1])) {
      for (int k = 1; k <= kPieces; ++k) {
        const double to = at(std::min(below + mass * k / kPieces, 1.0));
        add(last, to, mass / kPieces);
        last = std::max(last, to);
      }
    } else {
      double done = 0, left = 1;
      for (int k = 1; k <= kOctave * kOctaves; ++k) {
        const double next = std::exp2(-static_cast<double>(k) / kOctave);
        const double to = at(below + mass * (1 - next));
        add(last, to, mass * (left - next));
        done += mass * (left - next) * (last + to) / 2;
        last = std::max(last, to);
        left = next;
      }
      // What is left has the mean that the bucket's own mean asks for.
      const double rest = (first - done) / (mass * left);
      add(last, std::max(2 * rest - last, last * (1 + 1e-9)), mass * left);
    }
    below += mass;
  }
  return pieces;
}

ReweightedLaw::ReweightedLaw(const Population& population, const Domain& domain, VariableId asked) {
  const Schema& schema = population.law().schema();
  const bool fine = schema.value_of(asked) == asked;
  const auto made = LatentQuantile(population, domain, asked).pieces();
  pieces_.resize(schema[asked].size());
  for (std::size_t f = 0; f < made.size(); ++f) {
    auto& own = pieces_[fine ? f : schema[asked].group_map[f]];
    own.insert(own.end(), made[f].begin(), made[f].end());
  }
  for (auto& bucket : pieces_) {
    double mass = 0;
    for (const Segment& piece : bucket) mass += piece.mass;
    for (Segment& piece : bucket) piece.mass /= mass;
  }
}

Result<std::shared_ptr<const Law>> ReweightedLaw::law(std::span<const double> totals) const {
  const double sum = total(totals);
  if (auto failure = without_weight(totals, sum)) return *failure;
  std::vector<Segment> all;
  for (std::size_t b = 0; b < pieces_.size(); ++b) {
    if (totals[b] < 0) return Failure{FailureKind::infeasible, "the total of a bucket is negative"};
    if (totals[b] == 0) continue;
    if (pieces_[b].empty())
      return Failure{FailureKind::infeasible,
                     "respondents are in a bucket that nobody of the population's domain is in"};
    for (Segment piece : pieces_[b]) {
      piece.mass *= totals[b] / sum;
      all.push_back(piece);
    }
  }
  return std::shared_ptr<const Law>(std::make_shared<PiecewiseLaw>(std::move(all)));
}

}  // namespace steelyard
