#include <mpi.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>

#include "study/ranks.hpp"

namespace steelyard {
namespace {

enum Tag : int { kRequest = 1, kTask = 2, kDone = 3 };

/// All calls after the first are made by one thread at a time.
class MpiRanks final : public Ranks {
 public:
  MpiRanks() {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }
  /// Finalizing waits for the others; after an error mpirun ends them instead.
  ~MpiRanks() override {
    if (std::uncaught_exceptions() == 0) MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  std::uint64_t agree(std::uint64_t value) override {
    MPI_Bcast(&value, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
    return value;
  }

  void serve(const std::function<std::string()>& next,
             const std::function<void(std::string)>& take) override {
    int working = size_ - 1;
    while (working > 0) {
      MPI_Status status;
      int waiting = 0;
      MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &waiting, &status);
      if (waiting == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        continue;
      }
      std::string received = receive(status);
      if (status.MPI_TAG == kDone) {
        if (received.empty())
          --working;
        else
          take(std::move(received));
      } else {
        send(next(), status.MPI_SOURCE, kTask);
      }
    }
  }

  std::string request() override {
    const std::lock_guard lock(one_at_a_time_);
    send({}, 0, kRequest);
    MPI_Status status;
    MPI_Probe(0, kTask, MPI_COMM_WORLD, &status);
    return receive(status);
  }

  void deliver(const std::string& bytes) override {
    const std::lock_guard lock(one_at_a_time_);
    send(bytes, 0, kDone);
  }

 private:
  static std::string receive(const MPI_Status& status) {
    int size = 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    std::string bytes(static_cast<std::size_t>(size), '\0');
    MPI_Recv(bytes.data(), size, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
    return bytes;
  }
  static void send(const std::string& bytes, int to, Tag tag) {
    MPI_Send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, to, tag, MPI_COMM_WORLD);
  }

  int rank_ = 0, size_ = 1;
  std::mutex one_at_a_time_;
};

}  // namespace

std::unique_ptr<Ranks> join_ranks() { return std::make_unique<MpiRanks>(); }

}  // namespace steelyard
