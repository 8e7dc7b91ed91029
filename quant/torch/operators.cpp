#include "quant/torch/operators.h"

#include <limits>

#include "libmcunet/reference/movement.h"

namespace mcunet::quant {
namespace {

// The graph's shape of an output for as many samples as lie in `input`, side by side where the
// graph has a first extent of 1.
std::vector<int64_t> output_shape(const Graph& graph, const Op& op, const at::Tensor& input) {
  const Shape& shape = graph.output(op).shape;
  std::vector<int64_t> result(shape.begin(), shape.end());
  if (graph.input(op, 0).shape.at(0) == 1 && input.size(0) != 1) result.at(0) = input.size(0);
  return result;
}

at::Tensor pad_image(const at::Tensor& x, const SpatialPadding& p, float value) {
  if (p.none()) return x;
  return at::constant_pad_nd(x, {p.left, p.right, p.top, p.bottom}, value);
}

bool symmetric(const SpatialPadding& p) { return p.top == p.bottom && p.left == p.right; }

at::Tensor average_pool(const at::Tensor& x, const PoolAttrs& attrs) {
  const std::vector<int64_t> filter = {attrs.filter_h, attrs.filter_w};
  const std::vector<int64_t> stride = {attrs.stride_h, attrs.stride_w};
  const at::Tensor means = at::avg_pool2d(pad_image(x, attrs.padding, 0), filter, stride);
  if (attrs.padding.none()) return means;
  // The share of each window that lies inside the image.
  const at::Tensor inside = at::ones({1, 1, x.size(2), x.size(3)});
  return means / at::avg_pool2d(pad_image(inside, attrs.padding, 0), filter, stride);
}

at::Tensor max_pool(const at::Tensor& x, const PoolAttrs& attrs) {
  const at::Tensor padded = pad_image(x, attrs.padding, -std::numeric_limits<float>::infinity());
  return at::max_pool2d(padded, {attrs.filter_h, attrs.filter_w}, {attrs.stride_h, attrs.stride_w});
}

at::Tensor binary(OpKind kind, const at::Tensor& a, const at::Tensor& b) {
  switch (kind) {
    case OpKind::Add:
      return a + b;
    case OpKind::Sub:
      return a - b;
    case OpKind::Mul:
      return a * b;
    case OpKind::Minimum:
      return at::minimum(a, b);
    default:
      return at::maximum(a, b);
  }
}

at::Tensor strided_slice(at::Tensor x, const StridedSliceAttrs& attrs, bool samples_first) {
  for (size_t d = 0; d < attrs.size.size(); ++d) {
    const auto dimension = static_cast<int64_t>(d);
    const int64_t begin = attrs.begin[d], stride = attrs.stride[d], count = attrs.size[d];
    if (d == 0 && samples_first) continue;
    x = x.index_select(dimension, at::arange(count, at::kLong) * stride + begin);
  }
  return x;
}

// [n, h, w, c]; the block's rows, columns and channels follow each other in depth.
at::Tensor depth_to_space(const at::Tensor& x, int64_t block) {
  const int64_t n = x.size(0), h = x.size(1), w = x.size(2), c = x.size(3) / (block * block);
  return x.reshape({n, h, w, block, block, c})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({n, h * block, w * block, c});
}

at::Tensor space_to_depth(const at::Tensor& x, int64_t block) {
  const int64_t n = x.size(0), h = x.size(1) / block, w = x.size(2) / block, c = x.size(3);
  return x.reshape({n, h, block, w, block, c})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({n, h, w, block * block * c});
}

at::Tensor resize_nearest(const at::Tensor& x, const Shape& to, const ResizeAttrs& attrs) {
  const auto indices = [&](int64_t in, int32_t out) {
    at::Tensor result = at::empty({out}, at::kLong);
    for (int32_t i = 0; i < out; ++i) {
      result.data_ptr<int64_t>()[i] =
          reference::nearest_index(i, static_cast<int32_t>(in), out, attrs);
    }
    return result;
  };
  return x.index_select(1, indices(x.size(1), to[1])).index_select(2, indices(x.size(2), to[2]));
}

std::vector<int64_t> wide(const std::vector<int32_t>& values) {
  return {values.begin(), values.end()};
}

// Operators that name dimensions work in the graph's order.
std::vector<at::Tensor> in_graph_order(const Graph& graph, const Op& op,
                                       const std::vector<at::Tensor>& inputs) {
  const at::Tensor& x = inputs[0];
  const Shape& shape = graph.output(op).shape;
  switch (op.kind) {
    case OpKind::Mean: {
      const auto& attrs = op.as<ReduceAttrs>();
      return {x.mean(wide(attrs.axes), attrs.keep_dims)};
    }
    case OpKind::Softmax:
      return {at::softmax(x * op.as<SoftmaxAttrs>().beta, -1)};
    case OpKind::Pad: {
      const auto& attrs = op.as<PadAttrs>();
      std::vector<int64_t> amounts;  // LibTorch's begin with the last dimension
      for (size_t d = attrs.before.size(); d-- > 0;) {
        amounts.push_back(attrs.before[d]);
        amounts.push_back(attrs.after[d]);
      }
      return {at::constant_pad_nd(x, amounts, 0)};
    }
    case OpKind::Reshape:
      return {x.reshape(output_shape(graph, op, x))};
    case OpKind::Transpose:
      return {x.permute(wide(op.as<TransposeAttrs>().permutation))};
    case OpKind::Concatenation:
      return {at::cat(inputs, op.as<AxisAttrs>().axis)};
    case OpKind::Pack:
      return {at::stack(inputs, op.as<AxisAttrs>().axis)};
    case OpKind::Unpack:
      return x.unbind(op.as<AxisAttrs>().axis);
    case OpKind::Split: {
      const int32_t axis = op.as<AxisAttrs>().axis;
      std::vector<int64_t> sizes;
      for (const TensorId id : op.outputs)
        sizes.push_back(graph.tensor(id).shape[static_cast<size_t>(axis)]);
      return x.split_with_sizes(sizes, axis);
    }
    case OpKind::StridedSlice:
      return {strided_slice(x, op.as<StridedSliceAttrs>(), graph.input(op, 0).shape[0] == 1)};
    case OpKind::DepthToSpace:
      return {depth_to_space(x, op.as<BlockAttrs>().block)};
    case OpKind::SpaceToDepth:
      return {space_to_depth(x, op.as<BlockAttrs>().block)};
    case OpKind::ResizeNearestNeighbor:
      return {resize_nearest(x, shape, op.as<ResizeAttrs>())};
    default:
      return {binary(op.kind, x, inputs[1])};
  }
}

}  // namespace

bool has_torch_operator(OpKind kind) {
  return kind != OpKind::Quantize && kind != OpKind::Dequantize;
}

at::Tensor to_graph_order(const at::Tensor& value) {
  return value.dim() == 4 ? value.permute({0, 2, 3, 1}) : value;
}

at::Tensor from_graph_order(const at::Tensor& value) {
  return value.dim() == 4 ? value.permute({0, 3, 1, 2}).contiguous(at::MemoryFormat::ChannelsLast)
                          : value;
}

std::vector<at::Tensor> run_operator(const Graph& graph, const Op& op,
                                     const std::vector<at::Tensor>& inputs) {
  const at::Tensor& x = inputs[0];
  switch (op.kind) {
    case OpKind::AveragePool2D:
      return {average_pool(x, op.as<PoolAttrs>())};
    case OpKind::MaxPool2D:
      return {max_pool(x, op.as<PoolAttrs>())};
    case OpKind::Logistic:
      return {at::sigmoid(x)};
    case OpKind::Tanh:
      return {at::tanh(x)};
    case OpKind::Relu:
      return {at::relu(x)};
    case OpKind::Relu6:
      return {at::clamp(x, 0, 6)};
    case OpKind::ReluN1To1:
      return {at::clamp(x, -1, 1)};
    case OpKind::HardSwish:
      return {at::hardswish(x)};
    case OpKind::LeakyRelu:
      return {at::leaky_relu(x, op.as<LeakyReluAttrs>().alpha)};
    case OpKind::Elu:
      return {at::elu(x)};
    case OpKind::Abs:
      return {at::abs(x)};
    case OpKind::Add:
    case OpKind::Sub:
    case OpKind::Mul:
    case OpKind::Minimum:
    case OpKind::Maximum:
      if (x.dim() == inputs[1].dim()) return {binary(op.kind, x, inputs[1])};
      break;
    default:
      break;
  }
  std::vector<at::Tensor> ordered;
  for (const at::Tensor& input : inputs) ordered.push_back(to_graph_order(input));
  std::vector<at::Tensor> outputs = in_graph_order(graph, op, ordered);
  for (at::Tensor& output : outputs) output = from_graph_order(output);
  return outputs;
}

at::Tensor run_layer(const Graph& graph, const Op& op, const at::Tensor& input,
                     const at::Tensor& weights, const at::Tensor& bias) {
  if (op.kind == OpKind::FullyConnected) {
    const at::Tensor rows = to_graph_order(input).reshape({-1, weights.size(1)});
    const at::Tensor y = at::linear(rows, weights, bias);
    return from_graph_order(y.reshape(output_shape(graph, op, to_graph_order(input))));
  }
  const auto& attrs = op.as<ConvAttrs>();
  const bool fits = symmetric(attrs.padding);
  const at::Tensor x = fits ? input : pad_image(input, attrs.padding, 0);
  const std::vector<int64_t> padding =
      fits ? std::vector<int64_t>{attrs.padding.top, attrs.padding.left}
           : std::vector<int64_t>{0, 0};
  return at::conv2d(x, weights, bias, {attrs.stride_h, attrs.stride_w}, padding,
                    {attrs.dilation_h, attrs.dilation_w}, input.size(1) / weights.size(1));
}

}  // namespace mcunet::quant
