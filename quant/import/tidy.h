// What remains to be done when a network has been translated operator by operator.
#pragma once

#include "libmcunet/graph/graph.h"

namespace mcunet::import {

// A float graph with the same outputs, up to float32 rounding:
//   x · relu6(x + 3) · 1/6                    → HARD_SWISH
//   CONV_2D → MUL c → ADD c  (batch norm)     → CONV_2D with other weights and bias; also behind
//                                               DEPTHWISE_CONV_2D and FULLY_CONNECTED, each where
//                                               nothing else reads what lies between
//   CONV_2D → RELU6                           → CONV_2D with a fused RELU6; RELU, RELU_N1_TO_1 and
//                                               ADD, SUB, MUL, pools likewise
// Operators and tensors that nobody needs are dropped.
Graph tidied(const Graph& graph);

}  // namespace mcunet::import
