#pragma once

// Work on all cores. The order in which indices are done is not fixed, so bodies write their own
// slot and sums are made in order afterwards.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace steelyard {

/// Threads that a request stands for: itself, or all cores for 0.
int thread_count(int requested);

/// Calls body(i, worker) for i in [0, n) on up to `threads` threads (0: all cores). Two calls that
/// run at the same time have different workers, numbered below thread_count(threads). The first
/// exception of a body is thrown again after all threads have stopped.
void parallel_for(std::uint64_t n, int threads,
                  const std::function<void(std::uint64_t i, std::size_t worker)>& body);

/// One value a worker, made when it is first asked for.
template <typename T>
class PerWorker {
 public:
  PerWorker(int threads, std::function<T()> make)
      : values_(static_cast<std::size_t>(thread_count(threads))), make_(std::move(make)) {}
  T& operator[](std::size_t worker) {
    if (!values_[worker]) values_[worker].emplace(make_());
    return *values_[worker];
  }
  /// The values that were made.
  template <typename F>
  void each(F&& f) const {
    for (const auto& value : values_)
      if (value) f(*value);
  }

 private:
  std::vector<std::optional<T>> values_;
  std::function<T()> make_;
};

}  // namespace steelyard
