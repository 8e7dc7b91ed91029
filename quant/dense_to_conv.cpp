#include "quant/dense_to_conv.h"

namespace mcunet::quant {
namespace {

Tensor reshaped(const Tensor& tensor, const char* suffix, const Shape& shape) {
  Tensor result = tensor;
  result.name += suffix;
  result.shape = shape;
  return result;
}

Op reshape_op(TensorId from, TensorId to, int32_t source_index) {
  Op op;
  op.kind = OpKind::Reshape;
  op.inputs = {from};
  op.outputs = {to};
  op.source_index = source_index;
  return op;
}

}  // namespace

Graph dense_to_conv(const Graph& graph) {
  Graph result = graph;
  result.ops.clear();
  for (Op op : graph.ops) {
    if (op.kind != OpKind::FullyConnected) {
      result.ops.push_back(std::move(op));
      continue;
    }
    const TensorId x = op.inputs[0], y = op.outputs[0];
    const Shape w = graph.input(op, 1).shape;
    const auto rows = static_cast<int32_t>(graph.tensor(x).elements() / w[1]);
    const TensorId pixels =
        result.add_tensor(reshaped(graph.tensor(x), "/pixels", {rows, 1, 1, w[1]}));
    const TensorId outputs =
        result.add_tensor(reshaped(graph.tensor(y), "/pixels", {rows, 1, 1, w[0]}));
    result.tensor(op.inputs[1]).shape = {w[0], 1, 1, w[1]};
    ConvAttrs attrs;
    attrs.activation = op.as<FullyConnectedAttrs>().activation;
    op.kind = OpKind::Conv2D;
    op.attrs = attrs;
    op.inputs[0] = pixels;
    op.outputs[0] = outputs;
    result.ops.push_back(reshape_op(x, pixels, op.source_index));
    const int32_t source = op.source_index;
    result.ops.push_back(std::move(op));
    result.ops.push_back(reshape_op(outputs, y, source));
  }
  return result;
}

}  // namespace mcunet::quant
