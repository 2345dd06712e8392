#pragma once

// margins.csv: what is known of the population, for a user's own file.

#include <string>
#include <vector>

#include "core/csv.hpp"

namespace steelyard {

/// One margin: counts or shares of the cross of some variables, or the total of a number.
struct FileMargin {
  std::vector<std::string> variables;            ///< one, or several joined by *
  std::vector<std::vector<std::string>> levels;  ///< by row: a level of each variable
  std::vector<double> targets;                   ///< by row
  std::vector<int> lines;
  bool number = false;  ///< a numeric total: one row with an empty level, or level "mean"
  bool mean = false;    ///< the target is a mean, not a total
  bool shares = false;  ///< the targets are shares; after `scale_margins`, counts
  std::string name() const;
  double sum() const;
};

struct MarginsFile {
  std::string name;
  std::vector<FileMargin> margins;
  double population = 0;           ///< sum of the counts; 0 if all targets are shares
  std::vector<std::string> notes;  ///< what was rescaled
};

/// Reads variable,level,target. Targets of a variable are shares if they sum to 1 or to 100 (to 2 in
/// the last printed digit), otherwise counts. A variable with an empty level is a number: its total;
/// with level "mean", its mean.
/// @throws UserError: wrong header, a level given twice, a negative or non-finite target, counts
/// that do not sum alike (unless `rescale`: then to the first margin's sum, and noted)
MarginsFile read_margins_file(const std::string& path, bool rescale);
MarginsFile parse_margins_file(const CsvFile& file, bool rescale);

/// Shares become counts of the population.
void scale_margins(MarginsFile& margins, double population);

}  // namespace steelyard
