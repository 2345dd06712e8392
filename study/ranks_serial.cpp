#include <cstdlib>

#include "core/errors.hpp"
#include "core/text.hpp"
#include "study/ranks.hpp"

namespace steelyard {
namespace {

class Alone final : public Ranks {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::uint64_t agree(std::uint64_t value) override { return value; }
  void serve(const std::function<std::string()>&,
             const std::function<void(std::string)>&) override {}
  std::string request() override { return {}; }
  void deliver(const std::string&) override {}
};

}  // namespace

std::unique_ptr<Ranks> join_ranks() {
  // Open MPI and MPICH tell how many they have started.
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (const char* size = std::getenv(variable); size != nullptr && parse_number(size) > 1.0)
      throw UserError(
          {}, "mpirun",
          "started " + std::string(size) + " processes, but this steelyard was built without MPI",
          "build it with cmake --preset mpi, or run without mpirun, or use --shard");
  return std::make_unique<Alone>();
}

}  // namespace steelyard
