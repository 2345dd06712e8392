#pragma once

// Interval-censored maximum likelihood of the named families, and their weights in an average.

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/size_distribution.hpp"
#include "estimators/buckets/bucket_table.hpp"
#include "estimators/buckets/law.hpp"

namespace steelyard {

struct NamedFamily {
  std::string_view name;
  Family family;
};
/// GB2 GG BETA2 DAGUM SM LN WEI GA FISK LOMAX, the ten of multimodel estimates; then EXP and NORM.
std::span<const NamedFamily> ml_families();
std::span<const NamedFamily> ten_families();
/// @pre one of them has that name
const NamedFamily& ml_family(std::string_view name);

/// Whether the overall mean is a constraint of a fit.
enum class MeanUse { ignored, matched };

/// The fit of the family to the table; with MeanUse::matched among its laws of that mean. The first
/// bucket is open below (the family's support starts at 0, the normal's nowhere).
/// Status ok or boundary: the law is then the likeliest reached on the way to a limiting family.
/// Fails: unsupported (no free bucket left, four parameters and five buckets, too few populated
/// buckets, an edge below 0, no known mean), no_convergence.
Result<IntervalFit> fit_family(const NamedFamily& family, const BucketTable& table, MeanUse use);

/// The fits of families to one table, each made when it is first asked for, for all rules that
/// share them. Its own copy of the table; the known mean may differ from call to call. For one
/// thread at a time.
class FamilyFits {
 public:
  explicit FamilyFits(const BucketTable& table);
  /// @pre the table is that of the constructor, but for its known mean
  const Result<IntervalFit>& fit(const NamedFamily& family, const BucketTable& table, MeanUse use);
  /// The law of a fit made here, with its statistics.
  std::shared_ptr<const Law> law(const SizeDistribution& fitted);

 private:
  BucketTable table_;
  std::map<std::pair<Family, std::optional<double>>, Result<IntervalFit>> fits_;
  std::map<std::pair<Family, std::array<double, 4>>, std::shared_ptr<const Law>> laws_;
};

double bic_of(const IntervalFit& fit, double n);

/// "par:a", "se_log:a" (normal kinds: "se:mu"), "loglik", "aic", "bic", "G2"; at a boundary
/// "boundary" = 1 and no standard errors.
std::vector<std::pair<std::string, double>> findings(const IntervalFit& fit, double n);
/// That the fit is at a boundary, and what that means.
std::string boundary_note(std::string_view family, const IntervalFit& fit);

enum class Criterion { aic, bic };

/// What a member's tail must have: multimodel averages of statistics ask for a variance (their
/// authors' rule), calibrated laws for a mean that does not hang on the far tail, a finite moment
/// of order 1.5.
enum class Needed { sound_mean, variance };

/// Families that enter an average: fit ok, and as many moments finite as are asked for.
struct Members {
  std::vector<std::pair<std::string_view, const IntervalFit*>> fits;  ///< of the shared FamilyFits
  std::vector<double> weights;     ///< exp(-criterion/2) over their sum
  std::vector<std::string> notes;  ///< why others do not
  std::size_t best() const;        ///< of the smallest criterion; the first of equals
};
/// Fails: unsupported (no member; the detail lists the reasons).
Result<Members> fit_members(std::span<const NamedFamily> families, const BucketTable& table,
                            MeanUse use, Criterion criterion, Needed needed, FamilyFits& shared);

}  // namespace steelyard
