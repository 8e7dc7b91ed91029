#include "quant/encodings.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "libmcunet/support/error.h"

namespace mcunet::quant {
namespace {

// Narrower intervals than this get its scale: products of scales are the scales of biases and must
// be normal float32 numbers, and HARD_SWISH and SOFTMAX refuse input scales below some 2e-7.
constexpr float kLeastWidth = 1e-4F;

}  // namespace

WeightRange weight_range(DType dtype) {
  assert(dtype == DType::Int8 || dtype == DType::Int4);
  return dtype == DType::Int4 ? WeightRange{-7, 7} : WeightRange{-127, 127};
}

Quantization activation_encoding(float low, float high) {
  if (!std::isfinite(low) || !std::isfinite(high) || low > high) {
    throw Error(ErrorKind::Input, "activations span [" + std::to_string(low) + ", " +
                                      std::to_string(high) + "], which cannot be quantized");
  }
  low = std::min(low, 0.0F);
  high = std::max(high, 0.0F);
  // In double: the difference of two large floats can overflow.
  const double width =
      std::max(static_cast<double>(high) - static_cast<double>(low), double{kLeastWidth});
  const double scale = width / 255;
  const double zero_point = std::round(-128 - static_cast<double>(low) / scale);
  return {{static_cast<float>(scale)},
          {static_cast<int32_t>(std::clamp(zero_point, -128.0, 127.0))},
          0};
}

RealRange real_range(const Quantization& activation) {
  const int32_t zero = activation.zero_point();
  return {activation.scale() * static_cast<float>(-128 - zero),
          activation.scale() * static_cast<float>(127 - zero)};
}

}  // namespace mcunet::quant
