// Any bytes as a data file. Every fault is a UserError, the same one for any number of threads;
// without a fault, the columns are the same for any number of threads, and the records read one by
// one are the rows that were read together.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/data_file.hpp"
#include "core/errors.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using namespace steelyard;
using As = ColumnRequest::As;

struct Outcome {
  std::string fault;  ///< empty: there are columns
  std::vector<ColumnData> columns;
};

Outcome read(const DataFile& file, const std::vector<ColumnRequest>& requests, int threads) {
  try {
    return {{}, file.read(requests, threads)};
  } catch (const UserError& error) {
    fuzz::require(error.what()[0] != 0, "a fault says what it is");
    return {error.what(), {}};
  }
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Reads with 1 and 3 threads; the columns if there is no fault.
std::optional<std::vector<ColumnData>> read_twice(const DataFile& file,
                                                  const std::vector<ColumnRequest>& requests) {
  Outcome one = read(file, requests, 1);
  const std::size_t rows = file.rows();
  const Outcome three = read(file, requests, 3);
  fuzz::require(one.fault == three.fault, "1 and 3 threads find the same fault");
  if (!one.fault.empty()) return {};
  fuzz::require(rows == file.rows() && rows > 0, "1 and 3 threads find the same rows");
  for (std::size_t r = 0; r < requests.size(); ++r) {
    const ColumnData &a = one.columns[r], &b = three.columns[r];
    fuzz::require(a.levels.levels == b.levels.levels && a.levels.codes == b.levels.codes,
                  "1 and 3 threads read the same levels");
    fuzz::require(a.ids == b.ids, "1 and 3 threads read the same ids");
    fuzz::require(a.numbers.size() == b.numbers.size(), "1 and 3 threads read as many numbers");
    for (std::size_t i = 0; i < a.numbers.size(); ++i)
      fuzz::require(same(a.numbers[i], b.numbers[i]), "1 and 3 threads read the same numbers");
    const std::size_t held = requests[r].as == As::levels ? a.levels.codes.size()
                             : requests[r].as == As::ids  ? a.ids.size()
                                                          : a.numbers.size();
    fuzz::require(held == rows, "a column has a value for every row");
  }
  return std::move(one.columns);
}

/// Each field's own text is the level that was read.
void compare_fields(const DataFile& file, std::size_t column, const LevelColumn& levels) {
  std::size_t rows = 0;
  file.each_field(column, [&](std::size_t row, std::string_view text) {
    fuzz::require(row == rows++ && row < levels.codes.size(), "fields come in order");
    const std::uint16_t code = levels.codes[row];
    if (code == kMissingCode)
      fuzz::require(text.empty() || text == "NA" || text == ".", "no answer is an empty field");
    else
      fuzz::require(text == levels.levels.at(code), "a field's text is its level");
  });
  fuzz::require(rows == levels.codes.size(), "there is a field for every row");
}

/// Threads are started for every column, so of a wide file the first ones are read alone.
constexpr std::size_t kColumns = 4;

void use(const DataFile& file) {
  std::vector<ColumnRequest> requests;
  const auto titles = file.header().first(std::min(kColumns, file.header().size()));
  for (const std::string& title : titles)
    for (const As as : {As::levels, As::ids}) requests.push_back({title, as});
  const auto columns = read_twice(file, requests);
  for (const std::string& title : titles) read_twice(file, {{title, As::numbers}});
  if (!columns) return;
  std::size_t records = 0;
  file.each_record([&](std::size_t row, std::string_view record) {
    fuzz::require(row == records++, "records come in order");
    fuzz::require(!record.empty(), "an empty line is no record");
  });
  for (std::size_t k = 0; k < titles.size(); ++k) {
    const LevelColumn& levels = (*columns)[2 * k].levels;
    fuzz::require(records == levels.codes.size(), "there is a record for every row");
    compare_fields(file, k, levels);
    for (std::size_t i = 0; i < levels.codes.size(); ++i)
      fuzz::require(
          (levels.codes[i] == kMissingCode) == ((*columns)[2 * k + 1].ids[i] == kMissingId),
          "ids and levels have answers in the same rows");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  try {
    use(steelyard::DataFile::over(text, "data.csv"));
  } catch (const steelyard::UserError&) {
  }
  return 0;
}
