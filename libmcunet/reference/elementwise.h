// Operators that map each value by itself: in int8 they are all a table of 256 bytes.
#pragma once

#include <array>
#include <cstdint>

#include "libmcunet/graph/graph.h"

namespace mcunet::reference {

// The output byte for every input byte; the index is the raw byte read as uint8 (an int8 of -1 is
// at 255). For Relu, Relu6, ReluN1To1, Logistic, Tanh, HardSwish, LeakyRelu, Elu and Abs on int8,
// and Quantize between int8 and uint8. Throws Error(Unsupported), without naming the operator, for
// other operators and types and for output quantizations that the operator's fixed-point form does
// not allow.
std::array<uint8_t, 256> unary_table(const Graph& graph, const Op& op);

}  // namespace mcunet::reference
