#include "results/store.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <stdexcept>

#include "core/errors.hpp"
#include "results/hdf5_reader.hpp"
#include "results/hdf5_writer.hpp"
#include "results/layout.hpp"

namespace steelyard {
namespace {

using hdf5::FileReader;
using hdf5::FileWriter;
using hdf5::Flag;
using hdf5::Shape;

constexpr hsize_t kChunkEstimators = 64, kChunkReplicates = 1024;
constexpr const char* kPerformanceUs = "/provenance/performance_us";

// How a field is stored, and back.
double stored(double value) { return value; }
std::uint32_t stored(std::uint32_t value) { return value; }
std::uint64_t stored(std::uint64_t value) { return value; }
std::string stored(const std::string& value) { return value; }
Flag stored(bool value) { return value ? Flag::yes : Flag::no; }
std::string stored(ReproductionStatus value) { return to_string(value); }

template <typename Value>
bool restore(Value& field, const Value& value) {
  field = value;
  return true;
}
bool restore(bool& field, Flag value) {
  field = value != Flag::no;
  return true;
}
bool restore(ReproductionStatus& field, const std::string& value) {
  for (auto status : {ReproductionStatus::reproduced, ReproductionStatus::contradicted,
                      ReproductionStatus::not_modelled}) {
    field = status;
    if (value == to_string(status)) return true;
  }
  return false;
}

template <typename Field>
using Stored = decltype(stored(std::declval<const Field&>()));

template <typename Record, typename Field>
Field field_of(Field Record::*);  // never defined: names the type of a member

/// What does not fit together, naming the dataset and the problem; nothing if all does.
struct Misfit {
  std::string path, problem;
};

std::optional<Misfit> misfit(const StudyResults& results) {
  std::optional<Misfit> found;
  const auto size = [&](const char* path, std::size_t is, std::size_t must) {
    if (!found && is != must)
      found = Misfit{
          path, "has " + std::to_string(is) + " values where " + std::to_string(must) + " belong"};
  };
  const auto indices = [&](const char* path, const auto& rows, auto member, std::size_t end) {
    for (const auto& row : rows)
      if (!found && row.*member >= end)
        found = Misfit{
            path, "points at row " + std::to_string(row.*member) + " of " + std::to_string(end)};
  };
  const std::size_t estimators = results.estimators.size();
  layout::matrices(results, [&](const char* path, const std::vector<double>& values) {
    size(path, values.size(), estimators * results.replicates);
  });
  layout::survey_matrices(results, [&](const char* path, const char*, std::size_t rows,
                                       const std::vector<double>& values, const char*) {
    size(path, values.size(), rows * results.replicates);
  });
  size("/performance", results.performance.size(), estimators);
  indices("/estimators/estimand", results.estimators, &EstimatorRecord::estimand,
          results.estimands.size());
  indices("/selection/estimator", results.selection, &SelectionRecord::estimator, estimators);
  indices("/value_rules/estimand", results.rule_effects, &RuleEffectRecord::estimand,
          results.estimands.size());
  indices("/contrasts/estimator", results.contrasts, &ContrastRecord::estimator, estimators);
  indices("/contrasts/reference", results.contrasts, &ContrastRecord::reference, estimators);
  indices("/failures/estimator", results.failures, &FailureRecord::estimator, estimators);
  indices("/failures/replicate", results.failures, &FailureRecord::replicate, results.replicates);
  return found;
}

/// Writes the fields of `owner` that a visitor names, as single values in `group`.
template <typename Owner>
auto value_writer(FileWriter& file, std::string group, const Owner& owner) {
  return
      [&file, group = std::move(group), &owner](const char* name, auto member, const char* unit) {
        file.dataset(group + "/" + name, std::vector{stored(owner.*member)}, {.unit = unit});
      };
}

template <typename Owner>
auto value_reader(const FileReader& file, std::string group, Owner& owner) {
  return [&file, group = std::move(group), &owner](const char* name, auto member, const char*) {
    using Value = Stored<decltype(field_of(member))>;
    restore(owner.*member, file.read<Value>(group + "/" + name, {}).front());
  };
}

template <typename Record>
void write_table(FileWriter& file, const std::string& group, const char* dimension,
                 const std::vector<Record>& rows) {
  file.group(group);
  layout::columns(
      std::type_identity<Record>{}, [&](const char* name, auto member, const char* unit) {
        std::vector<Stored<decltype(field_of(member))>> values;
        values.reserve(rows.size());
        for (const Record& row : rows) values.push_back(stored(row.*member));
        file.dataset(group + "/" + name, values,
                     {.extents = {values.size()}, .dimensions = dimension, .unit = unit});
      });
}

/// The first column gives the number of rows; the others must agree.
template <typename Record>
void read_table(const FileReader& file, const std::string& group, std::vector<Record>& rows) {
  bool first = true;
  layout::columns(std::type_identity<Record>{}, [&](const char* name, auto member, const char*) {
    const std::string path = group + "/" + name;
    if (first) {
      const auto extents = file.extents(path);
      if (extents.size() != 1) file.fail(path, "is not a column");
      rows.resize(extents[0]);
      first = false;
    }
    const auto values = file.read<Stored<decltype(field_of(member))>>(path, {rows.size()});
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (!restore(rows[i].*member, values[i]))
        file.fail(path, "has an unknown value in row " + std::to_string(i));
  });
}

/// Older files have none of it: no number is known then.
void read_survey(const FileReader& file, std::uint32_t minor, StudyResults& results) {
  if (minor < 3) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    results.survey_profile_sample.assign(results.profile.size() * results.replicates, kNone);
    results.survey_profile_weighted = results.survey_profile_sample;
    results.survey_weights_cv2.assign(results.estimators.size() * results.replicates, kNone);
    return;
  }
  const auto extents = file.extents(layout::kSurveyNumbers);
  if (extents.size() != 1) file.fail(layout::kSurveyNumbers, "is not a column");
  results.survey_numbers = file.read<std::string>(layout::kSurveyNumbers, extents);
  layout::survey_matrices(results, [&](const char* name, const char*, hsize_t rows,
                                       std::vector<double>& values, const char*) {
    values = file.read<double>(name, {rows, results.replicates});
  });
}

/// @return the minor version
std::uint32_t check_version(const FileReader& file) {
  const std::string name = file.path().string(), filetype = file.text_attribute("filetype");
  if (filetype.empty())
    throw UserError({name}, {}, "is an HDF5 file, but not one of steelyard's",
                    "name the results.h5 of a study");
  if (filetype != layout::kFiletype)
    throw UserError({name}, {},
                    "is a \"" + filetype + "\" file, not a \"" + layout::kFiletype + "\" file",
                    "name the results.h5 of a study");
  const auto version = file.number_attribute("version");
  if (version.size() != 2) file.fail({}, "does not tell its format version");
  if (version[0] == layout::kMajor) return version[1];
  const std::string writer = file.text_attribute("program_version");
  throw UserError({name}, {},
                  "has format version " + std::to_string(version[0]) + "." +
                      std::to_string(version[1]) +
                      (writer.empty() ? "" : ", written by steelyard " + writer) +
                      "; this program reads version " + std::to_string(layout::kMajor),
                  version[0] > layout::kMajor ? "read it with a newer steelyard"
                                              : "run the study again with this steelyard");
}

}  // namespace

