// The graph's operators as LibTorch computes them, on tensors held as executor.h says.
#pragma once

#include <vector>

#include "libmcunet/graph/graph.h"
#include "quant/torch/libtorch.h"

namespace mcunet::quant {

bool has_torch_operator(OpKind kind);

// Outputs of an operator without weights, its fused activation not applied.
std::vector<at::Tensor> run_operator(const Graph& graph, const Op& op,
                                     const std::vector<at::Tensor>& inputs);

// Output of a Conv2D, DepthwiseConv2D or FullyConnected, its fused activation not applied.
at::Tensor run_layer(const Graph& graph, const Op& op, const at::Tensor& input,
                     const at::Tensor& weights, const at::Tensor& bias);

// Rank 4 as the graph orders its dimensions, and back; other ranks as they are.
at::Tensor to_graph_order(const at::Tensor& value);
at::Tensor from_graph_order(const at::Tensor& value);

}  // namespace mcunet::quant
