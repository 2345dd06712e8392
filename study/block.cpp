#include "study/block.hpp"

#include <bit>
#include <cstring>

#include "core/text.hpp"

namespace steelyard {
namespace {

static_assert(std::endian::native == std::endian::little, "block files are little-endian");

constexpr std::string_view kMagic = "steelyard block 1\n";
constexpr std::string_view kAnyMagic = "steelyard block ";
constexpr std::size_t kChecksum = 16;

class Packer {
 public:
  std::string bytes{kMagic};

  void number(std::uint64_t value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes.append(raw, sizeof value);
  }
  void text(const std::string& value) {
    number(value.size());
    bytes += value;
  }
  void numbers(const std::vector<double>& values) {
    number(values.size());
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  }
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : left_(bytes) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  /// A count of things of `size` bytes or more, which the rest must be able to hold.
  std::size_t count(std::size_t size) {
    const std::uint64_t n = number();
    if (n > left_.size() / size) throw DamagedBlock("is damaged: a count is larger than the file");
    return static_cast<std::size_t>(n);
  }
  std::string text() { return std::string(take(count(1))); }
  std::vector<double> numbers() {
    std::vector<double> values(count(sizeof(double)));
    const std::string_view raw = take(values.size() * sizeof(double));
    if (!values.empty()) std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }
  bool done() const { return left_.empty(); }

 private:
  std::string_view take(std::size_t n) {
    if (n > left_.size()) throw DamagedBlock("is truncated");
    const std::string_view taken = left_.substr(0, n);
    left_.remove_prefix(n);
    return taken;
  }
  std::string_view left_;
};

ReplicateResults unpack_replicate(Unpacker& in, std::size_t estimators) {
  ReplicateResults results;
  for (const auto column : kEstimatorColumns) {
    results.*column = in.numbers();
    if ((results.*column).size() != estimators)
      throw DamagedBlock("is damaged: a column has another length than the list of estimators");
  }
  for (const auto column : kSurveyColumns) results.*column = in.numbers();
  results.failures.resize(in.count(4 * sizeof(std::uint64_t)));
  for (FailureRecord& failure : results.failures) {
    failure.replicate = static_cast<std::uint32_t>(in.number());
    failure.estimator = static_cast<std::uint32_t>(in.number());
    failure.kind = in.text();
    failure.detail = in.text();
    if (failure.estimator >= estimators)
      throw DamagedBlock("is damaged: a failure is of an estimator that is not listed");
  }
  return results;
}

}  // namespace

std::string pack(const Block& block) {
  Packer out;
  out.text(block.study);
  out.number(block.number);
  out.number(block.estimators.size());
  for (const std::string& name : block.estimators) out.text(name);
  out.number(block.replicates.size());
  for (std::size_t k = 0; k < block.replicates.size(); ++k) {
    const ReplicateResults& results = block.results[k];
    out.number(block.replicates[k]);
    for (const auto column : kEstimatorColumns) out.numbers(results.*column);
    for (const auto column : kSurveyColumns) out.numbers(results.*column);
    out.number(results.failures.size());
    for (const FailureRecord& failure : results.failures) {
      out.number(failure.replicate);
      out.number(failure.estimator);
      out.text(failure.kind);
      out.text(failure.detail);
    }
  }
  return out.bytes + content_hash(out.bytes);
}

Block unpack(std::string_view bytes) {
  if (!bytes.starts_with(kAnyMagic))
    throw DamagedBlock(kAnyMagic.starts_with(bytes) ? "is truncated"
                                                    : "is no block file of steelyard's");
  if (!bytes.starts_with(kMagic))
    throw DamagedBlock(kMagic.starts_with(bytes)
                           ? "is truncated"
                           : "is a block file of another format version, by another steelyard");
  if (bytes.size() < kMagic.size() + kChecksum) throw DamagedBlock("is truncated");
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksum);
  if (content_hash(body) != bytes.substr(body.size()))
    throw DamagedBlock("is truncated or damaged: its checksum does not fit");
  Unpacker in(body.substr(kMagic.size()));
  Block block;
  block.study = in.text();
  block.number = static_cast<std::uint32_t>(in.number());
  block.estimators.resize(in.count(sizeof(std::uint64_t)));
  for (std::string& name : block.estimators) name = in.text();
  block.replicates.resize(in.count(sizeof(std::uint64_t)));
  for (std::uint32_t& replicate : block.replicates) {
    replicate = static_cast<std::uint32_t>(in.number());
    if (block_of(replicate) != block.number)
      throw DamagedBlock("is damaged: a replicate is not of this block");
    block.results.push_back(unpack_replicate(in, block.estimators.size()));
  }
  if (!in.done()) throw DamagedBlock("is damaged: something follows its end");
  return block;
}

}  // namespace steelyard
