#pragma once

// A sampling design draws units from a frame with known probabilities, which it can tell: of each
// unit, and of each pair of units.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/config.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"

namespace steelyard {

/// What a design knows about the N units. Columns that no design needs may stay empty.
struct DesignFrame {
  std::size_t units = 0;
  std::vector<double> size;            ///< measure of size, >= 0; 0: never selected
  std::vector<std::uint32_t> stratum;  ///< numbers 0, 1, ...
  std::vector<std::uint32_t> cluster;  ///< primary unit, numbers 0, 1, ...
};

/// Symmetric N × N matrix π_kl: both k and l are in the sample; π_kk = π_k.
class JointProbabilities {
 public:
  explicit JointProbabilities(std::size_t n) : n_(n), values_(n * n, 0.0) {}
  std::size_t n() const { return n_; }
  double operator()(std::size_t k, std::size_t l) const { return values_[k * n_ + l]; }
  void set(std::size_t k, std::size_t l, double value) {
    values_[k * n_ + l] = values_[l * n_ + k] = value;
  }
  void add(std::size_t k, std::size_t l, double value) { set(k, l, (*this)(k, l) + value); }
  /// Row-major values of the units given, in their order.
  std::vector<double> of(std::span<const std::uint32_t> units) const;

 private:
  std::size_t n_;
  std::vector<double> values_;
};

/// Immutable after `make`; draws are const and thread-safe.
class SamplingDesign {
 public:
  virtual ~SamplingDesign() = default;
  /// π_k by unit.
  virtual std::span<const double> probabilities() const = 0;
  /// @param sample  filled with the selected units, in ascending order, each once
  virtual void draw(Stream& stream, std::vector<std::uint32_t>& sample) const = 0;
  /// Fails: unsupported, where the design has no closed form; the detail names an approximation.
  virtual Result<JointProbabilities> joint() const = 0;
};

struct DesignInfo {
  std::string_view name, summary, source;
  /// @throws UserError for options or a frame that the design cannot use
  std::unique_ptr<const SamplingDesign> (*make)(ConfigReader&, const DesignFrame&);
};

/// All designs, in list order.
std::span<const DesignInfo> sampling_designs();

}  // namespace steelyard
