#include "compiler/passes/passes.h"

namespace mcunet::compiler {
namespace {

bool moves_only(const Op& op) { return op.kind == OpKind::Transpose || op.kind == OpKind::Reshape; }

// first: x → middle, second: middle → y. Afterwards the operators do each other's work, in each
// other's place.
void exchange(Graph& graph, Op& first, Op& second) {
  const TensorId middle = first.outputs[0];
  // The new tensor between them has the shape of x or y, whichever the movement does not make, and
  // the type that the conversion makes or takes.
  const bool quantizes_second = second.kind == OpKind::Quantize;
  Tensor between = quantizes_second ? graph.output(second) : graph.input(first, 0);
  between.shape = quantizes_second ? graph.input(first, 0).shape : graph.output(second).shape;
  between.name = graph.tensor(middle).name + "/converted";
  const TensorId id = graph.add_tensor(between);
  std::swap(first.kind, second.kind);
  std::swap(first.attrs, second.attrs);
  std::swap(first.source_index, second.source_index);
  first.outputs[0] = id;
  second.inputs[0] = id;
}

}  // namespace

Graph move_conversions_out(Graph graph) {
  for (bool changed = true; changed;) {
    changed = false;
    const std::vector<int> producer = producers(graph);
    const auto readers = consumers(graph);
    for (Op& second : graph.ops) {
      if (second.inputs.size() != 1) continue;
      const TensorId middle = second.inputs[0];
      const int source = producer[static_cast<size_t>(middle)];
      if (source < 0 || readers[static_cast<size_t>(middle)].size() != 1 ||
          is_graph_output(graph, middle))
        continue;
      Op& first = graph.ops[static_cast<size_t>(source)];
      const bool in = moves_only(first) && second.kind == OpKind::Quantize;
      const bool out = first.kind == OpKind::Dequantize && moves_only(second);
      if ((!in && !out) || graph.tensor(middle).dtype != DType::Float32 ||
          graph.input(first, 0).is_constant())
        continue;
      exchange(graph, first, second);
      changed = true;
      break;
    }
  }
  return graph;
}

}  // namespace mcunet::compiler
