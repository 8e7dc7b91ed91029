// Float .tflite files whose weights were quantized ("hybrid", "dynamic range").
#pragma once

#include "libmcunet/graph/graph.h"

namespace mcunet::import {

// The float32 graph of a model with float32 activations: integer weights are multiplied by their
// scales. TensorFlow's own kernels for such models quantize the activations on the way too, so that
// their outputs differ a little from this graph's.
//
// Throws Error(Unsupported) when activations are not float32: the model is quantized already.
Graph with_float_weights(Graph graph);

}  // namespace mcunet::import
