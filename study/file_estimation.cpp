#include "study/file_estimation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

#include "core/text.hpp"
#include "estimators/survey/multiple_response.hpp"
#include "study/file_models.hpp"
#include "study/replicate_file.hpp"

namespace steelyard {
namespace {

/// Columns of the file that a request needs, each once, and where they are.
class Wanted {
 public:
  std::size_t add(const std::string& name, ColumnRequest::As as) {
    for (std::size_t k = 0; k < requests_.size(); ++k)
      if (requests_[k].name == name && requests_[k].as == as) return k;
    requests_.push_back({name, as});
    return requests_.size() - 1;
  }
  const std::vector<ColumnRequest>& requests() const { return requests_; }

 private:
  std::vector<ColumnRequest> requests_;
};

class Assembly {
 public:
  explicit Assembly(const EstimateFileRequest& request)
      : r_(request),
        questions_(parse_questions(request.index, request.bucketed, request.regression)),
        source_(DataSource::open(request.data)),
        file_(*source_) {}

  std::unique_ptr<PreparedFile> run() {
    plan();
    load();
    make_design();
    make_domains();
    make_requests();
    out_->options = r_.estimation;
    if (!r_.replicate_columns.empty()) {
      std::vector<FileReplicate> given;
      for (std::size_t at : replicate_at_)
        given.push_back({wanted_.requests()[at].name, columns_[at].numbers});
      out_->replicates = std::make_unique<ReplicateDesign>(
          make_file_replicates(r_, file_.name(), data_, kept(), given));
    } else if (r_.replicates) {
      auto made = make_replicates(*out_->design, *r_.replicates);
      if (!made) throw NegativeAnswer(made.failure().detail);
      out_->replicates = std::make_unique<ReplicateDesign>(std::move(made.value()));
    }
    if (out_->replicates)
      *out_->replicates = with_reference_replicates(std::move(*out_->replicates),
                                                    out_->weighed.get(), r_.replicates);
    out_->options.replicates = out_->replicates.get();
    if (r_.versus) weigh_otherwise();
    return std::move(out_);
  }

 private:
  void plan() {
    using As = ColumnRequest::As;
    for (const auto* names : {&r_.totals, &r_.means, &r_.quantiles, &r_.ginis})
      for (const std::string& name : *names) wanted_.add(name, As::numbers);
    for (const std::string& name : r_.proportions) wanted_.add(name, As::levels);
    for (const std::string& ratio : r_.ratios) {
      const auto parts = split(ratio, "/");
      if (parts.size() != 2 || trim(parts[0]).empty() || trim(parts[1]).empty())
        throw UserError({}, "--ratio", "\"" + ratio + "\" is not numerator/denominator",
                        "for instance --ratio income/hours");
      for (const auto& part : parts) wanted_.add(std::string(trim(part)), As::numbers);
    }
    for (const std::string& name : r_.by) wanted_.add(name, As::levels);
    for (const std::string& question : r_.multiple)
      for (const std::string& item : items_of(question)) wanted_.add(item, As::numbers);
    for (const std::string& table : r_.crosstabs)
      for (const std::string& name : crossed_names(table)) wanted_.add(name, As::levels);
    for (const std::string& name : questions_.columns()) wanted_.add(name, As::levels);
    for (const CovariateQuestion& covariate : questions_.covariates) {
      numeric_.push_back(read_as_numbers(covariate, file_));
      wanted_.add(covariate.column, numeric_.back() ? As::numbers : As::levels);
    }
    if (!r_.unit.empty()) wanted_.add(r_.unit, As::ids);
    for (const ColumnRequest& column : design_requests(r_.design))
      design_at_.push_back(wanted_.add(column.name, column.as));
    if (!r_.weights.empty() && file_.has_column(r_.weights)) {
      weight_at_ = wanted_.add(r_.weights, As::numbers);
    } else if (!r_.weights.empty() && r_.weights.find('.') == std::string::npos) {
      file_.require_column(r_.weights);  // tells the nearest name
    }
    if (!r_.replicate_columns.empty())
      for (const std::string& name : replicate_column_names(file_, r_.replicate_columns))
        replicate_at_.push_back(wanted_.add(name, As::numbers));
  }

  /// "name=a,b,c": the items.
  static std::vector<std::string> items_of(const std::string& question) {
    const std::size_t equals = question.find('=');
    std::vector<std::string> items;
    if (equals != std::string::npos)
      for (const std::string& item : split(question.substr(equals + 1), ","))
        items.emplace_back(trim(item));
    if (items.size() < 2)
      throw UserError({}, "--multiple", "\"" + question + "\" is not name=item,item,...",
                      "for instance --multiple platforms=uses_a,uses_b,uses_c");
    return items;
  }

