// Which interval of reals the 256 steps of each activation span.
#pragma once

#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "quant/encodings.h"
#include "quant/observe.h"

namespace mcunet::quant {

enum class RangeMethod {
  Mse,         // least squared error over the histogram, clipping and rounding together
  MinMax,      // all that was seen
  Percentile,  // all but a share of 1e-4 of the values at either end
  Kl,          // least Kullback-Leibler divergence of the histogram from its quantized form:
               // Migacz, "8-bit Inference with TensorRT" (GTC 2017)
};

// "mse", "minmax", "percentile", "kl"; throws Error(Usage) with near names.
RangeMethod parse_range_method(const std::string& name);
const char* range_method_name(RangeMethod method);

// Tensors that must have one scale and zero point, because the operators between them copy or
// compare raw values (CONCATENATION, pooling, RESHAPE, PAD, MINIMUM …), or whose scale the operator
// prescribes (SOFTMAX and LOGISTIC 1/256, -128; TANH 1/128, 0).
struct ScaleGroups {
  std::vector<int> group;  // by tensor id; -1: not quantized as an activation
  struct Group {
    std::vector<TensorId> tensors;
    Quantization fixed;  // not empty: prescribed
  };
  std::vector<Group> groups;
};
ScaleGroups scale_groups(const Graph& graph);

// Encodings::activations. An activation that ends in RELU6 spans [0, 6] as it is, unless what was
// seen is smaller; RELU begins at 0.
std::vector<Quantization> choose_ranges(const Graph& graph, const Statistics& statistics,
                                        RangeMethod method);

}  // namespace mcunet::quant
