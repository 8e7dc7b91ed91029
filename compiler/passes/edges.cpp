#include <algorithm>

#include "compiler/passes/passes.h"
#include "compiler/passes/rewrite.h"

namespace mcunet::compiler {
namespace {

DType dtype_of(EdgeType type) {
  switch (type) {
    case EdgeType::Int8:
      return DType::Int8;
    case EdgeType::UInt8:
      return DType::UInt8;
    case EdgeType::Float32:
      return DType::Float32;
  }
  return DType::Int8;
}

bool is_conversion(const Op& op) {
  return op.kind == OpKind::Quantize || op.kind == OpKind::Dequantize;
}

// The same tensor at the edge: float32 has no quantization, uint8 the one of int8 moved by 128.
Tensor edge_tensor(const Tensor& inner, DType dtype) {
  Tensor edge = inner;
  edge.dtype = dtype;
  edge.name += std::string("/") + dtype_name(dtype);
  if (dtype == DType::Float32) edge.quantization = {};
  for (int32_t& zero : edge.quantization.zero_points)
    zero += inner.dtype == DType::Int8 ? 128 : -128;
  return edge;
}

OpKind conversion(DType from, DType to) {
  return from != DType::Float32 && to == DType::Float32 ? OpKind::Dequantize : OpKind::Quantize;
}

Op conversion_op(TensorId from, TensorId to, DType from_type, DType to_type) {
  Op op;
  op.kind = conversion(from_type, to_type);
  op.inputs = {from};
  op.outputs = {to};
  return op;
}

// An input that only QUANTIZE reads, once, gives its place to the result.
void strip_input(Graph& graph, TensorId& input) {
  if (graph.tensor(input).dtype == DType::Int8 || is_graph_output(graph, input)) return;
  const auto readers = consumers(graph)[static_cast<size_t>(input)];
  if (readers.size() != 1 || graph.ops[static_cast<size_t>(readers[0])].kind != OpKind::Quantize)
    return;
  const size_t index = static_cast<size_t>(readers[0]);
  const TensorId inner = graph.ops[index].outputs[0];
  if (graph.tensor(inner).dtype != DType::Int8) return;
  input = inner;
  graph.ops.erase(graph.ops.begin() + static_cast<std::ptrdiff_t>(index));
}

void strip_output(Graph& graph, TensorId& output) {
  const int source = producers(graph)[static_cast<size_t>(output)];
  if (source < 0 || graph.tensor(output).dtype == DType::Int8) return;
  const Op op = graph.ops[static_cast<size_t>(source)];
  if (!is_conversion(op) || graph.input(op, 0).dtype != DType::Int8 ||
      graph.input(op, 0).is_constant())
    return;
  output = op.inputs[0];  // the conversion is dead unless the network itself reads its result
}

void add_input(Graph& graph, TensorId& input, DType dtype) {
  const Tensor inner = graph.tensor(input);
  if (inner.dtype == dtype) return;
  const TensorId edge = graph.add_tensor(edge_tensor(inner, dtype));
  graph.ops.insert(graph.ops.begin(), conversion_op(edge, input, dtype, inner.dtype));
  input = edge;
}

void add_output(Graph& graph, TensorId& output, DType dtype) {
  const Tensor inner = graph.tensor(output);
  if (inner.dtype == dtype) return;
  const TensorId edge = graph.add_tensor(edge_tensor(inner, dtype));
  graph.ops.push_back(conversion_op(output, edge, inner.dtype, dtype));
  output = edge;
}

}  // namespace

Graph strip_edges(Graph graph, EdgeType io) {
  const DType wanted = dtype_of(io);
  for (TensorId& input : graph.inputs) {
    if (graph.tensor(input).dtype != wanted) strip_input(graph, input);
  }
  for (TensorId& output : graph.outputs) {
    if (graph.tensor(output).dtype != wanted) strip_output(graph, output);
  }
  return drop_dead_ops(std::move(graph));
}

Graph add_edges(Graph graph, EdgeType io) {
  if (io == EdgeType::Int8) return graph;
  for (TensorId& input : graph.inputs) add_input(graph, input, dtype_of(io));
  for (TensorId& output : graph.outputs) add_output(graph, output, dtype_of(io));
  return graph;
}

}  // namespace mcunet::compiler