  static std::vector<std::string> crossed_names(const std::string& table) {
    std::vector<std::string> names;
    for (const std::string& name : split(table, "*")) names.emplace_back(trim(name));
    if (names.size() != 2 || names[0].empty() || names[1].empty() || names[0] == names[1])
      throw UserError({}, "--crosstab", "\"" + table + "\" is not two columns joined with *",
                      "for instance --crosstab region*sex");
    return names;
  }

  /// The same rows under the other weighting.
  void weigh_otherwise() {
    WeighRequest other = *r_.versus;
    other.base = r_.weights;
    out_->versus = weigh_file(other, file_);
    const std::size_t n = out_->data.n;
    if (out_->versus->n() != n || (out_->weighed && out_->versus->kept != out_->weighed->kept))
      throw UserError({}, "--versus-margins", "leaves out other rows than the first weighting",
                      "use a --missing rule that keeps the rows");
  }

  void load() {
    if (r_.weighting) {
      WeighRequest weighting = *r_.weighting;
      if (!r_.weights.empty() && !weight_at_)
        throw UserError({}, "--weights", "must be a column when --margins are given",
                        "the column is the base weight");
      weighting.base = r_.weights;
      weighting.for_estimates = true;
      out_->weighed = weigh_file(weighting, file_, wanted_.requests(), &columns_);

      out_->notes = out_->weighed->notes;
      data_ = out_->weighed->survey_data();
      return;
    }
    columns_ = file_.read(wanted_.requests(), r_.threads);
    data_.n = file_.rows();
    if (weight_at_) {
      data_.w = columns_[*weight_at_].numbers;
      check_file_weights(file_.name(), data_.w, out_->notes);
    } else if (!r_.weights.empty()) {
      const auto opened = DataSource::open(r_.weights);
      const DataSource& weights = *opened;
      data_.w = weights
                    .read(std::vector<ColumnRequest>{{"weight", ColumnRequest::As::numbers}},
                          r_.threads)[0]
                    .numbers;
      if (weights.rows() != data_.n)
        throw UserError(
            {r_.weights}, {},
            fmt::format("has {} rows, {} has {}", weights.rows(), file_.name(), data_.n),
            "give the weights of the same file, row by row");
      check_file_weights(weights.name(), data_.w, out_->notes);
      out_->notes.push_back(
          "weights from a file are taken as they are; pass --margins instead for standard errors "
          "that know the weighting, or replicate weights");
    } else if (!r_.design.pps.empty()) {
      data_.w.resize(data_.n);
      const auto& probability = columns_[design_at_.back()].numbers;
      for (std::size_t i = 0; i < data_.n; ++i) data_.w[i] = 1 / probability[i];
      check_file_weights(file_.name(), data_.w, out_->notes);
      out_->notes.push_back("weights are 1 / " + r_.design.probabilities);
    } else {
      data_.w.assign(data_.n, 1.0);
      out_->notes.push_back("no weights were given: every row counts the same");
    }
    data_.d = data_.w;
  }

  /// Rows of the file that take part; empty: all.
  std::span<const std::uint32_t> kept() const {
    return out_->weighed ? std::span<const std::uint32_t>(out_->weighed->kept)
                         : std::span<const std::uint32_t>();
  }

  void make_design() {
    std::vector<ColumnData> columns;
    for (std::size_t at : design_at_) columns.push_back(columns_[at]);
    out_->design = std::make_unique<SurveyDesign>(
        make_file_design(r_.design, file_, data_.n, kept(), columns));
    data_.design = out_->design.get();
  }

  const ColumnData& column(const std::string& name, ColumnRequest::As as) {
    return columns_[wanted_.add(name, as)];
  }

