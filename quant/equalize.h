// Cross-layer equalization: channels that are small beside others get a larger share of the 256
// steps, and the next layer's weights take it back.
//
// Method: Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight
// Equalization and Bias Correction" (ICCV 2019, arXiv:1906.04721), section 4.1; with weights scaled
// per channel what counts are the ranges of the activations, so these stand where the paper has the
// first layer's weights.
#pragma once

#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "quant/observe.h"

namespace mcunet::quant {

struct EqualizeOptions {
  // Between leaving the next layer's weights alone (0) and the activations (1); 0.5 shares the
  // difference, as in the paper.
  float share = 0.5F;
  // How near to 6 the largest activation seen of a RELU6 channel may come: others must not be cut
  // off that the float network keeps.
  float headroom = 0.9F;
};

struct Equalized {
  Graph graph;
  // Factors that were applied, by the operator that writes the tensor: channel c of its output is
  // the original's times factors[c].
  struct Pair {
    size_t first, second;  // indices of the operators
    std::vector<float> factors;
  };
  std::vector<Pair> pairs;
};

//   conv A → (RELU, RELU6 or nothing) → conv B   becomes   A scaled by f → … → B scaled by 1/f
// for every tensor that only one weighted operator reads and one writes; the outputs of the graph
// stay the same for every input with RELU and without activation (up to float rounding), and for
// the calibration inputs with RELU6: a channel that reaches 6 on them is left alone.
Equalized equalize(const Graph& graph, const Statistics& statistics,
                   const EqualizeOptions& options);

}  // namespace mcunet::quant
