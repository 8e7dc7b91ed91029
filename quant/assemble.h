// The int8 network of a float graph and its encodings.
#pragma once

#include "libmcunet/graph/graph.h"
#include "quant/encodings.h"

namespace mcunet::quant {

// A validated graph with int8 inputs and outputs that obeys TensorFlow Lite's rules for int8: bias
// scale = input scale * weight scale and int32; weights symmetric, Int4 packed two per byte; where
// an operator copies raw values but its operand has another scale, a QUANTIZE comes in between.
// Tensor ids and the order of operators are the float graph's; new tensors come behind.
Graph assemble(const Graph& float_graph, const Encodings& encodings);

// Gives a weighted operator of an assembled graph the weights and the bias of `layer`; the scale of
// its input is the graph's.
void encode_layer(Graph& graph, const Op& op, const LayerEncoding& layer);

// Without the tensors that nothing uses, which stages leave behind. Ids change, their order stays.
Graph compact(const Graph& graph);

// Two 4-bit values per byte, the first in the low half.
std::vector<uint8_t> pack_int4(const std::vector<int8_t>& values);

}  // namespace mcunet::quant
