#include "libmcunet/reference/kernel.h"

#include "libmcunet/support/error.h"

namespace mcunet::reference {

void unsupported(const std::string& reason) { throw Error(ErrorKind::Unsupported, reason); }

namespace {

bool is_weighted(OpKind kind) {
  return kind == OpKind::Conv2D || kind == OpKind::DepthwiseConv2D ||
         kind == OpKind::FullyConnected;
}

void check_weights(const Graph& graph, const Op& op, DType type) {
  const Tensor& weights = graph.input(op, 1);
  const bool fits = type == DType::Float32
                        ? weights.dtype == DType::Float32
                        : weights.dtype == DType::Int8 || weights.dtype == DType::Int4;
  if (!fits) {
    unsupported(std::string(dtype_name(weights.dtype)) + " weights with " + dtype_name(type) +
                " activations; quantize the whole model");
  }
  if (!weights.is_constant()) unsupported("weights are computed, not constant");
  if (!graph.has_input(op, 2)) return;
  const Tensor& bias = graph.input(op, 2);
  const DType expected = type == DType::Float32 ? DType::Float32 : DType::Int32;
  if (!bias.is_constant() || bias.dtype != expected) {
    unsupported(std::string("bias must be constant ") + dtype_name(expected));
  }
}

}  // namespace

DType compute_type(const Graph& graph, const Op& op) {
  const DType type = graph.output(op).dtype;
  if (type != DType::Int8 && type != DType::Float32) {
    unsupported(std::string("cannot compute in ") + dtype_name(type) +
                ", only in int8 and float32");
  }
  const size_t activations = is_weighted(op.kind) ? 1 : op.inputs.size();
  for (size_t i = 0; i < activations; ++i) {
    const DType input = graph.input(op, i).dtype;
    if (input != type) {
      unsupported(std::string("input of ") + dtype_name(input) + " with an output of " +
                  dtype_name(type));
    }
  }
  if (is_weighted(op.kind)) check_weights(graph, op, type);
  return type;
}

}  // namespace mcunet::reference
