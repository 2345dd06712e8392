#pragma once

// Ctrl-C, SIGTERM and SIGUSR1: what is half-written is removed before the program ends.

#include <string>
#include <thread>
#include <vector>

namespace steelyard {

struct StopRequest;

/// Watches for these signals from a thread of its own, from construction until destruction. On one
/// it asks a study that is running to end after the blocks under way. On a second one, or without a
/// running study, it removes what is under construction beside each output, says so, and ends the
/// program with 128 plus the signal's number.
class InterruptWatch {
 public:
  /// @param outputs  where commands write to; read when a signal comes, empty ones ignored
  /// @param kept     outputs whose finished parts stay, for --resume
  InterruptWatch(std::vector<const std::string*> outputs, StopRequest& stop,
                 std::vector<const std::string*> kept = {});
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

 private:
  std::vector<const std::string*> outputs_, kept_;
  std::thread thread_;
};

}  // namespace steelyard
