#include "libmcunet/graph/operators.h"

#include <algorithm>
#include <set>

namespace mcunet {

PaddingPair same_padding(int32_t in, int32_t kernel, int32_t stride, int32_t dilation) {
  const int64_t out = (static_cast<int64_t>(in) + stride - 1) / stride;
  const int64_t span = (static_cast<int64_t>(kernel) - 1) * dilation + 1;
  const int64_t total = std::max<int64_t>(0, (out - 1) * stride + span - in);
  return {static_cast<int32_t>(total / 2), static_cast<int32_t>(total - total / 2)};
}

int32_t window_output(int32_t in, int32_t kernel, int32_t stride, int32_t dilation, int32_t before,
                      int32_t after) {
  const int64_t span = (static_cast<int64_t>(kernel) - 1) * dilation + 1;
  const int64_t room = static_cast<int64_t>(in) + before + after - span;
  return room < 0 ? 0 : static_cast<int32_t>(room / stride + 1);
}

namespace {

using Problems = std::vector<std::string>;
using Shapes = std::vector<Shape>;

// ---- shape inference
// -------------------------------------------------------------------------------------------------

Shapes same_as_input(const Graph& graph, const Op& op, Problems&) {
  return {graph.input(op, 0).shape};
}

bool require_rank(const Tensor& tensor, size_t rank, const char* what, Problems& problems) {
  if (tensor.shape.size() == rank) return true;
  problems.push_back(std::string(what) + " must have rank " + std::to_string(rank) + ", is " +
                     to_string(tensor.shape));
  return false;
}

void check_bias(const Graph& graph, const Op& op, int32_t channels, Problems& problems) {
  if (graph.has_input(op, 2) && graph.input(op, 2).elements() != channels) {
    problems.push_back("bias has " + std::to_string(graph.input(op, 2).elements()) +
                       " elements for " + std::to_string(channels) + " output channels");
  }
}

// The output [n,h,w,channels] of a window that slides over x.
Shapes window_shape(const Shape& x, int32_t channels, int32_t kernel_h, int32_t kernel_w,
                    int32_t stride_h, int32_t stride_w, int32_t dilation_h, int32_t dilation_w,
                    const SpatialPadding& pad, Problems& problems) {
  if (kernel_h < 1 || kernel_w < 1 || stride_h < 1 || stride_w < 1 || dilation_h < 1 ||
      dilation_w < 1) {
    problems.push_back("kernel, stride and dilation must be positive");
    return {};
  }
  const int32_t h = window_output(x[1], kernel_h, stride_h, dilation_h, pad.top, pad.bottom);
  const int32_t w = window_output(x[2], kernel_w, stride_w, dilation_w, pad.left, pad.right);
  if (h < 1 || w < 1) {
    problems.push_back("kernel " + std::to_string(kernel_h) + "x" + std::to_string(kernel_w) +
                       " does not fit into the input " + to_string(x));
    return {};
  }
  return {{x[0], h, w, channels}};
}

Shape nhwc_input(const Graph& graph, const Op& op, const ConvAttrs& attrs) {
  const Shape& x = graph.input(op, 0).shape;
  return attrs.planar_input ? Shape{x[0], x[2], x[3], x[1]} : x;
}

Shapes infer_conv(const Graph& graph, const Op& op, Problems& problems) {
  const auto& attrs = op.as<ConvAttrs>();
  if (!require_rank(graph.input(op, 0), 4, "input", problems) ||
      !require_rank(graph.input(op, 1), 4, "weights", problems)) {
    return {};
  }
  const Shape x = nhwc_input(graph, op, attrs);
  const Shape& w = graph.input(op, 1).shape;
  const int32_t groups = x[3] / w[3];
  if (x[3] % w[3] != 0 || w[0] % std::max(groups, 1) != 0) {
    problems.push_back("weights " + to_string(w) + " do not divide input " + to_string(x) +
                       " into groups");
    return {};
  }
  check_bias(graph, op, w[0], problems);
  return window_shape(x, w[0], w[1], w[2], attrs.stride_h, attrs.stride_w, attrs.dilation_h,
                      attrs.dilation_w, attrs.padding, problems);
}

Shapes infer_depthwise(const Graph& graph, const Op& op, Problems& problems) {
  const auto& attrs = op.as<ConvAttrs>();
  if (!require_rank(graph.input(op, 0), 4, "input", problems) ||
      !require_rank(graph.input(op, 1), 4, "weights", problems)) {
    return {};
  }
  const Shape x = nhwc_input(graph, op, attrs);
  const Shape& w = graph.input(op, 1).shape;
  if (w[0] != 1 || w[3] % x[3] != 0) {
    problems.push_back("weights " + to_string(w) + " do not fit input " + to_string(x));
    return {};
  }
  check_bias(graph, op, w[3], problems);
  return window_shape(x, w[3], w[1], w[2], attrs.stride_h, attrs.stride_w, attrs.dilation_h,
                      attrs.dilation_w, attrs.padding, problems);
}

Shapes infer_fully_connected(const Graph& graph, const Op& op, Problems& problems) {
  if (!require_rank(graph.input(op, 1), 2, "weights", problems)) return {};
  const Tensor& x = graph.input(op, 0);
  const Shape& w = graph.input(op, 1).shape;
  if (x.elements() % w[1] != 0) {
    problems.push_back("input " + to_string(x.shape) + " is not a number of rows of " +
                       std::to_string(w[1]));
    return {};
  }
  check_bias(graph, op, w[0], problems);
  if (op.as<FullyConnectedAttrs>().keep_num_dims) {
    Shape shape = x.shape;
    if (shape.empty() || shape.back() != w[1]) {
      problems.push_back("keep_num_dims with input " + to_string(x.shape));
      return {};
    }
    shape.back() = w[0];
    return {shape};
  }
  return {{static_cast<int32_t>(x.elements() / w[1]), w[0]}};
}

Shapes infer_broadcast(const Graph& graph, const Op& op, Problems& problems) {
  const Shape& a = graph.input(op, 0).shape;
  const Shape& b = graph.input(op, 1).shape;
  Shape out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const int32_t ea = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int32_t eb = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (ea != eb && ea != 1 && eb != 1) {
      problems.push_back("shapes " + to_string(a) + " and " + to_string(b) + " do not broadcast");
      return {};
    }
    out[out.size() - 1 - i] = ea == 1 ? eb : ea;
  }
  return {out};
}

Shapes infer_pool(const Graph& graph, const Op& op, Problems& problems) {
  const auto& attrs = op.as<PoolAttrs>();
  if (!require_rank(graph.input(op, 0), 4, "input", problems)) return {};
  const Shape& x = graph.input(op, 0).shape;
  const SpatialPadding& pad = attrs.padding;
  if (pad.top >= attrs.filter_h || pad.bottom >= attrs.filter_h || pad.left >= attrs.filter_w ||
      pad.right >= attrs.filter_w) {
    problems.push_back("a pooling window would lie in the padding");
    return {};
  }
  return window_shape(x, x[3], attrs.filter_h, attrs.filter_w, attrs.stride_h, attrs.stride_w, 1, 1,
                      pad, problems);
}

Shapes infer_reduce(const Graph& graph, const Op& op, Problems& problems) {
  const auto& attrs = op.as<ReduceAttrs>();
  const Shape& x = graph.input(op, 0).shape;
  Shape out;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool reduced = std::find(attrs.axes.begin(), attrs.axes.end(), static_cast<int32_t>(i)) !=
                         attrs.axes.end();
    if (!reduced) out.push_back(x[i]);
    if (reduced && attrs.keep_dims) out.push_back(1);
  }
  for (const int32_t axis : attrs.axes) {
    if (axis < 0 || static_cast<size_t>(axis) >= x.size())
      problems.push_back("axis " + std::to_string(axis) + " of " + to_string(x));
  }
  return {out};
}

