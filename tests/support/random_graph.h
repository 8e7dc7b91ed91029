// Random graphs for property tests and fuzzing.
#pragma once

#include <cstdint>

#include "libmcunet/graph/graph.h"

namespace mcunet::testing {

// A valid graph of 1 to 10 steps over all operators, the same for the same seed: odd shapes, every
// padding, groups, branches, several inputs and outputs, constants as operands, broadcasts, float
// and uint8 edges, planar inputs, extreme zero points and scales. Small: tensors of at most some
// 10,000 elements, 2 million multiply-accumulates. The compiler supports all of it.
Graph random_graph(uint64_t seed);

// The same with mostly operators that can take turns row by row: chains and branches of
// convolutions, pools, resizes, sums and means with odd strides, dilations and paddings, residuals
// within residuals, squeeze-and-excite, images of one row, several outputs.
Graph random_row_graph(uint64_t seed);

}  // namespace mcunet::testing
