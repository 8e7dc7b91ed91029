// The operator table: one row per operator. A new operator is a row here, a function in reference/,
// a lowering in compiler/ and a line in docs/operators.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet {

struct OperatorInfo {
  OpKind kind;
  const char* name;            // TFLite's, as users know it
  int min_inputs, max_inputs;  // data, weights and bias; -1: any number
  // Each output element depends on the input elements at its own place only.
  bool elementwise;
  // Raw values are copied or compared, so that inputs and outputs must be quantized alike. (The
  // reference's RELU6 only limits the stored values.)
  bool keeps_scale;
  // Shapes of the outputs from inputs and attributes; problems are appended as texts without place.
  std::vector<Shape> (*infer)(const Graph& graph, const Op& op, std::vector<std::string>& problems);
  // Multiply-accumulates of one execution.
  int64_t (*macs)(const Graph& graph, const Op& op);
};

const OperatorInfo& operator_info(OpKind kind);
const std::vector<OperatorInfo>& operator_table();

int64_t macs(const Graph& graph, const Op& op);
int64_t total_macs(const Graph& graph);
int64_t total_parameters(
    const Graph& graph);  // weights and biases that operators use, each counted once

// TFLite's SAME padding along one dimension: the smaller half goes first.
struct PaddingPair {
  int32_t before, after;
};
PaddingPair same_padding(int32_t in, int32_t kernel, int32_t stride, int32_t dilation);
// Extent of the output of a window operator; 0 or less when the window does not fit.
int32_t window_output(int32_t in, int32_t kernel, int32_t stride, int32_t dilation, int32_t before,
                      int32_t after);

}  // namespace mcunet
