#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace mcunet::compiler {

Graph drop_renames(Graph graph) {
  std::vector<TensorId> stands_for(graph.tensors.size());
  for (size_t i = 0; i < stands_for.size(); ++i) stands_for[i] = static_cast<TensorId>(i);
  std::vector<bool> dead;
  for (Op& op : graph.ops) {
    for (TensorId& id : op.inputs) id = stands_for[static_cast<size_t>(id)];
    const bool renames = op.kind == OpKind::Reshape && !graph.input(op, 0).is_constant() &&
                         graph.input(op, 0).shape == graph.output(op).shape &&
                         graph.input(op, 0).dtype == graph.output(op).dtype &&
                         graph.input(op, 0).quantization == graph.output(op).quantization &&
                         !is_graph_output(graph, op.outputs[0]);
    if (renames) stands_for[static_cast<size_t>(op.outputs[0])] = op.inputs[0];
    dead.push_back(renames);
  }
  erase_marked(graph, dead);
  return graph;
}

}  // namespace mcunet::compiler
