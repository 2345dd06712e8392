#include "study/sensitivity.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/sums.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Columns of f over the base rows that have every value: A, B, then one a dial.
struct BaseSample {
  std::vector<std::size_t> rows;
  std::vector<std::vector<double>> columns;
};

BaseSample base_sample(std::span<const double> values, std::size_t dials, std::size_t base) {
  BaseSample sample;
  Sum sum;
  for (std::size_t i = 0; i < base; ++i) {
    bool whole = true;
    for (std::size_t c = 0; c < dials + 2; ++c) whole &= std::isfinite(values[c * base + i]);
    if (!whole) continue;
    sample.rows.push_back(i);
    sum.add(values[i]);
    sum.add(values[base + i]);
  }
  // About the mean, so that products do not drown in the level.
  const double centre = sum.value() / (2 * static_cast<double>(sample.rows.size()));
  for (std::size_t c = 0; c < dials + 2; ++c) {
    auto& column = sample.columns.emplace_back();
    for (std::size_t i : sample.rows) column.push_back(values[c * base + i] - centre);
  }
  return sample;
}

/// First-order and total index of each dial, the rows counted as often as `counts` say.
void indices(const BaseSample& s, std::span<const double> counts, std::span<double> first,
             std::span<double> total_index) {
  const auto &a = s.columns[0], &b = s.columns[1];
  double weight = 0, sum = 0, squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double n = counts[s.rows[i]];
    weight += n;
    sum += n * (a[i] + b[i]);
    squares += n * (a[i] * a[i] + b[i] * b[i]);
  }
  const double mean = sum / (2 * weight), variance = squares / (2 * weight) - mean * mean;
  for (std::size_t k = 0; k < first.size(); ++k) {
    const auto& mixed = s.columns[2 + k];
    double product = 0, jansen = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double n = counts[s.rows[i]];
      product += n * (b[i] - mean) * (mixed[i] - a[i]);
      jansen += n * (a[i] - mixed[i]) * (a[i] - mixed[i]);
    }
    first[k] = product / weight / variance;
    total_index[k] = jansen / (2 * weight) / variance;
  }
}

