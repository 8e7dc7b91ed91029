// The errors of the engines' fits on networks held out, as a picture.
#pragma once

#include <string>
#include <vector>

#include "profiler/engines.h"

namespace mcunet::bench {

// An SVG document: one row per fit, one point per network, at estimate over measurement less 1.
std::string residual_plot(const std::vector<EngineFit>& fits);

}  // namespace mcunet::bench
