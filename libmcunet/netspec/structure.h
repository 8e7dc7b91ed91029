// How a network description becomes operators: the one place that says so. What differs between an
// int8 graph with made-up weights and a float graph with trained ones comes from a TensorSource.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "libmcunet/netspec/description.h"

namespace mcunet::netspec {

// Convolution weights as the description asks for them.
struct WeightRequest {
  OpKind kind = OpKind::Conv2D;  // or DepthwiseConv2D
  Shape shape;                   // [co, kh, kw, ci/groups], or [1, kh, kw, c]
  std::string name;              // "blocks.0.mobile_inverted_conv.depth_conv.conv"
  bool batch_norm = false;       // to be folded in
  bool bias = false;             // has one of its own
  int channel_axis() const { return kind == OpKind::DepthwiseConv2D ? 3 : 0; }
};

// Completes the tensors of a graph that is being built. Called in the order of the network, weights
// before the output of their operator.
class TensorSource {
 public:
  virtual ~TensorSource() = default;

  // Type and quantization of the network's input.
  virtual void complete_input(Tensor& tensor) = 0;
  // The weights "NAME.weight", then, where batch norm or the request has one, the bias "NAME.bias".
  virtual std::vector<Tensor> weights(const Graph& graph, TensorId x,
                                      const WeightRequest& request) = 0;
  virtual Tensor scalar(double value, const std::string& name) = 0;
  // Type and quantization of the operator's output, whose shape is known. `tensor` is not in the
  // graph yet.
  virtual void complete_output(const Graph& graph, const Op& op, Tensor& tensor) = 0;
};

// The graph, not validated. The description must be sound (problems() is empty); `resolution` is
// the number of rows and columns of the input.
Graph build_structure(const NetworkDescription& network, int32_t resolution,
                      const std::string& name, TensorSource& source);

// All convolutions with weights, in the order of the network, which must be sound and have a
// resolution. The classifier is one of 1×1.
std::vector<WeightRequest> weight_requests(const NetworkDescription& network);

// `network` with `resolution`, where there is one, instead of its own. Throws Error(Input) with all
// of its problems(), or when neither has a resolution; each begins with `place`.
NetworkDescription checked(const NetworkDescription& network, std::optional<int32_t> resolution,
                           const std::string& place);

}  // namespace mcunet::netspec
