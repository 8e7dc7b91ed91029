// What the activations of a float network look like on the calibration inputs.
#pragma once

#include <cstdint>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "quant/calibration.h"

namespace mcunet::quant {

// Bins of a width that is a power of two, the same for every order in which values come: bin i
// holds
// [(first + i) * width, (first + i + 1) * width). At least a
// quarter and at most all of kMostBins are needed for what was seen.
struct Histogram {
  static constexpr int64_t kMostBins = 4096;

  int exponent = 0;  // width = 2^exponent
  int64_t first = 0;
  std::vector<int64_t> counts;

  // `low` and `high` bound the finite values.
  void add(const float* values, size_t count, float low, float high);
  void add(const Histogram& other);
  double width() const;
  double center(size_t bin) const;
  bool empty() const { return counts.empty(); }
  int64_t total() const;

 private:
  void cover(int64_t low, int64_t high, int at_exponent);
  void coarsen(int to_exponent);
};

struct TensorStatistics {
  int64_t count = 0;  // elements seen; 0: the tensor is not an activation of the graph
  float min = 0, max = 0;
  double sum = 0, sum_of_squares = 0;
  Histogram histogram;
  // By index along the last dimension.
  std::vector<float> channel_min, channel_max;
  std::vector<double> channel_mean;
};

struct Statistics {
  std::vector<TensorStatistics> tensors;  // by tensor id
};

// Runs the float graph on all samples. The result does not depend on `threads`. Throws Error(Input)
// when an activation is not finite, naming the operator. `stage` names the work for the progress
// hook.
Statistics observe(const Graph& graph, const Calibration& calibration, int threads,
                   const ProgressHook& progress = {});

}  // namespace mcunet::quant
