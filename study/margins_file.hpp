#pragma once

// A user's benchmarks: `variable,level,target`. Several variables are joined with *, their levels
// likewise; a numeric variable has an empty level and its population total; the variable 1 is the
// population itself.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steelyard {

struct MarginsFile {
  struct Cell {
    std::vector<std::string> levels;  ///< one a variable
    double target = 0;                ///< persons, once settled
    int line = 0;
  };
  struct Margin {
    std::vector<std::string> variables;
    std::vector<Cell> cells;
    int line = 0;         ///< of its first row
    bool shares = false;  ///< as given
    double sum = 0;       ///< of its targets, as given
    std::string name() const;
  };
  struct Total {
    std::string variable;
    double total = 0;
    int line = 0;
  };

  std::string file;
  std::vector<Margin> margins;  ///< in order of appearance
  std::vector<Total> totals;
  std::optional<double> population;  ///< of the row for the variable 1
  int population_line = 0;

  /// @throws UserError with file and line: a missing column, a target that is no number, negative,
  /// or not finite, a level that stands twice, levels that do not fit the variables
  static MarginsFile read(const std::string& path);
  static MarginsFile parse(std::string_view text, std::string name);

  /// Turns every target into persons. The population is `given`, else the row for 1, else the sum
  /// of the margins in counts, else `otherwise`. Shares are scaled to it.
  /// @param rescale  bring margins in counts to that population; otherwise they must agree with it
  /// @param notes    what was scaled, and by how much
  /// @throws Contradiction if sums differ by more than 1e-9 of the population
  /// @return the population
  double settle(std::optional<double> given, double otherwise, bool rescale,
                std::vector<std::string>& notes);
};

}  // namespace steelyard
