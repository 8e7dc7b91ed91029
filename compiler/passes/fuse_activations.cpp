#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"
#include "libmcunet/graph/activation.h"
#include "libmcunet/reference/arithmetic.h"
#include "libmcunet/reference/elementwise.h"

namespace mcunet::compiler {
namespace {

// Whether the operator does to the values just what the fused activation would.
bool is_clamp(const Graph& graph, const Op& op, Activation activation) {
  const Tensor& x = graph.input(op, 0);
  const Tensor& y = graph.output(op);
  if (x.dtype == DType::Float32 && y.dtype == DType::Float32) return true;
  if (x.dtype != DType::Int8 || y.dtype != DType::Int8 || x.quantization != y.quantization)
    return false;
  const reference::QuantizedRange range =
      reference::activation_range(activation, x.quantization.scale(), x.quantization.zero_point());
  const auto table = reference::unary_table(graph, op);
  for (int32_t value = -128; value <= 127; ++value) {
    if (static_cast<int8_t>(table[static_cast<uint8_t>(value)]) != range.clamp(value)) return false;
  }
  return true;
}

}  // namespace

Graph fuse_activations(Graph graph) {
  const std::vector<int> producer = producers(graph);
  const auto readers = consumers(graph);
  std::vector<bool> fused(graph.ops.size(), false);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    const Activation activation = activation_function(op.kind);
    if (activation == Activation::None) continue;
    const TensorId x = op.inputs[0];
    const int source = producer[static_cast<size_t>(x)];
    if (source < 0 || is_graph_output(graph, x) || readers[static_cast<size_t>(x)].size() != 1)
      continue;
    Op& before = graph.ops[static_cast<size_t>(source)];
    Activation* slot = activation_slot(before);
    if (!slot || *slot != Activation::None || !is_clamp(graph, op, activation)) continue;
    *slot = activation;
    before.outputs = op.outputs;
    fused[i] = true;
  }
  erase_marked(graph, fused);
  return graph;
}

}  // namespace mcunet::compiler
