#include "estimators/survey/estimation.hpp"

#include <cmath>

#include "estimators/functionals/linear.hpp"
#include "estimators/survey/estimation_run.hpp"

namespace steelyard {

std::vector<EstimateRow> EstimationRun::run(std::vector<double>* replicate_values) {
  for (const EstimateRequest& request : requests_) pairs_.push_back(columns_of(request));
  w_ = sums_.permuted(data_.w);
  totals_ = sums_.sums(w_);
  rows_.resize(requests_.size() * domains());
  for (std::size_t r = 0; r < requests_.size(); ++r)
    for (std::size_t k = 0; k < domains(); ++k) point(r, k);
  if (o_.replicates)
    replicate(replicate_values);
  else
    linearize();
  return std::move(rows_);
}

void EstimationRun::keep_influences(std::vector<std::vector<double>>& u) {
  u.assign(requests_.size() * domains(), {});
  influences_ = &u;
}

EstimationRun::SumPair EstimationRun::columns_of(const EstimateRequest& q) {
  const auto& y = data_.columns[q.y];
  switch (q.statistic) {
    case SurveyStatistic::total:
      return {sums_.add(q.y, y), SumPair::kNone};
    case SurveyStatistic::mean:
    case SurveyStatistic::proportion:
      return {sums_.add(q.y, y), sums_.add_present(q.y, y)};
    case SurveyStatistic::ratio:
      return {sums_.add_where_present(q.y, y, q.x, data_.columns[q.x]),
              sums_.add_where_present(q.x, data_.columns[q.x], q.y, y)};
    case SurveyStatistic::quantile:
    case SurveyStatistic::gini:
      return {sums_.add(q.y, y), sums_.add_present(q.y, y)};
  }
  return {};
}

void EstimationRun::point(std::size_t r, std::size_t k) {
  EstimateRow& out = row(r, k);
  const EstimateRequest& q = requests_[r];
  out.request = r;
  out.domain = k;
  out.n = count_present(q, k);
  out.se = out.lower = out.upper = out.df = out.deff = out.deff_wr = kNan;
  if (out.n == 0) {
    out.estimate = kNan;
    out.failure = Failure{FailureKind::empty_domain, "no respondent in the domain"};
    return;
  }
  if (q.statistic == SurveyStatistic::quantile)
    out.estimate = answers_.distribution(q.y, k).quantile(q.p, o_.rule);
  else if (q.statistic == SurveyStatistic::gini)
    out.estimate = answers_.gini(q.y, k, data_.w);
  else
    out.estimate = value_of(pairs_[r], totals_, k, 0);
  const bool mean =
      q.statistic == SurveyStatistic::mean || q.statistic == SurveyStatistic::proportion;
  const double weight = mean ? sum_of(totals_, k, pairs_[r].denominator) : 1.0;
  if (weight < 0) {
    out.estimate = kNan;
    out.failure = without_weight({&weight, 1}, weight);
  } else if (!std::isfinite(out.estimate))
    out.failure = Failure{FailureKind::unsupported, q.statistic == SurveyStatistic::ratio
                                                        ? "the denominator's total is zero"
                                                        : "the total weight is zero"};
}

std::size_t EstimationRun::count_present(const EstimateRequest& q, std::size_t k) const {
  const auto rows = sums_.rows(k);
  const auto &y = data_.columns[q.y], &x = data_.columns[q.x];
  const bool both = q.statistic == SurveyStatistic::ratio;
  std::size_t count = 0;
  if (sums_.everybody() && !both) {
    for (double v : y) count += !std::isnan(v);
    return count;
  }
  for (std::uint32_t i : rows) count += !std::isnan(y[i]) && !(both && std::isnan(x[i]));
  return count;
}

const char* to_string(SurveyStatistic statistic) {
  switch (statistic) {
    case SurveyStatistic::total:
      return "total";
    case SurveyStatistic::mean:
      return "mean";
    case SurveyStatistic::proportion:
      return "proportion";
    case SurveyStatistic::ratio:
      return "ratio";
    case SurveyStatistic::quantile:
      return "quantile";
    case SurveyStatistic::gini:
      return "gini";
  }
  return "";
}

std::vector<EstimateRow> estimate_all(const SurveyData& data,
                                      std::span<const EstimateRequest> requests,
                                      const EstimationOptions& options,
                                      std::vector<double>* replicate_values) {
  return EstimationRun(data, requests, options).run(replicate_values);
}

InfluenceValues influence_values(const SurveyData& data, std::span<const EstimateRequest> requests,
                                 const EstimationOptions& options) {
  EXPECTS(options.replicates == nullptr);
  InfluenceValues out;
  EstimationRun estimation(data, requests, options);
  estimation.keep_influences(out.u);
  out.rows = estimation.run(nullptr);
  return out;
}

}  // namespace steelyard
