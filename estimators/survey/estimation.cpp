#include "estimators/survey/estimation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "core/sums.hpp"
#include "estimators/survey/kernels.hpp"
#include "estimators/survey/sum_columns.hpp"

namespace steelyard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kBlock = 16;  ///< replicates that are summed together

/// How a request is read off the sums: numerator over denominator, or numerator alone.
struct SumPair {
  std::size_t numerator = 0, denominator = kNone;
  static constexpr std::size_t kNone = std::size_t(-1);
};

class Estimation {
 public:
  Estimation(const SurveyData& data, std::span<const EstimateRequest> requests,
             const EstimationOptions& options)
      : data_(data),
        requests_(requests),
        o_(options),
        sums_(data.n, data.domain_of, data.domains.size()) {}

  std::vector<EstimateRow> run(std::vector<double>* replicate_values) {
    for (const EstimateRequest& request : requests_) pairs_.push_back(columns_of(request));
    w_ = sums_.permuted(data_.w);
    totals_ = sums_.sums(w_);
    rows_.resize(requests_.size() * domains());
    for (std::size_t r = 0; r < requests_.size(); ++r)
      for (std::size_t k = 0; k < domains(); ++k) point(r, k);
    if (o_.replicates)
      replicate(replicate_values);
    else
      linearize();
    return std::move(rows_);
  }

  /// What run() also fills, by row, under linearization.
  void keep_influences(std::vector<std::vector<double>>& u) {
    u.assign(requests_.size() * domains(), {});
    influences_ = &u;
  }

 private:
  std::size_t domains() const { return data_.domains.size(); }
  EstimateRow& row(std::size_t r, std::size_t k) { return rows_[r * domains() + k]; }

  SumPair columns_of(const EstimateRequest& q) {
    const auto& y = data_.columns[q.y];
    switch (q.statistic) {
      case SurveyStatistic::total:
        return {sums_.add(q.y, y), SumPair::kNone};
      case SurveyStatistic::mean:
      case SurveyStatistic::proportion:
        return {sums_.add(q.y, y), sums_.add_present(q.y, y)};
      case SurveyStatistic::ratio:
        return {sums_.add_where_present(q.y, y, q.x, data_.columns[q.x]),
                sums_.add_where_present(q.x, data_.columns[q.x], q.y, y)};
      case SurveyStatistic::quantile:
      case SurveyStatistic::gini:
        return {sums_.add(q.y, y), sums_.add_present(q.y, y)};
    }
    return {};
  }

  /// Sum of a column's products in a domain, for one column of weights.
  static double sum_of(const SumColumns::Sums& sums, std::size_t domain, std::size_t column,
                       std::size_t weight = 0) {
    return sums[domain](static_cast<Eigen::Index>(column), static_cast<Eigen::Index>(weight));
  }

  static double value_of(const SumPair& pair, const SumColumns::Sums& sums, std::size_t k,
                         std::size_t weight) {
    const double above = sum_of(sums, k, pair.numerator, weight);
    return pair.denominator == SumPair::kNone ? above
                                              : above / sum_of(sums, k, pair.denominator, weight);
  }

  void point(std::size_t r, std::size_t k) {
    EstimateRow& out = row(r, k);
    const EstimateRequest& q = requests_[r];
    out.request = r;
    out.domain = k;
    out.n = count_present(q, k);
    out.se = out.lower = out.upper = out.df = out.deff = out.deff_wr = kNan;
    if (out.n == 0) {
      out.estimate = kNan;
      out.failure = Failure{FailureKind::empty_domain, "no respondent in the domain"};
      return;
    }
    if (q.statistic == SurveyStatistic::quantile)
      out.estimate = distribution(q, k).quantile(q.p, o_.rule);
    else if (q.statistic == SurveyStatistic::gini)
      out.estimate = gini(q, k, data_.w, nullptr);
    else
      out.estimate = value_of(pairs_[r], totals_, k, 0);
    if (!std::isfinite(out.estimate))
      out.failure = Failure{FailureKind::unsupported, q.statistic == SurveyStatistic::ratio
                                                          ? "the denominator's total is zero"
                                                          : "the total weight is zero"};
  }

