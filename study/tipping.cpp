#include "study/tipping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <map>
#include <optional>

#include "study/margin_function.hpp"

namespace steelyard {
namespace {

using detail::MarginAt;
using detail::MarginFunction;

/// A line through the dials' space that starts at the scenario: t in [lower, upper], 0 its start.
struct Line {
  double lower = 0, upper = 0;
  /// Where it bends between 0 and upper, in order, the last one upper: looked at piece by piece.
  std::vector<double> bends;
  std::function<std::vector<double>(double t)> point;
  double whole_step = 0;  ///< distance of neighbouring whole numbers; 0: continuous
};

/// A turn on a line.
struct Turn {
  double t = 0, se = 0;
};

class LineSearch {
 public:
  LineSearch(MarginFunction& margin, const Line& line, std::size_t steps)
      : margin_(margin), line_(line), steps_(steps) {}

  /// Points from the start to one end, the start left out.
  std::vector<double> grid(double end) const {
    std::vector<double> ts, pieces{end};
    if (end > 0 && !line_.bends.empty()) pieces = line_.bends;
    double begin = 0;
    for (double piece : pieces) {
      for (std::size_t j = 1; j <= steps_; ++j)
        ts.push_back(begin +
                     (piece - begin) * static_cast<double>(j) / static_cast<double>(steps_));
      begin = piece;
    }
    return ts;
  }

  /// The turn that is nearest to the start towards one end; nothing, and the reason if a condition
  /// there has no result.
  std::optional<Turn> towards(double end, std::string& reason) {
    if (end == 0) return std::nullopt;
    const bool start = holds(0);
    double before = 0;
    for (double t : grid(end)) {
      const MarginAt& at = look(t);
      if (!at.failure.empty()) {
        reason = at.failure;
        return std::nullopt;
      }
      if (holds(t) != start) return solve(before, t);
      before = t;
    }
    return std::nullopt;
  }

  /// The margin somewhere on the line.
  const MarginAt& look(double t) {
    const MarginAt& at = margin_.at(line_.point(t));
    if (at.failure.empty()) looked_[t] = at.margin;
    return at;
  }
  /// All that were looked at and have a result, ascending.
  std::vector<MarginLooked> looked() const {
    std::vector<MarginLooked> list;
    for (const auto& [t, margin] : looked_)
      list.push_back({t, margin, margin_.conclusion().holds(margin.value)});
    return list;
  }

 private:
  double value(double t) { return look(t).margin.value; }
  bool holds(double t) { return margin_.conclusion().holds(value(t)); }

  Turn solve(double a, double b) {
    double low = std::min(a, b), high = std::max(a, b);
    const double width = high - low;
    if (line_.whole_step > 0) {
      while (high - low > 1.5 * line_.whole_step) {
        const double middle = (low + high) / 2;
        (holds(middle) == holds(low) ? low : high) = middle;
      }
    } else if (value(low) != 0 && value(high) != 0) {
      std::uintmax_t evaluations = 30;
      const auto close = [&](double x, double y) { return std::abs(y - x) < 1e-3 * width; };
      const auto bracket =
          boost::math::tools::toms748_solve([&](double t) { return value(t); }, low, high,
                                            value(low), value(high), close, evaluations);
      std::tie(low, high) = bracket;
    } else {
      (value(low) == 0 ? high : low) = value(low) == 0 ? low : high;
    }
    return with_error(low, high, width);
  }

  /// The slope is that of most of the first bracket's width about the turn: the margin is on common
  /// random numbers, so that its own noise is small in it, but not over any shorter way.
  Turn with_error(double low, double high, double width) {
    const double middle = (low + high) / 2;
    const double left = std::max(line_.lower, middle - 0.4 * width),
                 right = std::min(line_.upper, middle + 0.4 * width);
    const double slope = (value(right) - value(left)) / (right - left);
    const double inside =
        value(high) != value(low)
            ? std::clamp(low - value(low) * (high - low) / (value(high) - value(low)), low, high)
            : middle;
    const MarginAt& at = look(high);
    return {line_.whole_step > 0 ? high : inside, at.margin.mcse / std::abs(slope)};
  }

  MarginFunction& margin_;
  const Line& line_;
  std::size_t steps_;
  std::map<double, ConclusionMargin> looked_;
};

class Search {
 public:
  Search(MarginFunction& margin, const Dials& dials, const TippingOptions& options)
      : margin_(margin), dials_(dials), options_(options) {}

