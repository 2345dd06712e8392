#include "study/file_regressions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "estimators/survey/contrasts.hpp"
#include "study/file_estimation.hpp"
#include "study/regression_model.hpp"

namespace steelyard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Lines of one fit: `level` is the coefficient.
void add_lines(const PreparedFile& file, const std::string& column, std::size_t domain,
               const DomainModel& of, const IntervalRegression& fit,
               const Result<std::vector<double>>& covariance, std::vector<FileEstimate>& rows) {
  const EstimationOptions& options = file.options;
  const double df =
      options.df.value_or(options.replicates ? options.replicates->df : file.design->df());
  const auto line = [&](const std::string& level, EstimateRow row) -> FileEstimate& {
    row.domain = domain;
    row.n = fit.n;
    row.deff = row.deff_wr = kNan;
    return rows.emplace_back(FileEstimate{"interval regression", column, level,
                                          file.data.domains[domain], std::move(row)});
  };
  const std::size_t k = of.model.parameters();
  for (std::size_t j = 0; j < k; ++j) {
    const bool sigma = j >= fit.beta.size();
    const double value = sigma ? fit.gamma[j - fit.beta.size()] : fit.beta[j];
    const auto made = covariance ? t_interval(value, std::max(0.0, covariance.value()[j * k + j]),
                                              df, options.level)
                                 : Result<ContrastRow>(covariance.failure());
    EstimateRow row = failed_row(domain, made ? Failure{} : made.failure());
    row.estimate = value;
    row.df = df;
    if (made) {
      row.failure.reset();
      row.se = made.value().se;
      row.lower = made.value().lower;
      row.upper = made.value().upper;
    }
    if (sigma) {  // fitted as its logarithm
      for (double* end : {&row.estimate, &row.lower, &row.upper}) *end = std::exp(*end);
      row.se *= row.estimate;
    }
    FileEstimate& out = line(of.model.names[j], std::move(row));
    if (sigma || !made) continue;
    out.t = out.row.estimate / out.row.se;
    out.p_value = made.value().p_value;
  }
  EstimateRow likelihood = failed_row(domain, {});
  likelihood.failure.reset();
  likelihood.estimate = fit.log_likelihood;
  line("log-likelihood", std::move(likelihood));
}

}  // namespace

void estimate_regressions(const PreparedFile& file, const RegressionRequest& request,
                          std::vector<FileEstimate>& rows, std::vector<std::string>& notes) {
  const SurveyData whole = undivided(file.data);
  for (const FileIntervals& intervals : file.regressions.regressed)
    for (std::size_t k = 0; k < file.data.domains.size(); ++k) {
      const auto fail = [&](const Failure& failure) {
        rows.push_back({"interval regression", intervals.column, "", file.data.domains[k],
                        failed_row(k, failure)});
      };
      const auto of = model_of(file, intervals, request.scale, k);
      if (!of) {
        fail(of.failure());
        continue;
      }
      const std::string out = left_out(of.value(), file.data.domains[k]);
      if (!out.empty()) notes.push_back("interval regression of " + intervals.column + ": " + out);
      const IntervalModel& model = of.value().model;
      const auto fit = fit_interval_regression(model, whole.w);
      if (!fit) {
        fail(fit.failure());
        continue;
      }
      add_lines(file, intervals.column, k, of.value(), fit.value(),
                regression_covariance(whole, model, fit.value(), file.options), rows);
    }
}

}  // namespace steelyard