Shapes infer_pad(const Graph& graph, const Op& op, Problems& problems) {
  const auto& attrs = op.as<PadAttrs>();
  Shape shape = graph.input(op, 0).shape;
  if (attrs.before.size() != shape.size() || attrs.after.size() != shape.size()) {
    problems.push_back("paddings for " + std::to_string(attrs.before.size()) + " dimensions of " +
                       to_string(shape));
    return {};
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    const int64_t extent = static_cast<int64_t>(shape[i]) + attrs.before[i] + attrs.after[i];
    if (attrs.before[i] < 0 || attrs.after[i] < 0 || extent > (1 << 28)) {
      problems.push_back("padding must be non-negative and small");
      return {};
    }
    shape[i] = static_cast<int32_t>(extent);
  }
  return {shape};
}

Shapes infer_reshape(const Graph& graph, const Op& op, Problems& problems) {
  const Shape& shape = graph.output(op).shape;
  if (element_count(shape) != graph.input(op, 0).elements()) {
    problems.push_back("cannot reshape " + to_string(graph.input(op, 0).shape) + " to " +
                       to_string(shape));
  }
  return {shape};
}

Shapes infer_transpose(const Graph& graph, const Op& op, Problems& problems) {
  const auto& permutation = op.as<TransposeAttrs>().permutation;
  const Shape& x = graph.input(op, 0).shape;
  const std::set<int32_t> distinct(permutation.begin(), permutation.end());
  if (permutation.size() != x.size() || distinct.size() != x.size() ||
      (!distinct.empty() &&
       (*distinct.begin() != 0 || *distinct.rbegin() != static_cast<int32_t>(x.size()) - 1))) {
    problems.push_back("the permutation does not fit " + to_string(x));
    return {};
  }
  Shape shape;
  for (const int32_t source : permutation) shape.push_back(x[static_cast<size_t>(source)]);
  return {shape};
}