  TippingResults run() {
    TippingResults results;
    margin_.set_replicates(options_.replicates);
    const MarginAt stands = margin_.at(margin_.base());
    if (!stands.failure.empty()) throw NegativeAnswer(stands.failure);
    results.base = stands.margin;
    results.holds = margin_.conclusion().holds(stands.margin.value);
    look_around();
    results.conclusion = margin_.conclusion().conclusion().text;
    results.unit = margin_.conclusion().unit();
    results.seed = static_cast<std::uint64_t>(options_.seed);
    results.replicates = options_.replicates;
    for (const Dial& dial : dials_.list())
      results.dials.push_back({dial.key, dial.source, dial.base, dial.lower, dial.upper});
    for (std::size_t k = 0; k < dials_.size(); ++k) results.points.push_back(along_dial(k));
    if (dials_.size() > 1) results.points.push_back(together());
    return results;
  }

 private:
  Line line_of(std::size_t k) const {
    const Dial& dial = dials_.list()[k];
    const std::vector<double> base = margin_.base();
    return {std::min(0.0, dial.lower - dial.base),
            std::max(0.0, dial.upper - dial.base),
            {},
            [base, k, dial](double t) {
              auto point = base;
              point[k] = dial.whole ? std::round(base[k] + t) : base[k] + t;
              return point;
            },
            dial.whole ? 1.0 : 0.0};
  }

  /// All points that every dial needs first, made together.
  void look_around() {
    std::vector<std::vector<double>> points;
    for (std::size_t k = 0; k < dials_.size(); ++k) {
      if (std::isnan(dials_.list()[k].base)) continue;
      const Line line = line_of(k);
      const LineSearch search(margin_, line, options_.steps);
      for (double end : {line.lower, line.upper})
        if (end != 0)
          for (double t : search.grid(end)) points.push_back(line.point(t));
    }
    margin_.prepare(points);
  }

  TippingPoint along_dial(std::size_t k) {
    const Dial& dial = dials_.list()[k];
    TippingPoint found;
    found.dial = dial.key;
    found.base = found.value = dial.base;
    if (std::isnan(dial.base)) {
      found.kind = TippingPoint::Kind::refused;
      found.note = "the scenario has no number here to start from; give it one with --set " +
                   dial.key + "=..., or with base in its [[sweep.dial]]";
      return found;
    }
    const double range = dial.upper - dial.lower;
    found = on_line(line_of(k), options_.error * range, std::move(found));
    found.value = dial.base + found.value;
    for (MarginLooked& looked : found.looked)
      looked.at = dial.whole ? std::round(dial.base + looked.at) : dial.base + looked.at;
    if (dial.whole) found.value = std::round(found.value);
    found.change_in_ranges = (found.value - dial.base) / range;
    return found;
  }

  /// Searches both ways, with more replicates until the error is the wanted one.
  TippingPoint on_line(const Line& line, double wanted, TippingPoint found) {
    found.value = 0;
    for (std::uint32_t replicates = options_.replicates;;) {
      margin_.set_replicates(replicates);
      LineSearch search(margin_, line, options_.steps);
      std::string below, above;
      const auto down = search.towards(line.lower, below), up = search.towards(line.upper, above);
      record_ends(search, line, found);
      found.looked = search.looked();
      found.replicates = replicates;
      found.note = below.empty() ? above : below;
      if (!found.note.empty()) found.note = "a condition has no result: " + found.note;
      if (!down && !up) {
        found.kind = found.note.empty() ? TippingPoint::Kind::never : TippingPoint::Kind::refused;
        if (found.kind == TippingPoint::Kind::never && replicates < options_.most_replicates &&
            end_is_open(search, line, wanted)) {
          replicates = std::min(2 * replicates, options_.most_replicates);
          continue;
        }
        if (found.kind == TippingPoint::Kind::never) note_near_turns(found);
        return found;
      }
      const Turn& turn = !up || (down && -down->t < up->t) ? *down : *up;
      found.kind = TippingPoint::Kind::turns;
      found.value = turn.t;
      found.se = turn.se;
      if (turn.se <= wanted || replicates >= options_.most_replicates) break;
      const double more = 1.2 * replicates * std::pow(turn.se / wanted, 2);
      replicates = static_cast<std::uint32_t>(std::min(
          std::max(more, 2.0 * replicates), static_cast<double>(options_.most_replicates)));
    }
    if (!(found.se <= wanted))
      found.note = fmt::format("the wanted error {:.3g} is not reached with {} replicates", wanted,
                               found.replicates);
    return found;
  }

