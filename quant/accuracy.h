// Top-1 accuracy of a float network and its int8 network, image by image.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "libmcunet/graph/graph.h"
#include "quant/calibration.h"

namespace mcunet::quant {

struct Accuracy {
  int64_t images = 0;
  int64_t float_right = 0, int8_right = 0;
  int64_t agreed = 0;  // both networks name the same class
  double output_sqnr_db = 0;

  // Percentage points that int8 loses; negative when it gains.
  double drop_pp() const;
};

// An input of the float network, and its class.
struct Labelled {
  Calibration::Sample inputs;
  int label = 0;
};

// Runs both networks on `count` inputs, which `load` gives, one call per index, from several
// threads. Where it gives nothing, the input is left out. Classes are read from the outputs as
// `eval` reads them (libmcunet/data/network_output.h). Does not depend on `threads`. Throws
// Error(Usage) for networks with several outputs.
Accuracy measure_accuracy(const Graph& float_graph, const Graph& int8_graph, size_t count,
                          const std::function<std::optional<Labelled>(size_t)>& load, int threads,
                          const ProgressHook& progress = {});

}  // namespace mcunet::quant
