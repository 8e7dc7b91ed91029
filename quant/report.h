// How near an int8 network comes to the float network it was made of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "quant/calibration.h"

namespace mcunet::quant {

struct LayerReport {
  size_t index = 0;     // of the operator in the float graph
  std::string op;       // "CONV_2D"
  std::string name;     // of its output
  int weight_bits = 0;  // 8, 4; 0 without weights
  // 10 lg (mean square of the float output / mean square of the difference), over all samples; with
  // the errors that the layers before have made. Infinite when there is no difference.
  double sqnr_db = 0;
  double saturated =
      0;  // share of the int8 values at -128 or 127 where the float value lies beyond
};

struct Report {
  std::vector<LayerReport> layers;  // one per operator output
  double output_sqnr_db = 0;        // of all graph outputs together
};

// `int8_graph` is assemble(float_graph, …), perhaps with converted edges: tensors with the ids of
// the float graph's are compared. Does not depend on `threads`.
Report compare(const Graph& float_graph, const Graph& int8_graph, const Calibration& samples,
               int threads, const ProgressHook& progress = {});

// The outputs of a float or int8 graph as real values: [sample][graph output][element].
using OutputValues = std::vector<std::vector<std::vector<float>>>;
OutputValues output_values(const Graph& graph, const Calibration& samples, int threads);

// Signal-to-noise of the outputs alone, in dB, against output_values() of the float graph: what
// searches compare.
double output_sqnr_db(const Graph& int8_graph, const Calibration& samples,
                      const OutputValues& wanted, int threads);

}  // namespace mcunet::quant