  std::size_t count_present(const EstimateRequest& q, std::size_t k) const {
    const auto rows = sums_.rows(k);
    const auto &y = data_.columns[q.y], &x = data_.columns[q.x];
    const bool both = q.statistic == SurveyStatistic::ratio;
    std::size_t count = 0;
    if (sums_.everybody() && !both) {
      for (double v : y) count += !std::isnan(v);
      return count;
    }
    for (std::uint32_t i : rows) count += !std::isnan(y[i]) && !(both && std::isnan(x[i]));
    return count;
  }

  /// Rows of a domain that have an answer.
  void answered(const EstimateRequest& q, std::size_t k, std::vector<std::uint32_t>& rows) const {
    rows.clear();
    const auto &y = data_.columns[q.y], &x = data_.columns[q.x];
    const bool both = q.statistic == SurveyStatistic::ratio;
    for (std::uint32_t i : sums_.rows(k))
      if (!std::isnan(y[i]) && !(both && std::isnan(x[i]))) rows.push_back(i);
  }

  /// Answers of a domain by value under the final weights.
  const WeightedDistribution& distribution(const EstimateRequest& q, std::size_t k) {
    auto& kept = distributions_[{q.y, k}];
    if (!kept) kept = distribution(q, k, data_.w);
    return *kept;
  }

  /// And under others; the answers' order is kept between calls.
  WeightedDistribution distribution(const EstimateRequest& q, std::size_t k,
                                    std::span<const double> w) {
    const Sorted& s = sorted(q, k);
    std::vector<double>& weight = scratch_;
    weight.resize(s.rows.size());
    for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = w[s.rows[i]];
    return WeightedDistribution(s.values, weight, s.identity);
  }

  struct Sorted {
    std::vector<std::uint32_t> rows, identity;  ///< rows in order of value
    std::vector<double> values;
  };
  const Sorted& sorted(const EstimateRequest& q, std::size_t k) {
    const auto [at, fresh] = sorted_.try_emplace({q.y, k});
    Sorted& s = at->second;
    if (!fresh) return s;
    answered({.statistic = SurveyStatistic::mean, .y = q.y, .x = q.y}, k, s.rows);
    const std::vector<double>& y = data_.columns[q.y];
    sort_by_value(y, s.rows);
    s.values.resize(s.rows.size());
    for (std::size_t i = 0; i < s.values.size(); ++i) s.values[i] = y[s.rows[i]];
    s.identity.resize(s.rows.size());
    std::iota(s.identity.begin(), s.identity.end(), 0u);
    return s;
  }

