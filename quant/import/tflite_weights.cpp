#include "quant/import/tflite_weights.h"

#include <cstring>
#include <set>

#include "libmcunet/graph/validate.h"
#include "libmcunet/support/error.h"

namespace mcunet::import {
namespace {

double stored_value(const Tensor& tensor, size_t index) {
  switch (tensor.dtype) {
    case DType::Int8:
      return tensor.constant<int8_t>()[index];
    case DType::UInt8:
      return tensor.constant<uint8_t>()[index];
    case DType::Int16:
      return tensor.constant<int16_t>()[index];
    case DType::Int32:
      return tensor.constant<int32_t>()[index];
    case DType::Int4: {  // two per byte, the first in the lower half
      const uint8_t pair = (*tensor.data)[index / 2];
      const int nibble = index % 2 == 0 ? pair & 15 : pair >> 4;
      return nibble < 8 ? nibble : nibble - 16;
    }
    default:
      throw Error(ErrorKind::Unsupported,
                  "tensor '" + tensor.name + "': " + dtype_name(tensor.dtype) + " weights");
  }
}

void dequantize(Tensor& tensor) {
  const Quantization& q = tensor.quantization;
  if (q.empty())
    throw Error(ErrorKind::Unsupported,
                "tensor '" + tensor.name + "': " + dtype_name(tensor.dtype) + " without a scale");
  size_t inner = 1;
  if (q.per_axis()) {
    for (size_t d = static_cast<size_t>(q.axis) + 1; d < tensor.shape.size(); ++d)
      inner *= static_cast<size_t>(tensor.shape[d]);
  }
  const auto count = static_cast<size_t>(tensor.elements());
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t channel = q.per_axis() ? i / inner % q.scales.size() : 0;
    values[i] = static_cast<float>(double{q.scales[channel]} *
                                   (stored_value(tensor, i) - q.zero_points[channel]));
  }
  auto bytes = std::make_shared<std::vector<uint8_t>>(count * sizeof(float));
  std::memcpy(bytes->data(), values.data(), bytes->size());
  tensor.data = std::move(bytes);
  tensor.dtype = DType::Float32;
  tensor.quantization = {};
}

}  // namespace

Graph with_float_weights(Graph graph) {
  std::vector<std::string> problems;
  std::set<TensorId> touched(graph.inputs.begin(), graph.inputs.end());
  for (const Op& op : graph.ops) {
    touched.insert(op.inputs.begin(), op.inputs.end());
    touched.insert(op.outputs.begin(), op.outputs.end());
  }
  for (const TensorId id : touched) {
    const Tensor& tensor = graph.tensor(id);
    if (!tensor.is_constant() && tensor.dtype != DType::Float32)
      problems.push_back("tensor " + std::to_string(id) + " '" + tensor.name + "' is " +
                         dtype_name(tensor.dtype));
  }
  if (!problems.empty()) {
    const std::string first = problems.front();
    throw Error(
        ErrorKind::Unsupported,
        graph.name + ": the model is quantized already (" + first +
            (problems.size() > 1 ? " and " + std::to_string(problems.size() - 1) + " more" : "") +
            "); quantize takes float32 models. mcunet compile takes this one as it is");
  }
  for (const TensorId id : touched) {
    Tensor& tensor = graph.tensor(id);
    if (tensor.is_constant() && tensor.dtype != DType::Float32) dequantize(tensor);
  }
  validate(graph);
  return graph;
}

}  // namespace mcunet::import
