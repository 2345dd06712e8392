// Forms of the propensity over 5,000 pairs of samples: links, equations, unnormalised means,
// selected terms, raking after it, and margins from the reference sample.

#include <gtest/gtest.h>

#include "performance_study.hpp"
#include "repeated_samples.hpp"

namespace steelyard {
namespace {

using testing::expect_right;
using testing::expect_visibly_wrong;
using testing::Method;
using testing::RepeatedSamples;
using testing::study;
using testing::with;
using Law = RepeatedSamples::Law;
using Values = RepeatedSamples::Values;

const std::string kAll = "covariates = [\"x1\", \"x2\", \"group\"]\n";
const std::string kSome = "covariates = [\"x2\", \"group\"]\n";  // x1 moves answers and selection
const std::string kKnownSize = "known_size = 20000";
const std::string kPooled = "equation = \"pooled\"", kCalibrated = "equation = \"calibrated\"";

// One in twenty takes part. Where it is one in three the pseudo-likelihood of links other than the
// logit, in which probabilities near 1 weigh heavily, is biased by 0.1 sd in samples of this size.
TEST(PropensityCoverage, EachLinkIsRightUnderItsOwnLaw) {
  for (const auto& [law, link] :
       {std::pair{Law::logistic, "logit"}, std::pair{Law::probit, "probit"},
        std::pair{Law::cloglog, "cloglog"}}) {
    const std::string own = std::string("link = \"") + link + "\"";
    const RepeatedSamples world(law, Values::continuous, 8000, 400, 600,
                                {.participation = 0.7, .sizes = 0.5});
    expect_right(study(world, with(kAll, {{"ipw", own}, {"cbps", own}, {"doubly_robust", own}})));
    expect_visibly_wrong(study(world, with(kSome, {{"ipw", own}, {"cbps", own}}), 1000));
  }
}

// Unnormalised, 1/π has a bias of the order 1/n that samples of 400 and 200 still show.
TEST(PropensityCoverage, EquationsAndUnnormalisedMeans) {
  const RepeatedSamples large(Law::logistic, Values::continuous, 20000, 1600, 1600, {.sizes = 0.5});
  expect_right(study(large, with(kAll, {{"ipw", "", "wage", kKnownSize}})));
  expect_right(study(Law::logistic, Values::continuous,
                     with(kAll, {{"ipw", kCalibrated},
                                 {"ipw", kCalibrated, "wage", kKnownSize},
                                 {"doubly_robust", "normalised = false", "wage", kKnownSize}})));
  // The pooled regression takes the odds between two samples for a probability.
  const RepeatedSamples world(Law::logistic, Values::continuous);
  expect_visibly_wrong(
      study(world, with(kAll, {{"ipw", kPooled}, {"ipw", kPooled, "works"}}), 1000));
  expect_visibly_wrong(
      study(world,
            with(kSome, {{"ipw", kCalibrated},
                         {"ipw", "", "wage", kKnownSize},
                         {"doubly_robust", "normalised = false", "wage", kKnownSize}}),
            1000));
}

// Selection is strong enough that what matters is found; "coin" does not matter.
TEST(PropensityCoverage, SelectedTermsHoldWhatMattersIfItIsOffered) {
  const RepeatedSamples world(Law::logistic, Values::discrete, 40000, 1600, 1600,
                              {.participation = 1.5, .sizes = 0.5});
  const std::vector<Method> penalties{{"ipw", "selection = \"lasso\""},
                                      {"ipw", "selection = \"scad\""}};
  const std::string all = "covariates = [\"side1\", \"side2\", \"group\", \"coin\"]\n";
  expect_right(study(world, with(all, penalties)));
  const std::string some = "covariates = [\"side2\", \"group\", \"coin\"]\n";
  expect_visibly_wrong(study(world, with(some, penalties), 1000));
}

// Either the propensity or the margins may lack x1.
TEST(PropensityCoverage, PropensityThenRakingNeedsOneOfItsSteps) {
  const auto steps = [](const std::string& covariates, const std::string& more) {
    return "steps = [{method = \"ipw\", covariates = " + covariates +
           "}, {method = \"calibration\", margins = [\"group\"]" + more + "}]";
  };
  const std::string all = "[\"x1\", \"x2\", \"group\"]", some = "[\"x2\", \"group\"]";
  const std::string margins = ", reference_margins = [\"x1\", \"x2\"]";
  const auto raked = ", distance = \"raking\"";
  expect_right(study(Law::logistic, Values::continuous,
                     with("", {{"sequential", steps(all, raked)},
                               {"sequential", steps(all, margins)},
                               {"sequential", steps(some, margins)}})));
  expect_visibly_wrong(
      study(Law::logistic, Values::continuous, with("", {{"sequential", steps(some, raked)}})));
}

TEST(PropensityCoverage, MarginsFromTheReferenceSampleAreEnoughForALinearAnswer) {
  const std::string known = "margins = [\"group\"]\n";
  const std::string all = known + "reference_margins = [\"x1\", \"x2\"]\n";
  expect_right(study(Law::logistic, Values::continuous,
                     with(all, {{"calibration", ""}, {"calibration", "distance = \"raking\""}})));
  expect_visibly_wrong(study(Law::logistic, Values::continuous,
                             with(known, {{"calibration", "reference_margins = [\"x2\"]"}})));
}

}  // namespace
}  // namespace steelyard