double percentile(std::vector<double>& values, double p) {
  std::erase_if(values, [](double x) { return !std::isfinite(x); });
  if (values.empty()) return kNone;
  const auto at = static_cast<std::ptrdiff_t>(p * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

double legendre(int degree, double z) { return degree == 1 ? z : (3 * z * z - 1) / 2; }

double term_value(const SurfaceTerm& term, std::span<const double> z) {
  if (term.first != term.second) return z[term.first] * z[term.second];
  return legendre(term.degree, z[term.first]);
}

}  // namespace

BootstrapCounts::BootstrapCounts(std::size_t rows, std::size_t samples, Seed seed)
    : rows_(rows), samples_(samples), counts_(rows * samples, 0.0) {
  for (std::size_t s = 0; s < samples; ++s) {
    Stream stream({seed, purpose("sensitivity bootstrap"), Replicate{0}, Unit{s}});
    for (std::size_t i = 0; i < rows; ++i) ++counts_[s * rows + stream.below(rows)];
  }
}

std::vector<VarianceShare> variance_shares(std::span<const double> values, std::size_t dials,
                                           const BootstrapCounts& counts) {
  std::vector<VarianceShare> shares(dials, {kNone, kNone, kNone, kNone, kNone, kNone});
  const BaseSample sample = base_sample(values, dials, counts.rows());
  constexpr std::size_t kFewest = 4;
  if (sample.rows.size() < kFewest) return shares;
  Moments spread;
  for (std::size_t c : {0, 1})
    for (double x : sample.columns[c]) spread.add(x);
  if (!(spread.sd() > 1e-12 * std::abs(values[sample.rows[0]]))) return shares;
  std::vector<double> first(dials), total_index(dials);
  indices(sample, std::vector<double>(counts.rows(), 1.0), first, total_index);
  std::vector<std::vector<double>> firsts(dials), totals(dials);
  for (std::size_t k = 0; k < dials; ++k) {
    shares[k].first = first[k];
    shares[k].total = total_index[k];
  }
  for (std::size_t s = 0; s < counts.samples(); ++s) {
    indices(sample, counts.sample(s), first, total_index);
    for (std::size_t k = 0; k < dials; ++k) {
      firsts[k].push_back(first[k]);
      totals[k].push_back(total_index[k]);
    }
  }
  for (std::size_t k = 0; k < dials; ++k) {
    shares[k].first_lower = percentile(firsts[k], 0.025);
    shares[k].first_upper = percentile(firsts[k], 0.975);
    shares[k].total_lower = percentile(totals[k], 0.025);
    shares[k].total_upper = percentile(totals[k], 0.975);
  }
  return shares;
}

SurfaceFitter::SurfaceFitter(std::span<const double> unit, std::size_t dials)
    : dials_(dials), points_(dials == 0 ? 0 : unit.size() / dials) {
  for (double u : unit) z_.push_back(2 * u - 1);
  std::vector<SurfaceTerm> terms;
  for (std::size_t k = 0; k < dials; ++k) terms.push_back({k, k, 1});
  add_form("linear", terms);
  for (std::size_t k = 0; k < dials; ++k) terms.push_back({k, k, 2});
  add_form("quadratic, no interactions", terms);
  for (std::size_t k = 0; k < dials; ++k)
    for (std::size_t j = k + 1; j < dials; ++j) terms.push_back({k, j, 2});
  if (dials > 1) add_form("quadratic", terms);
}

void SurfaceFitter::add_form(std::string name, std::vector<SurfaceTerm> terms) {
  const std::size_t width = 1 + terms.size();
  if (2 * points_ < 3 * width) return;
  Matrix x(static_cast<Eigen::Index>(points_), static_cast<Eigen::Index>(width));
  for (std::size_t i = 0; i < points_; ++i) {
    const auto z = std::span(z_).subspan(i * dials_, dials_);
    x(static_cast<Eigen::Index>(i), 0) = 1;
    for (std::size_t t = 0; t < terms.size(); ++t)
      x(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(t + 1)) = term_value(terms[t], z);
  }
  const Eigen::ColPivHouseholderQR<Matrix> qr(x);
  if (qr.rank() < static_cast<Eigen::Index>(width)) return;
  const Matrix inverse = qr.solve(Matrix::Identity(x.rows(), x.rows()));
  Form form{std::move(name),
            std::move(terms),
            {x.data(), x.data() + x.size()},
            {inverse.data(), inverse.data() + inverse.size()},
            {}};
  for (Eigen::Index i = 0; i < x.rows(); ++i) form.leverage.push_back(x.row(i).dot(inverse.col(i)));
  forms_.push_back(std::move(form));
}

ResponseSurface SurfaceFitter::fit(std::span<const double> values) const {
  ResponseSurface best;
  best.cv_error = best.cv_r2 = kNone;
  const auto n = static_cast<double>(points_);
  const double mean = total(values) / n;
  Sum spread;  // each point against the mean of the others
  for (double y : values) spread.add((y - mean) * (y - mean) * n * n / ((n - 1) * (n - 1)));
  if (!(spread.value() > 0)) return best;
  for (const Form& form : forms_) {
    const std::size_t width = 1 + form.terms.size();
    std::vector<double> coefficients(width, 0.0);
    for (std::size_t t = 0; t < width; ++t)
      for (std::size_t i = 0; i < points_; ++i)
        coefficients[t] += form.inverse[t * points_ + i] * values[i];
    Sum squares;
    for (std::size_t i = 0; i < points_; ++i) {
      double fitted = 0;
      for (std::size_t t = 0; t < width; ++t) fitted += form.basis[i * width + t] * coefficients[t];
      const double left_out = (values[i] - fitted) / std::max(1 - form.leverage[i], 1e-9);
      squares.add(left_out * left_out);
    }
    const double error = std::sqrt(squares.value() / n);
    if (!best.form.empty() && !(error < best.cv_error)) continue;
    best = {form.name,
            coefficients[0],
            {coefficients.begin() + 1, coefficients.end()},
            error,
            1 - squares.value() / spread.value()};
  }
  return best;
}

std::span<const SurfaceTerm> SurfaceFitter::terms(const std::string& form) const {
  for (const Form& f : forms_)
    if (f.name == form) return f.terms;
  return {};
}

std::vector<double> SurfaceFitter::end_to_end_weights() const {
  if (forms_.empty() || forms_[0].name != "linear") return {};
  std::vector<double> weights(dials_ * points_);
  for (std::size_t k = 0; k < dials_; ++k)
    for (std::size_t i = 0; i < points_; ++i)
      weights[k * points_ + i] = 2 * forms_[0].inverse[(k + 1) * points_ + i];
  return weights;
}

std::vector<double> SurfaceFitter::end_to_end_errors(std::span<const double> values) const {
  const std::vector<double> weights = end_to_end_weights();
  std::vector<double> errors(dials_, kNone);
  const std::size_t width = dials_ + 1;
  if (weights.empty() || points_ <= width) return errors;
  const Form& form = forms_[0];
  std::vector<double> coefficients(width, 0.0);
  for (std::size_t t = 0; t < width; ++t)
    for (std::size_t i = 0; i < points_; ++i)
      coefficients[t] += form.inverse[t * points_ + i] * values[i];
  Sum squares;
  for (std::size_t i = 0; i < points_; ++i) {
    double residual = values[i];
    for (std::size_t t = 0; t < width; ++t) residual -= form.basis[i * width + t] * coefficients[t];
    squares.add(residual * residual);
  }
  const double variance = squares.value() / static_cast<double>(points_ - width);
  for (std::size_t k = 0; k < dials_; ++k) {
    Sum weight;
    for (std::size_t i = 0; i < points_; ++i)
      weight.add(weights[k * points_ + i] * weights[k * points_ + i]);
    errors[k] = std::sqrt(variance * weight.value());
  }
  return errors;
}

std::vector<VarianceShare> surface_shares(const ResponseSurface& surface,
                                          std::span<const SurfaceTerm> terms, std::size_t dials) {
  std::vector<VarianceShare> shares(dials, {0, kNone, kNone, 0, kNone, kNone});
  Sum variance;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const bool interaction = terms[t].first != terms[t].second;
    const double square = surface.coefficients[t] * surface.coefficients[t];
    // Mean square of the term on [-1, 1]: 1/(2 degree + 1), of a product the product.
    const double part = square / (interaction ? 9.0 : 2.0 * terms[t].degree + 1);
    variance.add(part);
    shares[terms[t].first].total += part;
    if (interaction)
      shares[terms[t].second].total += part;
    else
      shares[terms[t].first].first += part;
  }
  for (VarianceShare& share : shares) {
    share.first = variance.value() > 0 ? share.first / variance.value() : kNone;
    share.total = variance.value() > 0 ? share.total / variance.value() : kNone;
  }
  return shares;
}

}  // namespace steelyard
