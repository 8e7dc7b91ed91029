// What the interpreter's operators have in common: one function per operator prepares it, once, and
// returns a function that runs it any number of times, from several threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::reference {

// The raw little-endian bytes of the operands, in the operator's order; each aligned for its
// element type.
struct Operands {
  const std::vector<const uint8_t*>& inputs;
  const std::vector<uint8_t*>& outputs;

  template <typename T>
  const T* in(size_t i) const {
    return reinterpret_cast<const T*>(inputs[i]);
  }
  template <typename T>
  T* out(size_t i) const {
    return reinterpret_cast<T*>(outputs[i]);
  }
};

using Kernel = std::function<void(const Operands&)>;

// Each throws Error(Unsupported), without naming the operator, for what it cannot run.
Kernel prepare_conv(const Graph& graph, const Op& op);
Kernel prepare_depthwise(const Graph& graph, const Op& op);
Kernel prepare_fully_connected(const Graph& graph, const Op& op);
Kernel prepare_binary(const Graph& graph, const Op& op);  // Add, Sub, Mul, Minimum, Maximum
Kernel prepare_pool(const Graph& graph, const Op& op);    // AveragePool2D, MaxPool2D
Kernel prepare_mean(const Graph& graph, const Op& op);
Kernel prepare_softmax(const Graph& graph, const Op& op);
Kernel prepare_elementwise(const Graph& graph,
                           const Op& op);                   // one input, one output, value by value
Kernel prepare_quantize(const Graph& graph, const Op& op);  // Quantize, Dequantize
Kernel prepare_pad(const Graph& graph, const Op& op);
Kernel prepare_reshape(const Graph& graph, const Op& op);
Kernel prepare_gather(const Graph& graph,
                      const Op& op);  // Transpose, StridedSlice, DepthToSpace, SpaceToDepth
Kernel prepare_concatenate(const Graph& graph, const Op& op);  // Concatenation, Pack
Kernel prepare_split(const Graph& graph, const Op& op);        // Split, Unpack
Kernel prepare_resize(const Graph& graph, const Op& op);       // ResizeNearestNeighbor

[[noreturn]] void unsupported(const std::string& reason);

// Int8 or Float32: the type of all activations of the operator, and of weights and bias as they
// belong to it.
DType compute_type(const Graph& graph, const Op& op);

}  // namespace mcunet::reference
