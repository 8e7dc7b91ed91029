// Small networks of the usual kinds, with random weights: they are the project's own, so tests and
// demonstrations need nothing from elsewhere.
#pragma once

#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::testing {

std::vector<std::string> demo_model_names();

// The same graph on every machine. Throws Error(Usage) for a name that is not in the list.
Graph demo_model(const std::string& name);

}  // namespace mcunet::testing
