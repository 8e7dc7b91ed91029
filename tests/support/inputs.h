// Inputs for graphs, and graphs as text for failure messages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::testing {

// One buffer per graph input: the golden stream of `seed` runs through all of them.
std::vector<std::vector<uint8_t>> golden_inputs(const Graph& graph, uint32_t seed);

std::vector<uint8_t> concatenated(const std::vector<std::vector<uint8_t>>& buffers);

// One line per operator, with shapes, quantization and attributes.
std::string describe(const Graph& graph);

}  // namespace mcunet::testing
