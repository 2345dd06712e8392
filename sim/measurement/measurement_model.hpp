#pragma once

// How an answer differs from the truth: one source of error, which changes the answers of a sample.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.hpp"
#include "core/random.hpp"
#include "core/sample.hpp"
#include "sim/population/synthesis.hpp"

namespace steelyard {

/// Answers on their way from what is true to what is reported.
struct ReportedAnswers {
  Sample* sample = nullptr;               ///< columns as the sources before left them
  std::span<PersonRef> persons;           ///< whose answers each row holds
  std::span<std::vector<double>> values;  ///< by variable id: values behind buckets; may be empty
  std::span<const std::uint32_t> units = {};  ///< whose streams the rows take; empty: row by row
};

/// Random numbers of one source in one replicate: a stream a row, which no other source shares.
struct SourceStreams {
  Seed seed{};
  Purpose purpose{};
  Replicate replicate{};
  std::span<const std::uint32_t> units = {};  ///< as those of ReportedAnswers
  StreamId id(std::size_t i) const {
    return {seed, purpose, replicate, Unit{units.empty() ? i : units[i]}};
  }
  Stream row(std::size_t i) const { return Stream(id(i)); }
};

/// Immutable after `make`; `apply` is const and thread-safe.
class MeasurementModel {
 public:
  virtual ~MeasurementModel() = default;
  /// Answers that it changes by itself (a copy of a whole row changes none).
  virtual std::vector<VariableId> changes() const = 0;
  /// What else it must know of a respondent.
  virtual std::vector<VariableId> reads() const { return {}; }
  /// Variables whose latent values it must know.
  virtual std::vector<VariableId> values() const { return {}; }
  /// Cost O(n) an answer that it changes.
  virtual void apply(ReportedAnswers& answers, const SourceStreams& streams) const = 0;
  /// Why the true shares do not follow from the reported ones; empty: they do, by `matrix`.
  virtual std::string objection() const = 0;
  /// Levels × levels, row-major: P(reported level | true level); empty: shares stay as they are.
  /// @param answer  one of changes()
  virtual std::vector<double> matrix(VariableId) const { return {}; }
};

/// What the error budget calls the sources of a kind.
enum class ErrorComponent { misreport, item_nonresponse, duplicates };
const char* to_string(ErrorComponent component);

struct MeasurementInfo {
  std::string_view name, summary, source;
  ErrorComponent component;
  /// @throws UserError for options that do not fit the schema; null while documenting
  std::unique_ptr<const MeasurementModel> (*make)(ConfigReader&, const Schema&);
};

/// All kinds, in list order.
std::span<const MeasurementInfo> measurement_models();

/// A number, or a bucketed answer. @throws UserError for any other variable
VariableId require_value(const ConfigReader& config, const Schema& schema, const std::string& name);

/// The variable named under a key. @throws UserError if its levels are not answers of their own
VariableId require_answer(const ConfigReader& config, std::string_view key, const Schema& schema,
                          const std::string& name);

}  // namespace steelyard
