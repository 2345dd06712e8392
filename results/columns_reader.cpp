#include <algorithm>

#include "core/errors.hpp"
#include "results/columns_store.hpp"
#include "results/hdf5_reader.hpp"

namespace steelyard {

struct ColumnsReader::State {
  hdf5::FileReader file;
  std::size_t rows = 0;
  std::vector<CodeColumn> codes;
  std::vector<ValueColumn> values;

  explicit State(const std::filesystem::path& path) : file(path) {}

  [[noreturn]] void fail(const std::string& dataset, const std::string& problem) const {
    throw UserError({file.path().string()}, dataset, problem,
                    "give a sample that draw --format h5 wrote, or a population");
  }

  std::vector<std::string> names(const char* group) const {
    const hdf5::Handle opened(H5Gopen2(file.id(), group, H5P_DEFAULT), H5Gclose);
    if (!opened.valid()) return {};
    H5G_info_t info;
    if (H5Gget_info(opened.id(), &info) < 0) fail(group, "cannot be read");
    std::vector<std::string> out;
    for (hsize_t k = 0; k < info.nlinks; ++k) {
      const auto size = H5Lget_name_by_idx(opened.id(), ".", H5_INDEX_NAME, H5_ITER_INC, k, nullptr,
                                           0, H5P_DEFAULT);
      if (size < 0) fail(group, "cannot be read");
      std::string name(static_cast<std::size_t>(size) + 1, '\0');
      H5Lget_name_by_idx(opened.id(), ".", H5_INDEX_NAME, H5_ITER_INC, k, name.data(), name.size(),
                         H5P_DEFAULT);
      name.pop_back();
      out.push_back(std::move(name));
    }
    return out;
  }

  std::vector<std::string> texts(const std::string& dataset, const char* name) const {
    const hdf5::Handle opened(H5Dopen2(file.id(), dataset.c_str(), H5P_DEFAULT), H5Dclose);
    if (!opened.valid() || H5Aexists(opened.id(), name) <= 0)
      fail(dataset, std::string("has no attribute ") + name);
    const hdf5::Handle attribute(H5Aopen(opened.id(), name, H5P_DEFAULT), H5Aclose),
        type(H5Aget_type(attribute.id()), H5Tclose), space(H5Aget_space(attribute.id()), H5Sclose);
    const hssize_t size = H5Sget_simple_extent_npoints(space.id());
    if (H5Tis_variable_str(type.id()) <= 0 || size < 0)
      fail(dataset, std::string("has an attribute ") + name + " that is not a list of texts");
    std::vector<char*> pointers(static_cast<std::size_t>(size), nullptr);
    if (H5Aread(attribute.id(), type.id(), pointers.data()) < 0)
      fail(dataset, std::string("has an attribute ") + name + " that cannot be read");
    std::vector<std::string> out;
    for (const char* text : pointers) out.emplace_back(text ? text : "");
    H5Dvlen_reclaim(type.id(), space.id(), H5P_DEFAULT, pointers.data());
    return out;
  }

  void check_length(const std::string& dataset) {
    const auto extents = file.extents(dataset);
    if (extents.size() != 1) fail(dataset, "is not a column");
    const bool first = codes.size() + values.size() == 1;
    if (first) rows = extents[0];
    if (extents[0] != rows) fail(dataset, "has another length than the first column");
  }

  template <typename Value>
  std::vector<Value> read(const std::string& dataset, hid_t memory) const {
    const hdf5::Handle opened(H5Dopen2(file.id(), dataset.c_str(), H5P_DEFAULT), H5Dclose);
    std::vector<Value> out(rows);
    if (!opened.valid() ||
        (rows > 0 && H5Dread(opened.id(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out.data()) < 0))
      fail(dataset, "cannot be read (" + hdf5::reason() + ")");
    return out;
  }
};

ColumnsReader::ColumnsReader(const std::filesystem::path& path)
    : state_(std::make_unique<State>(path)) {
  State& s = *state_;
  for (const std::string& name : s.names("/variables")) {
    const std::string dataset = "/variables/" + name;
    s.codes.push_back({name, {}, s.texts(dataset, "levels")});
    s.check_length(dataset);
  }
  for (const std::string& name : s.names("/latent")) {
    s.values.push_back({name, {}});
    s.check_length("/latent/" + name);
  }
  if (s.codes.empty() && s.values.empty()) s.fail({}, "is not a sample or a population");
}

ColumnsReader::~ColumnsReader() = default;

std::size_t ColumnsReader::rows() const { return state_->rows; }
std::span<const CodeColumn> ColumnsReader::codes() const { return state_->codes; }
std::span<const ValueColumn> ColumnsReader::values() const { return state_->values; }

std::vector<std::uint8_t> ColumnsReader::read_codes(std::size_t column) const {
  const CodeColumn& c = state_->codes[column];
  const std::string dataset = "/variables/" + c.name;
  auto codes = state_->read<std::uint8_t>(dataset, H5T_NATIVE_UINT8);
  if (std::any_of(codes.begin(), codes.end(), [&](std::uint8_t v) { return v > c.levels.size(); }))
    state_->fail(dataset, "holds a code beyond its levels");
  return codes;
}

std::vector<double> ColumnsReader::read_values(std::size_t column) const {
  return state_->read<double>("/latent/" + state_->values[column].name, H5T_NATIVE_DOUBLE);
}

}  // namespace steelyard
