// Any bytes as a margins file. Every fault is a UserError; without one, the targets are settled:
// finite, not negative, and every margin sums to the population.

#include <cmath>
#include <cstdint>
#include <optional>

#include "core/errors.hpp"
#include "tests/fuzz/require.hpp"
#include "study/margins_file.hpp"

namespace {

using namespace steelyard;

void settle(MarginsFile file, std::optional<double> given, bool rescale) {
  std::vector<std::string> notes;
  double persons = 0;
  try {
    persons = file.settle(given, 1000, rescale, notes);
  } catch (const UserError& error) {
    fuzz::require(error.what()[0] != 0, "a fault says what it is");
    return;
  }
  fuzz::require(persons > 0 && std::isfinite(persons), "a population is positive and finite");
  fuzz::require(!given || persons == *given, "the population that is given counts");
  for (const auto& margin : file.margins) {
    long double sum = 0;
    for (const auto& cell : margin.cells) {
      fuzz::require(cell.levels.size() == margin.variables.size(), "a level for each variable");
      fuzz::require(cell.target >= 0 && std::isfinite(cell.target), "a target is a count");
      fuzz::require(cell.line >= 2, "a cell has a line");
      sum += cell.target;
    }
    fuzz::require(std::abs(static_cast<double>(sum) - persons) <= 2e-9 * persons,
                  "a margin sums to the population");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  try {
    const MarginsFile file = MarginsFile::parse(text, "margins.csv");
    settle(file, {}, false);
    settle(file, {}, true);
    settle(file, 5000, true);
  } catch (const UserError&) {
  }
  return 0;
}
