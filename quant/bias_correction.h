// Biases that take back what rounding shifted on average.
//
// Method: Nagel et al. 2019 (arXiv:1906.04721), section 4.2, in its empirical form: layer after
// layer, with the inputs that the quantized layers before it give.
#pragma once

#include <map>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "quant/calibration.h"
#include "quant/encodings.h"
#include "quant/observe.h"
#include "quant/prepare.h"

namespace mcunet::quant {

// By index of the operator in Graph::ops: the mean of each output channel before the activation, in
// the float network (observe() of split_activations(), see prepare.h).
using LinearMeans = std::map<size_t, std::vector<double>>;
LinearMeans linear_means(const SplitGraph& split, const Statistics& statistics,
                         const Graph& float_graph);

// Encodings with other biases: the mean of each output channel, before its activation, over the
// calibration inputs is `means`. Does not depend on `threads`.
Encodings correct_biases(const Graph& float_graph, const LinearMeans& means, Encodings encodings,
                         const Calibration& calibration, int threads,
                         const ProgressHook& progress = {});

}  // namespace mcunet::quant
