#include "study/weigh_file.hpp"

#include <iterator>

#include "study/weigh_assembly.hpp"
#include "study/weighting_options.hpp"

namespace steelyard {
namespace {

template <typename Value>
void keep(std::span<const std::uint32_t> kept, std::vector<Value>& values) {
  if (values.empty()) return;
  for (std::size_t k = 0; k < kept.size(); ++k) values[k] = values[kept[k]];
  values.resize(kept.size());
}

}  // namespace

std::unique_ptr<WeighedFile> WeighAssembly::run(std::vector<ColumnData>* columns) {
  out_->method = r_.method;
  read();
  if (r_.missing == MissingRule::drop) drop();
  check_base();
  settle();
  make_schema();
  recode();
  make_benchmarks();
  add_reference();
  out_->weighting = make_weighting(r_, out_->schema, out_->margins);
  make_index();
  weigh();
  if (columns != nullptr) {
    columns->assign(
        std::make_move_iterator(columns_.begin()),
        std::make_move_iterator(columns_.begin() + static_cast<std::ptrdiff_t>(extra_.size())));
  }
  return std::move(out_);
}

void WeighAssembly::add_reference() {
  if (!reference_) return;
  out_->benchmarks->set_reference(reference_sample(*reference_, out_->schema));
  out_->reference_replicates = std::move(reference_->replicates);
  for (const std::string& name : r_.reference.covariates)
    out_->covariates.push_back(out_->schema.require(name, {data_.name()}));
}

void WeighAssembly::weigh() {
  auto made = out_->weighting->weigh(out_->index, *out_->benchmarks);
  if (!made) {
    std::string text = r_.method + ": " + made.failure().detail;
    const std::string why = out_->weighting->explain(out_->index, *out_->benchmarks);
    if (!why.empty()) text += "; " + why;
    throw NegativeAnswer(text);
  }
  out_->weights = std::move(made.value());
  for (const std::string& note : out_->weights.notes) out_->notes.push_back(note);
}

SurveyData WeighedFile::survey_data() const {
  SurveyData data;
  data.n = n();
  data.start_scale = start_scale();
  data.d.assign(data.n, 1.0);
  if (!base.empty()) data.d = base;
  data.w.resize(data.n);
  for (std::size_t i = 0; i < data.n; ++i) data.w[i] = weight(i);
  data.index = &index;
  data.weights = &weights;
  data.weighting = weighting.get();
  data.benchmarks = benchmarks.get();
  return data;
}

std::optional<MissingRule> parse_missing_rule(std::string_view name) {
  if (name == "error") return MissingRule::error;
  if (name == "drop") return MissingRule::drop;
  if (name == "category") return MissingRule::category;
  if (name == "impute") return MissingRule::impute;
  return std::nullopt;
}

void keep_rows(std::span<const std::uint32_t> kept, std::vector<ColumnData>& columns) {
  for (ColumnData& column : columns) {
    keep(kept, column.levels.codes);
    keep(kept, column.numbers);
    keep(kept, column.ids);
  }
}

std::unique_ptr<WeighedFile> weigh_file(const WeighRequest& request, const DataSource& data,
                                        MarginsFile margins, std::span<const ColumnRequest> extra,
                                        std::vector<ColumnData>* columns) {
  return WeighAssembly(request, data, std::move(margins), extra).run(columns);
}

std::unique_ptr<WeighedFile> weigh_file(const WeighRequest& request, const DataSource& data,
                                        std::span<const ColumnRequest> extra,
                                        std::vector<ColumnData>* columns) {
  MarginsFile none;
  none.file = request.reference.file;
  return weigh_file(request, data,
                    request.margins.empty() ? std::move(none) : MarginsFile::read(request.margins),
                    extra, columns);
}

}  // namespace steelyard
