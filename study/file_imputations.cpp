#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/text.hpp"
#include "estimators/buckets/interval_imputation.hpp"
#include "estimators/survey/derived_columns.hpp"
#include "study/regression_model.hpp"

namespace steelyard {
namespace {

std::string scale_name(const std::string& column, IntervalScale scale) {
  return scale == IntervalScale::logarithm ? "ln(" + column + ")" : column;
}

/// By what imputed amounts are analysed although their model does not know it.
std::vector<std::string> unmodelled(const PreparedFile& file) {
  std::vector<std::string> out;
  for (const std::string& name : file.by)
    if (std::none_of(file.regressions.covariates.begin(), file.regressions.covariates.end(),
                     [&](const Covariate& covariate) { return covariate.name == name; }))
      out.push_back(name);
  return out;
}

/// Estimates of every imputation: [m] as estimate_all gives them.
std::vector<std::vector<EstimateRow>> estimates_of(const PreparedFile& file,
                                                   std::vector<std::vector<double>> imputed,
                                                   const std::vector<EstimateRequest>& requests) {
  SurveyData data = with_columns(file.data, {{}});
  std::vector<std::vector<EstimateRow>> out;
  for (std::vector<double>& amounts : imputed) {
    data.columns[0] = std::move(amounts);
    out.push_back(estimate_all(data, requests, file.options));
  }
  return out;
}

/// A regression on all rows, and amounts drawn from it.
struct Imputations {
  DomainModel of;
  IntervalRegression fit;
  std::vector<std::vector<double>> amounts;
};

Result<Imputations> impute(const PreparedFile& file, const FileIntervals& intervals,
                           const RegressionRequest& request) {
  auto of = model_of(file, intervals, request.scale, kAllDomains);
  if (!of) return of.failure();
  const IntervalModel& model = of.value().model;
  const SurveyData whole = undivided(file.data);
  const auto fit = fit_interval_regression(model, whole.w);
  if (!fit) return fit.failure();
  const auto covariance = regression_covariance(whole, model, fit.value(), file.options);
  if (!covariance) return covariance.failure();
  auto amounts = impute_in_buckets(
      model, fit.value(), covariance.value(),
      {.imputations = request.imputations, .seed = *request.seed, .replicate = {}});
  return Imputations{std::move(of.value()), fit.value(), std::move(amounts)};
}

FileEstimate pooled_line(const std::vector<std::vector<EstimateRow>>& by_imputation, std::size_t j,
                         const Result<PooledEstimate>& pooled) {
  FileEstimate line;
  const EstimateRow& first = by_imputation[0][j];
  line.row = failed_row(first.domain, pooled ? Failure{} : pooled.failure());
  line.row.n = first.n;
  if (!pooled) return line;
  const PooledEstimate& made = pooled.value();
  line.row.failure.reset();
  line.row.estimate = made.estimate;
  line.row.se = made.se;
  line.row.lower = made.lower;
  line.row.upper = made.upper;
  line.row.df = made.df;
  line.pooled = made;
  return line;
}

}  // namespace

void estimate_imputed(const PreparedFile& file, const RegressionRequest& request,
                      std::vector<FileEstimate>& rows, std::vector<std::string>& notes) {
  std::vector<EstimateRequest> requests;
  for (const ImputedStatistic& wanted : file.regressions.statistics)
    requests.push_back({.statistic = wanted.statistic, .p = wanted.p});
  for (const FileIntervals& intervals : file.regressions.imputed) {
    const auto add = [&](const EstimateRequest& of, FileEstimate line) {
      line.functional = std::string("imputed ") + to_string(of.statistic);
      line.variable = intervals.column;
      line.level = of.statistic == SurveyStatistic::quantile ? shortest(of.p) : "";
      line.domain = file.data.domains[line.row.domain];
      rows.push_back(std::move(line));
    };
    auto imputed = impute(file, intervals, request);
    if (!imputed) {
      for (const EstimateRequest& of : requests)
        for (std::size_t k = 0; k < file.data.domains.size(); ++k)
          add(of, FileEstimate{.row = failed_row(k, imputed.failure())});
      continue;
    }
    const std::string about = "imputations of " + intervals.column;
    std::vector<std::string> names;
    for (const Covariate& covariate : file.regressions.covariates) names.push_back(covariate.name);
    notes.push_back(fmt::format(
        "{}: {} with seed {}, inside the buckets by {} = {} + normal error of sd {:.4g}", about,
        request.imputations, static_cast<std::uint64_t>(*request.seed),
        scale_name(intervals.column, request.scale),
        names.empty() ? "constant" : "constant + " + join(names, " + "),
        std::exp(imputed.value().fit.gamma[0])));
    if (const std::string out = left_out(imputed.value().of, ""); !out.empty())
      notes.push_back(about + ": " + out);
    if (const auto missing = unmodelled(file); !missing.empty())
      notes.push_back(
          fmt::format("{}: their model does not know {}, so differences between its "
                      "domains are drawn together; add it to --covariates",
                      about, join(missing, ", ")));
    const auto by_imputation = estimates_of(file, std::move(imputed.value().amounts), requests);
    const auto pooled = pool_rows(by_imputation, file.options.level);
    double most = 0;
    for (std::size_t j = 0; j < pooled.size(); ++j) {
      if (pooled[j]) most = std::max(most, pooled[j].value().missing_information());
      add(requests[by_imputation[0][j].request], pooled_line(by_imputation, j, pooled[j]));
    }
    // White, Royston & Wood (2011), Statistics in Medicine 30, 377-399: a hundred times the
    // fraction of missing information.
    if (const double wanted = std::ceil(100 * most);
        wanted > static_cast<double>(request.imputations))
      notes.push_back(
          fmt::format("{}: up to {:.0f} % of the information is missing; results vary "
                      "less between seeds with --imputations {:.0f}",
                      about, 100 * most, wanted));
  }
}

}  // namespace steelyard
