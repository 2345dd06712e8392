#include "estimators/weighting/trimming.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "estimators/weighting/solver.hpp"
#include "estimators/weighting/stages.hpp"

namespace steelyard {

Result<TrimResult> trim(std::vector<double>& weight, std::span<const std::uint32_t> respondents,
                        double lower, double upper, TrimRule rule) {
  EXPECTS(rule != TrimRule::calibrated);
  TrimResult out;
  std::vector<char> was_cut(weight.size(), 0);
  for (;;) {
    double surplus = 0, inside = 0;
    bool any = false;
    for (std::size_t c = 0; c < weight.size(); ++c) {
      const double m = respondents[c], cut = std::clamp(weight[c], lower, upper);
      if (cut != weight[c]) {
        surplus += m * (weight[c] - cut);
        weight[c] = cut;
        any = true;
        if (!was_cut[c]) out.cut += respondents[c];
        was_cut[c] = 1;
      }
      if (!was_cut[c]) inside += m;
    }
    if (!any) return out;
    if (rule == TrimRule::truncate) {
      out.lost = surplus;
      return out;
    }
    if (surplus != 0 && inside == 0)
      return Failure{FailureKind::unsupported,
                     fmt::format("trimming to [{:.4g}, {:.4g}] leaves nobody to take the {:.4g} "
                                 "that was cut off; widen the caps",
                                 lower, upper, surplus)};
    for (std::size_t c = 0; c < weight.size(); ++c)
      if (!was_cut[c]) weight[c] += surplus / inside;
    if (rule == TrimRule::once) return out;
  }
}

double weight_quantile(std::span<const double> weight, std::span<const std::uint32_t> respondents,
                       double p) {
  std::vector<std::size_t> order(weight.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return weight[a] < weight[b]; });
  const double n = std::accumulate(respondents.begin(), respondents.end(), 0.0);
  double below = 0;
  for (std::size_t c : order)
    if ((below += respondents[c]) >= p * n) return weight[c];
  return order.empty() ? 0 : weight[order.back()];
}

double kish_deff(std::span<const double> weight, std::span<const std::uint32_t> respondents) {
  double n = 0, sum = 0, squares = 0;
  for (std::size_t c = 0; c < weight.size(); ++c) {
    const double m = respondents[c];
    n += m;
    sum += m * weight[c];
    squares += m * weight[c] * weight[c];
  }
  return sum != 0 ? n * squares / (sum * sum) : 0;
}

namespace {

struct TrimOptions {
  double upper = 0, lower = 0;        ///< multiples of the mean weight; 0: none
  double iqr = 0;                     ///< cap at median + iqr × interquartile range
  double at_lower = 0, at_upper = 0;  ///< in units of weight; at_upper 0: none
  double deff = 0;                    ///< cap so that Kish's design effect is at most this
  TrimRule rule = TrimRule::strict;
  bool any() const { return upper > 0 || at_upper > 0 || lower > 0 || iqr > 0 || deff > 0; }
};

const char* to_string(TrimRule rule) {
  switch (rule) {
    case TrimRule::once:
      return "once";
    case TrimRule::strict:
      return "strict";
    case TrimRule::truncate:
      return "truncate";
    case TrimRule::calibrated:
      return "calibrated";
  }
  return "";
}

/// "of at least 1", "of at most 5" or "from 1 to 5".
std::string between(double lower, double upper) {
  if (std::isinf(lower)) return fmt::format("of at most {:.4g}", upper);
  if (std::isinf(upper)) return fmt::format("of at least {:.4g}", lower);
  return fmt::format("from {:.4g} to {:.4g}", lower, upper);
}

class Trimmed final : public Weighting {
 public:
  Trimmed(std::unique_ptr<const Weighting> inner, const TrimOptions& options)
      : inner_(std::move(inner)), o_(options) {}

  std::vector<VariableId> variables() const override { return inner_->variables(); }
  std::vector<std::vector<VariableId>> benchmarks() const override { return inner_->benchmarks(); }
  std::string explain(const CellIndex& index, const Benchmarks& benchmarks) const override {
    if (inner_->weigh(index, benchmarks)) return {};  // it is the trimming that failed
    return inner_->explain(index, benchmarks);
  }

  std::vector<std::vector<VariableId>> margins() const override { return inner_->margins(); }
  bool by_respondent() const override { return true; }
  bool needs_reference() const override { return inner_->needs_reference(); }

