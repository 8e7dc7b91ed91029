// Which layers can bear weights of 4 bits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "libmcunet/graph/graph.h"
#include "quant/calibration.h"
#include "quant/encodings.h"
#include "quant/observe.h"
#include "quant/weights.h"

namespace mcunet::quant {

// Layers whose weights may have 4 bits: 1×1 convolutions and fully connected layers. The others
// hold few weights and lose much.
std::vector<size_t> int4_candidates(const Graph& graph);

// Bytes of flash of the compiled model: the caller asks the compiler.
using MeasureFlash = std::function<int64_t(const Graph& int8_graph)>;

// The layers to encode in Int4 so that the model takes at most `max_flash` bytes, by operator
// index. Sensitivity of a layer: noise at the network's outputs on some calibration samples when it
// alone has 4 bits, beyond that of 8 bits everywhere. Layers are taken by noise per byte saved
// until the limit is met; those that turn out not to be needed are given back, the noisiest first.
// Throws Error(DoesNotFit) when all candidates together are not enough, naming both figures.
// `encodings`: all layers in Int8.
std::map<size_t, DType> choose_int4_layers(const Graph& float_graph, const Statistics& statistics,
                                           const Encodings& encodings, const Calibration& samples,
                                           int64_t max_flash, const MeasureFlash& measure,
                                           int threads, const ProgressHook& progress = {});

}  // namespace mcunet::quant
