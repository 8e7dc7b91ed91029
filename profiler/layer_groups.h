// Layers taken together: by kind of operator, and by the blocks that networks are built of.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet {

// "CONV_2D 1x1", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD" …: operators that kernels treat alike.
std::string kind_of(const Graph& graph, const Op& op);

struct LayerGroup {
  std::string name;
  std::vector<size_t> layers;  // indices into graph.ops, ascending
};

// One group per kind, in order of first appearance.
std::vector<LayerGroup> group_by_kind(const Graph& graph);

// Consecutive operators that belong together, each operator in exactly one block. A block ends only
// where nothing but one tensor is handed on, so that branches that join stay inside; there it ends
//   - after an addition or a pooling between convolutions,
//   - before a convolution, unless that is the projection after a depthwise one,
//   - before a depthwise convolution, unless the block is the 1x1 expansion for it,
//   - before the head: average pooling, means and dense layers that follow convolutions.
// Names: "convolution", "separable" (depthwise, pointwise), "bottleneck" (expand, depthwise,
// project), "residual" (the same, or any other, joined by an addition), "pooling", "head" (with
// dense layers), "operators".
std::vector<LayerGroup> group_by_block(const Graph& graph);

}  // namespace mcunet
