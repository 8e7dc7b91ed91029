// Cycles of kernels, estimated from shapes: sums of what a kernel does (kernel_work.h), each times
// a coefficient fitted to runs on the emulated core. What flash and caches add is not in them.
// scripts/calibrate fits them and says how far they are off (docs/calibration.md).
#pragma once

#include <cstdint>
#include <string>

#include "compiler/cost/kernel_work.h"
#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

// `core` is the board's ("cortex-m7" …).
double kernel_cycles(const KernelWork& work, const std::string& core);

// Of an operator that makes its output whole, by its usual kernel.
int64_t estimated_cycles(const Graph& graph, const Op& op, const std::string& core);

}  // namespace mcunet::compiler