  void make_domains() {
    data_.domains = {""};
    out_->domain_levels = {{}};
    out_->by = r_.by;
    if (r_.by.empty()) return;
    std::vector<std::uint64_t> key(data_.n, 0);
    std::vector<bool> inside(data_.n, true);
    for (const std::string& name : r_.by) {
      const LevelColumn& levels = column(name, ColumnRequest::As::levels).levels;
      for (std::size_t i = 0; i < data_.n; ++i) {
        if (levels.codes[i] == kMissingCode) inside[i] = false;
        key[i] = key[i] * levels.levels.size() + levels.codes[i];
      }
    }
    std::map<std::uint64_t, std::uint32_t> number;
    for (std::size_t i = 0; i < data_.n; ++i)
      if (inside[i]) number.emplace(key[i], 0);
    data_.domains.clear();
    out_->domain_levels.clear();
    for (auto& [k, position] : number) {
      position = static_cast<std::uint32_t>(data_.domains.size());
      std::uint64_t rest = k;
      std::string text;
      std::vector<std::string> of(r_.by.size());
      for (std::size_t v = r_.by.size(); v-- > 0;) {
        const auto& levels = column(r_.by[v], ColumnRequest::As::levels).levels.levels;
        of[v] = levels[rest % levels.size()];
        text = r_.by[v] + "=" + of[v] + (text.empty() ? "" : ", ") + text;
        rest /= levels.size();
      }
      data_.domains.push_back(text);
      out_->domain_levels.push_back(std::move(of));
    }
    data_.domain_of.resize(data_.n);
    for (std::size_t i = 0; i < data_.n; ++i)
      data_.domain_of[i] = inside[i] ? number[key[i]] : 0xFFFFFFFFu;
  }

  std::size_t number_column(const std::string& name) {
    const auto [at, fresh] = placed_.try_emplace(name, data_.columns.size());
    if (fresh) data_.columns.push_back(column(name, ColumnRequest::As::numbers).numbers);
    return at->second;
  }

  void make_requests() {
    const auto add = [&](SurveyStatistic statistic, const std::string& name) {
      out_->requests.push_back(
          {.statistic = statistic, .variable = name, .y = number_column(name)});
    };
    for (const std::string& name : r_.totals) add(SurveyStatistic::total, name);
    for (const std::string& name : r_.means) add(SurveyStatistic::mean, name);
    for (const std::string& name : r_.proportions) {
      const LevelColumn& levels = column(name, ColumnRequest::As::levels).levels;
      for (std::size_t k = 0; k < levels.levels.size(); ++k) {
        std::vector<double> indicator(data_.n);
        for (std::size_t i = 0; i < data_.n; ++i)
          indicator[i] =
              levels.codes[i] == kMissingCode ? std::nan("") : double(levels.codes[i] == k);
        data_.columns.push_back(std::move(indicator));
        out_->requests.push_back({.statistic = SurveyStatistic::proportion,
                                  .variable = name,
                                  .level = levels.levels[k],
                                  .y = data_.columns.size() - 1});
      }
    }
    for (const std::string& ratio : r_.ratios) {
      const auto parts = split(ratio, "/");
      const std::string above(trim(parts[0])), below(trim(parts[1]));
      out_->requests.push_back({.statistic = SurveyStatistic::ratio,
                                .variable = above + "/" + below,
                                .y = number_column(above),
                                .x = number_column(below)});
    }
    for (const std::string& name : r_.quantiles)
      for (double p : r_.probabilities) {
        add(SurveyStatistic::quantile, name);
        out_->requests.back().p = p;
        out_->requests.back().level = shortest(p);
      }
    for (const std::string& name : r_.ginis) add(SurveyStatistic::gini, name);
    for (const std::string& question : r_.multiple) {
      MultipleResponse asked;
      asked.name = question.substr(0, question.find('='));
      asked.names = items_of(question);
      for (const std::string& item : asked.names) asked.items.push_back(number_column(item));
      auto made = add_multiple_response(data_, asked);
      for (auto* list : {&made.of_respondents, &made.of_mentions})
        out_->requests.insert(out_->requests.end(), list->begin(), list->end());
      out_->requests.push_back(made.mentions);
    }
    for (const std::string& table : r_.crosstabs)
      for (const std::string& name : crossed_names(table)) {
        const LevelColumn& levels = column(name, ColumnRequest::As::levels).levels;
        out_->crossed.push_back({{levels.codes.begin(), levels.codes.end()}, levels.levels});
      }
    if (!r_.unit.empty()) out_->units = column(r_.unit, ColumnRequest::As::ids).ids;
    const auto levels_of = [&](const std::string& name) -> const LevelColumn& {
      return column(name, ColumnRequest::As::levels).levels;
    };
    add_indices(questions_, r_.index, levels_of, file_.name(), *out_);
    const bool compared = r_.contrasts != DomainContrasts::none || !r_.against.empty();
    add_buckets(questions_, r_.probabilities, compared, levels_of, file_.name(), *out_);
    const auto numbers_of = [&](const std::string& name) -> const std::vector<double>* {
      for (std::size_t k = 0; k < numeric_.size(); ++k)
        if (questions_.covariates[k].column == name && numeric_[k])
          return &column(name, ColumnRequest::As::numbers).numbers;
      return nullptr;
    };
    add_regressions(questions_, levels_of, numbers_of, file_.name(), *out_);
    if (out_->requests.empty() && out_->crossed.empty() && out_->quantified.empty() &&
        out_->buckets.empty() && out_->regressions.regressed.empty() &&
        out_->regressions.imputed.empty())
      throw UserError(
          {}, {}, "nothing to estimate",
          "give --mean, --total, --proportion, --ratio, --quantile, --gini, --multiple, "
          "--crosstab, --index, --carlson-parkin, --bucketed, --interval-regression or --impute");
  }

