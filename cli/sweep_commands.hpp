#pragma once

// The verbs that run a scenario at many settings of its numbers.

#include "cli/commands.hpp"
#include "core/random.hpp"

namespace CLI {
class App;
}

namespace steelyard {

struct SweepOptions : CommonOptions {
  std::string output, design;
  std::vector<std::string> dials;
  std::optional<std::uint32_t> replicates;
  std::optional<std::size_t> points;
  std::optional<std::uint64_t> seed;
  int threads = 0;
  bool resume = false, estimate = false, keep_parts = false;
  std::string language = "en";
};

struct TipOptions : CommonOptions {
  std::string conclusion, output, language = "en";
  std::vector<std::string> dials;
  std::uint32_t replicates = 200, most_replicates = 20'000;
  std::size_t steps = 4;
  double error = 0.02;
  std::optional<std::uint64_t> seed;
  int threads = 0;
};

struct PlanOptions : CommonOptions {
  std::string output, language = "en";
  std::optional<std::uint32_t> replicates;
  std::optional<std::uint64_t> seed;
  int threads = 0;
};

/// What every verb that runs a scenario takes: the scenario, settings and the like.
using AddCommon = void (*)(CLI::App*, CommonOptions&);

void add_sweep(CLI::App& app, SweepOptions& options, AddCommon add_common, int& code);

void add_tip(CLI::App& app, TipOptions& options, AddCommon add_common, int& code);

void add_plan(CLI::App& app, PlanOptions& options, AddCommon add_common, int& code);

/// The seed of the command line, or the scenario's own. @throws UserError if neither has one
Seed sweep_seed(const std::optional<std::uint64_t>& given, const std::string& scenario);

}  // namespace steelyard
