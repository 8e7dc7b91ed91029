#include "libmcunet/graph/activation.h"

namespace mcunet {

Activation activation_function(OpKind kind) {
  switch (kind) {
    case OpKind::Relu:
      return Activation::Relu;
    case OpKind::Relu6:
      return Activation::Relu6;
    case OpKind::ReluN1To1:
      return Activation::ReluN1To1;
    default:
      return Activation::None;
  }
}

Activation* activation_slot(Op& op) {
  switch (op.kind) {
    case OpKind::Conv2D:
    case OpKind::DepthwiseConv2D:
      return &op.as<ConvAttrs>().activation;
    case OpKind::FullyConnected:
      return &op.as<FullyConnectedAttrs>().activation;
    case OpKind::Add:
    case OpKind::Sub:
    case OpKind::Mul:
      return &op.as<BinaryAttrs>().activation;
    case OpKind::AveragePool2D:
    case OpKind::MaxPool2D:
      return &op.as<PoolAttrs>().activation;
    default:
      return nullptr;
  }
}

Activation fused_activation(const Op& op) {
  const Activation* slot = activation_slot(const_cast<Op&>(op));  // only read
  return slot == nullptr ? Activation::None : *slot;
}

}  // namespace mcunet
