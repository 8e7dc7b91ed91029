// Activation ranges by what they do to the network's outputs.
#pragma once

#include <vector>

#include "libmcunet/graph/graph.h"
#include "quant/calibration.h"
#include "quant/encodings.h"
#include "quant/ranges.h"

namespace mcunet::quant {

// Encodings with other activation ranges: group by group, in the order of the graph, narrower and
// wider intervals are tried in the whole int8 network, and the one that leaves the least noise at
// the outputs on some of the samples stays (coordinate descent, one round). A range never grows
// beyond what `widest` spans. The loss that single layers know nothing of is what this sees: that
// errors of one tensor may hardly matter, or that clipping hurts more than rounding.
//
// Cost: some four inferences of 24 samples for each group. Does not depend on `threads`.
Encodings tune_ranges(const Graph& float_graph, const std::vector<Quantization>& widest,
                      Encodings encodings, const Calibration& calibration, int threads,
                      const ProgressHook& progress = {});

}  // namespace mcunet::quant