  Result<Weights> weigh(const CellIndex& index, const Benchmarks& benchmarks) const override {
    auto made = inner_->weigh(index, benchmarks);
    if (!made) return made;
    Weights& weights = made.value();
    std::vector<double> w(index.cells);
    double sum = 0;
    std::size_t n = 0;
    std::vector<std::uint32_t> respondents = index.respondents;
    for (std::size_t c = 0; c < index.cells; ++c) {
      // Whose weight is zero is not in the population: no floor lifts it, no surplus goes there.
      if (index.weight[c] * weights.factor[c] == 0) respondents[c] = 0;
      if (respondents[c] == 0) continue;
      if (index.weight_squared[c] * respondents[c] > index.weight[c] * index.weight[c] * (1 + 1e-9))
        return Failure{FailureKind::unsupported,
                       "trimming cuts each weight, but base weights differ within a cell; weight "
                       "every respondent as a cell of its own"};
      w[c] = index.weight[c] * weights.factor[c] / respondents[c];
      sum += w[c] * respondents[c];
      n += respondents[c];
    }
    const double mean = sum / static_cast<double>(n);
    double upper = std::numeric_limits<double>::infinity();
    double lower = o_.lower > 0 ? o_.lower * mean : -upper;
    if (o_.upper > 0) upper = o_.upper * mean;
    if (o_.at_upper > 0) {
      lower = std::max(lower, o_.at_lower);
      upper = std::min(upper, o_.at_upper);
    }
    if (o_.iqr > 0)
      upper = std::min(upper, weight_quantile(w, respondents, 0.5) +
                                  o_.iqr * (weight_quantile(w, respondents, 0.75) -
                                            weight_quantile(w, respondents, 0.25)));
    if (o_.deff > 0) {
      const auto cap = cap_for_deff(w, respondents, lower, upper, mean, weights, index, benchmarks);
      if (!cap) return cap.failure();
      upper = cap.value();
    }
    auto trimmed = apply(w, respondents, lower, upper, weights, index, benchmarks);
    if (!trimmed) return trimmed.failure();
    Weights cut;
    cut.factor.assign(index.cells, 1.0);
    for (std::size_t c = 0; c < index.cells; ++c)
      if (respondents[c] > 0)
        cut.factor[c] = w[c] * respondents[c] / (index.weight[c] * weights.factor[c]);
    add_stage(weights, std::move(cut));
    note(weights, trimmed.value(), lower, upper);
    if (o_.rule != TrimRule::calibrated && trimmed.value().cut > 0)
      note_missed(weights, index, benchmarks);
    return made;
  }

 private:
  Result<TrimResult> apply(std::vector<double>& w, std::span<const std::uint32_t> respondents,
                           double lower, double upper, const Weights& weights,
                           const CellIndex& index, const Benchmarks& benchmarks) const {
    if (o_.rule != TrimRule::calibrated) return trim(w, respondents, lower, upper, o_.rule);
    Auxiliary x = weights.stages.empty()
                      ? calibrated_matrix({}, index.cells)
                      : calibrated_matrix(weights.stages.back().blocks, index.cells);
    if (auto margins = inner_->margins(); margins.size() == x.blocks.size()) {
      x.schema = &benchmarks.schema();
      x.variables = std::move(margins);
    }
    std::vector<double> d(index.cells), lowers(index.cells), uppers(index.cells);
    for (std::size_t c = 0; c < index.cells; ++c) {
      d[c] = w[c] * respondents[c];
      lowers[c] = w[c] > 0 ? std::max(0.0, lower / w[c]) : 0.0;
      uppers[c] = w[c] > 0 ? upper / w[c] : 1.0;
      if (w[c] < 0)
        return Failure{FailureKind::unsupported,
                       "trimming inside the calibration cannot start from negative weights; use "
                       "raking or bounds"};
    }
    if (x.blocks.empty()) x.add_number(std::vector<double>(index.cells, 1.0), 0.0);
    x.transpose_multiply(d, x.targets);
    for (std::size_t j = 0; j < x.columns(); ++j)
      x.scale[j] = std::max(1e-300, std::accumulate(d.begin(), d.end(), 0.0));
    for (const auto& block : x.blocks)
      if (!block.number.empty())
        x.scale[block.offset] = std::max(std::abs(x.targets[block.offset]), 1e-300);
    auto solved = calibrate(x, d,
                            {.distance = DistanceKind::truncated_raking,
                             .lowers = lowers,
                             .uppers = uppers,
                             .max_iterations = 500});
    if (!solved)
      return Failure{solved.failure().kind,
                     fmt::format("no weights {} meet all margins ({}); widen the caps or use "
                                 "trim_rule = \"strict\"",
                                 between(lower, upper), solved.failure().detail)};
    TrimResult out;
    for (std::size_t c = 0; c < index.cells; ++c) {
      if (w[c] > upper || w[c] < lower) out.cut += respondents[c];
      w[c] *= solved.value().factor[c];
    }
    return out;
  }

  /// The largest cap that brings Kish's design effect down to the wanted one, by bisection.
  Result<double> cap_for_deff(const std::vector<double>& w,
                              std::span<const std::uint32_t> respondents, double lower,
                              double upper, double mean, const Weights& weights,
                              const CellIndex& index, const Benchmarks& benchmarks) const {
    const auto deff_at = [&](double cap) {
      std::vector<double> trial = w;
      const auto done = apply(trial, respondents, lower, cap, weights, index, benchmarks);
      return done ? kish_deff(trial, respondents) : std::numeric_limits<double>::infinity();
    };
    double high = std::min(upper, *std::max_element(w.begin(), w.end())), low = mean;
    if (deff_at(high) <= o_.deff) return high;
    // Design effects below the wanted one exist at some cap, or nowhere.
    double best = -1;
    for (int step = 0; step < 60; ++step) {
      const double middle = (low + high) / 2, deff = deff_at(middle);
      if (std::isinf(deff)) {
        low = middle;
      } else if (deff <= o_.deff) {
        best = low = middle;
      } else {
        high = middle;
      }
    }
    if (best < 0)
      return Failure{
          FailureKind::unsupported,
          fmt::format("no cap brings the design effect of the weights down to {:g}", o_.deff)};
    return best;
  }

