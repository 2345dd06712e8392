// Participation models against an independent implementation (tests/golden/README.md), and by
// algebra.

#include "estimators/weighting/participation.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "clw_data.hpp"
#include "estimators/survey/linearizer.hpp"
#include "tests/estimators/worlds.hpp"

namespace steelyard {
namespace {

using testing::ClwData;

const ClwData& clw() {
  static const ClwData data;
  return data;
}

MarginVariables terms_of(const nlohmann::json& covariates) {
  MarginVariables terms;
  for (const std::string name : covariates)
    if (name != "1") terms.push_back({*clw().schema.find(name)});
  return terms;
}

/// Weighted mean of an answer (HT with the size known: N > 0), with its linearized error.
struct MeanAndError {
  double mean = 0, se = 0;
};
MeanAndError mean_of(const Weights& weights, const CellIndex& index, const std::vector<double>& y,
                     double known_size) {
  const std::size_t n = index.n;
  std::vector<double> w(n), d(n, 1.0), z(n);
  double size = 0, sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    w[i] = weights.factor[index.cell_of[i]];
    size += w[i];
    sum += w[i] * y[i];
  }
  if (known_size > 0) size = known_size;
  const double mean = sum / size;
  for (std::size_t i = 0; i < n; ++i) z[i] = (known_size > 0 ? y[i] : y[i] - mean) / size;
  const SurveyDesign design = SurveyDesign::rows(n);
  Linearizer linearizer(design, w, d, &index, &weights);
  return {mean, std::sqrt(linearizer.variance({}, z).value())};
}

double golden(const nlohmann::json& cased, const std::string& estimator, const std::string& what,
              const std::string& variable = "y50") {
  for (const auto& e : cased["estimates"])
    if (e["estimator"].get<std::string>().starts_with(estimator) && e["variable"] == variable &&
        e.contains(what))
      return e[what];
  ADD_FAILURE() << estimator << " " << what;
  return std::nan("");
}

struct Fitted {
  TwoSamples samples;
  ParticipationFit fit;
  Weights weights;
};
Fitted fit_case(const nlohmann::json& cased, ParticipationEquation equation,
                Link link = Link::logit) {
  const CellIndex index = clw().index(cased["participation"]);
  auto samples = make_two_samples(terms_of(cased["participation"]), index, clw().benchmarks());
  EXPECT_TRUE(samples.ok());
  auto fit = fit_participation(samples.value(), equation, link);
  EXPECT_TRUE(fit.ok()) << (fit.ok() ? "" : fit.failure().detail);
  Weights weights = participation_weights(samples.value(), fit.value(), equation, link);
  return {std::move(samples.value()), std::move(fit.value()), std::move(weights)};
}

void expect_theta(const ParticipationFit& fit, const nlohmann::json& theta) {
  ASSERT_EQ(fit.theta.size(), theta.size());
  for (std::size_t j = 0; j < theta.size(); ++j)
    EXPECT_NEAR(fit.theta[j] / theta[j].get<double>(), 1, 1e-7) << "coefficient " << j;
}

TEST(GoldenParticipation, CoefficientsAndProbabilities) {
  for (const auto& cased : clw().cases) {
    SCOPED_TRACE(cased["id"].get<std::string>());
    const struct {
      ParticipationEquation equation;
      const char *theta, *column;
    } equations[] = {{ParticipationEquation::pseudo_likelihood, "theta", "pi_"},
                     {ParticipationEquation::calibrated, "theta_calibrated_to_B", "pi_cal_"},
                     {ParticipationEquation::pooled, "theta_pooled", "pi_pooled_"},
                     {ParticipationEquation::adjusted_logistic, "theta_pooled_weighted_by_d", ""}};
    for (const auto& e : equations) {
      SCOPED_TRACE(e.theta);
      const Fitted made = fit_case(cased, e.equation);
      expect_theta(made.fit, cased[e.theta]);
      if (*e.column == '\0') continue;
      std::string id = cased["id"];
      std::replace(id.begin(), id.end(), '-', '_');
      const auto pi = ClwData::column(clw().pi, e.column + id);
      const CellIndex index = clw().index(cased["participation"]);
      for (std::size_t i = 0; i < pi.size(); ++i)
        ASSERT_NEAR(made.weights.participation[index.cell_of[i]] / pi[i], 1, 1e-7) << i;
    }
  }
}

TEST(GoldenParticipation, EstimatesAndThePapersVariance) {
  const std::vector<double>& y50 = clw().y[1];
  for (const auto& cased : clw().cases) {
    SCOPED_TRACE(cased["id"].get<std::string>());
    const CellIndex index = clw().index(cased["participation"]);
    const double n = cased["N"];
    const Weights pl = fit_case(cased, ParticipationEquation::pseudo_likelihood).weights;
    const MeanAndError ht = mean_of(pl, index, y50, n), hajek = mean_of(pl, index, y50, 0);
    EXPECT_NEAR(ht.mean / golden(cased, "IPW1", "estimate"), 1, 1e-7);
    EXPECT_NEAR(hajek.mean / golden(cased, "IPW2", "estimate"), 1, 1e-7);
    EXPECT_NEAR(ht.se / golden(cased, "IPW1", "se"), 1, 1e-7);
    EXPECT_NEAR(hajek.se / golden(cased, "IPW2", "se"), 1, 1e-7);
    const Weights cal = fit_case(cased, ParticipationEquation::calibrated).weights;
    EXPECT_NEAR(mean_of(cal, index, y50, 0).mean /
                    golden(cased, "calibrated IPW: participation", "estimate"),
                1, 1e-8);
    const Weights pooled = fit_case(cased, ParticipationEquation::pooled).weights;
    EXPECT_NEAR(mean_of(pooled, index, y50, n).mean / golden(cased, "C1", "estimate"), 1, 1e-7);
    EXPECT_NEAR(mean_of(pooled, index, y50, 0).mean / golden(cased, "C2", "estimate"), 1, 1e-7);
  }
}

// For every equation and link: moving the weight of one respondent, or of one person of the
// reference sample, moves the estimate as the linearization says.
TEST(ParticipationVariance, HasTheDerivativesOfTheWholeProcedure) {
  const auto& cased = clw().cases[0];
  const MarginVariables terms = terms_of(cased["participation"]);
  const std::vector<double>& y = clw().y[0];
  const struct {
    ParticipationEquation equation;
    Link link;
  } all[] = {{ParticipationEquation::pseudo_likelihood, Link::logit},
             {ParticipationEquation::pseudo_likelihood, Link::probit},
             {ParticipationEquation::pseudo_likelihood, Link::cloglog},
             {ParticipationEquation::calibrated, Link::logit},
             {ParticipationEquation::calibrated, Link::probit},
             {ParticipationEquation::calibrated, Link::cloglog},
             {ParticipationEquation::pooled, Link::logit},
             {ParticipationEquation::adjusted_logistic, Link::logit}};
  const CellIndex index = clw().index(cased["participation"]);
  const auto mean = [&](const CellIndex& cells, std::shared_ptr<const ReferenceSample> b,
                        ParticipationEquation equation, Link link, Weights* out) {
    Benchmarks known(clw().schema);
    known.set_reference(std::move(b));
    const auto samples = make_two_samples(terms, cells, known);
    const auto fit = fit_participation(samples.value(), equation, link);
    EXPECT_TRUE(fit.ok());
    Weights w = participation_weights(samples.value(), fit.value(), equation, link);
    double sum = 0, size = 0;
    for (std::size_t i = 0; i < cells.n; ++i) {
      const double wi = cells.weight[cells.cell_of[i]] * w.factor[cells.cell_of[i]];
      sum += wi * y[i];
      size += wi;
    }
    if (out != nullptr) *out = std::move(w);
    return sum / size;
  };
  for (const auto& e : all) {
    SCOPED_TRACE(static_cast<int>(e.equation) * 10 + static_cast<int>(e.link));
    Weights weights;
    const double here = mean(index, clw().b, e.equation, e.link, &weights);
    double size = 0;
    for (std::size_t i = 0; i < index.n; ++i) size += weights.factor[index.cell_of[i]];
    std::vector<double> s(index.cells, 0.0), fitted, reference(clw().b->sample.n, 0.0);
    for (std::size_t i = 0; i < index.n; ++i) s[index.cell_of[i]] += (y[i] - here) / size;
    EquationProjection(weights.stages[0], index.cells, weights.factor).fit(s, fitted, reference);
    constexpr double kStep = 1e-5;
    for (const std::size_t i : {std::size_t{0}, std::size_t{77}, std::size_t{400}}) {
      double moved[2];
      for (int side = 0; side < 2; ++side) {
        CellIndex cells = index;
        cells.weight[cells.cell_of[i]] += side == 0 ? -kStep : kStep;
        cells.unit_weights = false;
        moved[side] = mean(cells, clw().b, e.equation, e.link, nullptr);
      }
      const std::size_t c = index.cell_of[i];
      const double claimed = weights.factor[c] * ((y[i] - here) / size - fitted[c]);
      EXPECT_NEAR((moved[1] - moved[0]) / (2 * kStep), claimed, 1e-5 * std::abs(claimed) + 1e-9);
    }
    if (e.equation == ParticipationEquation::pooled) continue;  // B's weights do not enter
    for (const std::size_t j : {std::size_t{3}, std::size_t{900}}) {
      double moved[2];
      for (int side = 0; side < 2; ++side) {
        auto b = std::make_shared<ReferenceSample>(*clw().b);
        b->sample.base_weights[j] += side == 0 ? -1e-3 : 1e-3;
        moved[side] = mean(index, b, e.equation, e.link, nullptr);
      }
      EXPECT_NEAR((moved[1] - moved[0]) / 2e-3, reference[j],
                  1e-5 * std::abs(reference[j]) + 1e-12);
    }
  }
}

TEST(ParticipationTermsOfLinks, AreTheDerivativesTheyClaim) {
  for (const Link link : {Link::logit, Link::probit, Link::cloglog})
    for (const auto equation :
         {ParticipationEquation::pseudo_likelihood, ParticipationEquation::calibrated})
      for (const double eta : {-6.0, -2.5, 0.1, 1.2}) {
        const double h = 1e-6;
        const ParticipationTerms up = participation_terms(equation, link, eta + h);
        const ParticipationTerms low = participation_terms(equation, link, eta - h);
        const ParticipationTerms at = participation_terms(equation, link, eta);
        const auto near = [&](double claimed, double a, double b) {
          EXPECT_NEAR(claimed, (a - b) / (2 * h), 1e-7 * (1 + std::abs(claimed)))
              << static_cast<int>(link) << " " << eta;
        };
        near(at.du, up.u, low.u);
        near(at.dv, up.v, low.v);
        near(at.dg, up.g, low.g);
        EXPECT_NEAR(at.g * at.pi, 1, 1e-14);
      }
}

}  // namespace
}  // namespace steelyard
