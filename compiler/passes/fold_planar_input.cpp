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

// The transpositions that alone read an input.
std::vector<bool> removable(const Graph& graph) {
  const auto readers = consumers(graph);
  std::vector<bool> found;
  for (const Op& op : graph.ops) {
    found.push_back(is_nchw_to_nhwc(graph, op) &&
                    readers[static_cast<size_t>(op.inputs[0])].size() == 1 &&
                    !is_graph_output(graph, op.inputs[0]));
  }
  return found;
}

}  // namespace

bool has_planar_input(const Graph& graph) {
  const std::vector<bool> found = removable(graph);
  return std::find(found.begin(), found.end(), true) != found.end();
}

Graph take_nhwc_input(Graph graph) {
  if (!has_planar_input(graph))
    throw Error(ErrorKind::Usage, "--input-layout nhwc: no input of this model is planar");
  const std::vector<bool> dead = removable(graph);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    if (dead[i])
      std::replace(graph.inputs.begin(), graph.inputs.end(), graph.ops[i].inputs[0],
                   graph.ops[i].outputs[0]);
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
