// Float weights to integers, per output channel.
#pragma once

#include <map>

#include "libmcunet/graph/graph.h"
#include "quant/encodings.h"

namespace mcunet::quant {

enum class WeightScale {
  Max,  // the largest weight of a channel becomes the largest integer
  Mse,  // least squared error of the channel's weights
};

// Rounds to nearest. `input_scale` is the layer's: a bias that is huge beside the weights makes the
// scale larger, so that the bias fits 30 bits. A channel of zeros gets a scale at which its bias is
// exact enough. Throws Error(Input) for weights that are not finite.
LayerEncoding encode_weights(const Graph& graph, const Op& op, DType dtype, WeightScale method,
                             float input_scale);

// The layer with larger scales in those channels whose bias, which may have changed since, would
// leave no room for the sums of products in int32: a channel without weights, say, whose bias was
// corrected. Its weights are rounded anew to nearest.
LayerEncoding with_room_for_biases(const Graph& graph, const Op& op, LayerEncoding layer,
                                   float input_scale);
// All layers, by the scales of their inputs.
Encodings with_room_for_biases(const Graph& graph, Encodings encodings);

// All layers with weights; `dtypes` names those that are not Int8, by operator index.
std::map<size_t, LayerEncoding> encode_all_weights(const Graph& graph,
                                                   const std::vector<Quantization>& activations,
                                                   const std::map<size_t, DType>& dtypes,
                                                   WeightScale method);

}  // namespace mcunet::quant
