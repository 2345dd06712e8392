#include "sim/population/integerise.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/errors.hpp"
#include "core/random.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kAxes = 16;

class Repair {
 public:
  Repair(const std::vector<double>& expected, const std::vector<std::size_t>& dims,
         const std::vector<IntegerMargin>& margins, std::int64_t total)
      : expected_(expected),
        dims_(dims),
        margins_(margins),
        stream_({Seed{0}, purpose("integerise"), {}, {}}) {
    EXPECTS(dims.size() <= kAxes);
    stride_.assign(dims.size(), 1);
    for (std::size_t k = dims.size() - 1; k-- > 0;) stride_[k] = stride_[k + 1] * dims[k + 1];
    round(total);
    for (const IntegerMargin& m : margins_) {
      std::vector<std::size_t> stride(dims.size(), 0);
      std::size_t next = 1;
      for (std::size_t k = m.axes.size(); k-- > 0;) {
        stride[m.axes[k]] = next;
        next *= dims[m.axes[k]];
      }
      EXPECTS(next == m.lower.size() && next == m.upper.size());
      margin_stride_.push_back(std::move(stride));
      held_.emplace_back(next, 0);
    }
    for (std::size_t cell = 0; cell < counts_.size(); ++cell)
      if (counts_[cell] != 0)
        for (std::size_t m = 0; m < margins_.size(); ++m) held_[m][place(m, cell)] += counts_[cell];
  }

  Integerisation run() {
    Integerisation result;
    result.violation_before = violation();
    std::size_t idle = 0;
    constexpr std::size_t kIdle = 2'000;  // moves that change nothing, in all
    for (bool improved = true; improved;) {
      improved = false;
      for (std::size_t m = 0; m < margins_.size(); ++m)
        for (std::size_t at = 0; at < held_[m].size(); ++at)
          while (excess(m, at) != 0) {
            if (!mend(m, at, -1)) break;
            ++result.moves;
            improved = true;
          }
      if (improved || violation() == 0) continue;
      // Stuck: walk along moves that cost nothing, then look again.
      for (int step = 0; step < 50 && idle < kIdle; ++step) {
        ++idle;
        if (violation() == 0) break;
        const auto [m, at] = some_violation();
        if (mend(m, at, 0)) {
          ++result.moves;
          improved = true;
        }
      }
    }
    result.violation = violation();
    for (std::size_t m = 0; m < margins_.size(); ++m)
      for (std::size_t at = 0; at < held_[m].size(); ++at)
        if (excess(m, at) != 0 && (result.unmet.empty() || result.unmet.back() != m))
          result.unmet.push_back(m);
    result.counts = std::move(counts_);
    return result;
  }

 private:
  /// Running sums rounded: every run of cells is within one person of its expectation.
  void round(std::int64_t total) {
    const double sum = std::accumulate(expected_.begin(), expected_.end(), 0.0);
    double cumulated = 0;
    std::int64_t before = 0;
    std::size_t last = 0;
    for (std::size_t cell = 0; cell < expected_.size(); ++cell) {
      cumulated += expected_[cell];
      const auto upto = std::min(total, static_cast<std::int64_t>(std::floor(
                                            cumulated / sum * static_cast<double>(total) + 0.5)));
      counts_.push_back(upto - before);
      before = upto;
      if (expected_[cell] > 0) last = cell;
    }
    counts_[last] += total - before;
  }

  std::size_t code(std::size_t cell, std::size_t axis) const {
    return cell / stride_[axis] % dims_[axis];
  }

  std::size_t place(std::size_t m, std::size_t cell) const {
    std::size_t at = 0;
    for (std::size_t axis : margins_[m].axes) at += code(cell, axis) * margin_stride_[m][axis];
    return at;
  }

  static std::int64_t outside(std::int64_t held, std::int64_t low, std::int64_t high) {
    return std::max<std::int64_t>({0, low - held, held - high});
  }
  /// Persons too many (positive) or too few (negative).
  std::int64_t excess(std::size_t m, std::size_t at) const {
    const std::int64_t held = held_[m][at];
    return held > margins_[m].upper[at]   ? held - margins_[m].upper[at]
           : held < margins_[m].lower[at] ? held - margins_[m].lower[at]
                                          : 0;
  }
  /// How the violation of a margin's cell changes with one person more or less.
  std::int64_t change(std::size_t m, std::size_t at, std::int64_t persons) const {
    const std::int64_t low = margins_[m].lower[at], high = margins_[m].upper[at];
    return outside(held_[m][at] + persons, low, high) - outside(held_[m][at], low, high);
  }

  std::int64_t violation() const {
    std::int64_t sum = 0;
    for (std::size_t m = 0; m < margins_.size(); ++m)
      for (std::size_t at = 0; at < held_[m].size(); ++at) sum += std::abs(excess(m, at));
    return sum;
  }

  std::pair<std::size_t, std::size_t> some_violation() {
    std::vector<std::pair<std::size_t, std::size_t>> list;
    for (std::size_t m = 0; m < margins_.size(); ++m)
      for (std::size_t at = 0; at < held_[m].size(); ++at)
        if (excess(m, at) != 0) list.emplace_back(m, at);
    return list[static_cast<std::size_t>(stream_.uniform() * static_cast<double>(list.size()))];
  }

