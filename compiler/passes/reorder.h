// The order of operators that needs the least memory, layer by layer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

struct Reordered {
  Graph graph;
  int64_t peak = 0;      // bytes
  bool optimal = false;  // proved: no order of these operators needs less
};

// Effort per part of the graph that leaves a choice.
struct ReorderLimits {
  size_t states = 20000;  // sets of executed operators that the exact search looks at
  size_t beam = 64;       // sets of one size that are kept where the exact search gives up
};

//   a1 b1 a2 b2 concat   becomes   a1 a2 b1 b2 concat
// when a1 and b1 are large and a2 and b2 are small. The peak is the largest sum of the bytes of the
// tensors alive while an operator runs, layer by layer: constants and scratch do not count, graph
// inputs are alive until they are last read and graph outputs to the end, RESHAPE shares its
// input's bytes, elementwise operators and SOFTMAX write over an input of equal size that dies with
// them.
//
// `graph` is valid. Among the orders with the least peak the one with the fewest exchanged pairs of
// operators is taken (as far as the limits reach), so an order that is already best stays. A graph
// without a choice costs some microseconds. Method: dynamic programming over sets of executed
// operators, best bottleneck first; Ahn et al., "Ordering Chaos: Memory-Aware Scheduling of
// Irregularly Wired Neural Networks for Edge Devices" (2020).
Reordered reorder_for_memory(Graph graph, const ReorderLimits& limits = {});

}  // namespace mcunet::compiler
