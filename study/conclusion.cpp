#include "study/conclusion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "core/config.hpp"
#include "core/errors.hpp"
#include "core/sums.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
using What = ConclusionSide::What;

constexpr std::pair<const char*, What> kMeasures[] = {{"truth", What::truth},
                                                      {"mean_estimate", What::mean_estimate},
                                                      {"bias", What::bias},
                                                      {"rmse", What::rmse},
                                                      {"coverage", What::coverage}};

[[noreturn]] void fail_at(const std::string& text, std::size_t position, const std::string& problem,
                          const std::string& hint) {
  const std::string what = hint.empty() ? problem : problem + " (" + hint + ")";
  throw UserError({}, "--conclusion",
                  fmt::format("position {} of \"{}\": {}\n  {}\n  {}^", position + 1, text, what,
                              text, std::string(position, ' ')));
}

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  Conclusion parse() {
    Conclusion c;
    c.text = text_;
    c.left = side();
    c.relation = relation();
    c.right = side();
    skip();
    if (at_ < text_.size())
      fail("something follows the right side", "a conclusion has one relation: a > b");
    if (c.left.what == What::number && c.right.what == What::number)
      fail_at(text_, 0, "both sides are numbers", "name a measure, for instance truth[ESTIMAND]");
    return c;
  }

 private:
  [[noreturn]] void fail(const std::string& problem, const std::string& hint) const {
    fail_at(text_, at_, problem, hint);
  }
  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string relation() {
    skip();
    for (const char* r : {">=", "<=", ">", "<"})
      if (text_.compare(at_, std::string(r).size(), r) == 0) {
        at_ += std::string(r).size();
        return r;
      }
    fail("a relation belongs here", "one of: > >= < <=");
  }

  std::string name() {
    skip();
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           std::string_view("[],<>=* \t").find(text_[at_]) == std::string_view::npos)
      ++at_;
    if (at_ == begin) fail("a name belongs here", "an estimand, weighting or rule of the scenario");
    return text_.substr(begin, at_ - begin);
  }

  ConclusionSide side() {
    skip();
    ConclusionSide s;
    s.position = at_;
    const bool numeric =
        at_ < text_.size() && (std::isdigit(static_cast<unsigned char>(text_[at_])) ||
                               std::string_view("+-.").find(text_[at_]) != std::string_view::npos);
    if (!numeric) {
      s.number = 1;
      measure(s);
      return s;
    }
    std::string digits = name();
    const bool percent = digits.ends_with('%');
    if (percent) digits.pop_back();
    const auto number = parse_number(digits);
    if (!number || !std::isfinite(*number))
      fail_at(text_, s.position, "\"" + digits + "\" is no number", "write plain digits");
    s.number = percent ? *number / 100 : *number;
    if (take('*')) measure(s);
    return s;
  }

  void measure(ConclusionSide& s) {
    skip();
    s.position = at_;
    const std::string first = name();
    if (!take('[')) {
      s.what = What::truth;
      s.estimand = first;
      return;
    }
    Texts known;
    const auto* found = static_cast<const std::pair<const char*, What>*>(nullptr);
    for (const auto& m : kMeasures) {
      if (first == m.first) found = &m;
      known.emplace_back(m.first);
    }
    if (!found) {
      const std::string nearest = suggestion(first, known);
      fail_at(text_, s.position, "\"" + first + "\" is no measure",
              nearest.empty() ? "one of: " + join(known, ", ") : nearest);
    }
    s.what = found->second;
    s.estimand = name();
    for (std::string* part : {&s.weighting, &s.value_rule, &s.interval})
      if (take(',')) *part = name();
    if (!take(']')) fail("\"]\" is missing", "KIND[ESTIMAND, WEIGHTING, VALUE_RULE]");
    if (s.what == What::truth && !s.weighting.empty())
      fail_at(text_, s.position, "a truth is of no weighting", "write truth[ESTIMAND]");
    if (s.what != What::truth && s.weighting.empty())
      fail_at(text_, s.position, "\"" + first + "\" is of an estimator",
              "write " + first + "[" + s.estimand + ", WEIGHTING]");
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

/// Replicates that the estimator's measures are over.
bool counted(const StudyResults& s, std::size_t i, std::uint32_t r) {
  return std::isfinite(s.at(s.estimate, i, r)) && !std::isnan(s.at(s.se, i, r)) &&
         !std::isnan(s.at(s.lower, i, r)) && !std::isnan(s.at(s.upper, i, r));
}

}  // namespace

Conclusion parse_conclusion(const std::string& text) { return Parser(text).parse(); }

BoundConclusion::BoundConclusion(Conclusion conclusion, const StudyResults& study)
    : conclusion_(std::move(conclusion)),
      left_(bind(conclusion_.left, study)),
      right_(bind(conclusion_.right, study)) {
  const bool first = conclusion_.left.what != What::number;
  const ConclusionSide& side = first ? conclusion_.left : conclusion_.right;
  unit_ = study.estimands[(first ? left_ : right_).estimand].unit;
  if (unit_ == "%" || side.what == What::coverage) unit_ = "share";
}

