#include "profiler/layer_groups.h"

#include <algorithm>

#include "libmcunet/graph/operators.h"

namespace mcunet {
namespace {

bool is_pointwise(const Graph& graph, const Op& op) {
  if (op.kind != OpKind::Conv2D) return false;
  const Shape& weights = graph.input(op, 1).shape;
  return weights[1] == 1 && weights[2] == 1;
}

bool is_convolution(const Op& op) {
  return op.kind == OpKind::Conv2D || op.kind == OpKind::DepthwiseConv2D;
}

bool is_pooling(const Op& op) {
  return op.kind == OpKind::AveragePool2D || op.kind == OpKind::MaxPool2D ||
         op.kind == OpKind::Mean;
}

bool may_begin_head(const Op& op) {
  return op.kind == OpKind::FullyConnected || op.kind == OpKind::Mean ||
         op.kind == OpKind::AveragePool2D;
}

// Whether exactly one tensor is handed from the operators before each index to those from it on.
std::vector<bool> narrow_places(const Graph& graph) {
  const auto count = graph.ops.size();
  std::vector<int> crossing(count + 1, 0);
  const std::vector<int> writer = producers(graph);
  const std::vector<std::vector<int>> readers = consumers(graph);
  for (size_t id = 0; id < graph.tensors.size(); ++id) {
    const auto tensor = static_cast<TensorId>(id);
    const bool input =
        std::find(graph.inputs.begin(), graph.inputs.end(), tensor) != graph.inputs.end();
    if (writer[id] < 0 && !input) continue;  // constants
    size_t last = readers[id].empty() ? 0 : static_cast<size_t>(readers[id].back());
    if (is_graph_output(graph, tensor)) last = count;
    for (auto at = static_cast<size_t>(writer[id] + 1); at <= last; ++at) ++crossing[at];
  }
  std::vector<bool> narrow(count + 1);
  for (size_t i = 0; i <= count; ++i) narrow[i] = crossing[i] == 1;
  return narrow;
}

// What is in the block so far.
struct Content {
  int convolutions = 0;  // plain ones
  int depthwise = 0;
  bool pointwise_last = false, depthwise_last = false;  // of the convolutions
  bool pooled = false, dense = false, joined = false;
  bool ends = false;  // at the next narrow place

  bool convolves() const { return convolutions + depthwise > 0; }
  bool starts_anew(const Op& op) const;
  void take(const Graph& graph, const Op& op);
  std::string name() const;
};

bool Content::starts_anew(const Op& op) const {
  if (ends && is_convolution(op)) return true;
  if (op.kind == OpKind::Conv2D) return (convolves() && !depthwise_last) || pooled || dense;
  if (op.kind == OpKind::DepthwiseConv2D)
    return depthwise > 0 || dense || (convolves() && !pointwise_last) || convolutions > 1;
  return may_begin_head(op) && convolves();
}

void Content::take(const Graph& graph, const Op& op) {
  if (is_convolution(op)) {
    depthwise_last = op.kind == OpKind::DepthwiseConv2D;
    pointwise_last = is_pointwise(graph, op);
    ++(depthwise_last ? depthwise : convolutions);
  }
  pooled = pooled || is_pooling(op);
  dense = dense || op.kind == OpKind::FullyConnected;
  joined = joined || op.kind == OpKind::Add;
  ends = ends || op.kind == OpKind::Add || is_pooling(op);
}

std::string Content::name() const {
  if (joined && convolves()) return "residual";
  if (depthwise > 0) return convolutions > 1 ? "bottleneck" : "separable";
  if (convolutions > 0) return "convolution";
  if (dense) return "head";
  return pooled ? "pooling" : "operators";
}

}  // namespace

std::string kind_of(const Graph& graph, const Op& op) {
  const std::string name = operator_info(op.kind).name;
  return is_pointwise(graph, op) ? name + " 1x1" : name;
}

std::vector<LayerGroup> group_by_kind(const Graph& graph) {
  std::vector<LayerGroup> groups;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const std::string kind = kind_of(graph, graph.ops[i]);
    auto known = std::find_if(groups.begin(), groups.end(),
                              [&](const LayerGroup& group) { return group.name == kind; });
    if (known == groups.end()) known = groups.insert(groups.end(), LayerGroup{kind, {}});
    known->layers.push_back(i);
  }
  return groups;
}

std::vector<LayerGroup> group_by_block(const Graph& graph) {
  const std::vector<bool> narrow = narrow_places(graph);
  std::vector<LayerGroup> blocks;
  Content content;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    // The mean of a squeeze is no head: what it reads is needed again.
    const bool squeezes = may_begin_head(op) && !narrow[i + 1];
    if (blocks.empty() || (narrow[i] && !squeezes && content.starts_anew(op))) {
      blocks.emplace_back();
      content = {};
    }
    content.take(graph, op);
    blocks.back().layers.push_back(i);
    blocks.back().name = content.name();
  }
  return blocks;
}

}  // namespace mcunet
