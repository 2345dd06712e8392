#include "study/latent_quantile.hpp"

#include <algorithm>
#include <limits>

#include "core/sums.hpp"

namespace steelyard {

LatentQuantile::LatentQuantile(const Population& population, const Domain& domain,
                               VariableId variable)
    : law_(population.latent(variable)) {
  const Variable& v = population.law().schema()[variable];
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

}  // namespace steelyard
