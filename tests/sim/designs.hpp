#pragma once

// Sampling designs made from TOML text, and their probabilities by definition.

#include <gtest/gtest.h>
#include <toml++/toml.h>

#include <bit>
#include <memory>
#include <string>
#include <vector>

#include "sim/designs/design.hpp"

namespace steelyard::testing {

inline std::unique_ptr<const SamplingDesign> make(std::string_view name, const std::string& options,
                                                  const DesignFrame& frame) {
  const toml::table table = toml::parse(options);
  ConfigReader config(table, "test.toml", "design " + std::string(name));
  for (const DesignInfo& info : sampling_designs())
    if (info.name == name) return info.make(config, frame);
  ADD_FAILURE() << "no design " << name;
  return nullptr;
}

inline DesignFrame frame_of(std::vector<double> size) {
  DesignFrame frame;
  frame.units = size.size();
  frame.size = std::move(size);
  return frame;
}

/// P(s) of all samples of two designs of size n by their definition, and what follows from it.
inline JointProbabilities by_definition(const std::vector<double>& p, std::size_t n,
                                        bool sampford) {
  JointProbabilities joint(p.size());
  double total = 0;
  for (std::uint32_t s = 0; s < (1u << p.size()); ++s) {
    if (static_cast<std::size_t>(std::popcount(s)) != n) continue;
    double product = 1, sum = 0;
    for (std::size_t k = 0; k < p.size(); ++k)
      if (s >> k & 1) {
        product *= p[k] / (1 - p[k]);
        sum += 1 - p[k];
      }
    const double weight = sampford ? product * sum : product;
    total += weight;
    for (std::size_t k = 0; k < p.size(); ++k)
      for (std::size_t l = 0; l <= k; ++l)
        if ((s >> k & 1) && (s >> l & 1)) joint.add(k, l, weight);
  }
  for (std::size_t k = 0; k < p.size(); ++k)
    for (std::size_t l = 0; l <= k; ++l) joint.set(k, l, joint(k, l) / total);
  return joint;
}

}  // namespace steelyard::testing
