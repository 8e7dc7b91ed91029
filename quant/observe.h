// What the activations of a float network look like on the calibration inputs.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "quant/calibration.h"

namespace mcunet::quant {

constexpr size_t kHistogramBins = 2048;

struct TensorStatistics {
  int64_t count = 0;  // elements seen; 0: the tensor is not an activation of the graph
  float min = 0, max = 0;
  double sum = 0, sum_of_squares = 0;
  // Counts of kHistogramBins equal intervals over [min, max]; all in bin 0 when min = max.
  std::vector<int64_t> histogram;
  // By index along the last dimension.
  std::vector<float> channel_min, channel_max;
  std::vector<double> channel_mean;
};

struct Statistics {
  std::vector<TensorStatistics> tensors;  // by tensor id
};

// Runs the float graph on all samples, twice (extremes first, histograms then). The result does not
// depend on `threads`. Throws Error(Input) when an activation is not finite, naming the operator.
Statistics observe(const Graph& graph, const Calibration& calibration, int threads,
                   const ProgressHook& progress = {});

}  // namespace mcunet::quant
