// Float networks for tests of quantization, made from int8 ones.
#pragma once

#include <cstdint>

#include "libmcunet/graph/graph.h"
#include "quant/calibration.h"

namespace mcunet::testing {

// The same network in float32: constants are what their integers stand for, QUANTIZE and DEQUANTIZE
// become RESHAPE to the same shape, PADV2 becomes PAD. The builders of int8 graphs (builder.h,
// random_graph.h) thus serve for both.
Graph to_float(const Graph& int8_graph);

// Inputs in [-1, 1), the golden streams of `seed`, `seed` + 1 and so on.
quant::Calibration random_samples(const Graph& float_graph, size_t count, uint32_t seed);

}  // namespace mcunet::testing
