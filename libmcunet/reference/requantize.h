// The last step of every int8 operator with weights: sums to output bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "libmcunet/reference/params.h"

namespace mcunet::reference {

// y[c] = clamp(requantize[first + c](sums[c] + bias[first + c]) + output zero point) for `count`
// channels.
inline void requantize_channels(const ConvParams& params, const std::vector<int32_t>& bias,
                                size_t first, size_t count, const int32_t* sums, int8_t* y) {
  for (size_t c = 0; c < count; ++c) {
    const int32_t sum = wrapping_add(sums[c], bias[first + c]);
    const int32_t scaled = multiply_by_quantized_multiplier(sum, params.requantize[first + c]);
    y[c] = static_cast<int8_t>(params.clamp.clamp(wrapping_add(scaled, params.output_zero_point)));
  }
}

// The float counterpart: y[c] = clamp(sums[c] + bias[first + c]); `bias` may be null.
inline void finish_channels(FloatRange range, const float* bias, size_t first, size_t count,
                            const float* sums, float* y) {
  for (size_t c = 0; c < count; ++c) {
    const float sum = bias ? sums[c] + bias[first + c] : sums[c];
    y[c] = sum < range.min ? range.min : sum > range.max ? range.max : sum;
  }
}

}  // namespace mcunet::reference
