#pragma once

// A study at many points of a scenario's numbers, on the same random numbers at each.

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "results/sweep.hpp"
#include "study/condition.hpp"
#include "study/dials.hpp"
#include "study/sweep_design.hpp"

namespace steelyard {

/// What is asked for on top of, or in place of, a scenario's [sweep].
struct SweepRequest {
  std::vector<DialRequest> dials;  ///< empty: the section's; none there: all assumed numbers
  std::optional<SweepDesign> design;
  std::optional<std::size_t> points;  ///< Latin hypercube and Sobol' points; Saltelli's base rows
  std::optional<std::uint32_t> replicates;
};

/// A sweep before it runs: its dials and the values that they take in each condition.
struct SweepPlan {
  std::string scenario;  ///< name or folder
  Dials dials;
  std::string content;  ///< hash of the scenario's text and files
  SweepDesign design = SweepDesign::sobol;
  std::size_t base = 0;                     ///< rows of Saltelli's A; 0 for other designs
  std::vector<std::vector<double>> values;  ///< conditions × dials; condition 0 is the base
  Seed seed{};
  std::uint32_t replicates = 200;
  std::uint32_t bootstrap = 500;  ///< samples for the limits of indices
  Population::Unmet unmet = Population::Unmet::refuse;

  /// What decides the results, one "key = value" a line: a sweep goes on only where this agrees.
  std::string identity() const;
  /// Conditions besides the base that effects need: the fit of a straight line wants three for
  /// every two of its terms. 0: a one-at-a-time design, which fits nothing.
  std::size_t fewest_for_effects() const {
    return design == SweepDesign::one_at_a_time ? 0 : (3 * (dials.size() + 1) + 1) / 2;
  }
};

/// Reads [sweep] of the scenario: design, points, levels of dials, replicates, bootstrap, [[dial]].
/// @throws UserError for what is wrong in it or in the request
SweepPlan plan_sweep(const std::string& scenario, const std::vector<std::string>& settings,
                     Seed seed, const SweepRequest& request);

/// Conditions done and to do, and how far the present ones are: in conditions.
using SweepProgress = std::function<void(double done, double all)>;

/// The finished conditions of a sweep, one file each in a folder: NNNN.h5 (the condition's study,
/// as results-format.md has it) or NNNN.txt (why it has no result). Each is written beside and
/// renamed.
class SweepParts {
 public:
  explicit SweepParts(std::filesystem::path folder) : folder_(std::move(folder)) {}
  SweepParts(const SweepParts&) = delete;
  SweepParts& operator=(const SweepParts&) = delete;

  /// Studies that this object has written and read.
  std::size_t written() const { return written_; }
  std::size_t times_read() const { return read_; }

  bool done(std::size_t condition) const;
  /// @throws std::runtime_error if the folder has gone
  void keep(std::size_t condition, const StudyResults& results) const;
  void keep_failure(std::size_t condition, const std::string& reason) const;
  /// The study, or nothing and the reason. @throws UserError for a damaged part
  std::optional<StudyResults> read(std::size_t condition, std::string& reason) const;
  /// Of a condition that has a result.
  std::filesystem::path study_file(std::size_t condition) const { return file(condition, ".h5"); }

 private:
  void require_folder() const;
  std::filesystem::path file(std::size_t condition, const char* ending) const;
  std::filesystem::path folder_;
  mutable std::atomic<std::size_t> written_{0}, read_{0};
};

/// Looks at the parts that are there before a sweep goes on: those that are not whole are removed,
/// so that they are made again. Cost: reads each once.
/// @param damaged  told of a removed part, with the problem
/// @throws UserError naming a part of another sweep
void check_parts(const SweepPlan& plan, const SweepParts& parts,
                 const std::function<void(const std::string& problem)>& damaged);

/// Runs the conditions that the folder does not have yet. As many conditions as threads are made
/// ready at once, then each is run with all threads. A population that cannot be made is a result
/// with its reason.
void run_conditions(const SweepPlan& plan, const SweepParts& parts, int threads,
                    const SweepProgress& progress = {});

/// Measures, paired changes, effects, indices and surfaces from the finished conditions; a function
/// of the parts alone, read one by one.
/// Memory: (2 + dials × 1.5) × estimators × replicates × 16 bytes or so, and the measures of all
/// conditions.
SweepResults analyse_sweep(const SweepPlan& plan, const SweepParts& parts, int threads);

/// What a sweep consists of, if every condition has a result and they are enough for effects.
struct SweepWork {
  std::size_t rounds =
      0;  ///< in each as many conditions are made ready at once as there are threads
  std::size_t conditions = 0;
  std::size_t replicates = 0;  ///< of all conditions
  std::size_t parts_written = 0, parts_read = 0;
};
SweepWork work_of(const SweepPlan& plan, int threads);

/// What a sweep will take, from its first conditions and a few replicates.
struct SweepEstimate {
  SweepWork work;
  double round_seconds = 0;      ///< all threads, each making one condition ready
  double replicate_seconds = 0;  ///< all threads, one replicate, with its part of the files
  double total_seconds = 0;
  double peak_bytes = 0, part_bytes = 0;
};
SweepEstimate estimate_sweep(const SweepPlan& plan, int threads);

}  // namespace steelyard
