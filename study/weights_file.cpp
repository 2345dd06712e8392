#include "study/weights_file.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <system_error>

#include "core/csv.hpp"
#include "core/errors.hpp"
#include "core/text.hpp"
#include "study/parallel.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kBlockRows = 16384;

void append_number(std::string& out, double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, end);
}

class Writer {
 public:
  Writer(const std::filesystem::path& path, const WeighedFile& weighed, const DataSource& data,
         const WeightsFileOptions& options)
      : path_(path), w_(weighed), data_(data), o_(options) {
    // Row of the file -> kept row.
    if (!w_.kept.empty()) {
      position_.assign(w_.rows, kNone);
      for (std::size_t k = 0; k < w_.kept.size(); ++k)
        position_[w_.kept[k]] = static_cast<std::uint32_t>(k);
    }
    if (w_.base.empty())  // one text a cell
      for (double g : w_.weights.factor) append_number(cell_text_.emplace_back(","), g);
  }

  void run() {
    stream_.open(path_, std::ios::binary);
    check();
    std::string header = o_.append       ? std::string(csv().header_record())
                         : o_.id.empty() ? "row"
                                         : csv_field(o_.id);
    const char comma = separator();
    const auto title = [&](const std::string& name) {
      if (o_.append && data_.has_column(name))
        throw UserError({data_.name()}, {}, "has a column \"" + name + "\" already",
                        "choose another title with --weight-column");
      header += comma + csv_field(name);
    };
    title(o_.weight);
    for (std::size_t r = 0; r < o_.replicates.size(); ++r)
      title(o_.replicate_prefix + std::to_string(r + 1));
    header += '\n';
    put(header);
    if (o_.append || !o_.id.empty())
      with_text();
    else
      numbered();
    stream_.flush();
    check();
  }

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  const DataFile& csv() const {
    if (data_.csv() == nullptr)
      throw UserError({data_.name()}, {}, "is HDF5, so its rows have numbers only",
                      "leave out --id and --append");
    return *data_.csv();
  }
  char separator() const { return o_.append ? csv().separator() : ','; }

  void check() const {
    if (!stream_)
      throw std::system_error(errno, std::generic_category(), "cannot write " + path_.string());
  }
  void put(const std::string& text) {
    stream_.write(text.data(), static_cast<std::streamsize>(text.size()));
    check();
  }

  /// ",weight,rep1,..." and the line's end.
  void append_weights(std::size_t row, std::string& out) const {
    const std::uint32_t k = position_.empty() ? static_cast<std::uint32_t>(row) : position_[row];
    const char comma = separator();
    if (k == kNone) {
      for (std::size_t c = 0; c <= o_.replicates.size(); ++c) (out += comma) += '0';
    } else {
      if (!cell_text_.empty()) {
        const std::string& text = cell_text_[w_.index.cell_of[k]];
        out += comma;
        out.append(text, 1, std::string::npos);
      } else {
        append_number(out += comma, w_.weight(k));
      }
      for (const auto& column : o_.replicates) append_number(out += comma, column[k]);
    }
    out += '\n';
  }

  /// Blocks of rows are formatted side by side and written in order.
  void numbered() {
    const std::size_t blocks = (w_.rows + kBlockRows - 1) / kBlockRows;
    const auto wave = static_cast<std::size_t>(4 * thread_count(o_.threads));
    std::vector<std::string> text(std::min(wave, blocks));
    for (std::size_t first = 0; first < blocks; first += wave) {
      const std::size_t count = std::min(wave, blocks - first);
      parallel_for(count, o_.threads, [&](std::uint64_t b, std::size_t) {
        std::string& out = text[b];
        out.clear();
        const std::size_t from = (first + b) * kBlockRows,
                          to = std::min(w_.rows, from + kBlockRows);
        char number[24];
        for (std::size_t row = from; row < to; ++row) {
          out.append(number, std::to_chars(number, number + sizeof number, row + 1).ptr);
          append_weights(row, out);
        }
      });
      for (std::size_t b = 0; b < count; ++b) put(text[b]);
    }
  }

  void with_text() {
    std::string out;
    const auto use = [&](std::size_t row, std::string_view text) {
      out += text;
      append_weights(row, out);
      if (out.size() > (1 << 20)) {
        put(out);
        out.clear();
      }
    };
    if (o_.append)
      csv().each_record(use);
    else
      csv().each_field(csv().column(o_.id),
                       [&](std::size_t row, std::string_view text) { use(row, csv_field(text)); });
    put(out);
  }

  const std::filesystem::path& path_;
  const WeighedFile& w_;
  const DataSource& data_;
  const WeightsFileOptions& o_;
  std::vector<std::uint32_t> position_;
  std::vector<std::string> cell_text_;
  std::ofstream stream_;
};

}  // namespace

void write_weights(const std::filesystem::path& path, const WeighedFile& weighed,
                   const DataSource& data, const WeightsFileOptions& options) {
  Writer(path, weighed, data, options).run();
}

}  // namespace steelyard
