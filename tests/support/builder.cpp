#include "tests/support/builder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "libmcunet/graph/operators.h"
#include "libmcunet/graph/validate.h"

namespace mcunet::testing {
namespace {

constexpr double kWeightDeviation = 73.3;  // of integers uniform in [-127, 127]
constexpr double kDeviations = 3;          // how far a scale reaches out

Quantization per_tensor(float scale, int32_t zero_point) { return {{scale}, {zero_point}, 0}; }

template <typename T>
ConstantData data_of(const std::vector<T>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
}

// What is left of a normal distribution after the activation, roughly.
Spread after(const Spread& x, Activation activation) {
  double low = -std::numeric_limits<double>::infinity(), high = -low;
  if (activation == Activation::Relu || activation == Activation::Relu6) low = 0;
  if (activation == Activation::Relu6) high = 6;
  if (activation == Activation::ReluN1To1) low = -1, high = 1;
  if (activation == Activation::None) return x;
  const double a = std::clamp(x.mean - x.deviation, low, high);
  const double b = std::clamp(x.mean + x.deviation, low, high);
  const double middle = std::clamp(x.mean, low, high);
  return {(a + b + middle) / 3, std::max((b - a) / 2, 1e-3 * x.deviation)};
}

double mean_square(const Spread& x) { return x.mean * x.mean + x.deviation * x.deviation; }

// Uniform over all of int8.
Spread full_range(float scale, int32_t zero_point) {
  const auto s = static_cast<double>(scale);
  return {s * (-0.5 - zero_point), s * 74};
}

ConvAttrs conv_attrs(const Window& window, const Shape& x) {
  ConvAttrs attrs;
  attrs.stride_h = window.stride_h;
  attrs.stride_w = window.stride_w;
  attrs.dilation_h = window.dilation_h;
  attrs.dilation_w = window.dilation_w;
  attrs.activation = window.activation;
  attrs.padding = window.padding;
  if (window.mode == PaddingMode::Valid) attrs.padding = {};
  if (window.mode == PaddingMode::Same) {
    const auto h = same_padding(x.at(1), window.kernel_h, window.stride_h, window.dilation_h);
    const auto w = same_padding(x.at(2), window.kernel_w, window.stride_w, window.dilation_w);
    attrs.padding = {h.before, w.before, h.after, w.after};
  }
  return attrs;
}

}  // namespace

Window Window::square(int32_t kernel, int32_t stride, Activation activation, PaddingMode mode) {
  Window window;
  window.kernel_h = window.kernel_w = kernel;
  window.stride_h = window.stride_w = stride;
  window.activation = activation;
  window.mode = mode;
  return window;
}

GraphBuilder::GraphBuilder(std::string name, uint64_t seed) : random_(seed) {
  graph_.name = std::move(name);
}

TensorId GraphBuilder::input(const Shape& shape, float scale, int32_t zero_point, DType dtype) {
  Tensor tensor;
  tensor.name = "input_" + std::to_string(graph_.inputs.size());
  tensor.dtype = dtype;
  tensor.shape = shape;
  tensor.quantization = per_tensor(scale, zero_point);
  const TensorId id = graph_.add_tensor(std::move(tensor));
  graph_.inputs.push_back(id);
  spreads_[id] = full_range(scale, dtype == DType::UInt8 ? zero_point - 128 : zero_point);
  return id;
}

TensorId GraphBuilder::float_input(const Shape& shape) {
  const TensorId id = input(shape, 1.0f, 0, DType::Float32);
  graph_.tensor(id).quantization = {};
  spreads_[id] = {0, 0.577};
  return id;
}

TensorId GraphBuilder::constant(const Shape& shape, float scale, int32_t zero_point) {
  std::vector<int8_t> values(static_cast<size_t>(element_count(shape)));
  for (int8_t& value : values) value = static_cast<int8_t>(random_.between(-128, 127));
  Tensor tensor;
  tensor.name = "constant_" + std::to_string(graph_.tensors.size());
  tensor.shape = shape;
  tensor.quantization = per_tensor(scale, zero_point);
  tensor.data = data_of(values);
  const TensorId id = graph_.add_tensor(std::move(tensor));
  spreads_[id] = full_range(scale, zero_point);
  return id;
}

std::vector<TensorId> GraphBuilder::append(OpKind kind, const std::vector<TensorId>& inputs,
                                           OpAttrs attrs, std::vector<Tensor> outputs) {
  const OperatorInfo& info = operator_info(kind);
  Op op;
  op.kind = kind;
  op.inputs = inputs;
  op.attrs = std::move(attrs);
  op.source_index = static_cast<int32_t>(graph_.ops.size());
  const std::string name = std::string(info.name) + "_" + std::to_string(graph_.ops.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    outputs[i].name = outputs.size() == 1 ? name : name + ":" + std::to_string(i);
    op.outputs.push_back(graph_.add_tensor(std::move(outputs[i])));
  }
  std::vector<std::string> problems;
  const std::vector<Shape> shapes = info.infer(graph_, op, problems);
  if (!problems.empty()) throw std::logic_error(name + ": " + problems.front());
  for (size_t i = 0; i < shapes.size(); ++i) graph_.tensor(op.outputs[i]).shape = shapes[i];
  std::vector<TensorId> ids = op.outputs;
  graph_.ops.push_back(std::move(op));
  return ids;
}

TensorId GraphBuilder::append_one(OpKind kind, const std::vector<TensorId>& inputs, OpAttrs attrs,
                                  const Quantization& quantization, const Spread& spread,
                                  const Shape& shape) {
  Tensor tensor;
  tensor.shape = shape;
  tensor.quantization = quantization;
  const TensorId id = append(kind, inputs, std::move(attrs), {tensor}).front();
  spreads_[id] = spread;
  return id;
}

// Scale and zero point that cover what the values are likely to be, and 0.
Quantization GraphBuilder::quantization_for(const Spread& spread, Activation activation) {
  double low = spread.mean - kDeviations * spread.deviation;
  double high = spread.mean + kDeviations * spread.deviation;
  if (activation == Activation::Relu || activation == Activation::Relu6) low = 0;
  if (activation == Activation::Relu6) high = std::min(high, 6.0);
  if (activation == Activation::ReluN1To1) low = std::max(low, -1.0), high = std::min(high, 1.0);
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  if (random_.chance(extreme_zeros)) {
    const double reach = std::max(-low, high);
    const bool positive = high >= -low;
    low = positive ? 0 : -reach;
    high = positive ? reach : 0;
  }
  double scale = (high - low) / 255;
  if (!(scale > 1e-12)) scale = 1e-3;
  const auto zero = static_cast<int32_t>(std::lround(-128 - low / scale));
  return per_tensor(static_cast<float>(scale), std::clamp(zero, -128, 127));
}

// Two values in a byte, the first in its lower half.
static std::vector<int8_t> packed_int4(const std::vector<int8_t>& values) {
  std::vector<int8_t> packed((values.size() + 1) / 2, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    const int nibble = (values[i] & 15) << (i % 2 == 0 ? 0 : 4);
    packed[i / 2] = static_cast<int8_t>(packed[i / 2] | nibble);
  }
  return packed;
}

// ---- operators with weights --------------------------------------------------------------------

TensorId GraphBuilder::weighted(OpKind kind, TensorId x, const Shape& weight_shape,
                                int channel_axis, OpAttrs attrs, Activation activation) {
  const std::string name =
      std::string(operator_info(kind).name) + "_" + std::to_string(graph_.ops.size());
  const auto count = static_cast<size_t>(element_count(weight_shape));
  const auto channels = static_cast<size_t>(weight_shape.at(static_cast<size_t>(channel_axis)));
  const double taps = static_cast<double>(count) / static_cast<double>(channels);
  const Spread in = spread_of(x);
  const double input_scale = static_cast<double>(graph_.tensor(x).quantization.scale());
  // What the output would spread by with weight scales of 1; then scales as batch normalisation
  // leaves them: outputs of about one and a half.
  const bool int4 = weights.int4 > 0 && random_.chance(weights.int4);
  const double deviation = int4 ? kWeightDeviation / 16 : kWeightDeviation;
  const double noise = std::sqrt(taps * std::max(mean_square(in), 1e-12)) * deviation;
  const double base = 1.5 / noise;

  std::vector<int8_t> values(count);
  for (int8_t& value : values)
    value = static_cast<int8_t>(int4 ? random_.between(-8, 7) : random_.between(-127, 127));
  Quantization scales;
  scales.axis = channel_axis;
  const size_t scale_count = weights.per_channel ? channels : 1;
  for (size_t c = 0; c < scale_count; ++c) {
    double scale = base * std::exp2(random_.unit() * 2 - 1);
    if (random_.chance(weights.tiny)) scale *= 1e-9;
    if (random_.chance(weights.negative)) scale = -scale;
    scales.scales.push_back(static_cast<float>(scale));
    scales.zero_points.push_back(0);
  }
  if (scales.scales.size() == 1) scales.axis = 0;
  std::vector<int32_t> bias(channels, 0);
  Quantization bias_scales;
  for (size_t c = 0; c < channels; ++c) {
    const auto scale =
        static_cast<double>(scales.scales[scales.scales.size() == 1 ? 0 : c]) * input_scale;
    const double real = (random_.unit() - 0.5) * base * noise;
    bias[c] = static_cast<int32_t>(std::clamp(real / scale, -1e8, 1e8));
    if (c < scales.scales.size()) {
      bias_scales.scales.push_back(static_cast<float>(scale));
      bias_scales.zero_points.push_back(0);
    }
  }

  std::vector<TensorId> inputs = {x};
  Tensor weight_tensor;
  weight_tensor.name = name + "/weights";
  weight_tensor.shape = weight_shape;
  weight_tensor.quantization = scales;
  weight_tensor.dtype = int4 ? DType::Int4 : DType::Int8;
  weight_tensor.data = data_of(int4 ? packed_int4(values) : values);
  inputs.push_back(graph_.add_tensor(std::move(weight_tensor)));
  if (weights.bias) {
    Tensor bias_tensor;
    bias_tensor.name = name + "/bias";
    bias_tensor.dtype = DType::Int32;
    bias_tensor.shape = {static_cast<int32_t>(channels)};
    bias_tensor.quantization = bias_scales;
    bias_tensor.data = data_of(bias);
    inputs.push_back(graph_.add_tensor(std::move(bias_tensor)));
  }
  const Spread out = {0, base * 1.2 * noise};
  return append_one(kind, inputs, std::move(attrs), quantization_for(out, activation),
                    after(out, activation));
}

TensorId GraphBuilder::conv(TensorId x, int32_t out_channels, const Window& window,
                            int32_t groups) {
  const int32_t in_channels = shape(x).at(3);
  return weighted(OpKind::Conv2D, x,
                  {out_channels, window.kernel_h, window.kernel_w, in_channels / groups}, 0,
                  conv_attrs(window, shape(x)), window.activation);
}

TensorId GraphBuilder::depthwise(TensorId x, int32_t multiplier, const Window& window) {
  return weighted(OpKind::DepthwiseConv2D, x,
                  {1, window.kernel_h, window.kernel_w, shape(x).at(3) * multiplier}, 3,
                  conv_attrs(window, shape(x)), window.activation);
}

TensorId GraphBuilder::fully_connected(TensorId x, int32_t outputs, Activation activation,
                                       bool keep_num_dims) {
  const Shape in = shape(x);
  int32_t depth = in.empty() ? 1 : in.back();
  // Images are flattened per batch, as a converter's RESHAPE in front would do.
  if (!keep_num_dims && in.size() > 2) depth = static_cast<int32_t>(element_count(in) / in[0]);
  FullyConnectedAttrs attrs;
  attrs.activation = activation;
  attrs.keep_num_dims = keep_num_dims;
  return weighted(OpKind::FullyConnected, x, {outputs, depth}, 0, attrs, activation);
}

// ---- element by element ------------------------------------------------------------------------

TensorId GraphBuilder::binary(OpKind kind, TensorId a, TensorId b, Activation activation) {
  const Spread x = spread_of(a), y = spread_of(b);
  Spread out;
  if (kind == OpKind::Mul) {
    out.mean = x.mean * y.mean;
    out.deviation = std::sqrt(
        std::max(mean_square(x) * mean_square(y) - out.mean * out.mean, 1e-6 * mean_square(x)));
  } else {
    out.mean = kind == OpKind::Add ? x.mean + y.mean : x.mean - y.mean;
    out.deviation = std::hypot(x.deviation, y.deviation);
  }
  return append_one(kind, {a, b}, BinaryAttrs{activation}, quantization_for(out, activation),
                    after(out, activation));
}

TensorId GraphBuilder::add(TensorId a, TensorId b, Activation activation) {
  return binary(OpKind::Add, a, b, activation);
}
TensorId GraphBuilder::sub(TensorId a, TensorId b, Activation activation) {
  return binary(OpKind::Sub, a, b, activation);
}
TensorId GraphBuilder::mul(TensorId a, TensorId b, Activation activation) {
  return binary(OpKind::Mul, a, b, activation);
}

TensorId GraphBuilder::extremum(OpKind kind, TensorId a, TensorId b) {
  const std::vector<TensorId> inputs = rescaled_alike({a, b});
  return append_one(kind, inputs, BinaryAttrs{}, tensor(inputs[0]).quantization,
                    spread_of(inputs[0]));
}

TensorId GraphBuilder::minimum(TensorId a, TensorId b) { return extremum(OpKind::Minimum, a, b); }
TensorId GraphBuilder::maximum(TensorId a, TensorId b) { return extremum(OpKind::Maximum, a, b); }

TensorId GraphBuilder::unary(OpKind kind, TensorId x, bool keep_scale) {
  const Spread in = spread_of(x);
  Activation activation = Activation::None;
  switch (kind) {
    case OpKind::Logistic:
      return append_one(kind, {x}, std::monostate{}, per_tensor(1.0f / 256, -128), {0.5, 0.2});
    case OpKind::Tanh:
      return append_one(kind, {x}, std::monostate{}, per_tensor(1.0f / 128, 0), {0, 0.5});
    case OpKind::Relu:
      activation = Activation::Relu;
      break;
    case OpKind::Relu6:
      activation = Activation::Relu6;
      break;
    case OpKind::ReluN1To1:
      activation = Activation::ReluN1To1;
      break;
    case OpKind::Abs:
    case OpKind::HardSwish:
      activation = Activation::Relu;
      break;
    default:
      break;
  }
  const Spread out = after(in, activation);
  if (kind == OpKind::HardSwish) {
    // The fixed-point form needs scales that are not too far apart.
    const auto scale = static_cast<double>(tensor(x).quantization.scale());
    Quantization q = quantization_for(out, Activation::None);
    if (static_cast<double>(q.scale()) < scale / 64) {
      q = per_tensor(static_cast<float>(scale / 64), q.zero_point());
    }
    return append_one(kind, {x}, std::monostate{}, q, out);
  }
  const bool clamps = kind == OpKind::Relu || kind == OpKind::Relu6 || kind == OpKind::ReluN1To1;
  // RELU6 is defined for equal quantization only.
  const bool keep = clamps && (keep_scale || kind == OpKind::Relu6);
  return append_one(
      kind, {x}, std::monostate{},
      keep ? tensor(x).quantization
           : quantization_for(out, kind == OpKind::Abs ? activation : Activation::None),
      out);
}

TensorId GraphBuilder::leaky_relu(TensorId x, float alpha) {
  const Spread in = spread_of(x);
  const Spread out = {in.mean + 0.3 * in.deviation, in.deviation * 0.8};
  return append_one(OpKind::LeakyRelu, {x}, LeakyReluAttrs{alpha},
                    quantization_for(out, Activation::None), out);
}

TensorId GraphBuilder::quantize(TensorId x, DType dtype, float scale, int32_t zero_point) {
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.quantization = per_tensor(scale, zero_point);
  const TensorId id = append(OpKind::Quantize, {x}, std::monostate{}, {tensor}).front();
  spreads_[id] = spread_of(x);
  return id;
}

TensorId GraphBuilder::quantize(TensorId x) {
  const Quantization fitting = quantization_for(spread_of(x), Activation::None);
  return quantize(x, DType::Int8, fitting.scale(), fitting.zero_point());
}

TensorId GraphBuilder::dequantize(TensorId x) {
  Tensor tensor;
  tensor.dtype = DType::Float32;
  const TensorId id = append(OpKind::Dequantize, {x}, std::monostate{}, {tensor}).front();
  spreads_[id] = spread_of(x);
  return id;
}

std::vector<TensorId> GraphBuilder::rescaled_alike(std::vector<TensorId> inputs) {
  // The widest scale loses least.
  Quantization common;
  for (const TensorId id : inputs) {
    const Quantization& q = tensor(id).quantization;
    if (common.empty() || q.scale() > common.scale()) common = q;
  }
  for (TensorId& id : inputs) {
    if (tensor(id).quantization == common) continue;
    if (tensor(id).is_constant()) {  // a converter would have folded the QUANTIZE
      graph_.tensor(id).quantization = common;
    } else {
      id = quantize(id, DType::Int8, common.scale(), common.zero_point());
    }
  }
  return inputs;
}

// ---- reductions --------------------------------------------------------------------------------

TensorId GraphBuilder::pool(OpKind kind, TensorId x, const Window& window) {
  const ConvAttrs geometry = conv_attrs(window, shape(x));
  PoolAttrs attrs;
  attrs.filter_h = window.kernel_h;
  attrs.filter_w = window.kernel_w;
  attrs.stride_h = window.stride_h;
  attrs.stride_w = window.stride_w;
  attrs.padding = geometry.padding;
  attrs.activation = window.activation;
  return append_one(kind, {x}, attrs, tensor(x).quantization, spread_of(x));
}

TensorId GraphBuilder::average_pool(TensorId x, const Window& window) {
  return pool(OpKind::AveragePool2D, x, window);
}
TensorId GraphBuilder::max_pool(TensorId x, const Window& window) {
  return pool(OpKind::MaxPool2D, x, window);
}

TensorId GraphBuilder::mean(TensorId x, const std::vector<int32_t>& axes, bool keep_dims) {
  double count = 1;
  for (const int32_t axis : axes) count *= shape(x).at(static_cast<size_t>(axis));
  const Spread in = spread_of(x);
  // Neighbours resemble each other, so that the mean varies more than that of independent values.
  const Spread out = {in.mean, in.deviation / std::pow(count, 0.25)};
  return append_one(OpKind::Mean, {x}, ReduceAttrs{axes, keep_dims},
                    quantization_for(out, Activation::None), out);
}

TensorId GraphBuilder::softmax(TensorId x, float beta) {
  return append_one(OpKind::Softmax, {x}, SoftmaxAttrs{beta}, per_tensor(1.0f / 256, -128),
                    {0.2, 0.2});
}

// ---- movement ----------------------------------------------------------------------------------

TensorId GraphBuilder::like(OpKind kind, TensorId x, OpAttrs attrs, const Shape& shape) {
  Tensor out = tensor(x);
  out.data = nullptr;
  out.shape = shape;
  const TensorId id = append(kind, {x}, std::move(attrs), {out}).front();
  spreads_[id] = spread_of(x);
  return id;
}

TensorId GraphBuilder::pad(TensorId x, const std::vector<int32_t>& before,
                           const std::vector<int32_t>& after, std::optional<int8_t> value) {
  return like(OpKind::Pad, x, PadAttrs{before, after, value.has_value(), value.value_or(0)});
}
TensorId GraphBuilder::reshape(TensorId x, const Shape& shape) {
  return like(OpKind::Reshape, x, std::monostate{}, shape);
}
TensorId GraphBuilder::transpose(TensorId x, const std::vector<int32_t>& permutation) {
  return like(OpKind::Transpose, x, TransposeAttrs{permutation});
}

TensorId GraphBuilder::concat(std::vector<TensorId> inputs, int32_t axis) {
  inputs = rescaled_alike(std::move(inputs));
  return append_one(OpKind::Concatenation, inputs, AxisAttrs{axis}, tensor(inputs[0]).quantization,
                    spread_of(inputs[0]));
}

TensorId GraphBuilder::pack(std::vector<TensorId> inputs, int32_t axis) {
  inputs = rescaled_alike(std::move(inputs));
  return append_one(OpKind::Pack, inputs, AxisAttrs{axis}, tensor(inputs[0]).quantization,
                    spread_of(inputs[0]));
}

std::vector<TensorId> GraphBuilder::split(TensorId x, int32_t axis,
                                          const std::vector<int32_t>& sizes) {
  std::vector<Tensor> outputs;
  for (const int32_t size : sizes) {
    Tensor part = tensor(x);
    part.data = nullptr;
    part.shape.at(static_cast<size_t>(axis)) = size;
    outputs.push_back(std::move(part));
  }
  const std::vector<TensorId> ids = append(OpKind::Split, {x}, AxisAttrs{axis}, outputs);
  for (const TensorId id : ids) spreads_[id] = spread_of(x);
  return ids;
}

std::vector<TensorId> GraphBuilder::unpack(TensorId x, int32_t axis) {
  Tensor part = tensor(x);
  part.data = nullptr;
  const auto count = static_cast<size_t>(part.shape.at(static_cast<size_t>(axis)));
  const std::vector<TensorId> ids =
      append(OpKind::Unpack, {x}, AxisAttrs{axis}, std::vector<Tensor>(count, part));
  for (const TensorId id : ids) spreads_[id] = spread_of(x);
  return ids;
}

TensorId GraphBuilder::strided_slice(TensorId x, const std::vector<int32_t>& begin,
                                     const std::vector<int32_t>& stride,
                                     const std::vector<int32_t>& size) {
  return like(OpKind::StridedSlice, x, StridedSliceAttrs{begin, stride, size}, size);
}

TensorId GraphBuilder::depth_to_space(TensorId x, int32_t block) {
  return like(OpKind::DepthToSpace, x, BlockAttrs{block});
}
TensorId GraphBuilder::space_to_depth(TensorId x, int32_t block) {
  return like(OpKind::SpaceToDepth, x, BlockAttrs{block});
}

TensorId GraphBuilder::resize(TensorId x, int32_t height, int32_t width, bool align_corners,
                              bool half_pixel_centers) {
  const Shape in = shape(x);
  return like(OpKind::ResizeNearestNeighbor, x, ResizeAttrs{align_corners, half_pixel_centers},
              {in.at(0), height, width, in.at(3)});
}

Graph GraphBuilder::build(const std::vector<TensorId>& outputs) const {
  Graph graph = graph_;
  graph.outputs = outputs;
  validate(graph);
  return graph;
}

}  // namespace mcunet::testing
