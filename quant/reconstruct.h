// The seam to methods that learn: rounding by reconstruction, tuned ranges (libmcunet-torch).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "libmcunet/graph/graph.h"
#include "quant/calibration.h"
#include "quant/encodings.h"
#include "quant/observe.h"
#include "quant/ranges.h"

namespace mcunet::quant {

struct ReconstructOptions {
  int64_t iterations = 0;  // 0: the method's default
  uint64_t seed = 0;
  int threads = 0;  // 0: as many as the machine has
};

// All that is known when reconstruction begins; references stay valid during the call.
struct ReconstructInput {
  const Graph& graph;  // float, prepared and equalized: what the result shall come close to
  // A sound solution: ranges chosen, weights rounded to nearest (the layer's dtype and scales say
  // which grid), biases corrected.
  const Encodings& encodings;
  const ScaleGroups& groups;  // of the graph: tensors of one group keep one encoding
  const Calibration& calibration;
};

// Returns better encodings of the same structure: the same layers with the same dtypes; weights in
// weight_range(dtype); scales positive; tensors of a group alike; prescribed groups untouched.
// Weights, weight scales, biases and activation encodings may all change. Deterministic for the
// same input and options, whatever the number of threads. Throws what the progress hook throws.
using Reconstruct = std::function<Encodings(const ReconstructInput&, const ReconstructOptions&,
                                            const ProgressHook&)>;

// Throws Error(Internal) when `result` breaks the promise above.
void check_reconstruction(const ReconstructInput& input, const Encodings& result);

}  // namespace mcunet::quant
