#include "tests/support/float_graph.h"

#include <cstring>

#include "libmcunet/graph/validate.h"
#include "libmcunet/reference/params.h"
#include "tests/support/inputs.h"

namespace mcunet::testing {
namespace {

double scale_of(const Tensor& tensor, size_t element) {
  const Quantization& q = tensor.quantization;
  if (q.empty()) return 1;
  if (!q.per_axis()) return static_cast<double>(q.scale());
  size_t inner = 1;
  for (size_t d = static_cast<size_t>(q.axis) + 1; d < tensor.shape.size(); ++d)
    inner *= static_cast<size_t>(tensor.shape[d]);
  return static_cast<double>(q.scales[element / inner % q.scales.size()]);
}

int32_t raw_value(const Tensor& tensor, const std::vector<int8_t>& bytes, size_t element) {
  if (tensor.dtype == DType::Int32) return tensor.constant<int32_t>()[element];
  if (tensor.dtype == DType::UInt8) return tensor.constant<uint8_t>()[element];
  return bytes[element];
}

ConstantData real_constant(const Tensor& tensor) {
  const bool bytes = tensor.dtype == DType::Int8 || tensor.dtype == DType::Int4;
  const std::vector<int8_t> values =
      bytes ? reference::weight_values(tensor) : std::vector<int8_t>{};
  std::vector<float> real(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < real.size(); ++i) {
    const int32_t zero = tensor.quantization.empty() ? 0 : tensor.quantization.zero_points[0];
    real[i] = static_cast<float>(scale_of(tensor, i) *
                                 static_cast<double>(raw_value(tensor, values, i) - zero));
  }
  std::vector<uint8_t> data(real.size() * sizeof(float));
  std::memcpy(data.data(), real.data(), data.size());
  return std::make_shared<const std::vector<uint8_t>>(std::move(data));
}

}  // namespace

Graph to_float(const Graph& int8_graph) {
  Graph graph = int8_graph;
  for (Tensor& tensor : graph.tensors) {
    if (tensor.dtype == DType::Float32) continue;
    if (tensor.is_constant()) tensor.data = real_constant(tensor);
    tensor.dtype = DType::Float32;
    tensor.quantization = {};
  }
  for (Op& op : graph.ops) {
    if (op.kind == OpKind::Quantize || op.kind == OpKind::Dequantize) op.kind = OpKind::Reshape;
    if (op.kind == OpKind::Pad) op.as<PadAttrs>().has_value = false;
  }
  validate(graph);
  return graph;
}

quant::Calibration random_samples(const Graph& float_graph, size_t count, uint32_t seed) {
  quant::Calibration calibration;
  for (size_t i = 0; i < count; ++i)
    calibration.samples.push_back(golden_inputs(float_graph, seed + static_cast<uint32_t>(i)));
  return calibration;
}

}  // namespace mcunet::testing
