#pragma once

// The numbers of a scenario that a study moves, each over its range.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/config.hpp"

namespace steelyard {

/// One number that is moved, addressed as --set addresses it.
struct Dial {
  std::string key;     ///< "sample.size", "number.ID"
  std::string source;  ///< where the number and its range come from
  double base = 0;     ///< as the scenario stands, in its own unit; NaN: a default without a key
  double lower = 0, upper = 0;
  std::size_t levels = 0;  ///< asked for in grids and one-at-a-time designs; 0: not said
  bool whole = false;      ///< only whole numbers make sense
  Place place;

  double at(double unit) const;  ///< the value at a point of [0, 1]
};

/// A dial as asked for, before the scenario's own numbers are looked up.
struct DialRequest {
  std::string key;
  std::optional<std::pair<double, double>> range;  ///< nothing: the number's stated range
  std::size_t levels = 0;
  std::optional<double> base;  ///< of a key that the scenario leaves at its default
  std::string source;
  Place place;
};

/// Reads KEY=LOW:HIGH or KEY=LOW:HIGH:LEVELS; KEY alone stands for the number's stated range.
/// @throws UserError for anything else
DialRequest parse_dial(const std::string& text);

/// The dials under [[...dial]] of a section: key, range, levels, source.
std::vector<DialRequest> read_dials(ConfigReader& section);

/// The dials of a scenario's [sweep]; none if it has no such section.
std::vector<DialRequest> dials_of_sweep(const std::string& scenario,
                                        const std::vector<std::string>& settings);

/// Dials of a command line, with what the scenario says of the same keys where they leave it open:
/// the base of a key at its default, range and source, levels. None asked for: all listed.
std::vector<DialRequest> completed(std::vector<DialRequest> asked,
                                   const std::vector<DialRequest>& listed);

/// The dials of a scenario, in the order asked for, and how their values become settings.
class Dials {
 public:
  /// @param requests  empty: every assumed number with a stated range
  /// @throws UserError for an unknown key (with the nearest), a number without a range, a range
  /// that is empty or that the scenario refuses at one of its ends
  Dials(const std::string& scenario, const std::vector<std::string>& settings,
        const std::vector<DialRequest>& requests);

  const std::vector<Dial>& list() const { return dials_; }
  std::size_t size() const { return dials_.size(); }
  /// The scenario's settings without any of a dial.
  const std::vector<std::string>& base_settings() const { return settings_; }

  /// The scenario's settings, those of the dials at these values (NaN: as it stands) after them.
  /// Shares of all levels of a question that stand as fixed numbers of 100 per cent together stay
  /// so: those without a dial keep their proportions and take up the rest.
  /// @throws UserError if dials of one such question leave less than nothing for the others
  std::vector<std::string> settings(const std::vector<double>& values) const;

 private:
  struct Rest {
    std::vector<std::size_t> dials;
    std::vector<std::pair<std::string, double>> others;  ///< identifier, base value in per cent
  };
  void resolve(const std::string& scenario, const std::vector<DialRequest>& requests);
  void check_ends(const std::string& scenario) const;

  std::vector<std::string> settings_;
  std::vector<Dial> dials_;
  std::vector<Rest> rests_;
};

}  // namespace steelyard
