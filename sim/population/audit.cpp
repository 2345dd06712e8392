#include "sim/population/audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

#include "core/text.hpp"
#include "core/timing.hpp"
#include "sim/population/audit_tables.hpp"
#include "sim/population/constraints.hpp"
#include "sim/population/repairs.hpp"

namespace steelyard {
namespace {

bool counts(const PublishedNumber& n) {
  // A number of finite importance may yield: it contradicts nobody.
  return (n.use == Use::fit || n.use == Use::check) && !n.quantity.empty() &&
         std::isinf(n.importance);
}

bool within(const VariableSet& part, const VariableSet& whole) {
  return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

class Auditor {
 public:
  Auditor(const Scenario& scenario, const AuditOptions& options)
      : s_(scenario), options_(options), margins_(scenario) {
    result_.reconciled = s_.numbers;
  }

  Audit run() {
    const auto start = Clock::now();
    result_.tables = audit_tables(s_);
    for (std::size_t i = 0; i < s_.numbers.size(); ++i) {
      const PublishedNumber& n = s_.numbers[i];
      if (!counts(n)) continue;
      if (n.statistic == Statistic::mean_difference) {
        result_.not_linear.push_back(i);
        continue;
      }
      ++result_.numbers;
      audited_.push_back(i);
    }
    for (const bool population : {true, false}) {
      population_ = population;
      settled_.clear();
      std::set<VariableSet> sets;
      for (std::size_t i : side()) sets.insert(margin(i).variables);
      std::vector<VariableSet> order(sets.begin(), sets.end());
      std::stable_sort(order.begin(), order.end(), [](const VariableSet& a, const VariableSet& b) {
        return a.size() < b.size();
      });
      for (const VariableSet& set : order) examine(set);
      examine_all();
      reconcile();
    }
    result_.seconds = seconds_since(start);
    return std::move(result_);
  }

 private:
  LinearMargin margin(std::size_t i) const { return margins_.make(i, result_.reconciled[i]); }

  /// Numbers of the population's view, or of the sample's views.
  std::vector<std::size_t> side() const {
    std::vector<std::size_t> list;
    for (std::size_t i : audited_)
      if ((s_.numbers[i].view == View::population) == population_ && !aside_.contains(i))
        list.push_back(i);
    return list;
  }

  std::vector<std::size_t> on(const VariableSet& set) const {
    std::vector<std::size_t> list;
    for (std::size_t i : side())
      if (within(margin(i).variables, set)) list.push_back(i);
    return list;
  }

  MarginProgram program(const std::vector<std::size_t>& numbers) {
    ++result_.programs;
    std::vector<LinearMargin> list;
    for (std::size_t i : numbers) list.push_back(margin(i));
    return MarginProgram(s_.schema, list, static_cast<double>(s_.reported_size));
  }

  void examine(const VariableSet& set) {
    for (int round = 0; round < 20; ++round) {
      const std::vector<std::size_t> numbers = on(set);
      MarginProgram all = program(numbers);
      if (all.feasible()) break;
      settle(set, numbers, all);
    }
    settled_.push_back(set);
  }

  /// All numbers of a side together; each conflict is then examined on its own variables.
  void examine_all() {
    for (int round = 0; round < 100; ++round) {
      const std::vector<std::size_t> numbers = side();
      if (numbers.empty()) return;
      if (options_.progress)
        options_.progress(fmt::format("auditing {} numbers of the {} together", numbers.size(),
                                      population_ ? "population" : "sample"));
      MarginProgram all = program(numbers);
      std::vector<std::size_t> suspects;
      for (std::size_t k : all.proof()) suspects.push_back(numbers[k]);
      if (suspects.empty()) return;
      VariableSet set;
      for (std::size_t i : reduce(suspects)) {
        const VariableSet own = margin(i).variables;
        set.insert(set.end(), own.begin(), own.end());
      }
      std::sort(set.begin(), set.end());
      set.erase(std::unique(set.begin(), set.end()), set.end());
      const std::vector<std::size_t> near = on(set);
      MarginProgram local = program(near);
      settle(set, near, local);
    }
  }

  /// Drops every number without which the rest is still impossible (deletion filter: Chinneck &
  /// Dravnieks 1991, ORSA J. Comput. 3, 157-168).
  std::vector<std::size_t> reduce(std::vector<std::size_t> suspects) {
    for (std::size_t k = suspects.size(); k-- > 0;) {
      std::vector<std::size_t> rest = suspects;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(k));
      MarginProgram p = program(rest);
      std::vector<std::size_t> proof = p.proof();
      if (proof.empty()) continue;  // possible without it: it belongs
      std::vector<std::size_t> smaller;
      for (std::size_t j : proof) smaller.push_back(rest[j]);
      suspects = std::move(smaller);
      k = std::min(k, suspects.size());
    }
    return suspects;
  }

  void settle(const VariableSet& set, const std::vector<std::size_t>& numbers, MarginProgram& all) {
    Conflict conflict;
    conflict.variables = set;
    conflict.examined = numbers.size();
    std::vector<std::size_t> suspects;
    for (std::size_t k : all.proof()) suspects.push_back(numbers[k]);
    conflict.members = reduce(suspects);
    if (options_.progress)
      options_.progress(fmt::format("a contradiction among {} of {} numbers",
                                    conflict.members.size(), numbers.size()));
    conflict.largest_widths = all.largest_relaxation(RelaxationUnit::rounding_widths);
    conflict.largest_points = all.largest_relaxation(RelaxationUnit::points);
    conflict.sum_points = all.sum_relaxation(RelaxationUnit::points).sum;
    const auto relaxed = all.sum_relaxation(RelaxationUnit::rounding_widths);
    conflict.sum_widths = relaxed.sum;
    for (const auto& [below, above] : relaxed.gap) conflict.relaxed += below + above > 0;
    RepairSearch search(s_, margins_, result_.reconciled, numbers, conflict);
    conflict.repairs = search.find();
    result_.programs += search.programs();
    prefer_known_slip(conflict.repairs);
    while (conflict.chosen + 1 < conflict.repairs.size() &&
           !keeps_settled(conflict.repairs[conflict.chosen], set))
      ++conflict.chosen;
    apply(conflict.repairs[conflict.chosen]);
    const std::vector<LevelExchange>& steps = conflict.repairs[conflict.chosen].steps;
    slips_.insert(slips_.end(), steps.begin(), steps.end());
    settled_.push_back(set);
    result_.conflicts.push_back(std::move(conflict));
  }

  /// An exchange of two levels that repaired another table is the likelier slip here too.
  void prefer_known_slip(std::vector<Repair>& repairs) const {
    std::stable_partition(repairs.begin(), repairs.end(), [&](const Repair& r) {
      if (r.kind != Repair::Kind::exchange || r.left_points > 0) return false;
      return std::any_of(slips_.begin(), slips_.end(), [&](const LevelExchange& slip) {
        return slip.variable == r.steps[0].variable && slip.first == r.steps[0].first &&
               slip.second == r.steps[0].second;
      });
    });
  }

  /// Does the repair leave nothing, here or in what was settled before? Setting aside always does.
  bool keeps_settled(const Repair& repair, const VariableSet& here) {
    if (repair.left_points > 0) return false;
    if (repair.kind == Repair::Kind::drop) return true;
    if (repair.kind != Repair::Kind::exchange) return false;
    const std::vector<PublishedNumber> before = result_.reconciled;
    apply(repair);
    bool keeps = true;
    for (const VariableSet& set : settled_)
      if (set != here && keeps) keeps = program(on(set)).feasible();
    result_.reconciled = before;
    return keeps;
  }

  void apply(const Repair& repair) {
    if (repair.kind == Repair::Kind::drop)
      aside_.insert(repair.numbers.begin(), repair.numbers.end());
    for (const LevelExchange& step : repair.steps)
      for (std::size_t i : repair.numbers) exchange_levels(s_.schema, result_.reconciled[i], step);
  }

  /// The numbers set aside come back, widened as little as may be.
  void reconcile() {
    std::vector<std::size_t> movable;
    const std::set<std::size_t> aside = std::move(aside_);
    aside_.clear();
    const std::vector<std::size_t> numbers = side();
    for (std::size_t k = 0; k < numbers.size(); ++k)
      if (aside.contains(numbers[k])) movable.push_back(k);
    if (movable.empty()) return;
    const auto relaxed = program(numbers).sum_relaxation(RelaxationUnit::rounding_widths, movable);
    ENSURES(relaxed.means.size() == numbers.size());
    for (std::size_t k : movable) {
      PublishedNumber& n = result_.reconciled[numbers[k]];
      const Widening w = margins_.widening(numbers[k], n, relaxed.means[k]);
      if (w.to_lower == w.from_lower && w.to_upper == w.from_upper) continue;
      n.lower = w.to_lower;
      n.upper = w.to_upper;
      n.note += fmt::format("{}interval widened", n.note.empty() ? "" : "; ");
      result_.widenings.push_back(w);
    }
    if (!program(numbers).feasible())
      throw std::runtime_error("the audit's reconciled numbers are not possible together");
  }

  const Scenario& s_;
  const AuditOptions& options_;
  Margins margins_;
  std::vector<std::size_t> audited_;
  std::set<std::size_t> aside_;       ///< set aside until all conflicts are told
  std::vector<LevelExchange> slips_;  ///< exchanges taken so far
  bool population_ = false;
  std::vector<VariableSet> settled_;  ///< sets whose numbers are possible together by now
  Audit result_;
};

}  // namespace

std::string describe_number(const Scenario& s, const PublishedNumber& n) {
  const std::string scope = n.scope.empty() ? "all" : n.scope_text;
  return fmt::format("{}:{}: [{}] {} of {} {}in {} = {} ({})", n.place.file, n.place.line, n.id,
                     to_string(n.statistic), n.quantity_text,
                     n.level_text.empty() ? "" : n.level_text + " ", scope, n.printed,
                     n.source.empty() ? s.name : n.source);
}

Audit audit(const Scenario& scenario, const AuditOptions& options) {
  return Auditor(scenario, options).run();
}

}  // namespace steelyard
