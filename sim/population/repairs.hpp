#pragma once

// What would repair a contradiction: an exchange of two columns or rows of one table, another order
// of its columns, one number less, one interval wider.

#include <set>
#include <vector>

#include "sim/population/audit.hpp"
#include "sim/population/audit_tables.hpp"

namespace steelyard {

class RepairSearch {
 public:
  /// @param present  the scenario's numbers as repaired so far
  /// @param numbers   all numbers on the conflict's variables
  /// @param conflict  its members and relaxations
  RepairSearch(const Scenario& scenario, const Margins& margins,
               const std::vector<PublishedNumber>& present, const std::vector<std::size_t>& numbers,
               const Conflict& conflict);

  /// Repairs: exchanges (those that leave nothing first, in the largest table first), the best
  /// order of a table's columns, the smallest widenings of one number, and numbers to drop; the
  /// last is always a set of numbers whose removal leaves nothing. Where the contradiction is
  /// smaller than the rounding itself, no exchange is looked for.
  std::vector<Repair> find();
  std::size_t programs() const { return programs_; }

 private:
  /// Numbers that are one published table: one view, one quantity, one set of scope variables.
  struct Table {
    std::string name;
    std::vector<std::size_t> numbers;
    std::vector<VariableId> variables;  ///< the quantity, then scope variables that vary
  };
  std::vector<Table> tables() const;
  std::vector<LevelCode> levels_used(const Table& table, VariableId variable) const;
  /// The largest relaxation that is left once some numbers are changed, or left out; `bound` stops
  /// the search early for what is worse.
  double left(const std::vector<LevelExchange>& steps, const std::vector<std::size_t>& changed,
              const std::vector<std::size_t>& dropped, RelaxationUnit unit, double bound);
  MarginProgram program(const std::vector<LevelExchange>& steps,
                        const std::vector<std::size_t>& changed,
                        const std::vector<std::size_t>& dropped);
  void find_exchanges(const Table& table, std::vector<Repair>& repairs);
  void find_order(const Table& table, std::vector<Repair>& repairs);
  std::set<std::size_t> suspects(const std::vector<std::size_t>& dropped);
  void find_widenings(std::vector<Repair>& repairs);
  void find_drops(std::vector<Repair>& repairs);

  const Scenario& s_;
  const Margins& margins_;
  const std::vector<PublishedNumber>& present_;
  const std::vector<std::size_t>& numbers_;
  const Conflict& conflict_;
  std::size_t programs_ = 0;
};

}  // namespace steelyard
