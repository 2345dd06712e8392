#include "core/gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "core/errors.hpp"

namespace steelyard {

bool is_gzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

std::string gunzip(std::string_view packed, const std::string& file) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::bad_alloc();
  std::string out;
  out.resize(std::max<std::size_t>(packed.size() * 4, 1 << 16));
  // zlib reads through a non-const pointer but does not write to it.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  std::size_t left = packed.size(), done = 0;
  int status = Z_OK;
  for (;;) {
    if (stream.avail_in == 0) {
      stream.avail_in = static_cast<uInt>(std::min<std::size_t>(left, 1u << 30));
      left -= stream.avail_in;
    }
    if (done == out.size()) out.resize(out.size() * 2);
    const auto room = static_cast<uInt>(std::min<std::size_t>(out.size() - done, 1u << 30));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + done);
    stream.avail_out = room;
    status = inflate(&stream, Z_NO_FLUSH);
    done += room - stream.avail_out;
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0 && left == 0) break;
      inflateReset(&stream);  // gzip files may be joined
    } else if (status != Z_OK || (stream.avail_in == 0 && left == 0 && stream.avail_out > 0)) {
      inflateEnd(&stream);
      throw UserError({file}, {}, "is a damaged or truncated gzip file", "copy or pack it again");
    }
  }
  inflateEnd(&stream);
  out.resize(done);
  return out;
}

}  // namespace steelyard
