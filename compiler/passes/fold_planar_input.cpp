#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

bool is_nchw_to_nhwc(const Graph& graph, const Op& op) {
  return op.kind == OpKind::Transpose &&
         op.as<TransposeAttrs>().permutation == std::vector<int32_t>{0, 2, 3, 1} &&
         std::find(graph.inputs.begin(), graph.inputs.end(), op.inputs[0]) != graph.inputs.end() &&
         graph.input(op, 0).quantization == graph.output(op).quantization &&
         !is_graph_output(graph, op.outputs[0]);
}

}  // namespace

Graph take_nhwc_input(Graph graph) {
  const auto readers = consumers(graph);
  std::vector<bool> dead(graph.ops.size(), false);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    if (!is_nchw_to_nhwc(graph, op)) continue;
    if (readers[static_cast<size_t>(op.inputs[0])].size() != 1 ||
        is_graph_output(graph, op.inputs[0]))
      continue;
    std::replace(graph.inputs.begin(), graph.inputs.end(), op.inputs[0], op.outputs[0]);
    dead[i] = true;
  }
  if (std::find(dead.begin(), dead.end(), true) == dead.end()) {
    throw Error(ErrorKind::Usage, "--input-layout nhwc: no input of this model is planar");
  }
  erase_marked(graph, dead);
  return graph;
}

Graph fold_planar_input(Graph graph) {
  const auto readers = consumers(graph);
  std::vector<bool> dead(graph.ops.size(), false);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op op = graph.ops[i];
    if (!is_nchw_to_nhwc(graph, op)) continue;
    const std::vector<int>& users = readers[static_cast<size_t>(op.outputs[0])];
    const auto is_conv = [&](int user) {
      return graph.ops[static_cast<size_t>(user)].kind == OpKind::Conv2D;
    };
    if (users.empty() || !std::all_of(users.begin(), users.end(), is_conv)) continue;
    for (const int user : users) {
      Op& conv = graph.ops[static_cast<size_t>(user)];
      conv.inputs[0] = op.inputs[0];
      conv.as<ConvAttrs>().planar_input = true;
    }
    dead[i] = true;
  }
  erase_marked(graph, dead);
  return graph;
}

}  // namespace mcunet::compiler
