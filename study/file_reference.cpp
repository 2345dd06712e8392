#include "study/file_reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "study/data_source.hpp"
#include "study/file_estimation.hpp"
#include "study/replicate_file.hpp"

namespace steelyard {

namespace {

/// The file's own replicate weights as factors of its weights. @param columns  in their order
ReplicateDesign file_replicates(const ReferenceRequest& request, const ReferenceFile& file,
                                std::span<const std::string> names, std::span<ColumnData> columns) {
  const ReplicateConstants constants =
      read_replicate_constants(request.replicate_constants, "--reference-replicate-constants");
  require_rscales(constants, columns.size(), "--reference-replicate-constants");
  std::vector<std::vector<double>> factors;
  for (std::size_t r = 0; r < columns.size(); ++r) {
    std::vector<double>& w = factors.emplace_back(std::move(columns[r].numbers));
    for (std::size_t i = 0; i < file.n; ++i) {
      if (!(w[i] >= 0))
        throw UserError(
            {request.file}, {},
            std::isnan(w[i])
                ? fmt::format("row {} has no replicate weight in column {}", i + 1, names[r])
                : fmt::format("row {} has the replicate weight {:g} in column {}", i + 1, w[i],
                              names[r]),
            "every row needs all of them, 0 or more; write 0 for a row that is left out");
      if (!constants.factors) w[i] /= file.weights[i];
    }
  }
  ReplicateDesign made = given_replicates(std::move(factors), false, constants.scale,
                                          constants.rscales, constants.mse, constants.df);
  if (constants.df == 0) {
    SurveyData data;
    data.n = file.n;
    data.w = file.weights;
    made.df = replicate_rank(data, made);
  }
  return made;
}

}  // namespace

bool ReferenceRequest::is_number(const std::string& covariate) const {
  return std::find(numeric.begin(), numeric.end(), covariate) != numeric.end();
}

const LevelColumn* ReferenceFile::levels(const std::string& covariate) const {
  const auto at = std::find(covariates.begin(), covariates.end(), covariate);
  if (at == covariates.end()) return nullptr;
  const ColumnData& column = columns[static_cast<std::size_t>(at - covariates.begin())];
  return column.numbers.empty() ? &column.levels : nullptr;
}

ReferenceFile read_reference_file(const ReferenceRequest& request, int threads) {
  const auto source = DataSource::open(request.file);
  ReferenceFile out;
  out.name = request.file;
  out.covariates = request.covariates;
  using As = ColumnRequest::As;
  std::vector<ColumnRequest> wanted{{request.weights, As::numbers}};
  for (const auto* column : {&request.strata, &request.clusters})
    if (!column->empty()) wanted.push_back({*column, As::ids});
  const std::size_t first = wanted.size();
  for (const std::string& name : request.covariates)
    wanted.push_back({name, request.is_number(name) ? As::numbers : As::levels});
  std::vector<std::string> replicates;
  if (!request.replicate_columns.empty())
    replicates =
        replicate_column_names(*source, request.replicate_columns, "--reference-replicate-weights");
  for (const std::string& name : replicates) wanted.push_back({name, As::numbers});
  for (const ColumnRequest& column : wanted) source->require_column(column.name);
  std::vector<ColumnData> read = source->read(wanted, threads);
  out.n = source->rows();
  const auto fail = [&](std::size_t row, const std::string& problem, const std::string& hint) {
    throw UserError({request.file}, {}, fmt::format("row {} {}", row + 1, problem), hint);
  };
  out.weights = std::move(read[0].numbers);
  for (std::size_t i = 0; i < out.n; ++i)
    if (!(out.weights[i] > 0))
      fail(i,
           std::isnan(out.weights[i]) ? "has no design weight in column " + request.weights
                                      : fmt::format("has the design weight {:g} in column {}",
                                                    out.weights[i], request.weights),
           "design weights are above 0: correct it, or remove the row");
  std::size_t at = 1;
  for (const auto& [column, to] :
       {std::pair{&request.strata, &out.stratum}, {&request.clusters, &out.unit}}) {
    if (column->empty()) continue;
    *to = std::move(read[at++].ids);
    for (std::size_t i = 0; i < out.n; ++i)
      if ((*to)[i] == kMissingId) fail(i, "has nothing in column " + *column, "correct it");
  }
  // Units are numbered within their strata.
  if (!out.stratum.empty() && !out.unit.empty()) {
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> number;
    for (std::size_t i = 0; i < out.n; ++i)
      out.unit[i] =
          number
              .try_emplace({out.stratum[i], out.unit[i]}, static_cast<std::uint32_t>(number.size()))
              .first->second;
  }
  for (std::size_t k = 0; k < out.covariates.size(); ++k) {
    ColumnData& column = out.columns.emplace_back(std::move(read[first + k]));
    for (std::size_t i = 0; i < out.n; ++i)
      if (column.numbers.empty() ? column.levels.codes[i] == kMissingCode
                                 : std::isnan(column.numbers[i]))
        fail(i, "has no answer in column " + out.covariates[k],
             "impute it, or remove the row and adjust the weights");
  }
  if (!replicates.empty())
    out.replicates = file_replicates(request, out, replicates,
                                     std::span(read).subspan(first + out.covariates.size()));
  return out;
}

std::shared_ptr<const ReferenceSample> reference_sample(const ReferenceFile& file,
                                                        const Schema& schema) {
  auto out = std::make_shared<ReferenceSample>();
  out->stratum = file.stratum;
  out->unit = file.unit;
  Sample& sample = out->sample;
  sample.schema = &schema;
  sample.n = file.n;
  sample.base_weights = file.weights;
  sample.columns.resize(schema.size());
  sample.numbers.resize(schema.size());
  for (std::size_t k = 0; k < file.covariates.size(); ++k) {
    const VariableId id = schema.require(file.covariates[k], {file.name});
    const Variable& v = schema[id];
    if (v.kind == VariableKind::continuous) {
      sample.numbers[index(id)] = file.columns[k].numbers;
      continue;
    }
    const LevelColumn& from = file.columns[k].levels;
    if (v.levels.size() > kMaxReferenceLevels)
      throw UserError({file.name}, {},
                      fmt::format("column {} has {} levels; a covariate has {} at most", v.name,
                                  v.levels.size(), kMaxReferenceLevels),
                      "group them, or name it among the numeric covariates");
    std::vector<LevelCode> to;
    for (const std::string& level : from.levels) {
      const auto at = std::find(v.levels.begin(), v.levels.end(), level);
      if (at == v.levels.end())
        throw UserError(
            {file.name}, {},
            fmt::format("column {} has the level \"{}\", which the margins lack", v.name, level),
            "give the margins all levels");
      to.push_back(static_cast<LevelCode>(at - v.levels.begin()));
    }
    auto& codes = sample.columns[index(id)];
    for (std::uint16_t code : from.codes) codes.push_back(to[code]);
  }
  return out;
}

}  // namespace steelyard
