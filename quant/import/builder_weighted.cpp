// Operators with weights.
#include <algorithm>
#include <cmath>

#include "libmcunet/graph/operators.h"
#include "quant/import/builder.h"

namespace mcunet::import {
namespace {

constexpr int64_t kMaxWindow = 1 << 16;  // rows or columns

int32_t in_window(int64_t value, int64_t low, const char* what) {
  if (value < low || value > kMaxWindow)
    unsound(std::string(what) + " of " + std::to_string(value));
  return static_cast<int32_t>(value);
}

void check_vector(const Constant& vector, int64_t channels, const char* what) {
  if (static_cast<int64_t>(vector.values.size()) != channels)
    unsound(std::string(what) + " has " + std::to_string(vector.values.size()) + " values for " +
            std::to_string(channels) + " channels");
}

ConvAttrs conv_attrs(const ConvGeometry& geometry) {
  ConvAttrs attrs;
  attrs.stride_h = in_window(geometry.stride[0], 1, "a stride");
  attrs.stride_w = in_window(geometry.stride[1], 1, "a stride");
  attrs.dilation_h = in_window(geometry.dilation[0], 1, "a dilation");
  attrs.dilation_w = in_window(geometry.dilation[1], 1, "a dilation");
  attrs.padding = {in_window(geometry.padding[0], 0, "a padding"),
                   in_window(geometry.padding[1], 0, "a padding"),
                   in_window(geometry.padding[2], 0, "a padding"),
                   in_window(geometry.padding[3], 0, "a padding")};
  return attrs;
}

// [co, ci, kh, kw] to [co, kh, kw, ci], or [1, kh, kw, co] for depthwise ones (ci is 1).
std::vector<double> reordered(const Constant& weights, bool depthwise) {
  const auto extent = [&](size_t d) { return static_cast<size_t>(weights.shape[d]); };
  const size_t out = extent(0), in = extent(1), taps = extent(2) * extent(3);
  std::vector<double> values(weights.values.size());
  size_t read = 0;
  for (size_t o = 0; o < out; ++o) {
    for (size_t i = 0; i < in; ++i) {
      for (size_t t = 0; t < taps; ++t)
        values[depthwise ? t * out + o : (o * taps + t) * in + i] = weights.values[read++];
    }
  }
  return values;
}

}  // namespace

TensorView Builder::conv(const TensorView& source, const Constant& weights, const Constant* bias,
                         const ConvGeometry& geometry) {
  const TensorView x = image(source, "convolution");
  if (weights.shape.size() != 4) unsound("weights of a convolution without 4 dimensions");
  const int64_t channels = x.shape[1], out = weights.shape[0], in = weights.shape[1];
  if (geometry.groups < 1 || in < 1 || in * geometry.groups != channels ||
      out % geometry.groups != 0)
    unsound("weights for " + std::to_string(in) + " input channels in " +
            std::to_string(geometry.groups) + " groups, the input has " + std::to_string(channels));
  const ConvAttrs attrs = conv_attrs(geometry);
  const int32_t kernel_h = in_window(weights.shape[2], 1, "a kernel");
  const int32_t kernel_w = in_window(weights.shape[3], 1, "a kernel");
  const int32_t rows = window_output(x.shape[2], kernel_h, attrs.stride_h, attrs.dilation_h,
                                     attrs.padding.top, attrs.padding.bottom);
  const int32_t columns = window_output(x.shape[3], kernel_w, attrs.stride_w, attrs.dilation_w,
                                        attrs.padding.left, attrs.padding.right);
  if (rows < 1 || columns < 1)
    unsound("a kernel of " + std::to_string(kernel_h) + "x" + std::to_string(kernel_w) +
            " on an image of " + to_string(x.shape));

  const bool depthwise = in == 1 && channels > 1;
  const auto filters = static_cast<int32_t>(out);
  const Shape shape = depthwise ? Shape{1, kernel_h, kernel_w, filters}
                                : Shape{filters, kernel_h, kernel_w, static_cast<int32_t>(in)};
  std::vector<TensorId> inputs = {x.id, constant("weight", shape, reordered(weights, depthwise))};
  if (bias != nullptr) {
    check_vector(*bias, out, "the bias");
    inputs.push_back(constant("bias", {filters}, bias->values));
  }
  TensorView y = x;
  y.shape = y.base = {x.shape[0], filters, rows, columns};
  y.id = emit(depthwise ? OpKind::DepthwiseConv2D : OpKind::Conv2D, std::move(inputs), attrs,
              stored_shape(y.shape, y.order));
  return y;
}

// A flattened image keeps its layout; the columns of the weights are reordered instead.
TensorView Builder::flat_linear(const TensorView& x, std::vector<double>& weights, size_t outputs) {
  const auto columns = static_cast<size_t>(x.shape.back());
  // The dimensions of the image that are flattened into the last one.
  size_t first = x.base.size();
  for (size_t merged = 1; first > 0 && merged < columns;)
    merged *= static_cast<size_t>(x.base[--first]);
  std::vector<int> before, flattened;
  for (const int d : x.order) (static_cast<size_t>(d) < first ? before : flattened).push_back(d);
  std::vector<int> wanted = before;
  wanted.insert(wanted.end(), flattened.begin(), flattened.end());
  const Shape leading(x.base.begin(), x.base.begin() + static_cast<ptrdiff_t>(first));
  const Shape tail(x.base.begin() + static_cast<ptrdiff_t>(first), x.base.end());
  if (!same_layout(x.base, x.order, wanted) || !std::is_sorted(before.begin(), before.end()) ||
      element_count(tail) != x.shape.back()) {
    const TensorView moved = plain(x);
    return ordered(moved, identity_order(moved.shape.size()));
  }

  // The column that each place of the flattened image in memory has in the framework.
  std::vector<size_t> source(columns);
  const Shape memory = stored_shape(x.base, flattened);
  for (size_t place = 0; place < columns; ++place) {
    std::vector<size_t> position(tail.size());
    size_t rest = place;
    for (size_t i = flattened.size(); i-- > 0;) {
      const auto extent = static_cast<size_t>(memory[i]);
      position[static_cast<size_t>(flattened[i]) - first] = rest % extent;
      rest /= extent;
    }
    size_t column = 0;
    for (size_t d = 0; d < tail.size(); ++d)
      column = column * static_cast<size_t>(tail[d]) + position[d];
    source[place] = column;
  }
  std::vector<double> moved(weights.size());
  for (size_t o = 0; o < outputs; ++o) {
    for (size_t place = 0; place < columns; ++place)
      moved[o * columns + place] = weights[o * columns + source[place]];
  }
  weights = std::move(moved);
  return {reshaped_tensor(x.id, x.shape), identity_order(x.shape.size()), x.shape, x.shape};
}

TensorView Builder::linear(const TensorView& source, const Constant& weights,
                           const Constant* bias) {
  if (source.shape.empty() || weights.shape.size() != 2 || weights.shape[1] != source.shape.back())
    unsound("weights that do not fit an input of " + to_string(source.shape));
  std::vector<double> values = weights.values;
  const auto outputs = static_cast<int32_t>(weights.shape[0]);
  TensorView x = source;
  if (x.shape.size() == 1) x = reshape(x, {1, x.shape[0]});
  if (x.reshaped()) x = flat_linear(x, values, static_cast<size_t>(outputs));
  const bool last_innermost = x.order.back() == static_cast<int>(x.shape.size()) - 1;
  if (!last_innermost) x = ordered(x, identity_order(x.shape.size()));

  std::vector<TensorId> inputs = {
      x.id, constant("weight", {outputs, static_cast<int32_t>(weights.shape[1])}, values)};
  if (bias != nullptr) {
    check_vector(*bias, outputs, "the bias");
    inputs.push_back(constant("bias", {outputs}, bias->values));
  }
  TensorView y = x;
  y.shape.back() = outputs;
  y.base = y.shape;
  FullyConnectedAttrs attrs;
  attrs.keep_num_dims = y.shape.size() != 2;
  y.id = emit(OpKind::FullyConnected, std::move(inputs), attrs, stored_shape(y.shape, y.order));
  return source.shape.size() == 1 ? reshape(y, {outputs}) : y;
}

TensorView Builder::batch_norm(const TensorView& x, const Constant& scale, const Constant& bias,
                               const Constant& mean, const Constant& variance, double eps) {
  if (x.shape.size() < 2) unsound("batch norm of a tensor without channels");
  const auto channels = static_cast<size_t>(x.shape[1]);
  for (const Constant* part : {&scale, &bias, &mean, &variance})
    check_vector(*part, x.shape[1], "batch norm");
  // Against the dimensions from the channels on.
  Constant factor, offset;
  factor.shape.assign(x.shape.size() - 1, 1);
  factor.shape[0] = x.shape[1];
  offset.shape = factor.shape;
  for (size_t c = 0; c < channels; ++c) {
    const double spread = variance.values[c] + eps;
    if (!(spread > 0)) unsound("batch norm with a variance of " + std::to_string(spread));
    factor.values.push_back(scale.values[c] / std::sqrt(spread));
    offset.values.push_back(bias.values[c] - mean.values[c] * factor.values[c]);
  }
  return binary_constant(OpKind::Add, binary_constant(OpKind::Mul, x, factor), offset);
}

}  // namespace mcunet::import
