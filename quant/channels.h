// How the weights of convolutions and fully connected layers lie by output and input channel.
#pragma once

#include <cstddef>

#include "libmcunet/graph/graph.h"

namespace mcunet::quant {

// Calls visit(index of the weight, output channel, input channel) for each weight of a Conv2D,
// DepthwiseConv2D or FullyConnected, in the order of the tensor.
template <typename Visit>
void for_each_weight(const Graph& graph, const Op& op, Visit visit) {
  const Shape& w = graph.input(op, 1).shape;
  const auto at = [&](size_t d) { return static_cast<size_t>(w[d]); };
  if (op.kind == OpKind::DepthwiseConv2D) {
    const size_t channels = at(3);
    const size_t multiplier = channels / static_cast<size_t>(graph.input(op, 0).shape[3]);
    for (size_t tap = 0, i = 0; tap < at(1) * at(2); ++tap) {
      for (size_t c = 0; c < channels; ++c, ++i) visit(i, c, c / multiplier);
    }
    return;
  }
  const bool dense = op.kind == OpKind::FullyConnected;
  const size_t depth = dense ? at(1) : at(3), taps = dense ? 1 : at(1) * at(2);
  const size_t groups = dense ? 1 : static_cast<size_t>(graph.input(op, 0).shape[3]) / depth;
  const size_t outputs_of_group = at(0) / groups;
  for (size_t out = 0, i = 0; out < at(0); ++out) {
    const size_t first = out / outputs_of_group * depth;
    for (size_t tap = 0; tap < taps; ++tap) {
      for (size_t c = 0; c < depth; ++c, ++i) visit(i, out, first + c);
    }
  }
}

inline int channel_axis(OpKind kind) { return kind == OpKind::DepthwiseConv2D ? 3 : 0; }

inline size_t output_channels(const Graph& graph, const Op& op) {
  return static_cast<size_t>(graph.input(op, 1).shape[static_cast<size_t>(channel_axis(op.kind))]);
}

}  // namespace mcunet::quant
