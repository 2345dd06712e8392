#include "cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace steelyard {

std::string duration_text(double seconds) {
  const auto s = static_cast<long>(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s % 3600 / 60);
}

Progress::Progress(Mode mode)
    : silent_(mode == Mode::silent), terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() { finish(); }

void Progress::finish() {
  if (!phase_.empty() && terminal_ && !silent_) std::fputc('\n', stderr);
  phase_.clear();
}

void Progress::update(const std::string& phase, double fraction, double total,
                      const std::string& unit) {
  if (silent_) return;
  const auto now = Clock::now();
  if (phase != phase_) {
    finish();
    phase_ = phase;
    start_ = now;
    shown_ = {};
    last_tenth_ = 0;
  }
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const double rate = elapsed > 0 ? fraction * total / elapsed : 0;
  const double left = fraction > 0 ? elapsed * (1 - fraction) / fraction : 0;
  if (terminal_) {
    if (fraction < 1 && now - shown_ < std::chrono::milliseconds(100)) return;
    shown_ = now;
    const int width = 30, filled = static_cast<int>(fraction * width);
    fmt::print(stderr, "\r{:<12} [{:=<{}}{:<{}}] {:3.0f} %  {:.4g} {}/s  {} {}\033[K", phase, "",
               filled, "", width - filled, 100 * fraction, rate, unit,
               duration_text(fraction < 1 ? left : elapsed), fraction < 1 ? "left" : "taken");
    std::fflush(stderr);
    return;
  }
  const int tenth = static_cast<int>(fraction * 10);
  if (tenth == last_tenth_) return;
  last_tenth_ = tenth;
  fmt::print(stderr, "{} {:.0f} %, {:.4g} {}/s, {} {}\n", phase, 100 * fraction, rate, unit,
             duration_text(fraction < 1 ? left : elapsed), fraction < 1 ? "left" : "taken");
}

}  // namespace steelyard
