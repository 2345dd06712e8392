#include "study/data_source.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>

#include "core/errors.hpp"
#include "core/text.hpp"
#include "results/columns_store.hpp"

namespace steelyard {
namespace {

class CsvSource final : public DataSource {
 public:
  explicit CsvSource(DataFile file) : file_(std::move(file)) {}
  const std::string& name() const override { return file_.name(); }
  std::span<const std::string> header() const override { return file_.header(); }
  std::size_t rows() const override { return file_.rows(); }
  std::vector<ColumnData> read(std::span<const ColumnRequest> requests,
                               int threads) const override {
    return file_.read(requests, threads);
  }
  const DataFile* csv() const override { return &file_; }

 private:
  DataFile file_;
};

/// Level columns and latent values of a sample; what does not apply is no answer.
class Hdf5Source final : public DataSource {
 public:
  explicit Hdf5Source(const std::string& path) : name_(path), reader_(path) {
    for (const CodeColumn& c : reader_.codes()) header_.push_back(c.name);
    for (const ValueColumn& v : reader_.values())
      header_.push_back(has_column(v.name) ? "latent." + v.name : v.name);
    if (header_.empty() || reader_.rows() == 0)
      throw UserError({path}, {}, "holds no rows", "give a sample that draw wrote");
  }
  const std::string& name() const override { return name_; }
  std::span<const std::string> header() const override { return header_; }
  std::size_t rows() const override { return reader_.rows(); }
  std::vector<ColumnData> read(std::span<const ColumnRequest> requests, int) const override {
    std::vector<ColumnData> out;
    for (const ColumnRequest& request : requests) {
      require_column(request.name);
      const auto at = static_cast<std::size_t>(
          std::find(header_.begin(), header_.end(), request.name) - header_.begin());
      out.push_back(at < reader_.codes().size() ? coded(at, request.as) : latent(at, request));
    }
    return out;
  }

 private:
  ColumnData coded(std::size_t at, ColumnRequest::As as) const {
    const CodeColumn& column = reader_.codes()[at];
    const std::vector<std::uint8_t> codes = reader_.read_codes(at);
    const std::size_t levels = column.levels.size();
    ColumnData out;
    if (as == ColumnRequest::As::numbers) {
      std::vector<double> value(levels + 1, std::nan(""));
      std::vector<bool> known(levels + 1, true);
      for (std::size_t k = 0; k < levels; ++k) {
        const auto number = parse_number(column.levels[k]);
        known[k] = number && std::isfinite(*number);
        if (known[k]) value[k] = *number;
      }
      for (std::uint8_t code : codes) {
        if (!known[code])
          throw UserError({name_}, column.name,
                          "has the level \"" + column.levels[code] + "\", which is not a number",
                          "use --proportion, or give its levels numbers");
        out.numbers.push_back(value[code]);
      }
    } else if (as == ColumnRequest::As::ids) {
      for (std::uint8_t code : codes) out.ids.push_back(code == levels ? kMissingId : code);
    } else {
      out.levels.levels = column.levels;
      for (std::uint8_t code : codes)
        out.levels.codes.push_back(code == levels ? kMissingCode : code);
    }
    return out;
  }

  ColumnData latent(std::size_t at, const ColumnRequest& request) const {
    if (request.as != ColumnRequest::As::numbers)
      throw UserError({name_}, request.name, "is a number, not a level", "use it as a number");
    ColumnData out;
    out.numbers = reader_.read_values(at - reader_.codes().size());
    return out;
  }

  std::string name_;
  ColumnsReader reader_;
  std::vector<std::string> header_;
};

}  // namespace

std::unique_ptr<DataSource> DataSource::open(const std::string& path) {
  char magic[8] = {};
  if (std::filesystem::is_regular_file(path))  // a pipe can be read only once
    std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  if (std::string_view(magic, 8) == std::string_view("\x89HDF\r\n\x1a\n", 8))
    return std::make_unique<Hdf5Source>(path);
  return std::make_unique<CsvSource>(DataFile::open(path));
}

std::unique_ptr<DataSource> DataSource::over(std::string_view text, std::string name) {
  return std::make_unique<CsvSource>(DataFile::over(text, std::move(name)));
}

bool DataSource::has_column(std::string_view title) const {
  const auto titles = header();
  return std::find(titles.begin(), titles.end(), title) != titles.end();
}

void DataSource::require_column(std::string_view title) const {
  if (has_column(title)) return;
  std::string hint = suggestion(title, header());
  if (hint.empty()) hint = "the columns are: " + join(header(), ", ");
  throw UserError({name(), csv() ? 1 : 0}, {}, "has no column \"" + std::string(title) + "\"",
                  hint);
}

}  // namespace steelyard
