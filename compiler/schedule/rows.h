// How an operator works row by row: which rows of its inputs one row of its output needs. What is
// here depends on shapes and attributes only, so that a network without weights can be planned.
#pragma once

#include <cstdint>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

// Rows of a tensor are its slices along dimension 1, in each image of a batch. A planar image's
// rows are those of its planes.
struct TensorRows {
  int32_t height = 1;
  int64_t pitch = 0;  // bytes from one row to the next
};

// Row y needs the rows [y * stride + offset, y * stride + offset + window) of the input, as far as
// they exist; with a `map`, row map[y] alone. Bounds never decrease with y.
struct RowInput {
  TensorId tensor = -1;
  TensorRows rows;
  int32_t stride = 1, offset = 0, window = 1;
  std::vector<int32_t> map;
  // The output may lie over this input, anywhere at or before it, even within a row: the kernel
  // goes through both in increasing order and reads before it writes.
  bool pixelwise = false;

  int32_t low(int32_t y) const;   // first row needed
  int32_t high(int32_t y) const;  // one behind the last
};

struct RowOp {
  // Can take turns with others. If not it makes its output whole, in one step that needs all rows.
  bool by_rows = false;
  // Rows that it makes one after the other; for a mean over the rows: rows that it takes in.
  int32_t steps = 1;
  std::vector<RowInput> inputs;  // tensors in the arena only; each once
  TensorRows output;             // of the first output
  int64_t scratch = 0;           // bytes, alive in each of its steps
  int32_t calls = 1;             // of kernels, one after the other, to make the output whole
  int64_t sums = 0;              // bytes of accumulators, alive from its first step to its last
};

RowOp row_op(const Graph& graph, const Op& op);

// Whether CONV_2D is a product of matrices: 1x1, stride 1, one group.
bool is_pointwise(const Graph& graph, const Op& op);

// Whether DEPTHWISE_CONV_2D is of a shape that mcunet_depthwise_KxK takes.
bool is_square_depthwise(const Graph& graph, const Op& op);

// Whether DEPTHWISE_CONV_2D is of a shape that mcunet_depthwise_3x3_s2_single takes.
bool is_single_channel_depthwise(const Graph& graph, const Op& op);

// Whether DEPTHWISE_CONV_2D has one input channel and few taps: a convolution that
// mcunet_conv_bounded takes.
bool is_convolution_of_one_channel(const Graph& graph, const Op& op);

// Whether MEAN, or AVERAGE_POOL_2D, is one number per channel of an image, or per place of a row:
// they take in one row after the other and need none of them later.
bool is_mean_over_rows(const Graph& graph, const Op& op);
bool is_pool_over_rows(const Graph& graph, const Op& op);

}  // namespace mcunet::compiler
