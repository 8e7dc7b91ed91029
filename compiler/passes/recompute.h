// Computing a tensor twice instead of keeping it: squeeze-and-excite blocks under row streaming.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

// A squeeze-and-excite block
//   x → expand → depthwise → t;   gate = f(mean(t));   y = mul(t, gate)
// whose t nothing else reads. Operators are indices into the graph's.
struct GateBlock {
  std::vector<size_t> cloned;  // that make t from `source`, in order; never empty
  size_t mul = 0;
  TensorId tensor = -1;  // t
  TensorId source = -1;  // x: must stay until the gate is known when t is computed twice
  int64_t bytes = 0;     // of t
  int64_t source_bytes = 0;
  int64_t extra_macs = 0;  // multiply-accumulates of the cloned operators
};

// The blocks of a valid graph, by their mul. The gate may be either operand of the mul and is made
// from means (or pools) of t by any operators whose results are smaller than t. The cloned
// operators lead back from t through convolutions, PAD and elementwise operators to the first
// tensor that stays anyway, because it is a graph input, a graph output or read elsewhere, or
// across two convolutions.
std::vector<GateBlock> gate_blocks(const Graph& graph);

//   x → expand → depthwise → t;   gate = f(mean(t));   y = mul(t, gate)   becomes
//   x → expand → depthwise → t;   gate = f(mean(t));   x → expand' → depthwise' → t';
//   y = mul(t', gate)
// with the clones directly before the mul, so that streaming needs no whole t. Clones share weights
// and the number in the source file; their tensors' names end in "/again". `block` is an index into
// gate_blocks(graph); the other blocks stay and close ranks, so that several are done from the last
// to the first. Throws Error(Usage) for an index out of range.
Graph recompute_gate(Graph graph, size_t block);

}  // namespace mcunet::compiler
