#include "study/unfold.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/csv.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

std::vector<IntervalCount> answers_of(const NamedBucketTable& named) {
  if (!named.answers.empty()) return named.answers;
  std::vector<IntervalCount> out;
  for (std::size_t b = 0; b < named.table.size(); ++b)
    out.push_back({named.table.edges[b], named.table.edges[b + 1], named.table.weights[b]});
  return out;
}

}  // namespace

std::string range_of(const UnfoldedRecord::Mass& mass) {
  return fmt::format("[{},{})", shortest(mass.lower),
                     std::isinf(mass.upper) ? "Inf" : shortest(mass.upper));
}

Unfolded unfold(const NamedBucketTable& named, bool errors) {
  Unfolded out;
  const std::vector<IntervalCount> answers = answers_of(named);
  UnfoldedRecord& record = out.record;
  record.answers = answers.size();
  const auto made = innermost_masses(answers);
  if (!made) {
    record.failure =
        std::string(made.failure().kind == FailureKind::no_convergence ? "no convergence: "
                                                                       : "infeasible: ") +
        made.failure().detail;
    out.no_rules = record.failure;
    return out;
  }
  const InnermostMasses& masses = made.value();
  const double n = named.table.n;
  double total = 0;
  for (const IntervalCount& answer : answers) total += answer.weight;
  record.log_likelihood = masses.log_likelihood;
  record.gradient = masses.gradient;
  record.iterations = masses.iterations;
  const std::size_t m = masses.mass.size();
  out.sampled.table = bucket_table(masses, total, n);
  out.sampled.table.known_mean = named.table.known_mean;
  if (const auto wrong = objection(out.sampled.table))
    out.no_rules = "infeasible: the unfolded table " + *wrong;
  std::vector<double> variance(m, std::nan(""));
  if (errors) {
    const auto known = mass_covariance(answers, masses, n);
    if (known) {
      out.sampled.covariance = share_covariance(masses, known.value());
      for (std::size_t j = 0; j < m; ++j) variance[j] = std::max(0.0, known.value()[j * m + j]);
    } else {
      out.sampled.no_errors = known.failure().detail;
      record.notes.push_back("no standard errors: " + out.sampled.no_errors);
    }
  }
  std::size_t zero = 0;
  for (std::size_t j = 0; j < m; ++j) {
    record.masses.push_back(
        {masses.lower[j], masses.upper[j], masses.mass[j], std::sqrt(variance[j])});
    zero += masses.mass[j] <= kZeroMass;
  }
  record.notes.push_back(
      "these masses are unique, but where inside its interval each lies no answer tells: that is "
      "what the rules assume");
  if (zero > 0)
    record.notes.push_back(
        fmt::format("{} of {} masses are 0, the edge of what is possible: standard errors take "
                    "them as known to be 0, and are too small if they are not",
                    zero, m));
  return out;
}

void unfolded_rows(
    const UnfoldedRecord& record,
    const std::function<void(std::string_view, std::string_view, const std::string&)>& row) {
  const std::string_view method = "turnbull";
  row(method, "status", record.ok() ? "ok" : csv_field(record.failure));
  if (!record.ok()) return;
  for (const auto& mass : record.masses)
    row(method, csv_field("mass:" + range_of(mass)), shortest(mass.mass));
  for (const auto& mass : record.masses)
    if (!std::isnan(mass.se))
      row(method, csv_field("se:mass:" + range_of(mass)), shortest(mass.se));
  row(method, "loglik", shortest(record.log_likelihood));
  row(method, "gradient", shortest(record.gradient));
  row(method, "iterations", std::to_string(record.iterations));
}

}  // namespace steelyard
