#pragma once

// Do the published numbers agree with each other? Preflight arithmetic on the tables, then the
// linear program of all joint laws: what contradicts what, by how much, and what would repair it.

#include <functional>
#include <string>
#include <vector>

#include "core/scenario.hpp"
#include "sim/population/margin_program.hpp"
#include "sim/population/root_law.hpp"

namespace steelyard {

/// One number's interval before and after a widening, in program units.
struct Widening {
  std::size_t number = 0;
  double from_lower = 0, from_upper = 0, to_lower = 0, to_upper = 0;
};

/// What would make a conflict's numbers possible together.
struct Repair {
  enum class Kind {
    exchange,  ///< two columns or rows of one table
    reorder,   ///< any order of one table's columns
    drop,      ///< one number, or a few
    widen      ///< one number's interval
  };
  Kind kind = Kind::exchange;
  std::string text;                  ///< in the scenario's words
  double left_widths = 0;            ///< largest relaxation still needed, in rounding half-widths
  double left_points = 0;            ///< in points
  std::vector<LevelExchange> steps;  ///< exchange, reorder: applied in turn to `numbers`
  std::vector<std::size_t> numbers;
  std::vector<Widening> widenings;  ///< widen: one; least widening of a conflict: several
};

/// Numbers that no joint law meets together.
struct Conflict {
  VariableSet variables;             ///< what they speak of
  std::vector<std::size_t> members;  ///< irreducible: without any one of them the rest is possible
  std::size_t examined = 0;          ///< numbers on these variables alone
  double largest_widths = 0, largest_points = 0;  ///< smallest common relaxation of all of them
  double sum_widths = 0, sum_points = 0;          ///< smallest sum of relaxations found
  std::size_t relaxed = 0;                        ///< numbers that sum_widths moves
  std::vector<Repair> repairs;                    ///< best first
  std::size_t chosen = 0;  ///< the repair taken: an exchange, or what is set aside
};

/// A disagreement between tables that arithmetic alone shows.
struct TableFinding {
  std::string text;
};

struct Audit {
  std::vector<TableFinding> tables;
  std::vector<Conflict> conflicts;
  std::vector<std::size_t> not_linear;      ///< numbers that the program cannot hold
  std::vector<Widening> widenings;          ///< of the numbers set aside, with the least sum
  std::vector<PublishedNumber> reconciled;  ///< all numbers: exchanges and widenings applied
  std::size_t numbers = 0, programs = 0;    ///< audited numbers; linear programs built
  double seconds = 0;
  bool possible() const { return tables.empty() && conflicts.empty(); }
};

struct AuditOptions {
  std::function<void(const std::string&)> progress;  ///< a line for the user; may be empty
};

/// Audits every number that counts (fitted or checked) and all tables. Small sets of variables are
/// examined before large ones. Each conflict is repaired before the next is sought, by an exchange
/// that leaves nothing, else by setting as few numbers aside as a greedy search finds; so each
/// contradiction is told once. In the end the numbers set aside come back, each widened no more
/// than it must be, and the reconciled numbers are proved possible.
Audit audit(const Scenario& scenario, const AuditOptions& options = {});

/// A number's view, scope, quantity, level and printed value in one line, with its place.
std::string describe_number(const Scenario& scenario, const PublishedNumber& number);

}  // namespace steelyard