  /// Gini coefficient, Σ_ij w_i w_j max(x_i, x_j) / (Σw Σwx) - 1, and its derivative by each
  /// weight in the order of `sorted`.
  double gini(const EstimateRequest& q, std::size_t k, std::span<const double> w,
              std::vector<double>* influence) {
    const Sorted& s = sorted(q, k);
    const std::size_t n = s.rows.size();
    double weight = 0, sum = 0, pairs = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double wi = w[s.rows[i]];
      pairs += wi * s.values[i] * (2 * weight + wi);
      weight += wi;
      sum += wi * s.values[i];
    }
    const double g = pairs / (weight * sum) - 1;
    if (influence != nullptr) {
      influence->resize(n);
      double below = 0, above = sum;
      for (std::size_t i = 0; i < n; ++i) {
        below += w[s.rows[i]];
        above -= w[s.rows[i]] * s.values[i];
        (*influence)[i] =
            (2 * (s.values[i] * below + above) - (g + 1) * (sum + weight * s.values[i])) /
            (weight * sum);
      }
    }
    return g;
  }

  /// Degrees of freedom of a domain's estimates.
  double df_of(std::size_t k) const {
    if (o_.df) return *o_.df;
    const double df = o_.replicates ? o_.replicates->df : data_.design->df();
    if (!o_.domain_df || sums_.everybody()) return df;
    return std::min(df, data_.design->df_of_rows(sums_.rows(k), data_.w));
  }

  // --- linearization -----------------------------------------------------------------------------

  void linearize() {
    Linearizer linearizer(*data_.design, data_.w, data_.d, data_.index, data_.weights);
    for (std::size_t r = 0; r < requests_.size(); ++r)
      for (std::size_t k = 0; k < domains(); ++k) {
        EstimateRow& out = row(r, k);
        if (out.failure) continue;
        const EstimateRequest& q = requests_[r];
        df_ = df_of(k);
        if (q.statistic == SurveyStatistic::quantile) {
          quantile_interval(r, k, [&](double at) { return share_variance(linearizer, q, k, at); });
          if (!out.failure && o_.quantiles != QuantileInterval::woodruff)
            score_interval(linearizer, r, k);
          if (influences_ && !out.failure) quantile_influence(linearizer, r, k);
          continue;
        }
        const auto variance = linear_variance(linearizer, r, k);
        if (!variance)
          out.failure = variance.failure();
        else
          finish(r, k, variance.value());
      }
  }

  /// Influence of each answered row and the variance that follows; also the design effects.
  Result<double> linear_variance(Linearizer& linearizer, std::size_t r, std::size_t k) {
    const EstimateRequest& q = requests_[r];
    const EstimateRow& out = row(r, k);
    if (q.statistic == SurveyStatistic::gini) {
      gini(q, k, data_.w, &z_);
      return variance_and_influence(linearizer, r, k, sorted(q, k).rows);
    }
    const double* y = sums_.column(pairs_[r].numerator, k);
    const auto rows = sums_.rows(k);
    z_.resize(rows.size());
    if (q.statistic == SurveyStatistic::total) {
      std::copy(y, y + rows.size(), z_.begin());
    } else {
      const double below = 1 / sum_of(totals_, k, pairs_[r].denominator), m = out.estimate;
      const double* x = sums_.column(pairs_[r].denominator, k);
      linear_influence(y, x, m, below, rows.size(), z_.data());
    }
    return variance_and_influence(linearizer, r, k,
                                  sums_.everybody() ? std::span<const std::uint32_t>() : rows);
  }

  /// Of z_ on the given rows.
  Result<double> variance_and_influence(Linearizer& linearizer, std::size_t r, std::size_t k,
                                        std::span<const std::uint32_t> rows) {
    if (influences_) linearizer.residuals(rows, z_, (*influences_)[r * domains() + k]);
    return linearizer.variance(rows, z_);
  }

  /// A quantile moves by -1/f for each unit that F moves; f, the density, is what makes the
  /// interval's standard error agree with that of F.
  void quantile_influence(Linearizer& linearizer, std::size_t r, std::size_t k) {
    const EstimateRow& out = row(r, k);
    const Share share = share_variance(linearizer, requests_[r], k, out.estimate);
    std::vector<double>& u = (*influences_)[r * domains() + k];
    linearizer.residuals(some_rows_, z_, u);
    const double se = std::sqrt(std::max(0.0, share.variance.value()));
    for (double& v : u) v *= se > 0 ? -out.se / se : 0.0;
  }

  /// F(at) of a domain and the variance of its estimate.
  struct Share {
    double value = 0;
    Result<double> variance;
  };
  Share share_variance(Linearizer& linearizer, const EstimateRequest& q, std::size_t k, double at) {
    answered({.statistic = SurveyStatistic::mean, .y = q.y, .x = q.y}, k, some_rows_);
    const std::vector<double>& y = data_.columns[q.y];
    double above = 0, weight = 0;
    for (std::uint32_t i : some_rows_) {
      weight += data_.w[i];
      if (y[i] <= at) above += data_.w[i];
    }
    const double share = above / weight;
    z_.resize(some_rows_.size());
    for (std::size_t i = 0; i < some_rows_.size(); ++i)
      z_[i] = (double(y[some_rows_[i]] <= at) - share) / weight;
    const bool all = some_rows_.size() == data_.n;
    return {share, linearizer.variance(all ? std::span<const std::uint32_t>() : some_rows_, z_)};
  }

  // --- intervals ---------------------------------------------------------------------------------

  /// df_ is that of the domain by now.
  IntervalSetting setting(std::size_t k) {
    if (setting_.df != df_ || setting_.level != o_.level) setting_ = {o_.level, df_, 0};
    setting_.n = sums_.rows(k).size();
    return setting_;
  }

  void finish(std::size_t r, std::size_t k, double variance) {
    EstimateRow& out = row(r, k);
    out.se = std::sqrt(std::max(0.0, variance));
    out.df = df_;
    if (!(df_ >= 1)) {
      out.failure = Failure{FailureKind::unsupported,
                            fmt::format("{:g} degrees of freedom: too few for an interval", df_)};
      return;
    }
    const SurveyStatistic statistic = requests_[r].statistic;
    IntervalSetting with = setting(k);
    if (!(out.se > 0)) with.n = out.n;  // all answers are equal: those given are all there is
    const Limits limits = proportion_limits(
        out.estimate, out.se,
        statistic == SurveyStatistic::proportion ? interior(out) : ProportionInterval::mean, with);
    out.lower = limits.lower;
    out.upper = limits.upper;
    if (statistic == SurveyStatistic::mean || statistic == SurveyStatistic::proportion ||
        statistic == SurveyStatistic::total || statistic == SurveyStatistic::ratio)
      design_effects(r, k, variance);
  }

  /// At 0 and 1 only the exact method has an interval.
  ProportionInterval interior(const EstimateRow& out) const {
    const bool inside = out.estimate > 0 && out.estimate < 1 && out.se > 0;
    return inside || o_.proportions == ProportionInterval::wilson ? o_.proportions
                                                                  : ProportionInterval::beta;
  }

  /// Total weight of a domain's rows.
  double domain_weight(std::size_t k) {
    if (domain_weights_.empty())
      for (std::size_t j = 0; j < domains(); ++j) {
        const double* w = w_.data() + sums_.first(j);
        domain_weights_.push_back(total({w, sums_.rows(j).size()}));
      }
    return domain_weights_[k];
  }

  /// Variance over S²(N - n)/(N n), S² = n/(n - 1) Σw(y - mean)²/Σw; with replacement S²/n. A
  /// ratio's is that of the total of (y - R x)/Σwx.
  void design_effects(std::size_t r, std::size_t k, double variance) {
    EstimateRow& out = row(r, k);
    const EstimateRequest& q = requests_[r];
    const bool ratio = q.statistic == SurveyStatistic::ratio;
    const auto &y = data_.columns[q.y], &x = data_.columns[q.x];
    const auto value = [&](std::uint32_t i) { return ratio ? y[i] - out.estimate * x[i] : y[i]; };
    const auto rows = sums_.rows(k);
    double weight = 0, sum = 0, squares = 0;
    if (!ratio && out.n == rows.size()) {
      const double* w = w_.data() + sums_.first(k);
      weight = domain_weight(k);
      sum = sum_of(totals_, k, pairs_[r].numerator);
      squares = squares_about(w, sums_.column(pairs_[r].numerator, k), sum / weight, rows.size());
    } else {
      for (std::uint32_t i : rows)
        if (!std::isnan(value(i))) {
          weight += data_.w[i];
          sum += data_.w[i] * value(i);
        }
      const double mean = sum / weight;
      for (std::uint32_t i : rows)
        if (const double v = value(i) - mean; !std::isnan(v)) squares += data_.w[i] * v * v;
    }
    const auto n = static_cast<double>(out.n);
    const double s2 = n / (n - 1) * squares / weight;
    const double scale = ratio ? weight / sum_of(totals_, k, pairs_[r].denominator) : weight;
    const double unit = ratio || q.statistic == SurveyStatistic::total ? scale * scale : 1.0;
    out.deff_wr = variance / (unit * s2 / n);
    out.deff = weight > n ? variance / (unit * s2 * (weight - n) / (weight * n)) : kNan;
  }

  /// Interval of F at the quantile, inverted. @param share  gives F(q) and its variance
  template <typename ShareAt>
  void quantile_interval(std::size_t r, std::size_t k, ShareAt&& share_at) {
    EstimateRow& out = row(r, k);
    const EstimateRequest& q = requests_[r];
    const Share share = share_at(out.estimate);
    if (!share.variance) {
      out.failure = share.variance.failure();
      return;
    }
    invert(r, k, share.value, std::sqrt(std::max(0.0, share.variance.value())));
    (void)q;
  }

  void invert(std::size_t r, std::size_t k, double share, double se) {
    EstimateRow& out = row(r, k);
    const auto& f = distribution(requests_[r], k);
    const bool inside = share > 0 && share < 1 && se > 0;
    const Limits p =
        inside ? proportion_limits(share, se, o_.woodruff, setting(k)) : Limits{share, share};
    set_quantile_limits(out, f.quantile(p.lower, o_.rule), f.quantile(p.upper, o_.rule));
  }

  void set_quantile_limits(EstimateRow& out, double lower, double upper) {
    out.lower = lower;
    out.upper = upper;
    out.df = df_;
    out.se = (upper - lower) / (2 * setting(out.domain).t);
  }

  /// Ends where the score test of "this is the quantile" turns.
  void score_interval(Linearizer& linearizer, std::size_t r, std::size_t k) {
    EstimateRow& out = row(r, k);
    const EstimateRequest& q = requests_[r];
    const Sorted& s = sorted(q, k);
    std::vector<double> values = s.values;
    values.erase(std::unique(values.begin(), values.end()), values.end());
    const double t = setting(k).t;
    const auto score = [&](std::size_t at) {
      const Share share = share_variance(linearizer, q, k, values[at]);
      return (q.p - share.value) / std::sqrt(std::max(0.0, share.variance.value()));
    };
    double rank[2];
    for (int end = 0; end < 2; ++end) {
      const double goal = end == 0 ? t : -t;
      std::size_t low = 0, high = values.size() - 1;  // the first value whose score is below
      while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (score(middle) < goal)
          high = middle;
        else
          low = middle + 1;
      }
      // F jumps over the goal at this value: take the side that is nearer.
      const std::size_t at =
          low > 0 && std::abs(score(low - 1) - goal) < std::abs(score(low) - goal) ? low - 1 : low;
      rank[end] = values[at];
    }
    const auto& f = distribution(q, k);
    const auto limit = [&](double at) {
      if (o_.quantiles == QuantileInterval::score) return f.quantile(f.at_or_below(at), o_.rule);
      const auto below = static_cast<double>(
          std::upper_bound(s.values.begin(), s.values.end(), at) - s.values.begin());
      return quantile_as_survey(q, k, below / static_cast<double>(s.values.size()));
    };
    set_quantile_limits(out, limit(rank[0]), limit(rank[1]));
  }

  /// Ties decided by rounding as R's survey does it: cumulated in extended precision, in the order
  /// of value then of row, totalled in the order of rows.
  double quantile_as_survey(const EstimateRequest& q, std::size_t k, double p) {
    const Sorted& s = sorted(q, k);
    long double total = 0, running = 0;
    for (std::size_t i = 0; i < data_.n; ++i) total += data_.w[i];
    const auto sum = static_cast<double>(total);
    std::vector<double> cumulated;
    for (std::uint32_t i : s.rows) cumulated.push_back(static_cast<double>(running += data_.w[i]));
    const std::size_t n = cumulated.size();
    if (o_.rule == QuantileRule::hf7) return distribution(q, k).quantile(p, o_.rule);
    std::size_t at = 0;
    for (std::size_t i = 0; i < n; ++i)
      if (cumulated[i] <= p * sum) at = i;
    const std::size_t next = at + 1 < n ? at + 1 : at;
    if (p - cumulated[at] / sum != 0) return s.values[next];
    return o_.rule == QuantileRule::math ? s.values[at] : (s.values[at] + s.values[next]) / 2;
  }

  // --- replication -------------------------------------------------------------------------------

  void replicate(std::vector<double>* replicate_values) {
    const ReplicateDesign& design = *o_.replicates;
    // Woodruff intervals need the share at or below each quantile in every replicate.
    std::vector<SumPair> pairs = pairs_;
    if (o_.quantiles == QuantileInterval::woodruff)
      for (std::size_t r = 0; r < requests_.size(); ++r)
        if (requests_[r].statistic == SurveyStatistic::quantile) {
          std::vector<double> at(domains());
          for (std::size_t k = 0; k < domains(); ++k) at[k] = row(r, k).estimate;
          pairs[r].numerator = sums_.add_at_or_below(data_.columns[requests_[r].y], at);
        }
    const std::size_t width = rows_.size();
    std::vector<double> theta(width * design.replicates);
    std::optional<Failure> failure;
    CellIndex index;
    if (data_.weighting) index = index_for_any_weights(*data_.weighting, *data_.index);
    std::vector<double> own(sums_.everybody() ? 0 : data_.n);
    Eigen::MatrixXd block;
    for (std::size_t first = 0; first < design.replicates && !failure; first += kBlock) {
      const std::size_t count = std::min(kBlock, design.replicates - first);
      block.resize(static_cast<Eigen::Index>(sums_.size()), static_cast<Eigen::Index>(count));
      for (std::size_t b = 0; b < count && !failure; ++b) {
        auto column = block.col(static_cast<Eigen::Index>(b));
        const std::span<double> factor =
            sums_.everybody() ? std::span(column.data(), data_.n) : std::span(own);
        failure = weigh_replicate(first + b, index, factor);
        if (failure) break;
        if (!sums_.everybody()) sums_.permute_into(factor, column);
        for (std::size_t r = 0; r < requests_.size(); ++r)
          if (per_replicate(requests_[r]))
            for (std::size_t k = 0; k < domains(); ++k)
              if (row(r, k).n > 0)
                theta[(r * domains() + k) * design.replicates + first + b] =
                    requests_[r].statistic == SurveyStatistic::gini
                        ? gini(requests_[r], k, factor, nullptr)
                        : distribution(requests_[r], k, factor).quantile(requests_[r].p, o_.rule);
      }
      if (failure) break;
      const SumColumns::Sums sums = sums_.sums(block);
      for (std::size_t r = 0; r < requests_.size(); ++r)
        if (!per_replicate(requests_[r]))
          for (std::size_t k = 0; k < domains(); ++k)
            for (std::size_t b = 0; b < count; ++b)
              theta[(r * domains() + k) * design.replicates + first + b] =
                  value_of(pairs[r], sums, k, b);
    }
    for (std::size_t r = 0; r < requests_.size(); ++r)
      for (std::size_t k = 0; k < domains(); ++k)
        interval_from(r, k,
                      {theta.data() + (r * domains() + k) * design.replicates, design.replicates},
                      pairs[r], failure);
    if (replicate_values) *replicate_values = std::move(theta);
  }

  bool per_replicate(const EstimateRequest& q) const {
    return q.statistic == SurveyStatistic::gini || (q.statistic == SurveyStatistic::quantile &&
                                                    o_.quantiles == QuantileInterval::replicates);
  }

  void interval_from(std::size_t r, std::size_t k, std::span<double> theta, const SumPair& pair,
                     const std::optional<Failure>& failure) {
    EstimateRow& out = row(r, k);
    if (out.failure) return;
    df_ = df_of(k);
    if (failure) {
      out.failure = failure;
      return;
    }
    for (std::size_t i = 0; i < theta.size(); ++i)
      if (!std::isfinite(theta[i]) &&
          (o_.replicates->rscales.empty() || o_.replicates->rscales[i] > 0)) {
        out.failure = Failure{
            FailureKind::empty_domain,
            fmt::format("replicate {} of {} has no respondent in the domain", i + 1, theta.size())};
        return;
      }
    const bool quantile = requests_[r].statistic == SurveyStatistic::quantile;
    if (quantile && o_.quantiles == QuantileInterval::woodruff) {
      const double share = value_of(pair, sums_.sums(sums_.permuted(data_.w)), k, 0);
      const double se = std::sqrt(o_.replicates->variance(theta, share));
      invert(r, k, share, se);
      for (double& value : theta)  // on the quantile's scale, by the slope of the interval
        value = out.estimate - (value - share) * (se > 0 ? out.se / se : 0.0);
    } else if (quantile && o_.quantiles != QuantileInterval::replicates) {
      out.failure =
          Failure{FailureKind::unsupported, "score intervals need linearization, not replicates"};
    } else {
      finish(r, k, o_.replicates->variance(theta, out.estimate));
    }
  }

  /// Final weights of replicate r in `w`; why there are none.
  std::optional<Failure> weigh_replicate(std::size_t r, CellIndex& index, std::span<double> w) {
    o_.replicates->fill(r, w);
    if (o_.replicates->combined) return std::nullopt;
    if (!data_.weighting) {
      for (std::size_t i = 0; i < data_.n; ++i) w[i] *= data_.w[i];
      return std::nullopt;
    }
    for (std::size_t i = 0; i < data_.n; ++i) w[i] *= data_.d[i] * data_.start_scale;
    reweigh_cells(index, w);
    const auto weights = data_.weighting->weigh(index, *data_.benchmarks);
    if (!weights)
      return Failure{weights.failure().kind,
                     fmt::format("replicate {} of {} cannot be weighted: {}", r + 1,
                                 o_.replicates->replicates, weights.failure().detail)};
    const std::vector<double>& g = weights.value().factor;
    for (std::size_t i = 0; i < data_.n; ++i) w[i] *= g[index.cell_of[i]];
    return std::nullopt;
  }

 public:
  /// All replicate weights, n × R, for their rank.
  Result<Eigen::MatrixXd> replicate_weights(const ReplicateDesign& design) {
    Eigen::MatrixXd all(static_cast<Eigen::Index>(data_.n),
                        static_cast<Eigen::Index>(design.replicates));
    CellIndex index;
    if (data_.weighting) index = index_for_any_weights(*data_.weighting, *data_.index);
    std::vector<double> w(data_.n);
    for (std::size_t r = 0; r < design.replicates; ++r) {
      if (const auto failure = weigh_replicate(r, index, w)) return *failure;
      all.col(static_cast<Eigen::Index>(r)) =
          Eigen::Map<const Eigen::VectorXd>(w.data(), static_cast<Eigen::Index>(w.size()));
    }
    return all;
  }

 private:
  const SurveyData& data_;
  std::span<const EstimateRequest> requests_;
  const EstimationOptions& o_;
  SumColumns sums_;
  SumColumns::Sums totals_;
  std::vector<SumPair> pairs_;
  std::vector<EstimateRow> rows_;
  Eigen::MatrixXd w_;  ///< final weights in the order of sums_
  std::vector<double> domain_weights_;
  double df_ = 0;
  IntervalSetting setting_;
  std::map<std::pair<std::size_t, std::size_t>, Sorted> sorted_;
  std::map<std::pair<std::size_t, std::size_t>, std::optional<WeightedDistribution>> distributions_;
  std::vector<double> scratch_, z_;
  std::vector<std::uint32_t> some_rows_;
  std::vector<std::vector<double>>* influences_ = nullptr;
};

}  // namespace

