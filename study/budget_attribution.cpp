#include <cmath>

#include "core/sums.hpp"
#include "study/budget.hpp"
#include "study/shapley.hpp"

namespace steelyard {
namespace {

/// Moments by player of what the replicates attribute.
struct PlayerMoments {
  std::vector<Moments> shapley, first_in, last_in;
  explicit PlayerMoments(std::size_t players)
      : shapley(players), first_in(players), last_in(players) {}
  void add(const Attribution& a) {
    for (std::size_t i = 0; i < shapley.size(); ++i) {
      shapley[i].add(a.shapley[i]);
      first_in[i].add(a.first_in[i]);
      last_in[i].add(a.last_in[i]);
    }
  }
};

Measured measured(const Moments& m) { return {m.mean(), m.mean_se()}; }

/// Errors of one estimator by replicate and subset: with sampling noise d = v - truth, without it
/// D = v - v(none), which has the same expectation where nothing is on but noise.
class Errors {
 public:
  Errors(double truth, std::span<const double> values, std::size_t sets)
      : truth_(truth), values_(values), sets_(sets), mean_(sets), product_(sets) {
    const auto n = static_cast<double>(replicates());
    for (std::size_t s = 0; s < sets; ++s) {
      Sum sum, squares;
      for (std::size_t r = 0; r < replicates(); ++r) {
        sum.add(without_noise(r, s));
        squares.add(without_noise(r, s) * without_noise(r, s));
      }
      mean_[s] = sum.value() / n;
      // Σ_{r != q} D_r D_q / (R (R - 1)): the square of the expectation, without bias.
      product_[s] = (n * mean_[s] * mean_[s] - squares.value() / n) / (n - 1);
    }
  }

  std::size_t replicates() const { return values_.size() / sets_; }
  double error(std::size_t r, std::size_t set) const { return values_[r * sets_ + set] - truth_; }
  double without_noise(std::size_t r, std::size_t set) const {
    return values_[r * sets_ + set] - values_[r * sets_];
  }
  /// Of the squared bias without noise: a value a replicate with that mean, and the spread that
  /// its estimation error has (influence of the replicate).
  double squared_bias(std::size_t r, std::size_t set) const {
    return product_[set] + 2 * mean_[set] * (without_noise(r, set) - mean_[set]);
  }

 private:
  double truth_;
  std::span<const double> values_;
  std::size_t sets_;
  std::vector<double> mean_, product_;
};

}  // namespace

BudgetRecord attribute_errors(double truth, std::span<const double> values, std::size_t players) {
  const std::size_t sets = std::size_t{1} << players, all = sets - 1;
  const Errors errors(truth, values, sets);
  EXPECTS(errors.replicates() >= 2);
  PlayerMoments bias(players + 1), mse(players + 1);
  Moments estimate, error, square;
  std::vector<double> bias_game(2 * sets), mse_game(2 * sets);
  for (std::size_t r = 0; r < errors.replicates(); ++r) {
    for (std::size_t s = 0; s < sets; ++s) {
      const double d = errors.error(r, s);
      bias_game[s] = errors.without_noise(r, s);
      bias_game[sets + s] = d;  // noise is the last player
      mse_game[s] = errors.squared_bias(r, s);
      mse_game[sets + s] = d * d;
    }
    bias.add(attribute(bias_game, players + 1));
    mse.add(attribute(mse_game, players + 1));
    const double d = errors.error(r, all);
    estimate.add(truth + d);
    error.add(d);
    square.add(d * d);
  }
  BudgetRecord record;
  record.mean_estimate = estimate.mean();
  record.bias = measured(error);
  record.mse = measured(square);
  record.replicates = static_cast<std::uint32_t>(errors.replicates());
  for (std::size_t i = 0; i <= players; ++i)
    record.parts.push_back({.bias = measured(bias.shapley[i]),
                            .mse = measured(mse.shapley[i]),
                            .first_bias = measured(bias.first_in[i]),
                            .last_bias = measured(bias.last_in[i]),
                            .first_mse = measured(mse.first_in[i]),
                            .last_mse = measured(mse.last_in[i])});
  return record;
}

}  // namespace steelyard