bool valid_axis(int32_t axis, size_t rank, Problems& problems) {
  if (axis >= 0 && static_cast<size_t>(axis) < rank) return true;
  problems.push_back("axis " + std::to_string(axis) + " of rank " + std::to_string(rank));
  return false;
}

Shapes infer_concatenation(const Graph& graph, const Op& op, Problems& problems) {
  Shape shape = graph.input(op, 0).shape;
  const int32_t axis = op.as<AxisAttrs>().axis;
  if (!valid_axis(axis, shape.size(), problems)) return {};
  int64_t total = shape[static_cast<size_t>(axis)];
  for (size_t i = 1; i < op.inputs.size(); ++i) {
    Shape other = graph.input(op, i).shape;
    if (other.size() == shape.size()) {
      total += other[static_cast<size_t>(axis)];
      other[static_cast<size_t>(axis)] = shape[static_cast<size_t>(axis)];
    }
    if (other != shape) {
      problems.push_back("input " + std::to_string(i) + " " + to_string(graph.input(op, i).shape) +
                         " does not fit " + to_string(shape));
      return {};
    }
  }
  shape[static_cast<size_t>(axis)] = static_cast<int32_t>(std::min<int64_t>(total, 1 << 30));
  return {shape};
}

Shapes infer_split(const Graph& graph, const Op& op, Problems& problems) {
  const Shape& x = graph.input(op, 0).shape;
  const int32_t axis = op.as<AxisAttrs>().axis;
  if (!valid_axis(axis, x.size(), problems)) return {};
  Shapes shapes;
  int64_t total = 0;
  for (size_t i = 0; i < op.outputs.size(); ++i) {  // the sizes are the outputs' own
    const Shape& declared = graph.output(op, i).shape;
    Shape shape = x;
    if (declared.size() == x.size())
      shape[static_cast<size_t>(axis)] = declared[static_cast<size_t>(axis)];
    total += shape[static_cast<size_t>(axis)];
    shapes.push_back(shape);
  }
  if (total != x[static_cast<size_t>(axis)]) {
    problems.push_back("outputs have " + std::to_string(total) + " of " + to_string(x) +
                       " along axis " + std::to_string(axis));
  }
  return shapes;
}

Shapes infer_slice(const Graph& graph, const Op& op, Problems& problems) {
  const auto& attrs = op.as<StridedSliceAttrs>();
  const Shape& x = graph.input(op, 0).shape;
  if (attrs.begin.size() != x.size() || attrs.size.size() != x.size() ||
      attrs.stride.size() != x.size()) {
    problems.push_back("slice of " + std::to_string(attrs.begin.size()) + " dimensions of " +
                       to_string(x));
    return {};
  }
  for (size_t i = 0; i < x.size(); ++i) {
    const int64_t last =
        attrs.begin[i] + (static_cast<int64_t>(attrs.size[i]) - 1) * attrs.stride[i];
    if (attrs.size[i] < 1 || attrs.begin[i] < 0 || attrs.begin[i] >= x[i] || last < 0 ||
        last >= x[i]) {
      problems.push_back("slice is empty or leaves dimension " + std::to_string(i) + " of " +
                         to_string(x));
      return {};
    }
  }
  // Shrunk axes only drop extents of 1, so the declared shape stands if it has as many elements.
  const Shape& declared = graph.output(op).shape;
  return {element_count(declared) == element_count(attrs.size) ? declared : Shape(attrs.size)};
}

