// The first stage: a float network as the stages of quantization want it.
#pragma once

#include "libmcunet/graph/graph.h"

namespace mcunet::quant {

// Same outputs as `graph`, which may come from any importer, and then:
//   - every Conv2D, DepthwiseConv2D and FullyConnected has weights and a bias of its own;
//   - CONV_2D → RELU6 has become CONV_2D with a fused RELU6 (RELU and RELU_N1_TO_1 likewise; ADD,
//     SUB, MUL and pools too), where nothing else reads what lies between: one tensor less to
//     round;
//   - operators whose results nobody reads are gone.
// Tensor ids stay. Throws Error(Unsupported) for what is not float32 or has no int8 counterpart,
// Error(Input) for constants with NaN or infinity, each with all places.
Graph prepare(const Graph& graph);

// Operators with weights: Conv2D, DepthwiseConv2D, FullyConnected.
bool is_weighted(OpKind kind);

// x → CONV_2D with RELU6 → y   becomes   x → CONV_2D → t → RELU6 → y
// for every operator with weights, so that what the activation cuts off can be observed. Ids of the
// graph's tensors stay, the new ones come behind them.
struct SplitGraph {
  Graph graph;
  // By operator of the graph that was split: the tensor before its activation; its output where it
  // has none.
  std::vector<TensorId> linear;
};
SplitGraph split_activations(const Graph& graph);

}  // namespace mcunet::quant
