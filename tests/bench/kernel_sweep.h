// Operators of many shapes, for measuring every kernel.
#pragma once

#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::testing {

struct SweepGraph {
  Graph graph;
  bool by_rows = false;      // to be compiled with --schedule stream, else layer by layer
  bool float_edges = false;  // with --io float32
};

// Graphs of operators that do not depend on each other, grouped by kind; together they run every
// kernel on shapes from one pixel to the layers of MCUNet.
std::vector<SweepGraph> kernel_sweep();

}  // namespace mcunet::testing