  const EstimateFileRequest& r_;
  const FileQuestions questions_;
  std::unique_ptr<PreparedFile> out_ = std::make_unique<PreparedFile>();
  std::unique_ptr<DataSource> source_;
  const DataSource& file_;
  Wanted wanted_;
  std::vector<std::size_t> design_at_, replicate_at_;
  std::optional<std::size_t> weight_at_;
  std::vector<bool> numeric_;  ///< by covariate
  std::vector<ColumnData> columns_;
  SurveyData& data_ = out_->data;
  std::map<std::string, std::size_t> placed_;
};

}  // namespace

std::unique_ptr<PreparedFile> prepare_file(const EstimateFileRequest& request) {
  return Assembly(request).run();
}

namespace {

/// What answers that are modelled do not offer.
void refuse_comparisons(const EstimateFileRequest& request) {
  const bool bias = request.bias.indices || !request.bias.turns_at.empty();
  const char* what = request.contrasts != DomainContrasts::none ? "--contrasts"
                     : !request.against.empty()                 ? "--against"
                     : bias                                     ? "--bias-indices and --turns-at"
                                                                : nullptr;
  if (what != nullptr)
    throw UserError({}, "--method " + request.weighting->method,
                    std::string("models each answer, which does not go with ") + what,
                    "leave it out, or use a method that gives weights");
}

}  // namespace

FileEstimates estimate_file(const EstimateFileRequest& request) {
  const auto file = prepare_file(request);
  FileEstimates out;
  out.notes = file->notes;
  out.n = file->data.n;
  out.psus = file->design->psus();
  out.strata = file->design->strata();
  if (file->replicates) out.replicates = file->replicates->replicates;
  if (models_answers(*file)) {
    refuse_comparisons(request);
    estimate_modelled(*file, out.rows);
    return out;
  }
  const std::span plain = std::span(file->requests).first(file->plain());
  for (EstimateRow& row : estimate_all(file->data, plain, file->options)) {
    const EstimateRequest& q = file->requests[row.request];
    out.rows.push_back({to_string(q.statistic),
                        q.variable,
                        q.level,
                        file->data.domains[row.domain],
                        std::move(row),
                        {},
                        {},
                        {}});
  }
  estimate_indices(*file, request.index, out.rows, out.notes);
  estimate_buckets(*file, request.probabilities, out.rows, out.notes);
  estimate_regressions(*file, request.regression, out.rows, out.notes);
  estimate_imputed(*file, request.regression, out.rows, out.notes);
  estimate_bias(*file, request.bias, out.rows, out.notes);
  const bool compared =
      request.contrasts != DomainContrasts::none || request.versus || !request.against.empty();
  if (compared && !(file->regressions.regressed.empty() && file->regressions.imputed.empty()))
    out.notes.push_back("interval regressions and imputed statistics are not compared");
  if (compared && !file->quantified.empty())
    out.notes.push_back("rates of --carlson-parkin are not compared");
  cross_tables(*file, request.crosstabs, out.rows);
  if (request.contrasts != DomainContrasts::none)
    compare_domains(*file, request.contrasts, out.rows);
  if (request.versus)
    compare_weightings(*file, request.weighting ? request.weighting->method : "weights",
                       request.versus->method, out.rows);
  if (!request.against.empty()) {
    EstimateFileRequest then = request;
    then.data = request.against;
    then.versus.reset();
    const auto earlier = prepare_file(then);
    compare_waves(*file, *earlier, out.rows);
    for (const std::string& note : earlier->notes)
      if (std::find(out.notes.begin(), out.notes.end(), note) == out.notes.end())
        out.notes.push_back(request.against + ": " + note);
  }
  return out;
}

}  // namespace steelyard
