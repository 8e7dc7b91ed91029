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

// Of a share right/count: where it lies with 95 % confidence, in per cent. Wilson, "Probable
// Inference, the Law of Succession, and Statistical Inference" (JASA 22, 1927).
struct ConfidenceInterval {
  double low, high;
};
ConfidenceInterval wilson_interval(int64_t right, int64_t count);

// An input of the float network, and its class.
struct Labelled {
  Calibration::Sample inputs;
  int label = 0;
};

// Runs both networks on `count` inputs, which `load` gives, one call per index, from several
// threads. Where it gives nothing, the input is left out. The class is the index of the largest
// element of the first output, the lowest among equals; of an output with one element: whether it
// is at least 0.5. Does not depend on `threads`.
Accuracy measure_accuracy(const Graph& float_graph, const Graph& int8_graph, size_t count,
                          const std::function<std::optional<Labelled>(size_t)>& load, int threads,
                          const ProgressHook& progress = {});

}  // namespace mcunet::quant