const char* to_string(SurveyStatistic statistic) {
  switch (statistic) {
    case SurveyStatistic::total:
      return "total";
    case SurveyStatistic::mean:
      return "mean";
    case SurveyStatistic::proportion:
      return "proportion";
    case SurveyStatistic::ratio:
      return "ratio";
    case SurveyStatistic::quantile:
      return "quantile";
    case SurveyStatistic::gini:
      return "gini";
  }
  return "";
}

std::vector<EstimateRow> estimate_all(const SurveyData& data,
                                      std::span<const EstimateRequest> requests,
                                      const EstimationOptions& options,
                                      std::vector<double>* replicate_values) {
  return Estimation(data, requests, options).run(replicate_values);
}

Result<std::vector<std::vector<double>>> replicate_weights(const SurveyData& data,
                                                           const ReplicateDesign& replicates) {
  EstimationOptions options;
  options.replicates = &replicates;
  const auto weights = Estimation(data, {}, options).replicate_weights(replicates);
  if (!weights) return weights.failure();
  std::vector<std::vector<double>> columns;
  for (Eigen::Index r = 0; r < weights.value().cols(); ++r)
    columns.emplace_back(weights.value().col(r).begin(), weights.value().col(r).end());
  return columns;
}

InfluenceValues influence_values(const SurveyData& data, std::span<const EstimateRequest> requests,
                                 const EstimationOptions& options) {
  EXPECTS(options.replicates == nullptr);
  InfluenceValues out;
  Estimation estimation(data, requests, options);
  estimation.keep_influences(out.u);
  out.rows = estimation.run(nullptr);
  return out;
}

double replicate_rank(const SurveyData& data, const ReplicateDesign& replicates) {
  EstimationOptions options;
  options.replicates = &replicates;
  const auto weights = Estimation(data, {}, options).replicate_weights(replicates);
  if (!weights) return replicates.df;
  Eigen::MatrixXd centred = weights.value();
  centred.colwise() -= centred.rowwise().mean().eval();
  Eigen::MatrixXd gram = centred.transpose() * centred;
  return static_cast<double>(independent_columns(gram, 1e-9).size());
}

}  // namespace steelyard
