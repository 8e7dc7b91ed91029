// Biases that take back what rounding shifted on average.
//
// Method: Nagel et al. 2019 (arXiv:1906.04721), section 4.2, in its empirical form: layer after
// layer, with the inputs that the quantized layers before it give.
#pragma once

#include "libmcunet/graph/graph.h"
#include "quant/calibration.h"
#include "quant/encodings.h"

namespace mcunet::quant {

// Encodings with other biases: the mean of each output channel, before its activation, over the
// calibration inputs is the float network's. Does not depend on `threads`.
Encodings correct_biases(const Graph& float_graph, Encodings encodings,
                         const Calibration& calibration, int threads,
                         const ProgressHook& progress = {});

}  // namespace mcunet::quant
