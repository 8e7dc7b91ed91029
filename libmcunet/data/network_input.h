// From samples to the bytes of a network's input.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/data/dataset.h"
#include "libmcunet/data/preprocess.h"
#include "libmcunet/graph/graph.h"

namespace mcunet {

// The input's tensor [1, height, width, channels], or [1, channels, height, width] where only that
// has 1 or 3 channels. image_input() throws Error(Usage) for other shapes.
struct ImageInput {
  InputSpec spec;
  bool planar = false;  // channels first
};
bool is_image_input(const Tensor& tensor);
ImageInput image_input(const Tensor& tensor);

// The only input of the network. Throws Error(Usage) when it has several.
const Tensor& single_input(const Graph& graph);

// What the input `tensor` is fed with for this sample. Images: image_input() and to_tensor() of
// preprocess.h, and their errors. Raw tensors: as many elements as the input has, of its type, or
// float32 that an int8 or uint8 input quantizes as QUANTIZE does; Error(Input) otherwise, with
// `name` as the place.
std::vector<uint8_t> network_input(const SampleData& data, const Tensor& tensor,
                                   const Preprocess& preprocess, const std::string& name);

// A whole set in memory, for calibration.
struct NetworkInputs {
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<size_t> samples;       // their indices in the set
  std::vector<std::string> skipped;  // a message for each sample that could not be decoded
};
// Throws Error(Input) when too many are corrupt: check_skipped().
NetworkInputs network_inputs(const Dataset& dataset, const Tensor& tensor,
                             const Preprocess& preprocess, int threads);

}  // namespace mcunet
