#pragma once

// Every source of measurement error of a scenario, in order, each with its switch.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/scenario.hpp"
#include "sim/measurement/measurement_model.hpp"

namespace steelyard {

/// One [[measurement]] of a scenario.
struct MeasurementSource {
  std::string name, kind, source;
  ErrorComponent component{};
  bool active = true;
  bool keep_observed = false;
  std::unique_ptr<const MeasurementModel> model;
  Purpose purpose{};  ///< of its streams: a hash of its name
  Place place;
};

/// Whose answers are measured: of a synthetic population, whose values lie behind its latents and
/// of which numbers are published; or of one by formulas, with a value behind every bucketed answer
/// and nothing published.
enum class PopulationKind { synthetic, formulas };
/// Whose answers sources change: each [[measurement]] names one sample.
enum class Reporting { respondents, reference };

/// What respondents report: the sources change their true answers one after the other. Then
/// questions follow the reported answers to those that decide who is asked: outside the universe
/// "not applicable", inside it without a true answer `kMissing`; groupings are those of the
/// reported answers. Switching a source off changes no random number of another.
class Measurement {
 public:
  /// @throws UserError for an unknown kind, a name that stands twice, options that do not fit, and
  /// keep_observed where the true shares do not follow from the reported ones
  /// @param whose  sources of the other sample are checked and left out
  explicit Measurement(const Scenario& scenario, PopulationKind kind = PopulationKind::synthetic,
                       Reporting whose = Reporting::respondents);
  /// @throws UserError if an active source changes or reads what its sample is not asked
  void require_asked(std::span<const VariableId> asked) const;

  std::span<const MeasurementSource> sources() const { return sources_; }
  bool any() const { return !active_.empty(); }

  /// What must be made of a respondent so that these answers can be reported; the same variables
  /// if no source is active.
  std::vector<VariableId> needed(std::span<const VariableId> wanted) const;
  /// Variables whose latent values active sources must know.
  std::span<const VariableId> values() const { return values_; }

  /// True answers to reported ones, by all active sources. Cost O(n) a source and variable.
  void apply(ReportedAnswers& answers, Seed seed, Replicate replicate) const;
  /// The same of the active sources for which `on` (one flag a source) is set.
  void apply(ReportedAnswers& answers, Seed seed, Replicate replicate,
             const std::vector<bool>& on) const;

  /// By variable id: P(reported level | true level), levels × levels, of the active sources with
  /// keep_observed; empty: reported as it is.
  const std::vector<std::vector<double>>& reported() const { return reported_; }

 private:
  void read(ConfigReader& section, Texts& names);
  void check_kept(const MeasurementSource& source, VariableId answer, const Place& place) const;
  void order_routes();
  void route(Sample& sample) const;

  const Scenario* scenario_;
  PopulationKind kind_;
  Reporting whose_;
  std::vector<MeasurementSource> sources_;
  std::vector<bool> active_;  ///< by source; empty: none is
  std::vector<VariableId> changed_, values_;
  std::vector<VariableId> routes_;  ///< variables that follow a changed one, after those they name
  std::vector<std::vector<double>> reported_;
};

}  // namespace steelyard
