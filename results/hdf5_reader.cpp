#include "results/hdf5_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include "core/errors.hpp"

namespace steelyard::hdf5 {
namespace {

constexpr const char* kDamaged = "the file is damaged or was changed: run the study again";

std::string as_text(const std::vector<hsize_t>& extents) {
  if (extents.empty()) return "one value";
  std::string text;
  for (hsize_t extent : extents) text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text + " values";
}

Handle unlocked_access() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access.id(), 0, 1);  // stores are never written in place
  return access;
}

}  // namespace

FileReader::FileReader(std::filesystem::path path)
    : path_(std::move(path)),
      access_(unlocked_access()),
      file_(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access_.id()), H5Fclose) {
  if (file_.valid()) return;
  const std::string because = reason();
  const std::string hint = "name the results.h5 of a study";
  if (std::filesystem::is_directory(path_))
    throw UserError({path_.string()}, {}, "is a folder, not a file", hint);
  // Opened and closed only for the system's reason; HDF5 has the contents.
  if (std::FILE* plain = std::fopen(path_.c_str(), "rb"); plain)
    std::fclose(plain);
  else
    throw UserError({path_.string()}, {}, std::string("cannot read: ") + std::strerror(errno),
                    hint);
  if (H5Fis_hdf5(path_.c_str()) <= 0)
    throw UserError({path_.string()}, {}, "is not an HDF5 file", hint);
  throw UserError({path_.string()}, {}, "cannot be opened (" + because + ")", kDamaged);
}

void FileReader::fail(const std::string& path, const std::string& problem) const {
  throw UserError({path_.string()}, path, problem, kDamaged);
}

std::string FileReader::text_attribute(const std::string& name) const {
  if (H5Aexists(file_.id(), name.c_str()) <= 0) return {};
  const Handle attribute(H5Aopen(file_.id(), name.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(attribute.id()), H5Tclose),
      space(H5Aget_space(attribute.id()), H5Sclose);
  if (H5Tis_variable_str(type.id()) <= 0 || H5Sget_simple_extent_npoints(space.id()) != 1)
    return {};
  char* text = nullptr;
  if (H5Aread(attribute.id(), type.id(), &text) < 0 || !text) return {};
  std::string copy = text;
  H5free_memory(text);
  return copy;
}

std::vector<std::uint32_t> FileReader::number_attribute(const std::string& name) const {
  if (H5Aexists(file_.id(), name.c_str()) <= 0) return {};
  const Handle attribute(H5Aopen(file_.id(), name.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(H5Aget_type(attribute.id()), H5Tclose),
      space(H5Aget_space(attribute.id()), H5Sclose);
  const hssize_t size = H5Sget_simple_extent_npoints(space.id());
  if (H5Tget_class(type.id()) != H5T_INTEGER || size < 0) return {};
  std::vector<std::uint32_t> values(static_cast<std::size_t>(size));
  if (H5Aread(attribute.id(), H5T_NATIVE_UINT32, values.data()) < 0) return {};
  return values;
}

Handle FileReader::open(const std::string& path) const {
  Handle dataset(H5Dopen2(file_.id(), path.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.valid()) fail(path, "is missing");
  return dataset;
}

std::vector<hsize_t> FileReader::extents(const std::string& path) const {
  const Handle dataset = open(path);
  const Handle space(H5Dget_space(dataset.id()), H5Sclose);
  std::vector<hsize_t> extents(
      static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space.id()))));
  H5Sget_simple_extent_dims(space.id(), extents.data(), nullptr);
  return extents;
}

template <typename Value>
std::vector<Value> FileReader::read(const std::string& path,
                                    const std::vector<hsize_t>& expected) const {
  const Handle dataset = open(path);
  const Handle space(H5Dget_space(dataset.id()), H5Sclose),
      stored(H5Dget_type(dataset.id()), H5Tclose);
  const Handle in_file = file_type<Value>(), in_memory = memory_type<Value>();
  if (H5Tequal(stored.id(), in_file.id()) <= 0) fail(path, "holds values of another type");
  if (const auto found = extents(path); found != expected)
    fail(path, "holds " + as_text(found) + " where " + as_text(expected) + " belong");
  const auto get = [&](void* buffer) {
    if (count(expected) > 0 &&
        H5Dread(dataset.id(), in_memory.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer) < 0)
      fail(path, "cannot be read (" + reason() + ")");
  };
  std::vector<Value> values(count(expected));
  if constexpr (std::is_same_v<Value, std::string>) {
    std::vector<char*> pointers(values.size(), nullptr);
    get(pointers.data());
    for (std::size_t i = 0; i < values.size(); ++i)
      if (pointers[i]) values[i] = pointers[i];
    if (!pointers.empty())
      H5Dvlen_reclaim(in_memory.id(), space.id(), H5P_DEFAULT, pointers.data());
  } else {
    get(values.data());
  }
  return values;
}

template std::vector<double> FileReader::read(const std::string&,
                                              const std::vector<hsize_t>&) const;
template std::vector<std::uint32_t> FileReader::read(const std::string&,
                                                     const std::vector<hsize_t>&) const;
template std::vector<std::uint64_t> FileReader::read(const std::string&,
                                                     const std::vector<hsize_t>&) const;
template std::vector<Flag> FileReader::read(const std::string&, const std::vector<hsize_t>&) const;
template std::vector<std::string> FileReader::read(const std::string&,
                                                   const std::vector<hsize_t>&) const;

}  // namespace steelyard::hdf5
