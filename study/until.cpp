#include "study/until.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text.hpp"
#include "results/performance.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct MeasureInfo {
  const char* name;
  double (*value)(const PerformanceRecord&);
  double (*mcse)(const PerformanceRecord&);  ///< null: it has none
};

constexpr MeasureInfo kMeasures[] = {
    {"bias", [](const PerformanceRecord& p) { return p.bias; },
     [](const PerformanceRecord& p) { return p.bias_mcse; }},
    {"rel_bias", [](const PerformanceRecord& p) { return p.rel_bias_pct; },
     [](const PerformanceRecord& p) { return 100 * p.bias_mcse / std::abs(p.truth); }},
    {"sd", [](const PerformanceRecord& p) { return p.sd; },
     [](const PerformanceRecord& p) { return p.sd_mcse; }},
    {"rmse", [](const PerformanceRecord& p) { return p.rmse; },
     [](const PerformanceRecord& p) { return p.rmse_mcse; }},
    {"coverage", [](const PerformanceRecord& p) { return p.coverage; },
     [](const PerformanceRecord& p) { return p.coverage_mcse; }},
    {"mean_se", [](const PerformanceRecord& p) { return p.mean_se; }, nullptr},
    {"mean_width", [](const PerformanceRecord& p) { return p.mean_width; }, nullptr},
    {"failures", [](const PerformanceRecord& p) { return static_cast<double>(p.failures); },
     nullptr}};

const MeasureInfo* find_measure(const std::string& name) {
  for (const MeasureInfo& info : kMeasures)
    if (name == info.name) return &info;
  return nullptr;
}

bool holds(double value, const std::string& relation, double number) {
  if (relation == "<") return value < number;
  if (relation == "<=") return value <= number;
  if (relation == ">") return value > number;
  return value >= number;
}

[[noreturn]] void fail_at(const std::string& text, std::size_t at, const std::string& problem,
                          const std::string& hint) {
  throw UserError({}, "--until", fmt::format("\"{}\", character {}: {}", text, at + 1, problem),
                  hint);
}

}  // namespace

