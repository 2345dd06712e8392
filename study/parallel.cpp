#include "study/parallel.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

namespace steelyard {

namespace tbb = oneapi::tbb;

int thread_count(int requested) {
  return requested > 0 ? requested : tbb::info::default_concurrency();
}

#ifdef STEELYARD_STD_THREADS

// The thread sanitizer cannot see how an uninstrumented TBB synchronises: under it the same bodies
// run on plain threads.
void parallel_for(std::uint64_t n, int threads,
                  const std::function<void(std::uint64_t, std::size_t)>& body) {
  std::atomic<std::uint64_t> next{0};
  std::exception_ptr error;
  std::mutex guard;
  std::vector<std::thread> workers;
  for (int w = 0; w < thread_count(threads); ++w)
    workers.emplace_back([&, w] {
      try {
        for (std::uint64_t i; (i = next++) < n;) body(i, static_cast<std::size_t>(w));
      } catch (...) {
        const std::lock_guard lock(guard);
        if (!error) error = std::current_exception();
        next = n;
      }
    });
  for (std::thread& worker : workers) worker.join();
  if (error) std::rethrow_exception(error);
}

#else

void parallel_for(std::uint64_t n, int threads,
                  const std::function<void(std::uint64_t, std::size_t)>& body) {
  const int count = thread_count(threads);
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                  static_cast<std::size_t>(count));
  tbb::task_arena arena(count);
  arena.execute([&] {
    tbb::parallel_for(std::uint64_t{0}, n, [&](std::uint64_t i) {
      body(i, static_cast<std::size_t>(tbb::this_task_arena::current_thread_index()));
    });
  });
}

#endif

}  // namespace steelyard
