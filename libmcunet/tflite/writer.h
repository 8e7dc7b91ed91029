// Graphs to TensorFlow Lite files.
#pragma once

#include <cstdint>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet {

// The file for a validated graph, the same bytes for the same graph. Attributes become parameter
// tensors again; explicit padding becomes SAME or VALID where one of them means the same, and a PAD
// operator in front otherwise. Tensors keep their ids; parameter tensors and padded inputs are
// added behind them. Throws Error(Unsupported) for what the format cannot express (planar_input).
std::vector<uint8_t> write_tflite(const Graph& graph);

}  // namespace mcunet