BoundConclusion::Bound BoundConclusion::bind(const ConclusionSide& side,
                                             const StudyResults& study) const {
  Bound bound;
  if (side.what == What::number) return bound;
  Texts known;
  bool found = false;
  for (std::size_t e = 0; e < study.estimands.size() && !found; ++e) {
    known.push_back(study.estimands[e].estimand);
    if (study.estimands[e].estimand != side.estimand) continue;
    bound.estimand = e;  // the first is over the estimand's own domain
    found = true;
  }
  if (!found)
    fail_at(conclusion_.text, side.position, "there is no estimand \"" + side.estimand + "\"",
            suggestion(side.estimand, known));
  if (side.what == What::truth) return bound;
  const auto matches = [](const std::string& asked, const std::string& has) {
    return asked.empty() || asked == has;
  };
  Texts weightings, rules, intervals;
  for (std::size_t i = 0; i < study.estimators.size(); ++i) {
    const EstimatorRecord& m = study.estimators[i];
    if (m.estimand != bound.estimand) continue;
    bound.estimator = i;
    if (m.weighting == side.weighting && matches(side.value_rule, m.value_rule) &&
        matches(side.interval, m.interval))
      return bound;
    weightings.push_back(m.weighting);
    rules.push_back(m.value_rule);
    intervals.push_back(m.interval);
  }
  const auto has = [](const Texts& list, const std::string& name) {
    return name.empty() || std::find(list.begin(), list.end(), name) != list.end();
  };
  for (const auto& [name, list, what] : {std::tuple{&side.weighting, &weightings, "weighting"},
                                         std::tuple{&side.value_rule, &rules, "value rule"},
                                         std::tuple{&side.interval, &intervals, "interval"}})
    if (!has(*list, *name))
      fail_at(conclusion_.text, side.position,
              fmt::format("\"{}\" has no {} \"{}\"", side.estimand, what, *name),
              suggestion(*name, *list));
  fail_at(conclusion_.text, side.position, "no estimator has all of these",
          "see performance.csv of a run");
}

double BoundConclusion::value(const ConclusionSide& side, const Bound& bound,
                              const StudyResults& study) const {
  if (side.what == What::number) return side.number;
  if (side.what == What::truth) return side.number * study.estimands[bound.estimand].truth;
  const PerformanceRecord& p = study.performance[bound.estimator];
  const double measure = side.what == What::mean_estimate ? p.mean_estimate
                         : side.what == What::bias        ? p.bias
                         : side.what == What::rmse        ? p.rmse
                                                          : p.coverage;
  if (std::isnan(measure))
    throw UserError({}, "--conclusion", "a measure of \"" + conclusion_.text + "\" has no value",
                    "every replicate failed, or the estimator has no interval");
  return side.number * measure;
}

void BoundConclusion::add_influence(const ConclusionSide& side, const Bound& bound,
                                    const StudyResults& study, double sign,
                                    std::vector<double>& influence) const {
  if (side.what == What::number || side.what == What::truth) return;
  const std::size_t i = bound.estimator;
  const PerformanceRecord& p = study.performance[i];
  for (std::uint32_t r = 0; r < study.replicates; ++r) {
    if (!counted(study, i, r)) {
      influence[r] = kNone;
      continue;
    }
    const double error = study.at(study.estimate, i, r) - p.truth;
    double d = error - p.bias;
    if (side.what == What::rmse)
      d = p.rmse > 0 ? (error * error - p.rmse * p.rmse) / (2 * p.rmse) : 0;
    if (side.what == What::coverage)
      d = (study.at(study.lower, i, r) <= p.truth && p.truth <= study.at(study.upper, i, r)) -
          p.coverage;
    influence[r] += sign * side.number * d;
  }
}

ConclusionMargin BoundConclusion::margin(const StudyResults& study) const {
  const double sign = conclusion_.relation[0] == '>' ? 1 : -1;
  ConclusionMargin margin;
  margin.value =
      sign * (value(conclusion_.left, left_, study) - value(conclusion_.right, right_, study));
  std::vector<double> influence(study.replicates, 0.0);
  add_influence(conclusion_.left, left_, study, sign, influence);
  add_influence(conclusion_.right, right_, study, -sign, influence);
  Moments moments;
  for (double d : influence)
    if (!std::isnan(d)) moments.add(d);
  margin.mcse = moments.mean_se();
  margin.failures = study.replicates - static_cast<std::uint32_t>(moments.n());
  return margin;
}

bool BoundConclusion::holds(double margin) const {
  return conclusion_.relation.size() == 2 ? margin >= 0 : margin > 0;
}

}  // namespace steelyard
