#include "study/shapley.hpp"

#include <bit>

#include "core/errors.hpp"

namespace steelyard {

Attribution attribute(std::span<const double> value, std::size_t players) {
  EXPECTS(value.size() == std::size_t{1} << players);
  // weight[s] = s! (k - s - 1)! / k!
  std::vector<double> weight(players);
  for (std::size_t s = 0; s < players; ++s)
    weight[s] = s == 0 ? 1 / static_cast<double>(players)
                       : weight[s - 1] * static_cast<double>(s) / static_cast<double>(players - s);
  Attribution out;
  out.shapley.assign(players, 0.0);
  for (std::size_t i = 0; i < players; ++i) {
    const std::size_t bit = std::size_t{1} << i;
    for (std::size_t set = 0; set < value.size(); ++set)
      if ((set & bit) == 0)
        out.shapley[i] +=
            weight[static_cast<std::size_t>(std::popcount(set))] * (value[set | bit] - value[set]);
    out.first_in.push_back(value[bit] - value[0]);
    out.last_in.push_back(value.back() - value[(value.size() - 1) ^ bit]);
  }
  return out;
}

}  // namespace steelyard
