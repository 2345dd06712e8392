#include "results/columns_store.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "results/hdf5_types.hpp"

namespace steelyard {
namespace {

constexpr hsize_t kChunk = 65536;

}  // namespace

struct ColumnsWriter::State {
  hdf5::Quiet quiet;
  std::filesystem::path path;
  hid_t file = -1;
  std::vector<hid_t> datasets;
  std::size_t codes = 0;
  hsize_t rows = 0;
  std::vector<std::vector<std::uint8_t>> pending_codes;
  std::vector<std::vector<double>> pending_values;

  mutable bool failed = false;

  [[noreturn]] void fail(const char* what) const {
    failed = true;
    throw std::runtime_error(
        fmt::format("{} {}: {}; is the disk full?", what, path.string(), hdf5::reason()));
  }

  void text_attribute(hid_t object, const char* name, const std::string& text) const {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, std::max<std::size_t>(text.size(), 1));
    H5Tset_cset(type, H5T_CSET_UTF8);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const std::string padded = text.empty() ? std::string(1, '\0') : text;
    const bool ok = attribute >= 0 && H5Awrite(attribute, type, padded.data()) >= 0;
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    if (!ok) fail("cannot write");
  }

  void levels_attribute(hid_t object, const std::vector<std::string>& levels) const {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    const hsize_t n = levels.size();
    const hid_t space = H5Screate_simple(1, &n, nullptr);
    const hid_t attribute = H5Acreate2(object, "levels", type, space, H5P_DEFAULT, H5P_DEFAULT);
    std::vector<const char*> pointers;
    for (const std::string& level : levels) pointers.push_back(level.c_str());
    const bool ok = attribute >= 0 && H5Awrite(attribute, type, pointers.data()) >= 0;
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    if (!ok) fail("cannot write");
  }

  hid_t create(const std::string& name, hid_t type) const {
    const hsize_t none = 0, unlimited = H5S_UNLIMITED, chunk = kChunk;
    const hid_t space = H5Screate_simple(1, &none, &unlimited);
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(properties, 1, &chunk);
    H5Pset_obj_track_times(properties, 0);
    H5Pset_shuffle(properties);
    H5Pset_deflate(properties, 1);
    const hid_t dataset =
        H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    H5Pclose(properties);
    H5Sclose(space);
    if (dataset < 0) fail("cannot write");
    return dataset;
  }

  void write(hid_t dataset, hid_t type, const void* data, hsize_t n) const {
    const hsize_t size = rows + n;
    if (H5Dset_extent(dataset, &size) < 0) fail("cannot write");
    const hid_t memory = H5Screate_simple(1, &n, nullptr);
    const hid_t space = H5Dget_space(dataset);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &rows, nullptr, &n, nullptr);
    const bool ok = H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, data) >= 0;
    H5Sclose(space);
    H5Sclose(memory);
    if (!ok) fail("cannot write");
  }

  void flush_rows() {
    const hsize_t n = !pending_codes.empty()   ? pending_codes[0].size()
                      : pending_values.empty() ? 0
                                               : pending_values[0].size();
    if (n == 0) return;
    for (std::size_t k = 0; k < pending_codes.size(); ++k)
      write(datasets[k], H5T_NATIVE_UINT8, pending_codes[k].data(), n);
    for (std::size_t k = 0; k < pending_values.size(); ++k)
      write(datasets[codes + k], H5T_NATIVE_DOUBLE, pending_values[k].data(), n);
    rows += n;
    for (auto& column : pending_codes) column.clear();
    for (auto& column : pending_values) column.clear();
  }
};

/// A file that could not be written cannot be closed either: HDF5 1.10 would crash on trying, then
/// or at exit. Its handles are left to the end of the process, and HDF5 told to leave them.
std::unique_ptr<ColumnsWriter::State> ColumnsWriter::make_state() {
  H5dont_atexit();  // only before the library's first use
  return std::make_unique<State>();
}

ColumnsWriter::ColumnsWriter(const std::filesystem::path& path, std::string_view filetype,
                             std::vector<CodeColumn> codes, std::vector<ValueColumn> values,
                             const std::vector<std::pair<std::string, std::string>>& attributes)
    : state_(make_state()) {
  State& s = *state_;
  s.path = path;
  s.codes = codes.size();
  s.file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  if (s.file < 0) s.fail("cannot create");
  s.text_attribute(s.file, "filetype", std::string(filetype));
  for (const auto& [name, text] : attributes) s.text_attribute(s.file, name.c_str(), text);
  for (const char* group : {"/variables", "/latent"})
    H5Gclose(H5Gcreate2(s.file, group, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  for (const CodeColumn& column : codes) {
    s.datasets.push_back(s.create("/variables/" + column.name, H5T_STD_U8LE));
    s.text_attribute(s.datasets.back(), "label", column.label);
    s.levels_attribute(s.datasets.back(), column.levels);
  }
  for (const ValueColumn& column : values) {
    s.datasets.push_back(s.create("/latent/" + column.name, H5T_IEEE_F64LE));
    s.text_attribute(s.datasets.back(), "unit", column.unit);
  }
  s.pending_codes.resize(codes.size());
  s.pending_values.resize(values.size());
}

ColumnsWriter::~ColumnsWriter() {
  if (!state_ || state_->failed) return;
  for (hid_t dataset : state_->datasets) H5Dclose(dataset);
  if (state_->file >= 0) H5Fclose(state_->file);
}

void ColumnsWriter::append(std::span<const std::span<const std::uint8_t>> codes,
                           std::span<const std::span<const double>> values) {
  State& s = *state_;
  for (std::size_t k = 0; k < codes.size(); ++k)
    s.pending_codes[k].insert(s.pending_codes[k].end(), codes[k].begin(), codes[k].end());
  for (std::size_t k = 0; k < values.size(); ++k)
    s.pending_values[k].insert(s.pending_values[k].end(), values[k].begin(), values[k].end());
  const std::size_t waiting =
      !s.pending_codes.empty() ? s.pending_codes[0].size() : s.pending_values[0].size();
  if (waiting >= kChunk) s.flush_rows();
}

void ColumnsWriter::close() {
  State& s = *state_;
  s.flush_rows();
  bool ok = H5Fflush(s.file, H5F_SCOPE_GLOBAL) >= 0;
  for (hid_t dataset : s.datasets) ok = H5Dclose(dataset) >= 0 && ok;
  s.datasets.clear();
  ok = H5Fclose(s.file) >= 0 && ok;
  s.file = -1;
  if (!ok) s.fail("cannot write");
}

}  // namespace steelyard
