// QUANTIZE and DEQUANTIZE.
#include <algorithm>

#include "libmcunet/reference/arithmetic.h"
#include "libmcunet/reference/kernel.h"

namespace mcunet::reference {
namespace {

template <typename T>
Kernel quantize_float(size_t count, const Quantization& q) {
  return [count, scale = q.scale(), zero_point = q.zero_point()](const Operands& operands) {
    const auto* x = operands.in<float>(0);
    auto* y = operands.out<T>(0);
    for (size_t i = 0; i < count; ++i) {
      const int64_t value = int64_t{round_to_int32(x[i] / scale)} + zero_point;
      y[i] = static_cast<T>(
          std::clamp<int64_t>(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    }
  };
}

template <typename T>
Kernel dequantize(size_t count, const Quantization& q) {
  return [count, scale = q.scale(), zero_point = q.zero_point()](const Operands& operands) {
    const auto* x = operands.in<T>(0);
    for (size_t i = 0; i < count; ++i) {
      operands.out<float>(0)[i] =
          static_cast<float>(static_cast<double>(scale) * (x[i] - zero_point));
    }
  };
}

}  // namespace

Kernel prepare_quantize(const Graph& graph, const Op& op) {
  const Tensor& x = graph.input(op, 0);
  const Tensor& y = graph.output(op);
  const auto count = static_cast<size_t>(y.elements());
  if (op.kind == OpKind::Quantize) {
    if (x.dtype != DType::Float32) return prepare_elementwise(graph, op);
    if (y.dtype == DType::Int8) return quantize_float<int8_t>(count, y.quantization);
    if (y.dtype == DType::UInt8) return quantize_float<uint8_t>(count, y.quantization);
  } else if (y.dtype == DType::Float32) {
    if (x.dtype == DType::Int8) return dequantize<int8_t>(count, x.quantization);
    if (x.dtype == DType::UInt8) return dequantize<uint8_t>(count, x.quantization);
  }
  unsupported(std::string(dtype_name(x.dtype)) + " to " + dtype_name(y.dtype));
}

}  // namespace mcunet::reference
