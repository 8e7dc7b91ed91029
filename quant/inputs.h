// From float values to what an int8 network takes.
#pragma once

#include <cstdint>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "quant/calibration.h"

namespace mcunet::quant {

// The sample as the inputs of `graph` want it: float32 stays; int8 and uint8 are
// clamp(round(value / scale) + zero point), as QUANTIZE computes.
Calibration::Sample quantize_sample(const Graph& graph, const Calibration::Sample& sample);

}  // namespace mcunet::quant