Shapes infer_pack(const Graph& graph, const Op& op, Problems& problems) {
  Shape shape = graph.input(op, 0).shape;
  const int32_t axis = op.as<AxisAttrs>().axis;
  if (!valid_axis(axis, shape.size() + 1, problems)) return {};
  for (const TensorId id : op.inputs) {
    if (graph.tensor(id).shape != shape) problems.push_back("inputs differ in shape");
  }
  shape.insert(shape.begin() + axis, static_cast<int32_t>(op.inputs.size()));
  return {shape};
}

Shapes infer_unpack(const Graph& graph, const Op& op, Problems& problems) {
  Shape shape = graph.input(op, 0).shape;
  const int32_t axis = op.as<AxisAttrs>().axis;
  if (!valid_axis(axis, shape.size(), problems)) return {};
  if (shape[static_cast<size_t>(axis)] != static_cast<int32_t>(op.outputs.size())) {
    problems.push_back(std::to_string(op.outputs.size()) + " outputs for " + to_string(shape));
  }
  shape.erase(shape.begin() + axis);
  return Shapes(op.outputs.size(), shape);
}

Shapes infer_depth_to_space(const Graph& graph, const Op& op, Problems& problems) {
  const int32_t block = op.as<BlockAttrs>().block;
  if (!require_rank(graph.input(op, 0), 4, "input", problems)) return {};
  const Shape& x = graph.input(op, 0).shape;
  if (block < 1 || block > 1024 || x[3] % (block * block) != 0) {
    problems.push_back("block " + std::to_string(block) + " does not divide " + to_string(x));
    return {};
  }
  return {{x[0], x[1] * block, x[2] * block, x[3] / (block * block)}};
}

Shapes infer_space_to_depth(const Graph& graph, const Op& op, Problems& problems) {
  const int32_t block = op.as<BlockAttrs>().block;
  if (!require_rank(graph.input(op, 0), 4, "input", problems)) return {};
  const Shape& x = graph.input(op, 0).shape;
  if (block < 1 || block > 1024 || x[1] % block != 0 || x[2] % block != 0) {
    problems.push_back("block " + std::to_string(block) + " does not divide " + to_string(x));
    return {};
  }
  return {{x[0], x[1] / block, x[2] / block, x[3] * block * block}};
}

Shapes infer_resize(const Graph& graph, const Op& op, Problems& problems) {
  const Shape& declared = graph.output(op).shape;  // the reader has set the extents asked for
  if (!require_rank(graph.input(op, 0), 4, "input", problems)) return {};
  const Shape& x = graph.input(op, 0).shape;
  if (declared.size() != 4) {
    problems.push_back("output must have rank 4");
    return {};
  }
  return {{x[0], declared[1], declared[2], x[3]}};
}

// ---- multiply-accumulates
// --------------------------------------------------------------------------------------------

int64_t no_macs(const Graph&, const Op&) { return 0; }

int64_t conv_macs(const Graph& graph, const Op& op) {
  const Shape& w = graph.input(op, 1).shape;
  return graph.output(op).elements() * w[1] * w[2] * w[3];
}

int64_t depthwise_macs(const Graph& graph, const Op& op) {
  const Shape& w = graph.input(op, 1).shape;
  return graph.output(op).elements() * w[1] * w[2];
}

int64_t fully_connected_macs(const Graph& graph, const Op& op) {
  return graph.output(op).elements() * graph.input(op, 1).shape[1];
}

}  // namespace

