#include "libmcunet/data/network_output.h"

#include <cassert>
#include <cstring>

#include "libmcunet/support/error.h"

namespace mcunet {
namespace {

// The operator behind those that only move or recode values; null at a graph input.
const Op* computing_op(const Graph& graph, TensorId id) {
  const std::vector<int> producer = producers(graph);
  for (;;) {
    const int index = producer[static_cast<size_t>(id)];
    if (index < 0) return nullptr;
    const Op& op = graph.ops[static_cast<size_t>(index)];
    if (op.kind != OpKind::Reshape && op.kind != OpKind::Quantize && op.kind != OpKind::Dequantize)
      return &op;
    id = op.inputs[0];
  }
}

}  // namespace

std::vector<float> real_values(const Tensor& tensor, const uint8_t* bytes) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < values.size(); ++i) {
    if (tensor.dtype == DType::Float32) {
      std::memcpy(&values[i], bytes + i * sizeof(float), sizeof(float));
    } else {
      const int32_t raw = tensor.dtype == DType::UInt8 ? bytes[i] : static_cast<int8_t>(bytes[i]);
      values[i] =
          tensor.quantization.scale() * static_cast<float>(raw - tensor.quantization.zero_point());
    }
  }
  return values;
}

std::vector<float> real_values(const Tensor& tensor, const std::vector<uint8_t>& bytes) {
  assert(bytes.size() == tensor.byte_size());
  return real_values(tensor, bytes.data());
}

Tensor computed_tensor(const Graph& graph, TensorId id) {
  const std::vector<int> producer = producers(graph);
  Tensor tensor = graph.tensor(id);
  for (int index = producer[static_cast<size_t>(id)]; index >= 0;
       index = producer[static_cast<size_t>(id)]) {
    const Op& op = graph.ops[static_cast<size_t>(index)];
    if (op.kind != OpKind::Reshape) break;
    id = op.inputs[0];
  }
  tensor.quantization = graph.tensor(id).quantization;
  return tensor;
}

ClassifierOutput classifier_output(const Graph& graph) {
  if (graph.outputs.size() != 1) {
    throw Error(ErrorKind::Usage, "the model has " + std::to_string(graph.outputs.size()) +
                                      " outputs; a classifier has one");
  }
  ClassifierOutput output;
  output.tensor = computed_tensor(graph, graph.outputs[0]);
  output.classes = static_cast<size_t>(output.tensor.elements());
  if (output.classes == 1) {
    output.classes = 2;
    const Op* op = computing_op(graph, graph.outputs[0]);
    output.threshold = op != nullptr && op->kind == OpKind::Logistic ? 0.5F : 0.0F;
  }
  return output;
}

std::vector<float> class_scores(const ClassifierOutput& output, const std::vector<float>& values) {
  if (values.size() != 1) return values;
  return {2 * output.threshold - values[0], values[0]};
}

}  // namespace mcunet
