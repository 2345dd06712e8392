#include <fmt/format.h>

#include "cli/file_commands.hpp"
#include "core/output.hpp"
#include "report/weighing_report.hpp"
#include "study/replicate_file.hpp"
#include "study/weighing.hpp"
#include "study/weights_file.hpp"

namespace steelyard {
namespace {

/// Final weights of every replicate, weighted anew in each.
std::vector<std::vector<double>> replicate_columns(const WeighedFile& weighed,
                                                   const SurveyDesign& design,
                                                   const ReplicateDesign& replicates) {
  SurveyData data = weighed.survey_data();
  data.design = &design;
  auto made = replicate_weights(data, replicates);
  if (!made) throw NegativeAnswer(made.failure().detail);
  return std::move(made.value());
}

}  // namespace

std::string replicate_constants_path(const std::string& output) {
  const std::filesystem::path path(output);
  return (path.parent_path() / (path.stem().string() + ".replicates.json")).string();
}

int weigh_command(const WeighOptions& o) {
  const Overwrite overwrite = o.force ? Overwrite::replace : Overwrite::refuse;
  if (o.output.empty() && (!o.replicate_method.empty() || !o.id.empty() || o.append))
    throw UserError({}, "-o", "is missing, so there is nowhere to write weights to",
                    "pass -o weights.csv");
  if (o.append && !o.id.empty())
    throw UserError({}, "--id", "is not needed with --append", "leave one of them out");
  // Outputs are refused before any work is done.
  std::optional<OutputFile> output, page, constants_file;
  if (!o.output.empty()) output.emplace(o.output, overwrite);
  if (!o.report.empty()) page.emplace(o.report, overwrite);
  WeighRequest request = weigh_request(o, o.base);
  if (!o.reference_replicates.empty() && o.replicate_method.empty())
    throw UserError({}, "--reference-replicate-weights", "are read for replicate weights only",
                    "pass --replicate-weights METHOD, or leave them out");
  std::optional<ReplicateOptions> replication;
  if (!o.replicate_method.empty()) {
    replication = replicate_options(o, o.replicate_method);
    constants_file.emplace(replicate_constants_path(o.output), overwrite);
  }
  const auto data = DataSource::open(o.data);
  const FileDesign design = file_design(o);
  std::vector<ColumnRequest> extra;
  if (replication) extra = design_requests(design);
  std::vector<ColumnData> columns;
  const auto weighed = weigh_file(request, *data, extra, &columns);
  WeighingRecord record = describe_weighing(request, *weighed);
  record.version = STEELYARD_VERSION;

  WeightsFileOptions written{
      .id = o.id, .append = o.append, .weight = o.weight_column, .threads = request.threads};
  ReplicateConstants constants;
  if (replication) {
    const SurveyDesign made = make_file_design(design, *data, weighed->n(), weighed->kept, columns);
    auto replicates = make_replicates(made, *replication);
    if (!replicates) throw NegativeAnswer(replicates.failure().detail);
    const ReplicateDesign r =
        with_reference_replicates(std::move(replicates.value()), weighed.get(), replication);
    written.replicates = replicate_columns(*weighed, made, r);
    constants = {r.scale, r.rscales, r.mse, r.df, false};
  }
  if (output) {
    write_weights(output->staging(), *weighed, *data, written);
    if (constants_file)
      write_file(constants_file->staging(),
                 replicate_constants_json(constants, o.replicate_method));
  }
  if (page) write_file(page->staging(), weighing_page(record));
  // All outputs, or none: a full disk shows above.
  for (auto* file : {&constants_file, &output, &page})
    if (*file) (*file)->commit();
  if (o.json) {
    fmt::print("{}", weighing_json(record));
    return 0;
  }
  if (o.quiet) return 0;
  fmt::print("{}", weighing_text(record));
  if (output)
    fmt::print("written: {}{}{}\n", o.output,
               replication
                   ? fmt::format(" with {} replicate weights, and {}", written.replicates.size(),
                                 replicate_constants_path(o.output))
                   : "",
               page ? ", " + o.report : "");
  else if (page)
    fmt::print("written: {}\n", o.report);
  else
    fmt::print("nothing is written without -o weights.csv or --report page.html\n");
  return 0;
}

}  // namespace steelyard