  bool over(std::size_t m, std::size_t axis) const { return margin_stride_[m][axis] != 0; }

  /// One person changes `axis`; from and to are cells that differ there alone.
  std::int64_t cost(std::size_t from, std::size_t to, std::size_t axis) const {
    std::int64_t sum = 0;
    for (std::size_t m = 0; m < margins_.size(); ++m)
      if (over(m, axis)) sum += change(m, place(m, from), -1) + change(m, place(m, to), 1);
    return sum;
  }

  /// That person, and another who changes `axis` the other way.
  std::int64_t cost(std::size_t from, std::size_t to, std::size_t axis, std::size_t from2,
                    std::size_t to2) const {
    std::int64_t sum = 0;
    for (std::size_t m = 0; m < margins_.size(); ++m) {
      if (!over(m, axis)) continue;
      const std::size_t a = place(m, from), d = place(m, to2);
      if (a == d) continue;  // the margin cannot tell the two persons apart
      sum += change(m, a, -1) + change(m, place(m, to), 1) + change(m, place(m, from2), -1) +
             change(m, d, 1);
    }
    return sum;
  }

  void move(std::size_t from, std::size_t to) {
    --counts_[from];
    ++counts_[to];
    for (std::size_t m = 0; m < margins_.size(); ++m) {
      --held_[m][place(m, from)];
      ++held_[m][place(m, to)];
    }
  }

  /// Looks for a move out of (too many) or into (too few) a margin's cell that changes the sum of
  /// violations by at most `bound`, and makes it.
  bool mend(std::size_t m, std::size_t at, std::int64_t bound) {
    const bool out = excess(m, at) > 0;
    // The table's cells behind the margin's cell, from a place that changes from call to call.
    std::vector<std::size_t> free;
    std::size_t base = 0, behind = 1;
    for (std::size_t axis = 0; axis < dims_.size(); ++axis) {
      if (over(m, axis)) {
        base += at / margin_stride_[m][axis] % dims_[axis] * stride_[axis];
      } else {
        free.push_back(axis);
        behind *= dims_[axis];
      }
    }
    const auto start = static_cast<std::size_t>(stream_.uniform() * static_cast<double>(behind));
    for (std::size_t step = 0; step < behind; ++step) {
      std::size_t rest = (start + step) % behind, cell = base;
      for (std::size_t k = free.size(); k-- > 0;) {
        cell += rest % dims_[free[k]] * stride_[free[k]];
        rest /= dims_[free[k]];
      }
      if (out ? counts_[cell] == 0 : !(expected_[cell] > 0)) continue;
      for (std::size_t axis : margins_[m].axes)
        for (std::size_t level = 0; level < dims_[axis]; ++level)
          if (level != code(cell, axis) && try_moves(m, cell, axis, level, out, bound)) return true;
    }
    return false;
  }

  std::size_t with(std::size_t cell, std::size_t axis, std::size_t level) const {
    return cell + (level - code(cell, axis)) * stride_[axis];
  }

  bool try_moves(std::size_t m, std::size_t cell, std::size_t axis, std::size_t level, bool out,
                 std::int64_t bound) {
    const std::size_t partner = with(cell, axis, level);
    const std::size_t from = out ? cell : partner, to = out ? partner : cell;
    if (counts_[from] == 0 || !(expected_[to] > 0)) return false;
    if (cost(from, to, axis) <= bound) {
      move(from, to);
      return true;
    }
    const auto try_exchange = [&](std::size_t from2, std::size_t to2) {
      if (counts_[from2] == 0 || !(expected_[to2] > 0)) return false;
      if (cost(from, to, axis, from2, to2) > bound) return false;
      move(from, to);
      move(from2, to2);
      return true;
    };
    // With somebody who is alike in all but one attribute.
    for (std::size_t other = 0; other < dims_.size(); ++other) {
      if (other == axis) continue;
      for (std::size_t b = 0; b < dims_[other]; ++b)
        if (b != code(cell, other) && try_exchange(with(to, other, b), with(from, other, b)))
          return true;
    }
    // With somebody elsewhere in the same margin.
    if (margins_[m].axes.size() < 3) return false;
    for (std::size_t at = 0; at < held_[m].size(); ++at) {
      if (at / margin_stride_[m][axis] % dims_[axis] != code(to, axis) || excess(m, at) <= 0)
        continue;
      std::size_t from2 = to, to2 = from;
      for (std::size_t k : margins_[m].axes) {
        if (k == axis) continue;
        const std::size_t b = at / margin_stride_[m][k] % dims_[k];
        from2 = with(from2, k, b);
        to2 = with(to2, k, b);
      }
      if (from2 != to && try_exchange(from2, to2)) return true;
    }
    return false;
  }

  const std::vector<double>& expected_;
  const std::vector<std::size_t>& dims_;
  const std::vector<IntegerMargin>& margins_;
  std::vector<std::size_t> stride_;
  std::vector<std::int64_t> counts_;
  std::vector<std::vector<std::size_t>> margin_stride_;
  std::vector<std::vector<std::int64_t>> held_;
  Stream stream_;
};

}  // namespace

Integerisation integerise(const std::vector<double>& expected, const std::vector<std::size_t>& dims,
                          const std::vector<IntegerMargin>& margins, std::int64_t total) {
  return Repair(expected, dims, margins, total).run();
}

}  // namespace steelyard
