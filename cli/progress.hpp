#pragma once

// Progress on standard error: a bar with rate and time left on a terminal, plain lines otherwise.

#include <string>

#include "core/timing.hpp"

namespace steelyard {

class Progress {
 public:
  enum class Mode { automatic, silent };
  explicit Progress(Mode mode);
  ~Progress();

  /// @param total  units in the whole phase, for the rate
  void update(const std::string& phase, double fraction, double total, const std::string& unit);
  /// Ends the present bar's line.
  void finish();

 private:
  bool silent_, terminal_;
  std::string phase_;
  Clock::time_point start_, shown_;
  int last_tenth_ = -1;
};

/// "3 s", "2 min 5 s", "1 h 4 min".
std::string duration_text(double seconds);

}  // namespace steelyard
