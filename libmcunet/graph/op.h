// Operators: kinds and their attributes. Parameters that TFLite passes as constant tensors (axes,
// paddings, permutations, slices) are attributes here, so that an operator's inputs are data,
// weights and bias only.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

namespace mcunet {

enum class OpKind : uint8_t {
  Conv2D,           // inputs: x [n,h,w,ci], weights [co,kh,kw,ci/groups], optional bias [co] int32
  DepthwiseConv2D,  // inputs: x [n,h,w,c], weights [1,kh,kw,c*multiplier], optional bias
  FullyConnected,   // inputs: x [..., k], weights [m,k], optional bias [m]
  Add,
  Sub,
  Mul,
  Minimum,
  Maximum,
  AveragePool2D,
  MaxPool2D,
  Mean,
  Softmax,
  Logistic,
  Tanh,
  Relu,
  Relu6,
  ReluN1To1,
  HardSwish,
  LeakyRelu,
  Elu,
  Abs,
  Pad,
  Reshape,
  Transpose,
  Concatenation,
  Split,
  StridedSlice,
  Pack,
  Unpack,
  DepthToSpace,
  SpaceToDepth,
  ResizeNearestNeighbor,
  Quantize,
  Dequantize,
};

enum class Activation : uint8_t { None, Relu, ReluN1To1, Relu6 };

// Rows and columns added around an image; negative values do not occur.
struct SpatialPadding {
  int32_t top = 0, left = 0, bottom = 0, right = 0;
  bool none() const { return top == 0 && left == 0 && bottom == 0 && right == 0; }
};

// Convolution and depthwise convolution. Padding counts as the input's zero point.
struct ConvAttrs {
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
  SpatialPadding padding;
  Activation activation = Activation::None;
  // The input lies in memory as [n,c,h,w] and is read so by the kernel (a folded TRANSPOSE). Only
  // after compiler passes.
  bool planar_input = false;
};

struct FullyConnectedAttrs {
  Activation activation = Activation::None;
  bool keep_num_dims = false;
};

struct BinaryAttrs {  // Add, Sub, Mul: NumPy broadcasting
  Activation activation = Activation::None;
};

struct PoolAttrs {
  int32_t filter_h = 1, filter_w = 1;
  int32_t stride_h = 1, stride_w = 1;
  SpatialPadding padding;  // padded positions do not take part
  Activation activation = Activation::None;
};

struct ReduceAttrs {
  std::vector<int32_t> axes;  // non-negative, ascending, distinct
  bool keep_dims = false;
};

struct SoftmaxAttrs {
  float beta = 1.0f;
};

struct LeakyReluAttrs {
  float alpha = 0.0f;
};

struct PadAttrs {
  std::vector<int32_t> before, after;  // one per dimension, non-negative
  bool has_value = false;              // PADV2; otherwise the zero point of the output
  int8_t value = 0;
};

struct TransposeAttrs {
  std::vector<int32_t> permutation;  // output dimension i is input dimension permutation[i]
};

struct AxisAttrs {  // Concatenation, Split (sizes are the outputs' extents), Pack, Unpack
  int32_t axis = 0;
};

struct StridedSliceAttrs {  // normalised: element i of dimension d is begin[d] + i * stride[d], 0
                            // <= i < size[d]
  std::vector<int32_t> begin, stride, size;
};

struct BlockAttrs {  // DepthToSpace, SpaceToDepth
  int32_t block = 1;
};

struct ResizeAttrs {
  bool align_corners = false, half_pixel_centers = false;
};

using OpAttrs = std::variant<std::monostate, ConvAttrs, FullyConnectedAttrs, BinaryAttrs, PoolAttrs,
                             ReduceAttrs, SoftmaxAttrs, LeakyReluAttrs, PadAttrs, TransposeAttrs,
                             AxisAttrs, StridedSliceAttrs, BlockAttrs, ResizeAttrs>;

using TensorId = int32_t;

struct Op {
  OpKind kind = OpKind::Reshape;
  std::vector<TensorId> inputs;  // optional trailing inputs are left out, never negative
  std::vector<TensorId> outputs;
  OpAttrs attrs;
  int32_t source_index =
      -1;  // the operator's number in the file it came from, for messages and tables

  template <typename T>
  const T& as() const {
    return std::get<T>(attrs);
  }
  template <typename T>
  T& as() {
    return std::get<T>(attrs);
  }
};

}  // namespace mcunet
