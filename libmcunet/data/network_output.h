// From the bytes of a network's output to numbers and classes.
#pragma once

#include <cstdint>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet {

// The tensor's bytes, as many as it has, as real numbers: float32, or int8 and uint8 by scale and
// zero point.
std::vector<float> real_values(const Tensor& tensor, const uint8_t* bytes);
std::vector<float> real_values(const Tensor& tensor, const std::vector<uint8_t>& bytes);

// The tensor with the quantization that its values have. RESHAPE copies bytes, whatever its output
// claims (the published int8 MCUNet models claim a wrong scale there), so it is the quantization of
// the tensor that was computed.
Tensor computed_tensor(const Graph& graph, TensorId id);

// How the output of a classifier is read.
struct ClassifierOutput {
  Tensor tensor;        // computed_tensor() of the graph's output
  size_t classes = 0;   // at least 2
  float threshold = 0;  // of a single value, above which it means class 1
};
// A single value is a probability if LOGISTIC gives it, else a logit. Throws Error(Usage) when the
// network has several outputs.
ClassifierOutput classifier_output(const Graph& graph);

// One score per class, the higher the likelier, from the output's values: these themselves, or, of
// a single value, {2·threshold − value, value}.
std::vector<float> class_scores(const ClassifierOutput& output, const std::vector<float>& values);

}  // namespace mcunet