const std::vector<OperatorInfo>& operator_table() {
  static const std::vector<OperatorInfo> table = {
      {OpKind::Conv2D, "CONV_2D", 2, 3, false, false, infer_conv, conv_macs},
      {OpKind::DepthwiseConv2D, "DEPTHWISE_CONV_2D", 2, 3, false, false, infer_depthwise,
       depthwise_macs},
      {OpKind::FullyConnected, "FULLY_CONNECTED", 2, 3, false, false, infer_fully_connected,
       fully_connected_macs},
      {OpKind::Add, "ADD", 2, 2, true, false, infer_broadcast, no_macs},
      {OpKind::Sub, "SUB", 2, 2, true, false, infer_broadcast, no_macs},
      {OpKind::Mul, "MUL", 2, 2, true, false, infer_broadcast, no_macs},
      {OpKind::Minimum, "MINIMUM", 2, 2, true, true, infer_broadcast, no_macs},
      {OpKind::Maximum, "MAXIMUM", 2, 2, true, true, infer_broadcast, no_macs},
      {OpKind::AveragePool2D, "AVERAGE_POOL_2D", 1, 1, false, true, infer_pool, no_macs},
      {OpKind::MaxPool2D, "MAX_POOL_2D", 1, 1, false, true, infer_pool, no_macs},
      {OpKind::Mean, "MEAN", 1, 1, false, false, infer_reduce, no_macs},
      {OpKind::Softmax, "SOFTMAX", 1, 1, false, false, same_as_input, no_macs},
      {OpKind::Logistic, "LOGISTIC", 1, 1, true, false, same_as_input, no_macs},
      {OpKind::Tanh, "TANH", 1, 1, true, false, same_as_input, no_macs},
      {OpKind::Relu, "RELU", 1, 1, true, false, same_as_input, no_macs},
      {OpKind::Relu6, "RELU6", 1, 1, true, true, same_as_input, no_macs},
      {OpKind::ReluN1To1, "RELU_N1_TO_1", 1, 1, true, false, same_as_input, no_macs},
      {OpKind::HardSwish, "HARD_SWISH", 1, 1, true, false, same_as_input, no_macs},
      {OpKind::LeakyRelu, "LEAKY_RELU", 1, 1, true, false, same_as_input, no_macs},
      {OpKind::Elu, "ELU", 1, 1, true, false, same_as_input, no_macs},
      {OpKind::Abs, "ABS", 1, 1, true, false, same_as_input, no_macs},
      {OpKind::Pad, "PAD", 1, 1, false, true, infer_pad, no_macs},
      {OpKind::Reshape, "RESHAPE", 1, 1, false, true, infer_reshape, no_macs},
      {OpKind::Transpose, "TRANSPOSE", 1, 1, false, true, infer_transpose, no_macs},
      {OpKind::Concatenation, "CONCATENATION", 1, -1, false, true, infer_concatenation, no_macs},
      {OpKind::Split, "SPLIT", 1, 1, false, true, infer_split, no_macs},
      {OpKind::StridedSlice, "STRIDED_SLICE", 1, 1, false, true, infer_slice, no_macs},
      {OpKind::Pack, "PACK", 1, -1, false, true, infer_pack, no_macs},
      {OpKind::Unpack, "UNPACK", 1, 1, false, true, infer_unpack, no_macs},
      {OpKind::DepthToSpace, "DEPTH_TO_SPACE", 1, 1, false, true, infer_depth_to_space, no_macs},
      {OpKind::SpaceToDepth, "SPACE_TO_DEPTH", 1, 1, false, true, infer_space_to_depth, no_macs},
      {OpKind::ResizeNearestNeighbor, "RESIZE_NEAREST_NEIGHBOR", 1, 1, false, true, infer_resize,
       no_macs},
      {OpKind::Quantize, "QUANTIZE", 1, 1, true, false, same_as_input, no_macs},
      {OpKind::Dequantize, "DEQUANTIZE", 1, 1, true, false, same_as_input, no_macs},
  };
  return table;
}

const OperatorInfo& operator_info(OpKind kind) {
  return operator_table().at(
      static_cast<size_t>(kind));  // rows stand in the enum's order (a test checks it)
}

int64_t macs(const Graph& graph, const Op& op) { return operator_info(op.kind).macs(graph, op); }

int64_t total_macs(const Graph& graph) {
  int64_t total = 0;
  for (const Op& op : graph.ops) total += macs(graph, op);
  return total;
}

int64_t total_parameters(const Graph& graph) {
  std::set<TensorId> used;
  for (const Op& op : graph.ops) used.insert(op.inputs.begin(), op.inputs.end());
  int64_t total = 0;
  for (const TensorId id : used) {
    if (graph.tensor(id).is_constant()) total += graph.tensor(id).elements();
  }
  return total;
}

}  // namespace mcunet
