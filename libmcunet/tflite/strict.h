// The rules of TensorFlow Lite's int8 quantization specification
// (https://www.tensorflow.org/lite/performance/quantization_spec) and those that its interpreters
// take for granted. read_tflite() is more lenient, because published files break them.
#pragma once

#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet {

// Every breach in a validated graph, each as "op 3 CONV_2D: …":
//   - weights: int8 in [-127, 127] or int4 in [-7, 7], zero point 0, scales positive, one for the
//     tensor or one per output channel; int4 of FULLY_CONNECTED has one for the tensor
//   - bias: int32, scale = input scale * weight scale, zero point 0; no sum can overflow int32
//   - SOFTMAX and LOGISTIC give 1/256, -128, TANH 1/128, 0
//   - operators that copy or compare raw values have one scale and zero point throughout
//   - scales such that every multiplier is a normal one: 2^-31 <= input * weights / output < 2^30
// Float32 operators have no rules. Empty: none is broken.
std::vector<std::string> strict_problems(const Graph& graph);

}  // namespace mcunet
