// Weights between the order of graphs (NHWC) and that of PyTorch (NCHW), and MCUNet's names.
#pragma once

#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "libmcunet/netspec/structure.h"

namespace mcunet::netspec {

Tensor float_tensor(std::string name, Shape shape, const std::vector<float>& values);

// Batch norm's place beside that of its convolution: "depth_conv.bn" for "depth_conv.conv".
std::string batch_norm_name(const std::string& convolution);

// Whether a 1×1 convolution of the graph is a linear layer in PyTorch, by its name.
bool is_linear(const std::string& name);

// Values of PyTorch's [out, in / groups, rows, columns] in the order of a graph's weights `shape`:
// [co, kh, kw, ci/groups], or [1, kh, kw, c] of a DepthwiseConv2D, where out is c and in / groups
// is 1.
std::vector<float> graph_order(const std::vector<float>& values, const Shape& shape, OpKind kind);

// The shape that a layer's weights have in PyTorch: [out, in / groups, rows, columns], or [out, in]
// where it is_linear().
Shape framework_shape(const WeightRequest& request);

// The other way: float32 weights of a graph as PyTorch has them, [out, in / groups, rows, columns].
Tensor framework_weights(const Tensor& weights, OpKind kind);

}  // namespace mcunet::netspec
