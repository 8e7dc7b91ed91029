#include <algorithm>

#include "compiler/passes/passes.h"

namespace mcunet::compiler {
namespace {

bool all_zero(const std::vector<int32_t>& values) {
  return std::all_of(values.begin(), values.end(), [](int32_t v) { return v == 0; });
}

// Extents other than 1 keep their order.
bool moves_nothing(const Shape& x, const std::vector<int32_t>& permutation) {
  int32_t last = -1;
  for (const int32_t source : permutation) {
    if (x[static_cast<size_t>(source)] == 1) continue;
    if (source < last) return false;
    last = source;
  }
  return true;
}

bool copies_bytes(const Graph& graph, const Op& op) {
  const Tensor& x = graph.input(op, 0);
  const Tensor& y = graph.output(op);
  switch (op.kind) {
    case OpKind::Pad:
      return all_zero(op.as<PadAttrs>().before) && all_zero(op.as<PadAttrs>().after);
    case OpKind::Transpose:
      return moves_nothing(x.shape, op.as<TransposeAttrs>().permutation);
    case OpKind::StridedSlice:
      return x.elements() == y.elements() && all_zero(op.as<StridedSliceAttrs>().begin);
    case OpKind::Concatenation:
    case OpKind::Pack:
      return op.inputs.size() == 1;
    case OpKind::Split:
    case OpKind::Unpack:
      return op.outputs.size() == 1;
    case OpKind::DepthToSpace:
    case OpKind::SpaceToDepth:
      return op.as<BlockAttrs>().block == 1;
    case OpKind::Quantize:
      return x.dtype == y.dtype && x.quantization == y.quantization;
    case OpKind::ResizeNearestNeighbor:
      return x.shape == y.shape;
    default:
      return false;
  }
}

}  // namespace

Graph drop_noops(Graph graph) {
  for (Op& op : graph.ops) {
    if (!copies_bytes(graph, op)) continue;
    op.kind = OpKind::Reshape;
    op.attrs = std::monostate{};
  }
  return graph;
}

}  // namespace mcunet::compiler
