#pragma once

// A reference sample of a synthetic population: people selected with known probabilities, whom
// estimators see beside the respondents.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.hpp"
#include "sim/selection/selection.hpp"

namespace steelyard {

/// One reference sample: who is in it, and what its design says of each.
struct ReferenceDraw {
  std::vector<PersonRef> persons;
  std::vector<double> weights;               ///< n design weights, 1 / probability
  std::vector<std::uint32_t> stratum, unit;  ///< n, or empty, as in ReferenceSample
  std::vector<double> unit_prob, within_share;
};

/// How the persons of a reference sample are drawn. Immutable; draws are const and thread-safe.
class ReferenceDesignDraw {
 public:
  virtual ~ReferenceDesignDraw() = default;
  /// @param out  empty vectors, to be filled. @param slots  memory that draws share
  virtual void draw(Seed seed, Replicate replicate, ReferenceDraw& out,
                    std::vector<std::uint64_t>& slots) const = 0;
};

/// What a reference design reads of the population.
struct ReferenceFrame {
  const Population& population;
  const PopulationFrame& frame;
  std::vector<double> persons;  ///< by root cell

  /// The number of each root cell in the cross of some root variables or groupings of them, row-
  /// major. @param key  that names them, for messages
  struct Groups {
    std::vector<std::size_t> of_cell;
    std::size_t groups = 1;
  };
  Groups groups(ConfigReader& section, std::string_view key, const Texts& names) const;
};

/// design = "simple_random" or "stratified": without replacement, of everybody or within strata of
/// root variables; the rows' strata are those.
std::unique_ptr<const ReferenceDesignDraw> make_stratified_reference(ConfigReader& section,
                                                                     const ReferenceFrame& frame,
                                                                     bool stratified);
/// design = "systematic_pps": probabilities proportional to a size that root variables give,
/// systematic in the order of the root cells, at random within them. Two neighbours of the draw are
/// a stratum, whose difference is the variance (Wolter 2007, Introduction to Variance Estimation,
/// section 8.2, estimator 3): too large where the order ties neighbours that differ. Source: Madow
/// (1949), Annals of Mathematical Statistics 20, 333-354. design = "random_systematic_pps": all
/// persons in a new random order (Hartley & Rao 1962, Annals of Mathematical Statistics 33,
/// 350-374).
std::unique_ptr<const ReferenceDesignDraw> make_systematic_reference(ConfigReader& section,
                                                                     const ReferenceFrame& frame,
                                                                     bool random_order);
/// design = "two_stage": primary units are the cross of root variables (provinces, their towns and
/// countryside, ...), drawn simply at random or with probabilities proportional to their persons
/// (systematic in random order; Hartley & Rao 1962); then persons of each at random. Source:
/// Särndal, Swensson & Wretman (1992), Model Assisted Survey Sampling, section 4.3.
std::unique_ptr<const ReferenceDesignDraw> make_two_stage_reference(ConfigReader& section,
                                                                    const ReferenceFrame& frame);

class ReferenceSelection {
 public:
  /// @param section  [reference]: design, its own keys, asks, margins
  /// @throws UserError for a variable that is not of the root, a design that the population has
  /// not the units for, more persons than there are
  ReferenceSelection(ConfigReader& section, const Population& population,
                     const PopulationFrame& frame);

  /// What its respondents are asked.
  std::span<const VariableId> asked() const { return asked_; }
  /// Margins of the population that its weights are calibrated to; empty: they are the design's.
  const std::vector<std::vector<VariableId>>& margins() const { return margins_; }

  /// Cost O(n).
  void draw(Seed seed, Replicate replicate, ReferenceDraw& out,
            std::vector<std::uint64_t>& slots) const;

  /// Purpose and replicate of the streams that the drawn persons' answers come from: of a finite
  /// population the same person would tell either sample the same.
  Purpose purpose_of_answers() const {
    return frame_->finite() ? purpose("person") : purpose("reference respondent");
  }
  std::optional<Replicate> replicate_of_answers(Replicate replicate) const {
    return frame_->finite() ? std::nullopt : std::optional(replicate);
  }

 private:
  void read_asked(ConfigReader& section, const Population& population);

  const PopulationFrame* frame_;
  std::unique_ptr<const ReferenceDesignDraw> design_;
  std::vector<VariableId> asked_;
  std::vector<std::vector<VariableId>> margins_;
};

}  // namespace steelyard
