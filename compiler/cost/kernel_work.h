// What a kernel does for one operator, in the numbers that its time depends on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

struct KernelWork {
  std::string kernel;  // "conv_1x1"
  double calls = 1;    // in one inference
  // The output; images of a batch count as further rows. An output that is no image is one pixel
  // per row of its innermost dimension.
  double rows = 1, width = 1, channels = 1;
  double in_elements = 1, in_channels = 1;
  double window_h = 1, window_w = 1, stride = 1;
  double groups = 1;  // of a convolution
  // The output's zero point is -128, as after RELU and RELU6: convolutions scale such outputs
  // faster.
  bool rectified = false;

  double outputs() const { return rows * width * channels; }
};

KernelWork kernel_work(const Graph& graph, const Op& op, const std::string& kernel, int64_t calls);

// The kernel that runs an operator whose sums are bounded, as those of nearly all trained networks
// are: for estimates before there are weights.
std::string usual_kernel(const Graph& graph, const Op& op);

// One of the numbers that a kernel's cycles are a sum of, each times a coefficient that is fitted
// to the emulated core (scripts/calibrate, configs/cycles/CORE.json).
struct CycleTerm {
  const char* name;
  double value;
};

// The same names in the same order for all work of a kernel; values grow with the work.
std::vector<CycleTerm> cycle_terms(const KernelWork& work);

}  // namespace mcunet::compiler