  /// What trimming does to a weight is taken as fixed; inside the calibration it is part of it.
  void add_stage(Weights& weights, Weights cut) const {
    cut.largest_margin_error = weights.largest_margin_error;
    cut.at_bounds = weights.at_bounds;
    if (o_.rule == TrimRule::calibrated && !weights.stages.empty() &&
        !weights.stages.back().blocks.empty()) {
      std::vector<double>& stage = weights.stages.back().factor;
      for (std::size_t c = 0; c < stage.size(); ++c) stage[c] *= cut.factor[c];
      for (std::size_t c = 0; c < cut.factor.size(); ++c) weights.factor[c] *= cut.factor[c];
      return;
    }
    if (o_.rule == TrimRule::calibrated) {  // on the total alone
      WeightStage& stage = cut.stages.emplace_back();
      stage.blocks.push_back({{}, std::vector<double>(cut.factor.size(), 1.0)});
      stage.factor = cut.factor;
    }
    compose(weights, std::move(cut));
  }

  void note(Weights& weights, const TrimResult& result, double lower, double upper) const {
    std::string text = fmt::format("trimmed ({}): ", to_string(o_.rule));
    if (result.cut == 0) {
      weights.notes.push_back(text + "no weight is beyond the caps");
      return;
    }
    if (std::isfinite(lower)) text += fmt::format("from {:.4g} ", lower);
    if (std::isfinite(upper)) text += fmt::format("at {:.4g} ", upper);
    text += fmt::format("{} respondents; ", result.cut);
    text += result.lost != 0 ? fmt::format("{:.4g} of the total weight is lost", result.lost)
                             : std::string("the total is kept");
    weights.notes.push_back(text);
  }

  /// Margins that were met before and are not any more.
  void note_missed(Weights& weights, const CellIndex& index, const Benchmarks& benchmarks) const {
    const auto x = make_auxiliary(inner_->margins(), index, benchmarks);
    if (!x || x.value().blocks.empty()) return;
    const MarginError worst = largest_error(x.value(), index.weight, weights.factor);
    if (!(worst.error > 1e-9)) return;
    weights.largest_margin_error = std::max(weights.largest_margin_error, worst.error);
    weights.notes.push_back(
        fmt::format("after trimming {} is missed by {:.3g} of the population, the most of all "
                    "margins; trim_rule = \"calibrated\" keeps them",
                    x.value().describe(worst.column), worst.error));
  }

  std::unique_ptr<const Weighting> inner_;
  TrimOptions o_;
};

}  // namespace

std::unique_ptr<const Weighting> with_trimming(std::unique_ptr<const Weighting> inner,
                                               ConfigReader& config) {
  const auto positive = [&](std::string_view key, std::string_view help) {
    return config.real(key, {.min = 0, .fallback = 0, .help = help});
  };
  TrimOptions o;
  o.upper = positive("trim", "cap of the weights as a multiple of their mean, above 1; 0: none");
  o.lower = positive("trim_lower", "floor of the weights as a multiple of their mean; 0: none");
  o.iqr = positive("trim_iqr", "cap at median + this × interquartile range; 0: none");
  o.deff = positive("trim_deff", "cap that brings Kish's design effect down to this; 0: none");
  const std::vector<double> at = config.reals(
      "trim_at", {.required = false, .help = "floor and cap [lower, upper] in units of weight"});
  if (!at.empty()) {
    if (at.size() != 2 || !(at[0] >= 0 && at[0] < at[1]))
      config.fail("trim_at", "must be two numbers with 0 <= lower < upper",
                  "for instance trim_at = [0, 5000]");
    o.at_lower = at[0];
    o.at_upper = at[1];
  }
  const std::string rule = config.text(
      "trim_rule",
      {.fallback = "strict",
       .choices = {"strict", "once", "truncate", "calibrated"},
       .help = "strict: what is cut goes in equal parts to weights never cut, until all are "
               "inside; once: one pass; truncate: it is lost; calibrated: caps and margins hold "
               "together"});
  o.rule = rule == "once"         ? TrimRule::once
           : rule == "truncate"   ? TrimRule::truncate
           : rule == "calibrated" ? TrimRule::calibrated
                                  : TrimRule::strict;
  if (o.upper > 0 && o.upper <= 1)
    config.fail("trim", "must be above 1", "it is a multiple of the mean weight");
  if (o.lower >= 1) config.fail("trim_lower", "must be below 1", "it is a multiple of the mean");
  if (o.deff > 0 && o.deff < 1)
    config.fail("trim_deff", "must be at least 1", "1 is the design effect of equal weights");
  if (!o.any()) return inner;
  return std::make_unique<Trimmed>(std::move(inner), o);
}

}  // namespace steelyard