void write_store(const StudyResults& results, const std::filesystem::path& path) {
  if (const auto wrong = misfit(results))
    throw std::invalid_argument(path.string() + ": " + wrong->path + " " + wrong->problem);
  FileWriter file(path);
  file.attribute("filetype", layout::kFiletype);
  file.attribute("version", std::vector<std::uint32_t>{layout::kMajor, layout::kMinor});
  file.attribute("program_version", results.version);
  file.attribute("program_sources", results.sources);
  file.group("/scenario");
  layout::scenario_fields(value_writer(file, "/scenario", results));
  layout::scenario_run_fields(value_writer(file, "/scenario", results));
  layout::tables(results, [&](const char* group, const char* dimension, const auto& rows) {
    write_table(file, group, dimension, rows);
  });
  file.group("/estimates");
  const hsize_t estimators = results.estimators.size(), replicates = results.replicates;
  const Shape shape{
      .extents = {estimators, replicates},
      .dimensions = "estimators, replicates",
      .unit = layout::kEstimandUnit,
      .chunk = {std::min(estimators, kChunkEstimators), std::min(replicates, kChunkReplicates)}};
  layout::matrices(results, [&](const char* name, const std::vector<double>& values) {
    file.dataset(name, values, shape);
  });
  file.group("/survey");
  file.dataset(layout::kSurveyNumbers, results.survey_numbers,
               {.extents = {results.survey_numbers.size()}, .dimensions = "numbers"});
  layout::survey_matrices(results, [&](const char* name, const char* dimension, hsize_t rows,
                                       const std::vector<double>& values, const char* unit) {
    file.dataset(
        name, values,
        {.extents = {rows, replicates},
         .dimensions = std::string(dimension) + ", replicates",
         .unit = unit,
         .chunk = {std::min(rows, kChunkEstimators), std::min(replicates, kChunkReplicates)}});
  });
  file.group("/provenance");
  layout::provenance_fields(value_writer(file, "/provenance", results.run));
  std::vector<double> mean_us;
  for (const PerformanceRecord& record : results.performance) mean_us.push_back(record.mean_us);
  file.dataset(kPerformanceUs, mean_us,
               {.extents = {mean_us.size()}, .dimensions = "estimators", .unit = "us"});
  file.commit();
}

StudyResults read_store(const std::filesystem::path& path) {
  const FileReader file(path);
  const std::uint32_t minor = check_version(file);
  StudyResults results;
  results.version = file.text_attribute("program_version");
  results.sources = file.text_attribute("program_sources");  // since 1.4
  results.population_kind = "synthetic";
  layout::scenario_fields([&, read = value_reader(file, "/scenario", results)](
                              const char* name, auto member, const char* unit) {
    if (minor >= 2 || std::string_view(name) != layout::kPopulationKind) read(name, member, unit);
  });
  if (minor >= 3)
    layout::scenario_run_fields(value_reader(file, "/scenario", results));
  else
    results.planned_replicates = results.replicates;
  layout::tables(results, [&](const char* group, const char*, auto& rows) {
    const std::string_view name = group;
    const std::uint32_t since = name == layout::kSelection     ? 3
                                : name == layout::kRuleEffects ? 1
                                                               : 0;
    if (minor >= since) read_table(file, group, rows);
  });
  layout::matrices(results, [&](const char* name, std::vector<double>& values) {
    values = file.read<double>(name, {results.estimators.size(), results.replicates});
  });
  read_survey(file, minor, results);
  layout::provenance_fields(value_reader(file, "/provenance", results.run));
  const auto mean_us = file.read<double>(kPerformanceUs, {results.performance.size()});
  for (std::size_t i = 0; i < mean_us.size(); ++i) results.performance[i].mean_us = mean_us[i];
  if (const auto wrong = misfit(results)) file.fail(wrong->path, wrong->problem);
  return results;
}

}  // namespace steelyard
