#include "cli/interrupt.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "cli/commands.hpp"
#include "cli/file_commands.hpp"
#include "core/output.hpp"
#include "study/study_run.hpp"

namespace steelyard {
namespace {

/// What the watch sends itself when it ends.
int stop_watching() { return SIGRTMIN; }

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  // USR1: what mpirun passes on to its processes and gives them time for.
  for (int signal : {SIGINT, SIGTERM, SIGUSR1, stop_watching()}) sigaddset(&set, signal);
  return set;
}

}  // namespace

InterruptWatch::InterruptWatch(std::vector<const std::string*> outputs, StopRequest& stop,
                               std::vector<const std::string*> kept)
    : outputs_(std::move(outputs)), kept_(std::move(kept)) {
  const sigset_t set = watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);  // threads that start later inherit it
  thread_ = std::thread([this, set, &stop] {
    int signal = 0;
    if (sigwait(&set, &signal) != 0 || signal == stop_watching()) return;
    if (stop.heeded) {
      stop.signal = signal;
      if (!stop.silent)
        fmt::print(stderr,
                   "\nsteelyard: ending after the blocks under way; once more to end at once\n");
      if (sigwait(&set, &signal) != 0 || signal == stop_watching()) return;
    }
    fmt::print(stderr, "\nsteelyard: interrupted");
    for (const std::string* output : outputs_) {
      if (output->empty()) continue;
      std::error_code ignored;
      std::filesystem::remove_all(staging_path(*output), ignored);
      std::filesystem::remove(staging_path(replicate_constants_path(*output)), ignored);
      fmt::print(stderr, "; nothing is written to {}", *output);
      if (std::filesystem::exists(parts_path(*output), ignored))
        fmt::print(stderr, "; finished blocks are kept in {}: go on with --resume",
                   parts_path(*output));
    }
    for (const std::string* output : kept_)
      if (!output->empty())
        fmt::print(stderr, "; what is finished stays in {}: go on with --resume", *output);
    fmt::print(stderr, "\n");
    std::fflush(nullptr);
    _exit(128 + signal);
  });
}

InterruptWatch::~InterruptWatch() {
  pthread_kill(thread_.native_handle(), stop_watching());
  thread_.join();
}

}  // namespace steelyard
