#include <fmt/format.h>

#include <cmath>

#include "study/file_estimation.hpp"

namespace steelyard {

std::vector<ColumnRequest> design_requests(const FileDesign& design) {
  std::vector<ColumnRequest> out;
  if (!design.strata.empty()) out.push_back({design.strata, ColumnRequest::As::ids});
  for (const std::string& name : design.clusters) out.push_back({name, ColumnRequest::As::ids});
  for (const std::string& name : design.fpc) out.push_back({name, ColumnRequest::As::numbers});
  if (!design.pps.empty()) out.push_back({design.probabilities, ColumnRequest::As::numbers});
  return out;
}

namespace {

/// A square matrix in a CSV file with a header.
std::vector<double> read_joint(const std::string& path, int threads) {
  const DataFile file = DataFile::open(path);
  std::vector<ColumnRequest> all;
  for (const std::string& title : file.header()) all.push_back({title, ColumnRequest::As::numbers});
  const std::vector<ColumnData> columns = file.read(all, threads);
  std::vector<double> out;
  for (std::size_t i = 0; i < file.rows(); ++i)
    for (const ColumnData& column : columns) out.push_back(column.numbers[i]);
  return out;
}

}  // namespace

SurveyDesign make_file_design(const FileDesign& design, const DataSource& data, std::size_t n,
                              std::span<const std::uint32_t> kept, std::span<ColumnData> columns) {
  DesignColumns out;
  out.n = n;
  out.lonely = design.lonely;
  std::size_t next = 0;
  const auto ids = [&](const std::string& name, const char* what) {
    std::vector<std::uint32_t> codes = std::move(columns[next++].ids);
    for (std::size_t i = 0; i < codes.size(); ++i)
      if (codes[i] == kMissingId)
        throw UserError(
            {data.name()}, {},
            fmt::format("row {} has no {} in column {}", row_number(kept, i), what, name),
            "every row belongs to the design; remove the row or correct it");
    return codes;
  };
  if (!design.strata.empty()) out.strata = ids(design.strata, "stratum");
  for (const std::string& name : design.clusters) out.clusters.push_back(ids(name, "cluster"));
  for (const std::string& name : design.fpc) {
    out.fpc.push_back(std::move(columns[next++].numbers));
    for (std::size_t i = 0; i < n; ++i)
      if (!(out.fpc.back()[i] > 0))
        throw UserError({data.name()}, {},
                        fmt::format("row {} has no positive population size in column {}",
                                    row_number(kept, i), name),
                        "give the population units of its stratum, or sampling fractions");
  }
  if (!design.pps.empty()) {
    const auto method = pps_method(design.pps);
    if (!method) throw UserError({}, "--pps", method.failure().detail);
    for (std::size_t i = 0; i < n; ++i)
      if (const double p = columns[next].numbers[i]; !(p > 0 && p <= 1))
        throw UserError({data.name()}, {},
                        std::isnan(p)
                            ? fmt::format("row {} has no inclusion probability in column {}",
                                          row_number(kept, i), design.probabilities)
                            : fmt::format("the inclusion probability of row {} is {:g}; it "
                                          "must be above 0 and at most 1",
                                          row_number(kept, i), p),
                        "correct the row or remove it");
    out.pps = PpsColumns{
        .method = method.value(),
        .probability = std::move(columns[next++].numbers),
        .joint = design.joint.empty() ? std::vector<double>{} : read_joint(design.joint, 1)};
  }
  auto made = SurveyDesign::make(out);
  if (!made) throw NegativeAnswer(made.failure().detail);
  return std::move(made.value());
}

}  // namespace steelyard
