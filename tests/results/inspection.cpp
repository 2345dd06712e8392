#include "inspection.hpp"

#include <stdexcept>

#include "results/hdf5_reader.hpp"

namespace steelyard::testing {
namespace {

using hdf5::Handle;

std::string type_name(hid_t type) {
  if (H5Tis_variable_str(type) > 0 && H5Tget_cset(type) == H5T_CSET_UTF8) return "string";
  if (H5Tequal(type, H5T_IEEE_F64LE) > 0) return "double";
  if (H5Tequal(type, H5T_STD_U32LE) > 0) return "uint32";
  if (H5Tequal(type, H5T_STD_U64LE) > 0) return "uint64";
  const Handle flag = hdf5::file_type<hdf5::Flag>();
  if (H5Tequal(type, flag.id()) > 0) return "bool";
  return "unknown";
}

std::string text_attribute(hid_t object, const char* name) {
  if (H5Aexists(object, name) <= 0) return {};
  const Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(attribute.id()), H5Tclose);
  char* text = nullptr;
  if (H5Aread(attribute.id(), type.id(), &text) < 0) throw std::runtime_error(name);
  std::string copy = text;
  H5free_memory(text);
  return copy;
}

std::string values(hid_t dataset, hid_t type, hid_t space) {
  const auto n = static_cast<std::size_t>(H5Sget_simple_extent_npoints(space));
  std::string bytes(n * H5Tget_size(type), '\0');
  if (n == 0) return bytes;
  if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) < 0)
    throw std::runtime_error("a dataset cannot be read");
  if (H5Tis_variable_str(type) <= 0) return bytes;
  std::string texts;
  for (std::size_t i = 0; i < n; ++i)
    texts += std::string(reinterpret_cast<char* const*>(bytes.data())[i]) + '\0';
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, bytes.data());
  return texts;
}

Dataset describe(hid_t dataset) {
  const Handle type(H5Dget_type(dataset), H5Tclose), space(H5Dget_space(dataset), H5Sclose);
  const Handle creation(H5Dget_create_plist(dataset), H5Pclose);
  Dataset result{.type = type_name(type.id())};
  std::vector<hsize_t> extents(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space.id())));
  H5Sget_simple_extent_dims(space.id(), extents.data(), nullptr);
  result.extents.assign(extents.begin(), extents.end());
  result.dimensions = text_attribute(dataset, "dimensions");
  result.unit = text_attribute(dataset, "unit");
  if (H5Pget_layout(creation.id()) == H5D_CHUNKED) {
    H5Pget_chunk(creation.id(), static_cast<int>(extents.size()), extents.data());
    result.chunk.assign(extents.begin(), extents.end());
  }
  for (int i = 0; i < H5Pget_nfilters(creation.id()); ++i) {
    unsigned flags = 0, config = 0;
    std::size_t parameters = 0;
    char name[64] = "";
    H5Pget_filter2(creation.id(), static_cast<unsigned>(i), &flags, &parameters, nullptr,
                   sizeof name, name, &config);
    result.filters.emplace_back(name);
  }
  result.bytes = values(dataset, type.id(), space.id());
  return result;
}

herr_t visit(hid_t root, const char* name, const H5O_info_t* info, void* out) {
  auto& inspection = *static_cast<Inspection*>(out);
  if (info->atime != 0 || info->mtime != 0 || info->ctime != 0 || info->btime != 0)
    ++inspection.timed_objects;
  const std::string path = std::string("/") + name;
  if (info->type == H5O_TYPE_GROUP && path != "/.") inspection.groups.push_back(path);
  if (info->type != H5O_TYPE_DATASET) return 0;
  const Handle dataset(H5Dopen2(root, name, H5P_DEFAULT), H5Dclose);
  inspection.datasets[path] = describe(dataset.id());
  return 0;
}

}  // namespace

Inspection inspect(const std::filesystem::path& path) {
  const hdf5::FileReader file(path);
  Inspection inspection;
  if (H5Ovisit2(file.id(), H5_INDEX_NAME, H5_ITER_INC, visit, &inspection, H5O_INFO_ALL) < 0)
    throw std::runtime_error("the file cannot be walked");
  for (const char* name : {"filetype", "program_version", "program_sources"})
    inspection.attributes[name] = file.text_attribute(name);
  for (std::uint32_t part : file.number_attribute("version")) {
    std::string& text = inspection.attributes["version"];
    text += (text.empty() ? "" : ".") + std::to_string(part);
  }
  H5O_info_t root;
  if (H5Oget_info2(file.id(), &root, H5O_INFO_NUM_ATTRS) < 0 ||
      root.num_attrs != inspection.attributes.size())
    throw std::runtime_error("the root has an attribute that is not inspected");
  return inspection;
}

}  // namespace steelyard::testing
