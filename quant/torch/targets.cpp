#include "quant/torch/targets.h"

#include <algorithm>
#include <set>

namespace mcunet::quant {
namespace {

bool contains(const std::vector<TensorId>& ids, TensorId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

bool makes_shares(OpKind kind) { return kind == OpKind::Softmax || kind == OpKind::Logistic; }

// Its values are those of its input in another order.
bool is_copy(OpKind kind) {
  switch (kind) {
    case OpKind::Reshape:
    case OpKind::Transpose:
    case OpKind::Pad:
    case OpKind::DepthToSpace:
    case OpKind::SpaceToDepth:
    case OpKind::ResizeNearestNeighbor:
      return true;
    default:
      return false;
  }
}

}  // namespace

Targets find_targets(const Graph& graph) {
  Targets targets;
  targets.outputs = graph.outputs;
  const std::vector<int> producer = producers(graph);
  for (TensorId id : graph.outputs) {
    int source = producer[static_cast<size_t>(id)];
    while (source >= 0 && is_copy(graph.ops[static_cast<size_t>(source)].kind)) {
      id = graph.ops[static_cast<size_t>(source)].inputs[0];
      source = producer[static_cast<size_t>(id)];
    }
    if (source < 0) continue;
    const Op& op = graph.ops[static_cast<size_t>(source)];
    if (!makes_shares(op.kind)) continue;
    if (!graph.input(op, 0).is_constant() && !contains(targets.outputs, op.inputs[0]))
      targets.outputs.push_back(op.inputs[0]);
  }

  int64_t input_values = 0;
  for (const TensorId id : graph.inputs) input_values += graph.tensor(id).elements();
  for (const TensorId id : targets.outputs) {
    const Shape& shape = graph.tensor(id).shape;
    const int source = producer[static_cast<size_t>(id)];
    const bool shares = source >= 0 && makes_shares(graph.ops[static_cast<size_t>(source)].kind);
    if (shape.size() == 2 && shape[0] == 1 && shape[1] >= 2 && shape[1] < input_values && !shares)
      targets.scores.push_back(id);
  }

  const auto readers = consumers(graph);
  std::set<TensorId> live;
  for (const TensorId id : graph.inputs) {
    if (!readers[static_cast<size_t>(id)].empty()) live.insert(id);
  }
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    for (const TensorId id : op.inputs) {
      const auto& of_input = readers[static_cast<size_t>(id)];
      if (!is_graph_output(graph, id) && !of_input.empty() &&
          of_input.back() == static_cast<int>(i))
        live.erase(id);
    }
    for (const TensorId id : op.outputs) {
      if (!readers[static_cast<size_t>(id)].empty() || is_graph_output(graph, id)) live.insert(id);
    }
    if (live.size() != 1 || op.outputs.size() != 1 || *live.begin() != op.outputs[0]) continue;
    if (!is_copy(op.kind) && !contains(targets.outputs, op.outputs[0]))
      targets.block_ends.push_back(op.outputs[0]);
  }
  return targets;
}

}  // namespace mcunet::quant
