#include "quant/inputs.h"

#include <algorithm>
#include <cassert>

#include "libmcunet/reference/arithmetic.h"

namespace mcunet::quant {

Calibration::Sample quantize_sample(const Graph& graph, const Calibration::Sample& sample) {
  assert(sample.size() == graph.inputs.size());
  Calibration::Sample converted = sample;
  for (size_t i = 0; i < sample.size(); ++i) {
    const Tensor& input = graph.tensor(graph.inputs[i]);
    if (input.dtype == DType::Float32) continue;
    const bool is_signed = input.dtype == DType::Int8;
    const int32_t low = is_signed ? -128 : 0, high = low + 255;
    const auto* values = reinterpret_cast<const float*>(sample[i].data());
    converted[i].resize(static_cast<size_t>(input.elements()));
    for (size_t k = 0; k < converted[i].size(); ++k) {
      const int32_t level =
          reference::wrapping_add(reference::round_to_int32(values[k] / input.quantization.scale()),
                                  input.quantization.zero_point());
      converted[i][k] = static_cast<uint8_t>(std::clamp(level, low, high));
    }
  }
  return converted;
}

}  // namespace mcunet::quant
