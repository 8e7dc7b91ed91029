// What quantization decides about a float graph: everything that assemble() needs beside the graph.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::quant {

// The integer weights of one Conv2D, DepthwiseConv2D or FullyConnected.
struct LayerEncoding {
  DType dtype = DType::Int8;  // Int8: weights in [-127, 127]; Int4: [-7, 7]
  // One per output channel (axis 3 of a depthwise convolution, else axis 0), positive. A weight
  // stands for scale * value.
  std::vector<float> scales;
  std::vector<int8_t> weights;  // in the order of the float weights, one value per element
  // One real value per output channel. assemble() rounds bias / (input scale * weight scale) to the
  // int32 of the file.
  std::vector<float> bias;
};

struct Encodings {
  // By tensor id: scale and zero point of each int8 activation, and of each constant that stands
  // where an activation could (an operand of ADD, say). Empty for weights, biases and tensors that
  // no operator uses. real = scale * (q - zero_point), q in [-128, 127].
  std::vector<Quantization> activations;
  // By index of the operator in Graph::ops.
  std::map<size_t, LayerEncoding> layers;
};

// Smallest and largest weight of an encoding: -127, 127 or -7, 7.
struct WeightRange {
  int32_t min, max;
};
WeightRange weight_range(DType dtype);

// The scale and zero point whose 256 steps span [low, high] as TensorFlow Lite wants them: the
// interval is widened to hold 0, which is represented exactly; an interval without extent gets a
// scale that is merely sound. Throws Error(Input) for limits that are not finite.
Quantization activation_encoding(float low, float high);

// Real limits of an encoding: scale * (-128 - zero_point), scale * (127 - zero_point).
struct RealRange {
  float low, high;
};
RealRange real_range(const Quantization& activation);

}  // namespace mcunet::quant