class UntilRule::Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  std::vector<Comparison> rule() {
    std::vector<Comparison> comparisons{comparison()};
    for (space(); at_ < text_.size(); space()) {
      const std::size_t begin = at_;
      if (name() != "and") {
        at_ = begin;
        fail("\"and\" or the end is wanted here");
      }
      comparisons.push_back(comparison());
    }
    return comparisons;
  }

 private:
  [[noreturn]] void fail(const std::string& problem, const std::string& hint = {}) const {
    fail_at(text_, at_, problem,
            hint.empty() ? "for instance: mcse(bias[mean_income, raking]) < 10" : hint);
  }
  void space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  std::string name() {
    space();
    std::string word;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      word += text_[at_++];
    return word;
  }
  void expect(char c) {
    space();
    if (at_ == text_.size() || text_[at_] != c) fail(fmt::format("\"{}\" is wanted here", c));
    ++at_;
  }

  Comparison comparison() {
    Comparison c;
    space();
    const std::size_t begin = at_;
    std::string word = name();
    if (word == "mcse") {
      c.mcse = true;
      expect('(');
      space();
      c.at = at_;
      word = name();
    } else {
      c.at = begin;
    }
    measure(word, c);
    if (c.mcse) expect(')');
    c.text = text_.substr(begin, at_ - begin);
    relation(c);
    return c;
  }

  void measure(const std::string& word, Comparison& c) {
    const MeasureInfo* info = find_measure(word);
    const Texts known = names();
    if (info == nullptr) {
      at_ = c.at;
      const std::string nearest = suggestion(word, known);
      fail(word.empty() ? "a measure is wanted here" : "\"" + word + "\" is no measure",
           nearest.empty() ? "known: " + join(known, ", ") : nearest);
    }
    if (c.mcse && info->mcse == nullptr) {
      at_ = c.at;
      fail("\"" + word + "\" has no Monte Carlo standard error");
    }
    c.measure = word;
    expect('[');
    const std::size_t close = text_.find(']', at_);
    if (close == std::string::npos) {
      at_ = text_.size();
      fail("\"]\" is missing");
    }
    Texts parts = split(text_.substr(at_, close - at_), ",");
    for (std::string& part : parts) part = trim(part);
    if (parts.size() < 2 || parts.size() > 4)
      fail("an estimand and a weighting are wanted, and perhaps a value rule and an interval");
    const auto domain = parts[0].find('@');
    c.estimand = trim(parts[0].substr(0, domain));
    c.domain = domain == std::string::npos ? "all" : std::string(trim(parts[0].substr(domain + 1)));
    c.weighting = parts[1];
    if (parts.size() > 2) c.value_rule = parts[2];
    if (parts.size() > 3) c.interval = parts[3];
    at_ = close + 1;
  }

  void relation(Comparison& c) {
    space();
    while (at_ < text_.size() && (text_[at_] == '<' || text_[at_] == '>' || text_[at_] == '='))
      c.relation += text_[at_++];
    if (c.relation != "<" && c.relation != "<=" && c.relation != ">" && c.relation != ">=") {
      at_ -= c.relation.size();
      fail("<, <=, > or >= is wanted here");
    }
    space();
    const std::size_t end = std::min(text_.find(' ', at_), text_.size());
    const auto number = parse_number(text_.substr(at_, end - at_));
    if (!number || std::isnan(*number)) fail("a number is wanted here");
    c.number = *number;
    at_ = end;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

UntilRule::UntilRule(std::string text)
    : text_(std::move(text)), comparisons_(Parser(text_).rule()) {}

Texts UntilRule::names() {
  Texts names;
  for (const MeasureInfo& info : kMeasures) names.emplace_back(info.name);
  return names;
}

void UntilRule::bind(const StudyResults& described) {
  for (Comparison& c : comparisons_) {
    // Each part narrows what is left; the first that leaves nothing is the wrong one.
    std::vector<std::size_t> left(described.estimators.size());
    for (std::size_t i = 0; i < left.size(); ++i) left[i] = i;
    const auto narrow = [&](const char* what, const std::string& wanted, auto&& of) {
      if (wanted.empty()) return;
      Texts known;
      std::vector<std::size_t> kept;
      for (std::size_t i : left) {
        const std::string& own = of(described.estimators[i]);
        if (own == wanted) kept.push_back(i);
        if (std::find(known.begin(), known.end(), own) == known.end()) known.push_back(own);
      }
      if (kept.empty()) {
        const std::string nearest = suggestion(wanted, known);
        fail_at(text_, c.at, fmt::format("there is no {} \"{}\" here", what, wanted),
                nearest.empty() && known.size() <= 20 ? "known: " + join(known, "; ") : nearest);
      }
      left = std::move(kept);
    };
    const auto estimand = [&](const EstimatorRecord& e) -> const EstimandRecord& {
      return described.estimands[e.estimand];
    };
    using Record = const EstimatorRecord&;
    narrow("estimand", c.estimand,
           [&](Record e) -> const std::string& { return estimand(e).estimand; });
    narrow("domain", c.domain, [&](Record e) -> const std::string& { return estimand(e).domain; });
    narrow("weighting", c.weighting, [](Record e) -> const std::string& { return e.weighting; });
    narrow("value rule", c.value_rule, [](Record e) -> const std::string& { return e.value_rule; });
    narrow("interval", c.interval, [](Record e) -> const std::string& { return e.interval; });
    c.estimators = std::move(left);
  }
}

std::optional<std::string> UntilRule::met(const ReplicateLedger& ledger, std::uint32_t replicates,
                                          const StudyResults& described) const {
  Texts reasons;
  for (const Comparison& c : comparisons_) {
    const MeasureInfo& info = *find_measure(c.measure);
    double nearest = kNone;  // to failing
    for (std::size_t i : c.estimators) {
      std::vector<double> estimate, se, lower, upper;
      for (std::uint32_t r = 0; r < replicates; ++r) {
        const ReplicateResults& results = ledger.at(r);
        estimate.push_back(results.estimate[i]);
        se.push_back(results.se[i]);
        lower.push_back(results.lower[i]);
        upper.push_back(results.upper[i]);
      }
      const PerformanceRecord p = performance(
          described.estimands[described.estimators[i].estimand].truth, estimate, se, lower, upper);
      const double value = c.mcse ? info.mcse(p) : info.value(p);
      if (!holds(value, c.relation, c.number)) return std::nullopt;
      const bool further = c.relation.starts_with("<") ? value > nearest : value < nearest;
      if (std::isnan(nearest) || further) nearest = value;
    }
    reasons.push_back(fmt::format("{} = {:.4g} {} {:g}", c.text, nearest, c.relation, c.number));
  }
  return join(reasons, " and ");
}

}  // namespace steelyard
