#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace mcunet::compiler {

Graph drop_dead_ops(Graph graph) {
  std::vector<bool> needed(graph.tensors.size(), false);
  for (const TensorId id : graph.outputs) needed[static_cast<size_t>(id)] = true;
  for (auto op = graph.ops.rbegin(); op != graph.ops.rend(); ++op) {
    const bool live = std::any_of(op->outputs.begin(), op->outputs.end(),
                                  [&](TensorId id) { return needed[static_cast<size_t>(id)]; });
    if (!live) continue;
    for (const TensorId id : op->inputs) needed[static_cast<size_t>(id)] = true;
  }
  erase_ops(graph, [&](const Op& op) {
    return std::none_of(op.outputs.begin(), op.outputs.end(),
                        [&](TensorId id) { return needed[static_cast<size_t>(id)]; });
  });
  return graph;
}

}  // namespace mcunet::compiler
