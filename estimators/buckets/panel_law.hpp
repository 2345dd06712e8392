#pragma once

// A law whose density is known at Gauss nodes of panels in log x, and beyond the last panel a sum
// of Pareto tails: what calibrated and tilted families are.

#include <array>
#include <vector>

#include "estimators/buckets/law.hpp"

namespace steelyard {

constexpr std::size_t kPanelNodes = 16;

/// Gauss-Legendre nodes and weights on (-1, 1).
struct PanelRule {
  std::array<double, kPanelNodes> node, weight;
  static const PanelRule& get();
};

class PanelLaw final : public Law {
 public:
  /// The density of log x on (from, to), a polynomial through its values at the nodes.
  struct Panel {
    double from, to;
    std::array<double, kPanelNodes> density;
  };
  /// Mass m (x / start)^-alpha above x >= start.
  struct Tail {
    double mass, alpha;
  };
  /// @param panels  in order, not overlapping; with tails of total mass 1 (to rounding)
  /// @param tails   beyond `start`, the end of the last panel; alpha > 0
  /// All statistics but cdf, quantile, partial_mean and density are computed here: about 0.2 us a
  /// panel.
  PanelLaw(std::vector<Panel> panels, std::vector<Tail> tails);

  double cdf(double x) const override;
  double quantile(double u) const override;
  double partial_mean(double x) const override;
  double mean() const override { return mean_; }
  double variance() const override { return variance_; }
  double gini() const override { return gini_; }
  double theil() const override { return theil_; }
  double mld() const override { return mld_; }
  double density(double x) const override;

 private:
  std::size_t panel_at(double log_x) const;  ///< the first that ends above it
  double tail_above(double x) const;
  void add_moments();

  std::vector<Panel> panels_;
  std::vector<Tail> tails_;
  double start_;                                    ///< of the tails
  std::vector<double> below_, above_, mean_below_;  ///< mass below and above each panel's start
  double mean_ = 0, variance_ = 0, gini_ = 0, theil_ = 0, mld_ = 0;
};

}  // namespace steelyard
