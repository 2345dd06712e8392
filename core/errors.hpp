#pragma once

// What can go wrong, and how it is told: UserError for wrong input, Failure (in a Result) for an
// estimate that cannot be made, EXPECTS for a broken contract. Anything else is an internal error.

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace steelyard {

/// A place in the user's input. Empty file: the command line. Line 0: the whole file.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

/// Wrong input: what is wrong, where, and what to do. Exit code 2.
class UserError : public std::runtime_error {
 public:
  UserError(Place place, std::string key, std::string problem, std::string hint = {});

  const Place& place() const { return place_; }
  const std::string& key() const { return key_; }
  const std::string& problem() const { return problem_; }
  const std::string& hint() const { return hint_; }

 private:
  Place place_;
  std::string key_, problem_, hint_;
};

/// Input that is well-formed but contradicts itself: shares that cannot sum to 100 %, totals that
/// disagree. Exit code 1, as every other "no".
class Contradiction : public UserError {
 public:
  using UserError::UserError;
};

/// The answer is "no": margins contradict each other, a fit did not converge. Exit code 1.
class NegativeAnswer : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Why an estimate could not be made. Counted in every failure rate, never redrawn.
enum class FailureKind {
  none,
  empty_domain,     ///< no respondent in the domain
  empty_cell,       ///< a benchmark cell with a positive total has no respondent
  no_convergence,   ///< iterations ran out
  singular_matrix,  ///< benchmarks are linearly dependent in this sample
  unbounded_tail,   ///< the open top bucket has no finite mean under the rule
  single_unit,      ///< a stratum with one primary unit has no variance estimate
  unsupported,      ///< the method does not apply to this variable
  infeasible,       ///< no result satisfies what is known
};

const char* to_string(FailureKind kind);

struct Failure {
  FailureKind kind = FailureKind::none;
  std::string detail;
};

/// A value, or the reason why there is none.
template <typename T>
class Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Failure failure) : state_(std::move(failure)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  const T& value() const { return std::get<0>(state_); }
  T& value() { return std::get<0>(state_); }
  const Failure& failure() const { return std::get<1>(state_); }

 private:
  std::variant<T, Failure> state_;
};

namespace detail {
[[noreturn]] inline void contract_broken(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: contract broken: %s\n", file, line, condition);
  std::abort();
}
}  // namespace detail

}  // namespace steelyard

#ifdef STEELYARD_CONTRACTS
#define EXPECTS(condition) \
  ((condition) ? void() : ::steelyard::detail::contract_broken(#condition, __FILE__, __LINE__))
#else
#define EXPECTS(condition) void(sizeof(!(condition)))
#endif
#define ENSURES(condition) EXPECTS(condition)
