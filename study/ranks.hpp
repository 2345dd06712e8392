#pragma once

// The processes of one run: rank 0 hands out blocks and takes what comes back, the others ask and
// deliver. ranks_mpi.cpp has them under MPI, ranks_serial.cpp is its twin of one process.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace steelyard {

class Ranks {
 public:
  Ranks() = default;
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;
  virtual ~Ranks() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Rank 0's value, on every rank.
  virtual std::uint64_t agree(std::uint64_t value) = 0;
  /// Rank 0: answers requests until every other rank has delivered its last.
  /// @param next  the next task, empty: no more
  /// @param take  called with what a rank delivers
  virtual void serve(const std::function<std::string()>& next,
                     const std::function<void(std::string)>& take) = 0;
  /// Other ranks: a task; empty: no more.
  virtual std::string request() = 0;
  /// Other ranks: hands in a finished task; empty: that was the last.
  virtual void deliver(const std::string& bytes) = 0;
};

/// The processes that mpirun started, or this one alone.
/// @throws UserError if mpirun started several and the program was built without MPI
std::unique_ptr<Ranks> join_ranks();

}  // namespace steelyard
