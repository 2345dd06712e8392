#include "estimators/survey/cross_tables.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/fisher_f.hpp>
#include <cmath>
#include <limits>

#include "estimators/survey/contrasts.hpp"

namespace steelyard {
namespace {

/// The requests of a table over columns of indicators: cells row-major, rows, columns, everybody.
struct Layout {
  std::size_t rows, columns;
  std::size_t cells() const { return rows * columns; }
  std::size_t cell(std::size_t r, std::size_t c) const { return r * columns + c; }
  std::size_t row(std::size_t r) const { return cells() + r; }
  std::size_t column(std::size_t c) const { return cells() + rows + c; }
  std::size_t everybody() const { return cells() + rows + columns; }
  std::size_t size() const { return everybody() + 1; }
};

/// The file with indicator columns in place of its own, and one domain.
SurveyData indicators(const SurveyData& data, const CrossedVariable& row,
                      const CrossedVariable& column, std::size_t domain) {
  const Layout at{row.levels.size(), column.levels.size()};
  SurveyData out = data;
  out.domains = {data.domains[domain]};
  for (std::uint32_t& k : out.domain_of) k = k == domain ? 0 : 1;
  out.columns.assign(at.size(), std::vector<double>(data.n, 0.0));
  for (std::size_t i = 0; i < data.n; ++i) {
    const std::uint32_t r = row.code[i], c = column.code[i];
    if (r >= at.rows || c >= at.columns) {
      for (auto& values : out.columns) values[i] = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    for (const std::size_t j : {at.cell(r, c), at.row(r), at.column(c), at.everybody()})
      out.columns[j][i] = 1;
  }
  return out;
}

EstimateRequest request(SurveyStatistic statistic, std::size_t y, std::size_t x = 0) {
  EstimateRequest out;
  out.statistic = statistic;
  out.y = y;
  out.x = x;
  return out;
}

double upper_f(double statistic, double df1, double df2) {
  return boost::math::cdf(
      boost::math::complement(boost::math::fisher_f(df1, df2), std::max(0.0, statistic)));
}

/// The table without empty levels: numbers of its levels, shares of the cells and, from joint
/// estimates of the layout's totals and then of its cells' shares, what the tests need.
class Independence {
 public:
  Independence(const Layout& at, const JointEstimates& joint, double respondents)
      : at_(at), joint_(joint), respondents_(respondents) {
    for (std::size_t r = 0; r < at.rows; ++r)
      if (joint.rows()[at.row(r)].estimate > 0) rows_.push_back(r);
    for (std::size_t c = 0; c < at.columns; ++c)
      if (joint.rows()[at.column(c)].estimate > 0) columns_.push_back(c);
  }

  Result<IndependenceTest> test(IndependenceStatistic kind) const {
    const std::size_t k = (rows_.size() - 1) * (columns_.size() - 1);
    if (rows_.size() < 2 || columns_.size() < 2)
      return Failure{FailureKind::unsupported,
                     fmt::format("a test of independence needs two levels of both variables with "
                                 "respondents; the table has {} rows and {} columns",
                                 rows_.size(), columns_.size())};
    for (std::size_t j = 0; j < at_.size(); ++j)
      if (joint_.rows()[j].failure) return *joint_.rows()[j].failure;
    const bool scott =
        kind == IndependenceStatistic::f || kind == IndependenceStatistic::chi_squared;
    return scott ? rao_scott(kind, static_cast<double>(k)) : wald(kind, static_cast<double>(k));
  }

 private:
  double total(std::size_t j) const { return joint_.rows()[j].estimate; }
  double share(std::size_t r, std::size_t c) const {
    return total(at_.cell(r, c)) / total(at_.everybody());
  }
  double pearson() const {
    double sum = 0;
    for (const std::size_t r : rows_)
      for (const std::size_t c : columns_) {
        const double all = total(at_.everybody());
        const double expected = total(at_.row(r)) / all * total(at_.column(c)) / all;
        sum += (share(r, c) - expected) * (share(r, c) - expected) / expected;
      }
    return respondents_ * sum;
  }

  /// Basis of what is orthogonal to row and column effects: cells × (rows - 1)(columns - 1).
  Eigen::MatrixXd interactions() const {
    const auto helmert = [](std::size_t levels) {
      const auto n = static_cast<Eigen::Index>(levels);
      Eigen::MatrixXd h = Eigen::MatrixXd::Zero(n, n - 1);
      for (Eigen::Index j = 0; j + 1 < n; ++j) {
        h.col(j).head(j + 1).setOnes();
        h(j + 1, j) = -static_cast<double>(j + 1);
        h.col(j).normalize();
      }
      return h;
    };
    const Eigen::MatrixXd a = helmert(rows_.size()), b = helmert(columns_.size());
    Eigen::MatrixXd out(a.rows() * b.rows(), a.cols() * b.cols());
    for (Eigen::Index r = 0; r < a.rows(); ++r)
      for (Eigen::Index c = 0; c < b.rows(); ++c)
        for (Eigen::Index i = 0; i < a.cols(); ++i)
          for (Eigen::Index j = 0; j < b.cols(); ++j)
            out(r * b.rows() + c, i * b.cols() + j) = a(r, i) * b(c, j);
    return out;
  }

  Result<IndependenceTest> rao_scott(IndependenceStatistic kind, double k) const {
    std::vector<std::size_t> cells;
    std::vector<double> p;
    for (const std::size_t r : rows_)
      for (const std::size_t c : columns_) {
        cells.push_back(at_.size() + at_.cell(r, c));
        p.push_back(share(r, c));
      }
    const auto covariance = joint_.covariance(cells);
    if (!covariance) return covariance.failure();
    const auto n = static_cast<Eigen::Index>(cells.size());
    const Eigen::MatrixXd v = Eigen::Map<const Eigen::MatrixXd>(covariance.value().data(), n, n);
    Eigen::VectorXd inverse(n);  // an empty cell has no variance either: 0, as R's survey
    for (Eigen::Index j = 0; j < n; ++j) {
      const double pj = p[static_cast<std::size_t>(j)];
      inverse[j] = pj > 0 ? 1 / pj : 0.0;
    }
    const Eigen::MatrixXd c = interactions();
    const Eigen::MatrixXd below = c.transpose() * inverse.asDiagonal() * c / respondents_;
    const Eigen::MatrixXd scaled = inverse.asDiagonal() * c;
    const Eigen::FullPivLU<Eigen::MatrixXd> lu(below);
    if (!lu.isInvertible())
      return Failure{FailureKind::singular_matrix,
                     "the table has too many empty cells for a Rao-Scott test; merge levels"};
    const Eigen::MatrixXd delta = lu.solve(scaled.transpose() * v * scaled);
    const double trace = delta.trace(), squares = (delta * delta).trace();
    if (!(trace > 0))
      return Failure{FailureKind::unsupported,
                     "the table's shares have no variance under the design; nothing to test"};
    IndependenceTest out;
    out.kind = kind;
    out.pearson = pearson();
    out.design_effect = trace / k;
    const double df = joint_.rows()[at_.everybody()].df;
    if (kind == IndependenceStatistic::f) {
      out.statistic = out.pearson / trace;
      out.df1 = trace * trace / squares;
      out.df2 = out.df1 * df;
      out.p_value = upper_f(out.statistic, out.df1, out.df2);
    } else {
      out.statistic = out.pearson;
      out.df1 = k;
      out.df2 = std::numeric_limits<double>::infinity();
      out.p_value = boost::math::cdf(
          boost::math::complement(boost::math::chi_squared(k), out.pearson / out.design_effect));
    }
    return out;
  }

  /// Y = cell - row × column / everybody is linear in the totals: Jacobian times their covariance.
  Result<IndependenceTest> wald(IndependenceStatistic kind, double k) const {
    std::vector<std::size_t> all(at_.size());
    for (std::size_t j = 0; j < all.size(); ++j) all[j] = j;
    const auto covariance = joint_.covariance(all);
    if (!covariance) return covariance.failure();
    const auto size = static_cast<Eigen::Index>(all.size()), count = static_cast<Eigen::Index>(k);
    const Eigen::MatrixXd v =
        Eigen::Map<const Eigen::MatrixXd>(covariance.value().data(), size, size);
    Eigen::MatrixXd jacobian = Eigen::MatrixXd::Zero(count, size);
    Eigen::VectorXd y(count);
    const double everybody = total(at_.everybody());
    Eigen::Index at = 0;
    for (std::size_t r = 1; r < rows_.size(); ++r)
      for (std::size_t c = 1; c < columns_.size(); ++c, ++at) {
        const std::size_t cell = at_.cell(rows_[r], columns_[c]), row = at_.row(rows_[r]),
                          column = at_.column(columns_[c]);
        y[at] = total(cell) - total(row) * total(column) / everybody;
        const auto set = [&](std::size_t j, double value) {
          jacobian(at, static_cast<Eigen::Index>(j)) = value;
        };
        set(cell, 1);
        set(row, -total(column) / everybody);
        set(column, -total(row) / everybody);
        set(at_.everybody(), total(row) * total(column) / (everybody * everybody));
      }
    const double df = joint_.rows()[at_.everybody()].df;
    const Eigen::FullPivLU<Eigen::MatrixXd> lu(jacobian * v * jacobian.transpose());
    if (!lu.isInvertible() || df < 1 ||
        (kind == IndependenceStatistic::adjusted_wald && df - k + 1 <= 0))
      return Failure{
          FailureKind::singular_matrix,
          fmt::format("a Wald test of {:g} contrasts needs more than the {:g} degrees of "
                      "freedom of the design; use F",
                      k, df)};
    IndependenceTest out;
    out.kind = kind;
    out.pearson = pearson();
    out.design_effect = std::numeric_limits<double>::quiet_NaN();
    const double w = y.dot(lu.solve(y));
    out.df1 = k;
    out.df2 = kind == IndependenceStatistic::wald ? df : df - k + 1;
    out.statistic = w / k * out.df2 / df;
    out.p_value = upper_f(out.statistic, out.df1, out.df2);
    return out;
  }

  const Layout& at_;
  const JointEstimates& joint_;
  double respondents_;
  std::vector<std::size_t> rows_, columns_;
};

}  // namespace

const char* to_string(IndependenceStatistic statistic) {
  switch (statistic) {
    case IndependenceStatistic::f:
      return "F";
    case IndependenceStatistic::chi_squared:
      return "Chisq";
    case IndependenceStatistic::wald:
      return "Wald";
    case IndependenceStatistic::adjusted_wald:
      return "adjWald";
  }
  return "";
}

CrossTable cross_table(const SurveyData& data, const CrossedVariable& row,
                       const CrossedVariable& column, const EstimationOptions& options,
                       std::size_t domain) {
  EXPECTS(row.code.size() == data.n && column.code.size() == data.n);
  EXPECTS(domain < data.domains.size());
  const Layout at{row.levels.size(), column.levels.size()};
  const SurveyData table = indicators(data, row, column, domain);
  std::vector<EstimateRequest> requests;
  for (std::size_t j = 0; j < at.size(); ++j)
    requests.push_back(request(SurveyStatistic::total, j));
  for (std::size_t j = 0; j < at.everybody(); ++j)
    requests.push_back(request(SurveyStatistic::proportion, j));
  const JointEstimates joint = JointEstimates::make(table, requests, options);

  std::vector<EstimateRequest> shares;
  for (std::size_t r = 0; r < at.rows; ++r)
    for (std::size_t c = 0; c < at.columns; ++c) {
      shares.push_back(request(SurveyStatistic::ratio, at.cell(r, c), at.row(r)));
      shares.push_back(request(SurveyStatistic::ratio, at.cell(r, c), at.column(c)));
    }
  const auto within = estimate_all(table, shares, options);

  CrossTable out;
  out.rows = at.rows;
  out.columns = at.columns;
  for (std::size_t j = 0; j < at.cells(); ++j)
    out.cells.push_back(
        {joint.rows()[j], joint.rows()[at.size() + j], within[2 * j], within[2 * j + 1]});
  for (std::size_t r = 0; r < at.rows; ++r)
    out.row_totals.push_back(joint.rows()[at.size() + at.row(r)]);
  for (std::size_t c = 0; c < at.columns; ++c)
    out.column_totals.push_back(joint.rows()[at.size() + at.column(c)]);
  double respondents = static_cast<double>(data.n);
  if (!table.domain_of.empty()) {
    respondents = 0;
    for (const std::uint32_t k : table.domain_of) respondents += k == 0;
  }
  const Independence independence(at, joint, respondents);
  for (const IndependenceStatistic kind : kIndependenceStatistics)
    out.tests.push_back(independence.test(kind));
  return out;
}

}  // namespace steelyard
