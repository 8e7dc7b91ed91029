// Constants of the kernels mcunet_conv_1x1 and mcunet_conv_bounded, in the order in which they are
// read (compiler/kernels/mcunet_params.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "libmcunet/reference/arithmetic.h"
#include "libmcunet/reference/params.h"

namespace mcunet::compiler {

// Output channels of a convolution: y[c] = clamp(requantize[c](bias[c] + Σ w[c]·x) + out_zero),
// where x may be any int8 values: the input's zero point is in the bias.
struct ConvChannels {
  std::vector<int8_t> weights;  // [channels][row]
  std::vector<int32_t> bias;
  std::vector<reference::QuantizedMultiplier> requantize;
  int32_t out_zero = 0;
  reference::QuantizedRange clamp;
};

// Nothing if the kernels could not compute these channels exactly for every input: sums too large,
// scales too large or too small, a single channel, weights of -128 in a place that has no bit for
// them. Channels whose output does not depend on the input are no obstacle, whatever their numbers.
std::optional<std::vector<int32_t>> pack_conv_block(ConvChannels channels);

}  // namespace mcunet::compiler
