// Activation functions that are part of another operator.
#pragma once

#include "libmcunet/graph/op.h"

namespace mcunet {

// The function that an operator of its own stands for: of RELU, RELU_N1_TO_1 and RELU6; None of all
// others.
Activation activation_function(OpKind kind);

// Where an operator keeps its fused activation; null for operators that cannot have one.
Activation* activation_slot(Op& op);

// None also for operators that cannot have one.
Activation fused_activation(const Op& op);

}  // namespace mcunet
