#pragma once

// The verbs of the program. Each parses nothing and prints its answer; errors are exceptions.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace steelyard {

struct Scenario;
struct StopRequest;

struct CommonOptions {
  std::string scenario;
  std::vector<std::string> settings;
  bool accept = false;  ///< go on although published numbers contradict each other
  bool force = false;   ///< replace what exists
  bool json = false;
  bool quiet = false;
};

struct CheckOptions : CommonOptions {
  bool as_printed = false;  ///< ignore the scenario's own exchanges and exclusions
  std::string reconcile;    ///< numbers file to write
};

struct RunOptions : CommonOptions {
  std::string output;
  std::optional<std::uint32_t> replicates;
  std::optional<std::uint64_t> seed;
  int threads = 0;
  bool tally_truth = false;  ///< make every person of the population, however many
  std::string language = "en";
  std::vector<std::string> conditions;     ///< of a population by formulas; empty: all
  bool resume = false;                     ///< go on with what an earlier run has left
  bool estimate = false;                   ///< predict time and memory, and run nothing else
  std::string until;                       ///< stopping rule
  std::string shard;                       ///< "3/16"
  std::optional<std::uint32_t> replicate;  ///< replay this one alone
  StopRequest* stop = nullptr;             ///< set when the user wants it to end
};

struct MergeOptions {
  std::vector<std::string> folders;
  std::string output, scenario, language = "en";
  int threads = 0;
  bool force = false, quiet = false;
};

struct DrawOptions : CommonOptions {
  std::string output, format = "csv";
  std::uint32_t replicates = 1;
  std::optional<std::uint64_t> seed;
};

struct SynthesizeOptions : CommonOptions {
  std::string output, slice;
  std::optional<std::uint64_t> size, seed;
  bool tally_only = false;
  bool exact = false;  ///< the population's tables met to the person
  int threads = 0;
};

struct WorldsOptions : CommonOptions {
  std::string output, language = "en";
  std::optional<std::uint32_t> replicates;
  std::optional<std::uint64_t> seed;
  int threads = 0;
};

struct BudgetOptions : CommonOptions {
  std::vector<std::string> conditions;  ///< of a population by formulas; one
  std::string output, language = "en";
  std::optional<std::uint32_t> replicates;
  std::optional<std::uint64_t> seed;
  int threads = 0;
};

struct ReportOptions {
  std::string folder, output, language = "en";
  bool force = false;
};

/// Where a run keeps its finished blocks until its results are written.
std::string parts_path(const std::string& output);

/// @throws UserError if neither the command line nor the scenario has a seed
std::uint64_t require_seed(const std::optional<std::uint64_t>& given, const Scenario& scenario);

int list_command(const std::string& kind, bool json);
int describe_command(const std::string& name);
int check_command(const CheckOptions& options);
int run_command(const RunOptions& options);
int merge_command(const MergeOptions& options);
int draw_command(const DrawOptions& options);
int synthesize_command(const SynthesizeOptions& options);
int worlds_command(const WorldsOptions& options);
int budget_command(const BudgetOptions& options);
/// The same verbs for a scenario with [households].
int check_households(const CheckOptions& options);
int synthesize_households(const SynthesizeOptions& options);
/// The same verbs for a scenario with population.kind = "model".
int check_model(const CheckOptions& options);
int draw_model(const DrawOptions& options);
void describe_model(const std::string& name);
int report_command(const ReportOptions& options);

}  // namespace steelyard
