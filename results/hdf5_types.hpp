#pragma once

// What the HDF5 writer and reader share: identifiers that close themselves, shapes, stored types.
// HDF5 is called by one thread.

#include <hdf5.h>

#include <cstdint>
#include <string>
#include <vector>

namespace steelyard::hdf5 {

/// An HDF5 identifier that closes itself.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Handle(hid_t id, Close closer) : id_(id), close_(closer) {}
  ~Handle() { close(); }
  Handle(Handle&& other) noexcept : id_(other.id_), close_(other.close_) { other.id_ = -1; }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle& operator=(Handle&&) = delete;

  hid_t id() const { return id_; }
  bool valid() const { return id_ >= 0; }
  /// Closes now; false if HDF5 could not.
  bool close() {
    const hid_t id = id_;
    id_ = -1;
    return id < 0 || close_(id) >= 0;
  }

 private:
  hid_t id_;
  Close close_;
};

/// While it lives, HDF5 does not print its error stack.
class Quiet {
 public:
  Quiet();
  ~Quiet();
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

/// A yes or no, stored as the enumeration that h5py reads as bool.
enum class Flag : std::int8_t { no = 0, yes = 1 };

/// Shape and labels of a dataset.
struct Shape {
  std::vector<hsize_t> extents;  ///< empty: one value
  std::string dimensions;        ///< their names: "estimators, replicates"
  std::string unit;              ///< empty: the values have none
  std::vector<hsize_t> chunk;    ///< chunked, compressed and checksummed if not empty
};

/// What HDF5 says of its last failure, from the call that met it.
std::string reason();

/// Type of a value in the file, the same on every machine, and in memory. Value is double,
/// std::uint32_t, std::uint64_t, Flag or std::string (UTF-8, without NUL).
template <typename Value>
Handle file_type();
template <typename Value>
Handle memory_type();

/// No extents: one value.
Handle dataspace(const std::vector<hsize_t>& extents);
std::size_t count(const std::vector<hsize_t>& extents);

}  // namespace steelyard::hdf5
