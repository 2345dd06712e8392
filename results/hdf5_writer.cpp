#include "results/hdf5_writer.hpp"

#include <stdexcept>
#include <type_traits>

#include "core/output.hpp"

namespace steelyard::hdf5 {
namespace {

constexpr std::size_t kGrowth = std::size_t{16} << 20;  ///< bytes the file in memory grows by
constexpr unsigned kDeflateLevel = 1;

Handle memory_access() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_fapl_core(access.id(), kGrowth, 0);
  return access;
}

Handle begin(const std::filesystem::path& path, const Handle& access) {
  const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.id(), 0);
  H5Pset_link_creation_order(creation.id(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  return {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.id(), access.id()), H5Fclose};
}

Handle chunked(const std::vector<hsize_t>& chunk) {
  Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.id(), 0);
  if (chunk.empty()) return creation;
  H5Pset_chunk(creation.id(), static_cast<int>(chunk.size()), chunk.data());
  H5Pset_shuffle(creation.id());
  H5Pset_deflate(creation.id(), kDeflateLevel);
  H5Pset_fletcher32(creation.id());
  return creation;
}

}  // namespace

// Objects are of HDF5 1.8, whose headers carry checksums. The superblock stays older: of newer ones
// H5Fget_file_image (1.10) changes a flag without renewing their checksum.
FileWriter::FileWriter(std::filesystem::path path)
    : path_(std::move(path)), access_(memory_access()), file_(begin(path_, access_)) {
  if (!file_.valid() || H5Fset_libver_bounds(file_.id(), H5F_LIBVER_V18, H5F_LIBVER_V18) < 0)
    fail({}, "cannot be begun");
}

void FileWriter::fail(const std::string& path, const std::string& problem) const {
  throw std::runtime_error(path_.string() + ": " + (path.empty() ? "" : path + " ") + problem +
                           ": " + reason());
}

void FileWriter::label(hid_t object, const std::string& path, const char* name,
                       const std::string& text) {
  const Handle type = file_type<std::string>(), space = dataspace({});
  const Handle attribute(H5Acreate2(object, name, type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  const char* value = text.c_str();
  if (!attribute.valid() || H5Awrite(attribute.id(), type.id(), &value) < 0)
    fail(path, "attribute \"" + std::string(name) + "\" cannot be written");
}

void FileWriter::attribute(const std::string& name, const std::string& text) {
  label(file_.id(), "/", name.c_str(), text);
}

void FileWriter::attribute(const std::string& name, std::span<const std::uint32_t> values) {
  const Handle type = file_type<std::uint32_t>(), space = dataspace({values.size()});
  const Handle attribute(
      H5Acreate2(file_.id(), name.c_str(), type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  if (!attribute.valid() || H5Awrite(attribute.id(), H5T_NATIVE_UINT32, values.data()) < 0)
    fail("/", "attribute \"" + name + "\" cannot be written");
}

void FileWriter::group(const std::string& path) {
  const Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.id(), 0);
  H5Pset_link_creation_order(creation.id(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  Handle group(H5Gcreate2(file_.id(), path.c_str(), H5P_DEFAULT, creation.id(), H5P_DEFAULT),
               H5Gclose);
  if (!group.valid() || !group.close()) fail(path, "cannot be created");
}

template <typename Value>
void FileWriter::dataset(const std::string& path, const std::vector<Value>& values,
                         const Shape& shape) {
  if (values.size() != count(shape.extents))
    throw std::logic_error(path_.string() + ": " + path + " is given " +
                           std::to_string(values.size()) + " values, its shape needs " +
                           std::to_string(count(shape.extents)));
  const Handle in_file = file_type<Value>(), in_memory = memory_type<Value>();
  if constexpr (std::is_same_v<Value, std::string>) {
    std::vector<const char*> pointers;
    pointers.reserve(values.size());
    for (const std::string& text : values) {
      if (text.find('\0') != std::string::npos)
        throw std::runtime_error(path_.string() + ": " + path +
                                 " would hold a text with a NUL byte");
      pointers.push_back(text.c_str());
    }
    write(path, shape, in_file.id(), in_memory.id(), pointers.data());
  } else {
    write(path, shape, in_file.id(), in_memory.id(), values.data());
  }
}

void FileWriter::write(const std::string& path, const Shape& shape, hid_t file_type,
                       hid_t memory_type, const void* values) {
  const Handle space = dataspace(shape.extents);
  const Handle creation = chunked(count(shape.extents) > 0 ? shape.chunk : std::vector<hsize_t>{});
  Handle dataset(H5Dcreate2(file_.id(), path.c_str(), file_type, space.id(), H5P_DEFAULT,
                            creation.id(), H5P_DEFAULT),
                 H5Dclose);
  if (!dataset.valid()) fail(path, "cannot be created");
  if (count(shape.extents) > 0 &&
      H5Dwrite(dataset.id(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    fail(path, "cannot be written");
  if (!shape.dimensions.empty()) label(dataset.id(), path, "dimensions", shape.dimensions);
  if (!shape.unit.empty()) label(dataset.id(), path, "unit", shape.unit);
  if (!dataset.close()) fail(path, "cannot be written");
}

void FileWriter::commit() {
  if (H5Fflush(file_.id(), H5F_SCOPE_GLOBAL) < 0) fail({}, "cannot be completed");
  const ssize_t size = H5Fget_file_image(file_.id(), nullptr, 0);
  if (size < 0) fail({}, "cannot be completed");
  std::string image(static_cast<std::size_t>(size), '\0');
  if (H5Fget_file_image(file_.id(), image.data(), image.size()) != size || !file_.close())
    fail({}, "cannot be completed");
  write_file(path_, image);
}

template void FileWriter::dataset(const std::string&, const std::vector<double>&, const Shape&);
template void FileWriter::dataset(const std::string&, const std::vector<std::uint32_t>&,
                                  const Shape&);
template void FileWriter::dataset(const std::string&, const std::vector<std::uint64_t>&,
                                  const Shape&);
template void FileWriter::dataset(const std::string&, const std::vector<Flag>&, const Shape&);
template void FileWriter::dataset(const std::string&, const std::vector<std::string>&,
                                  const Shape&);

}  // namespace steelyard::hdf5
