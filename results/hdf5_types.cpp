#include "results/hdf5_types.hpp"

#include <functional>
#include <numeric>
#include <type_traits>
#include <utility>

namespace steelyard::hdf5 {
namespace {

Handle text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.id(), H5T_VARIABLE);
  H5Tset_cset(type.id(), H5T_CSET_UTF8);
  return type;
}

Handle flag_type() {
  Handle type(H5Tenum_create(H5T_STD_I8LE), H5Tclose);
  for (const auto& [name, flag] : {std::pair{"FALSE", Flag::no}, std::pair{"TRUE", Flag::yes}})
    H5Tenum_insert(type.id(), name, &flag);
  return type;
}

}  // namespace

Quiet::Quiet() {
  H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Quiet::~Quiet() { H5Eset_auto2(H5E_DEFAULT, print_, data_); }

std::string reason() {
  std::string text;
  const auto innermost = [](unsigned depth, const H5E_error2_t* error, void* out) -> herr_t {
    if (depth == 0) *static_cast<std::string*>(out) = error->desc ? error->desc : "";
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, &text);
  return text.empty() ? "HDF5 gives no reason" : text;
}

template <typename Value>
Handle file_type() {
  if constexpr (std::is_same_v<Value, std::string>)
    return text_type();
  else if constexpr (std::is_same_v<Value, Flag>)
    return flag_type();
  else if constexpr (std::is_same_v<Value, double>)
    return {H5Tcopy(H5T_IEEE_F64LE), H5Tclose};
  else if constexpr (std::is_same_v<Value, std::uint32_t>)
    return {H5Tcopy(H5T_STD_U32LE), H5Tclose};
  else
    return {H5Tcopy(H5T_STD_U64LE), H5Tclose};
}

template <typename Value>
Handle memory_type() {
  if constexpr (std::is_same_v<Value, std::string>)
    return text_type();
  else if constexpr (std::is_same_v<Value, Flag>)
    return flag_type();
  else if constexpr (std::is_same_v<Value, double>)
    return {H5Tcopy(H5T_NATIVE_DOUBLE), H5Tclose};
  else if constexpr (std::is_same_v<Value, std::uint32_t>)
    return {H5Tcopy(H5T_NATIVE_UINT32), H5Tclose};
  else
    return {H5Tcopy(H5T_NATIVE_UINT64), H5Tclose};
}

Handle dataspace(const std::vector<hsize_t>& extents) {
  if (extents.empty()) return {H5Screate(H5S_SCALAR), H5Sclose};
  return {H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose};
}

std::size_t count(const std::vector<hsize_t>& extents) {
  return std::accumulate(extents.begin(), extents.end(), std::size_t{1}, std::multiplies<>());
}

template Handle file_type<double>();
template Handle memory_type<double>();
template Handle file_type<std::uint32_t>();
template Handle memory_type<std::uint32_t>();
template Handle file_type<std::uint64_t>();
template Handle memory_type<std::uint64_t>();
template Handle file_type<Flag>();
template Handle memory_type<Flag>();
template Handle file_type<std::string>();
template Handle memory_type<std::string>();

}  // namespace steelyard::hdf5
