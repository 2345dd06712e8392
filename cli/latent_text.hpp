#pragma once

// The laws of continuous values behind buckets, in words and as JSON.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "sim/population/population.hpp"

namespace steelyard {

/// A line for each latent variable, and the other families with their AIC; ends without a line
/// break, empty if there is no latent variable.
std::string latent_text(const Scenario& scenario, const Population& population);

/// The same, with the parameters, standard errors and AIC of every group.
nlohmann::ordered_json latent_json(const Scenario& scenario, const Population& population);

}  // namespace steelyard