  /// Whether an end's margin may be on the other side of 0, and the place where it would be is not
  /// known to the wanted error. The slope is the mean one of the way.
  static bool end_is_open(LineSearch& search, const Line& line, double wanted) {
    const double start = search.look(0).margin.value;
    for (double end : {line.lower, line.upper}) {
      if (end == 0) continue;
      const ConclusionMargin margin = search.look(end).margin;
      const double slope = std::abs(margin.value - start) / std::abs(end);
      if (std::abs(margin.value) < 1.96 * margin.mcse && margin.mcse > wanted * slope && slope > 0)
        return true;
    }
    return false;
  }

  /// What is within Monte Carlo error of turning is said.
  static void note_near_turns(TippingPoint& found) {
    for (const MarginLooked& looked : found.looked)
      if (std::abs(looked.margin.value) < 1.96 * looked.margin.mcse) {
        found.note =
            "a margin that was looked at is within 1.96 of its Monte Carlo errors of a turn";
        return;
      }
  }

  static void record_ends(LineSearch& search, const Line& line, TippingPoint& found) {
    const MarginAt low = search.look(line.lower), high = search.look(line.upper);
    found.lower_margin = low.margin.value;
    found.lower_mcse = low.margin.mcse;
    found.upper_margin = high.margin.value;
    found.upper_mcse = high.margin.mcse;
  }

  /// The way on which the margin falls to 0 soonest, in units of the dials' ranges.
  std::vector<double> direction() {
    std::vector<double> gradient;
    double length = 0;
    const bool holds = margin_.conclusion().holds(margin_.at(margin_.base()).margin.value);
    for (std::size_t k = 0; k < dials_.size(); ++k) {
      const Dial& dial = dials_.list()[k];
      double slope = 0;
      if (!std::isnan(dial.base)) {
        const Line line = line_of(k);
        const auto steps = static_cast<double>(options_.steps);
        const double left = line.lower / steps, right = line.upper / steps;
        const double a = margin_.at(line.point(left)).margin.value,
                     b = margin_.at(line.point(right)).margin.value;
        if (std::isfinite(a) && std::isfinite(b))
          slope = (b - a) / (right - left) * (dial.upper - dial.lower);
      }
      gradient.push_back(holds ? -slope : slope);
      length += slope * slope;
    }
    // Dials that hardly matter stay where they are: their slopes are noise.
    constexpr double kMatters = 0.02;
    for (double& g : gradient) {
      g = length > 0 ? g / std::sqrt(length) : 0;
      if (std::abs(g) < kMatters) g = 0;
    }
    return gradient;
  }

  TippingPoint together() {
    margin_.set_replicates(options_.replicates);
    TippingPoint found;
    const std::vector<double> way = direction();
    Line line;
    for (std::size_t k = 0; k < way.size(); ++k) {
      const Dial& dial = dials_.list()[k];
      if (way[k] == 0) continue;
      const double room = way[k] > 0 ? dial.upper - dial.base : dial.base - dial.lower;
      if (room > 0) line.bends.push_back(room / (dial.upper - dial.lower) / std::abs(way[k]));
    }
    std::sort(line.bends.begin(), line.bends.end());
    if (!line.bends.empty()) line.upper = line.bends.back();
    const std::vector<double> base = margin_.base();
    line.point = [this, base, way](double t) {
      auto point = base;
      for (std::size_t k = 0; k < way.size(); ++k) {
        const Dial& dial = dials_.list()[k];
        if (way[k] == 0 || t == 0) continue;
        point[k] = std::clamp(base[k] + t * way[k] * (dial.upper - dial.lower),
                              std::min(dial.lower, base[k]), std::max(dial.upper, base[k]));
        if (dial.whole) point[k] = std::round(point[k]);
      }
      return point;
    };
    if (!(line.upper > 0)) {
      found.note = "no dial moves the conclusion";
      return found;
    }
    found = on_line(line, options_.error, std::move(found));
    found.values = line.point(found.kind == TippingPoint::Kind::turns ? found.value : line.upper);
    double square = 0;
    for (std::size_t k = 0; k < way.size(); ++k)
      if (!std::isnan(base[k])) {
        const Dial& dial = dials_.list()[k];
        square += std::pow((found.values[k] - base[k]) / (dial.upper - dial.lower), 2);
      }
    found.change_in_ranges = std::sqrt(square);
    return found;
  }

  MarginFunction& margin_;
  const Dials& dials_;
  const TippingOptions& options_;
};

}  // namespace

TippingResults tipping_points(const std::string& scenario, const Dials& dials,
                              const Conclusion& conclusion, const TippingOptions& options,
                              const std::function<void(const std::string&)>& progress) {
  MarginFunction margin(scenario, dials, conclusion, options, progress);
  return Search(margin, dials, options).run();
}

}  // namespace steelyard
