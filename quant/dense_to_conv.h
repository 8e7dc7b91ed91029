// Fully connected layers as convolutions, for weights of 4 bits.
#pragma once

#include "libmcunet/graph/graph.h"

namespace mcunet::quant {

//   x [rows, k] → FULLY_CONNECTED → y
//   becomes   x → RESHAPE [rows, 1, 1, k] → CONV_2D 1×1 → RESHAPE → y
// for all of a prepared float graph. TensorFlow Lite's reference takes int4 weights of a fully
// connected layer with one scale only, of a convolution with one per channel; the reshapes cost
// nothing. Ids of tensors stay.
Graph dense_to_conv(const Graph& graph);

}  // namespace mcunet::quant
