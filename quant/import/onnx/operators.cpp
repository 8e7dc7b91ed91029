#include "quant/import/onnx/operators.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "libmcunet/graph/operators.h"
#include "quant/import/arithmetic.h"
#include "quant/import/nearest.h"

namespace mcunet::import {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

using Handler = std::function<Value(const Node&, Builder&)>;

// ---- shapes of values

std::vector<int64_t> shape_of(const Value& value) {
  if (const auto* constant = std::get_if<Constant>(&value)) return constant->shape;
  const Shape& shape = std::get<TensorView>(value).shape;
  return {shape.begin(), shape.end()};
}

// The same value with another shape, whichever it is.
Value with_shape(const Value& value, const std::vector<int64_t>& shape, Builder& builder) {
  if (const auto* constant = std::get_if<Constant>(&value)) return reshaped(*constant, shape);
  return builder.reshape(std::get<TensorView>(value), shape);
}

Constant scalar_or(const Node& node, size_t i, const char* what, double fallback) {
  return node.has(i) ? node.constant(i, what) : Constant::scalar(fallback);
}

double single(const Constant& constant, const char* what) {
  if (constant.values.size() != 1) unsound(std::string(what) + " is not one number");
  return constant.values.front();
}

// ---- windows

// pads of an image: top, left, bottom, right.
std::array<int64_t, 4> padding_of(const Node& node, const Shape& x,
                                  const std::vector<int64_t>& kernel,
                                  const std::vector<int64_t>& stride,
                                  const std::vector<int64_t>& dilation) {
  const std::string automatic = node.attributes.text("auto_pad", "NOTSET");
  if (automatic == "VALID") return {0, 0, 0, 0};
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    std::array<int64_t, 4> padding{};
    for (size_t d = 0; d < 2; ++d) {
      for (const int64_t value : {kernel[d], stride[d], dilation[d]}) {
        if (value < 1 || value > (1 << 16)) unsound("a window of " + std::to_string(value));
      }
      PaddingPair pair =
          same_padding(x[2 + d], static_cast<int32_t>(kernel[d]), static_cast<int32_t>(stride[d]),
                       static_cast<int32_t>(dilation[d]));
      if (automatic == "SAME_LOWER") std::swap(pair.before, pair.after);
      padding[d] = pair.before;
      padding[2 + d] = pair.after;
    }
    return padding;
  }
  if (automatic != "NOTSET") unsound("auto_pad " + automatic);
  const std::vector<int64_t> pads = node.attributes.integers("pads", 4, 0);
  return {pads[0], pads[1], pads[2], pads[3]};
}

void require_image(const TensorView& x) {
  if (x.shape.size() != 4)
    unsupported("an input with " + std::to_string(x.shape.size()) +
                " dimensions; only images (4 dimensions) are supported");
}

Value conv(const Node& node, Builder& builder) {
  const TensorView& x = node.activation(0);
  require_image(x);
  const Constant& weights = node.constant(1, "weights");
  if (weights.shape.size() != 4) unsound("weights without 4 dimensions");
  const std::vector<int64_t> kernel = {weights.shape[2], weights.shape[3]};
  if (node.attributes.has("kernel_shape") && node.attributes.integers("kernel_shape") != kernel)
    unsound("kernel_shape is not that of the weights");
  const std::vector<int64_t> stride = node.attributes.integers("strides", 2, 1);
  const std::vector<int64_t> dilation = node.attributes.integers("dilations", 2, 1);
  ConvGeometry geometry;
  geometry.stride = {stride[0], stride[1]};
  geometry.dilation = {dilation[0], dilation[1]};
  geometry.padding = padding_of(node, x.shape, kernel, stride, dilation);
  geometry.groups = node.attributes.integer("group", 1);
  const Constant* bias = node.has(2) ? &node.constant(2, "bias") : nullptr;
  return builder.conv(x, weights, bias, geometry);
}

Value pool(OpKind kind, const Node& node, Builder& builder) {
  const TensorView& x = node.activation(0);
  require_image(x);
  const std::vector<int64_t> kernel = node.attributes.integers("kernel_shape", 2, 0);
  const std::vector<int64_t> stride = node.attributes.integers("strides", 2, 1);
  const std::vector<int64_t> dilation = node.attributes.integers("dilations", 2, 1);
  if (dilation != std::vector<int64_t>{1, 1}) unsupported("pooling with dilation");
  PoolGeometry geometry;
  geometry.kernel = {kernel[0], kernel[1]};
  geometry.stride = {stride[0], stride[1]};
  geometry.padding = padding_of(node, x.shape, kernel, stride, dilation);
  geometry.ceil_mode = node.attributes.integer("ceil_mode", 0) != 0;
  geometry.count_padding = node.attributes.integer("count_include_pad", 0) != 0;
  return builder.pool(kind, x, geometry);
}

Value global_max_pool(const Node& node, Builder& builder) {
  const TensorView& x = node.activation(0);
  require_image(x);
  PoolGeometry geometry;
  geometry.kernel = {x.shape[2], x.shape[3]};
  return builder.pool(OpKind::MaxPool2D, x, geometry);
}

Value global_average_pool(const Node& node, Builder& builder) {
  const TensorView& x = node.activation(0);
  require_image(x);
  return builder.mean(x, {2, 3}, true);
}

Value batch_normalization(const Node& node, Builder& builder) {
  if (node.attributes.integer("training_mode", 0) != 0) unsupported("batch norm in training mode");
  return builder.batch_norm(node.activation(0), node.constant(1, "scale"), node.constant(2, "bias"),
                            node.constant(3, "mean"), node.constant(4, "variance"),
                            node.attributes.real("epsilon", 1e-5));
}

// Axes are an attribute at first and an input later.
std::vector<int64_t> axes_of(const Node& node, size_t input) {
  if (node.has(input)) return node.integers(input, "axes");
  return node.attributes.integers("axes");
}

Value reduce_mean(const Node& node, Builder& builder) {
  const std::vector<int64_t> axes = axes_of(node, 1);
  if (axes.empty() && node.attributes.integer("noop_with_empty_axes", 0) != 0)
    return node.activation(0);
  return builder.mean(node.activation(0), axes, node.attributes.integer("keepdims", 1) != 0);
}

// ---- value by value

Value unary(OpKind kind, const Node& node, Builder& builder) {
  return builder.unary(kind, node.activation(0));
}

Value clip(const Node& node, Builder& builder) {
  const double low = single(scalar_or(node, 1, "min", -kInfinity), "min");
  const double high = single(scalar_or(node, 2, "max", kInfinity), "max");
  return builder.clip(node.activation(0), low, high);
}

Value elu(const Node& node, Builder& builder) {
  if (node.attributes.real("alpha", 1) != 1) unsupported("an alpha other than 1");
  return builder.unary(OpKind::Elu, node.activation(0));
}

double integer_quotient(double a, double b) {
  if (b == 0) unsound("division by zero");
  return std::trunc(a / b);
}

Value arithmetic(OpKind kind, const Node& node, Builder& builder) {
  if (!node.all_constant()) return builder.binary(kind, node.value(0), node.value(1));
  return combined(node.constant(0, "input"), node.constant(1, "input"), [kind](double a, double b) {
    return kind == OpKind::Add ? a + b : kind == OpKind::Sub ? a - b : a * b;
  });
}

Value divide(const Node& node, Builder& builder) {
  if (!node.all_constant()) return builder.divide(node.value(0), node.value(1));
  const Constant& a = node.constant(0, "input");
  const Constant& b = node.constant(1, "input");
  if (a.integral && b.integral) return combined(a, b, integer_quotient);
  return combined(a, b, [](double x, double y) { return x / y; });
}

Value negate(const Node& node, Builder& builder) {
  return builder.binary(OpKind::Mul, node.activation(0), Constant::scalar(-1));
}

Value sum(const Node& node, Builder& builder) {
  TensorView total = node.activation(0);
  for (size_t i = 1; i < node.count(); ++i)
    total = builder.binary(OpKind::Add, total, node.value(i));
  return total;
}

Value softmax(const Node& node, Builder& builder) {
  const TensorView& x = node.activation(0);
  const int64_t axis = node.attributes.integer("axis", node.opset() >= 13 ? -1 : 1);
  if (node.opset() < 13) {
    // Over all dimensions from `axis` on.
    const auto first = static_cast<size_t>(normalized_axis(axis, x.shape.size()));
    if (!std::all_of(x.shape.begin() + static_cast<ptrdiff_t>(first) + 1, x.shape.end(),
                     [](int32_t extent) { return extent == 1; }))
      unsupported("softmax over several dimensions");
  }
  return builder.softmax(x, axis);
}

// ---- products of matrices

Value gemm(const Node& node, Builder& builder) {
  if (node.attributes.integer("transA", 0) != 0) unsupported("a transposed input (transA)");
  Constant weights = node.constant(1, "B");
  if (weights.shape.size() != 2) unsound("B is no matrix");
  if (node.attributes.integer("transB", 0) == 0) weights = permuted(weights, {1, 0});
  const double alpha = node.attributes.real("alpha", 1), beta = node.attributes.real("beta", 1);
  for (double& value : weights.values) value *= alpha;
  if (!node.has(2)) return builder.linear(node.activation(0), weights, nullptr);
  const int64_t rows = weights.shape[0];
  // C broadcasts to the result; a row of it is the bias.
  Constant bias = node.constant(2, "C");
  if (bias.values.size() == 1) bias.values.assign(static_cast<size_t>(rows), bias.values[0]);
  if (static_cast<int64_t>(bias.values.size()) != rows) unsupported("a bias that differs by row");
  for (double& value : bias.values) value *= beta;
  return builder.linear(node.activation(0), weights, &bias);
}

Value matmul(const Node& node, Builder& builder) {
  const Constant& weights = node.constant(1, "the second factor");
  if (weights.shape.size() != 2) unsupported("a second factor that is no matrix");
  return builder.linear(node.activation(0), permuted(weights, {1, 0}), nullptr);
}

// ---- shapes

Value reshape(const Node& node, Builder& builder) {
  std::vector<int64_t> shape = node.integers(1, "the shape");
  const std::vector<int64_t> from = shape_of(node.value(0));
  if (node.attributes.integer("allowzero", 0) == 0) {
    for (size_t d = 0; d < shape.size(); ++d) {
      if (shape[d] != 0) continue;
      if (d >= from.size()) unsound("a reshape that copies an extent that is not there");
      shape[d] = from[d];
    }
  }
  return with_shape(node.value(0), shape, builder);
}

Value flatten(const Node& node, Builder& builder) {
  const std::vector<int64_t> from = shape_of(node.value(0));
  const auto rank = static_cast<int64_t>(from.size());
  int64_t axis = node.attributes.integer("axis", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank) unsound("flatten at axis " + std::to_string(axis));
  int64_t rows = 1;
  for (int64_t d = 0; d < axis; ++d) rows *= from[static_cast<size_t>(d)];
  return with_shape(node.value(0), {rows, -1}, builder);
}

Value squeeze(const Node& node, Builder& builder) {
  return with_shape(node.value(0), squeezed(shape_of(node.value(0)), axes_of(node, 1)), builder);
}

Value unsqueeze(const Node& node, Builder& builder) {
  return with_shape(node.value(0), unsqueezed(shape_of(node.value(0)), axes_of(node, 1)), builder);
}

Value transpose(const Node& node, Builder& builder) {
  const size_t rank = shape_of(node.value(0)).size();
  std::vector<int64_t> permutation(rank);
  for (size_t d = 0; d < rank; ++d) permutation[d] = static_cast<int64_t>(rank - 1 - d);
  permutation = node.attributes.integers("perm", permutation);
  if (node.all_constant()) return permuted(node.constant(0, "input"), permutation);
  return builder.permute(node.activation(0), permutation);
}

Value concat(const Node& node, Builder& builder) {
  const int64_t axis = node.attributes.integer("axis", 0);
  if (node.all_constant()) {
    std::vector<Constant> parts;
    for (size_t i = 0; i < node.count(); ++i) parts.push_back(node.constant(i, "input"));
    return concatenated(parts, axis);
  }
  std::vector<TensorView> parts;
  for (size_t i = 0; i < node.count(); ++i) parts.push_back(node.activation(i));
  return builder.concat(parts, axis);
}

Value slice(const Node& node, Builder& builder) {
  const std::vector<int64_t> begins = node.integers(1, "starts"), ends = node.integers(2, "ends");
  std::vector<int64_t> axes, steps(begins.size(), 1);
  for (size_t i = 0; i < begins.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  if (node.has(3)) axes = node.integers(3, "axes");
  if (node.has(4)) steps = node.integers(4, "steps");
  if (ends.size() != begins.size() || axes.size() != begins.size() || steps.size() != begins.size())
    unsound("starts, ends, axes and steps of different lengths");
  Value value = node.value(0);
  for (size_t i = 0; i < begins.size(); ++i) {
    if (const auto* constant = std::get_if<Constant>(&value)) {
      value = sliced(*constant, axes[i], begins[i], ends[i], steps[i]);
    } else {
      value = builder.slice(std::get<TensorView>(value), axes[i], begins[i], ends[i], steps[i]);
    }
  }
  return value;
}

Value pad(const Node& node, Builder& builder) {
  const std::string mode = node.attributes.text("mode", "constant");
  if (mode != "constant") unsupported("mode " + mode + "; only constant zeros are supported");
  if (single(scalar_or(node, 2, "the value", 0), "the value") != 0)
    unsupported("padding with other values than 0");
  const TensorView& x = node.activation(0);
  const size_t rank = x.shape.size();
  const std::vector<int64_t> pads = node.integers(1, "pads");
  std::vector<int64_t> axes;
  for (size_t d = 0; d < rank; ++d) axes.push_back(static_cast<int64_t>(d));
  if (node.has(3)) axes = node.integers(3, "axes");
  if (pads.size() != 2 * axes.size()) unsound("pads for another number of dimensions");
  std::vector<int64_t> before(rank, 0), after(rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto dim = static_cast<size_t>(normalized_axis(axes[i], rank));
    before[dim] = pads[i];
    after[dim] = pads[i + axes.size()];
  }
  return builder.pad(x, before, after);
}

Value resize(const Node& node, Builder& builder) {
  const TensorView& x = node.activation(0);
  require_image(x);
  const std::string mode = node.attributes.text("mode", "nearest");
  if (mode != "nearest") unsupported("mode " + mode + "; only nearest is supported");
  for (const char* option : {"axes", "antialias", "keep_aspect_ratio_policy"}) {
    if (node.attributes.has(option)) unsupported(std::string("attribute ") + option);
  }
  const bool sized = node.has(3);
  const Constant& wanted = node.constant(sized ? 3 : 2, sized ? "sizes" : "scales");
  if (wanted.values.size() != 4) unsound("sizes or scales for another number of dimensions");
  const std::string transform =
      node.attributes.text("coordinate_transformation_mode", "half_pixel");
  const std::string rounding = node.attributes.text("nearest_mode", "round_prefer_floor");
  for (size_t d = 0; d < 2; ++d) {
    if (wanted.values[d] != (sized ? double{static_cast<double>(x.shape[d])} : 1.0))
      unsupported("resizing the batch or the channels");
  }
  std::vector<NearestIndex> neighbours;
  for (size_t d = 2; d < 4; ++d) {
    const double extent = x.shape[d];
    const double scale = sized ? wanted.values[d] / extent : wanted.values[d];
    const double out = sized ? wanted.values[d] : std::floor(extent * scale);
    neighbours.push_back(onnx_neighbours(x.shape[d], out, scale, transform, rounding));
  }
  return builder.resize(x, neighbours[0], neighbours[1]);
}

// ---- known numbers only

Value shape(const Node& node, Builder&) {
  const std::vector<int64_t> all = shape_of(node.value(0));
  const Constant whole = Constant::integers(all);
  const auto rank = static_cast<int64_t>(all.size());
  return sliced(whole, 0, node.attributes.integer("start", 0), node.attributes.integer("end", rank),
                1);
}

Value gather(const Node& node, Builder&) {
  return gathered(node.constant(0, "the data"), node.constant(1, "indices"),
                  node.attributes.integer("axis", 0));
}

Value cast(const Node& node, Builder&) {
  const int64_t type = node.attributes.integer("to", 0);
  const bool real = type == onnx::TensorProto::FLOAT || type == onnx::TensorProto::FLOAT16 ||
                    type == onnx::TensorProto::DOUBLE || type == onnx::TensorProto::BFLOAT16;
  if (!node.all_constant()) {
    if (!real) unsupported("a cast of computed values to whole numbers");
    return node.activation(0);
  }
  Constant constant = node.constant(0, "input");
  if (!real && !constant.integral) {
    for (double& value : constant.values) value = std::trunc(value);
  }
  constant.integral = !real;
  return constant;
}

Value constant_of_shape(const Node& node, Builder&) {
  const Constant value = node.attributes.tensor("value").value_or(Constant::scalar(0));
  return filled(node.integers(0, "the shape"), single(value, "the value"), value.integral);
}

Value rounded(double (*function)(double), const Node& node, Builder&) {
  Constant constant = node.constant(0, "input");
  for (double& value : constant.values) value = function(value);
  return constant;
}

Value identity(const Node& node, Builder&) { return node.value(0); }

Value dropout(const Node& node, Builder&) {
  if (node.has(2) && single(node.constant(2, "training_mode"), "training_mode") != 0)
    unsupported("dropout in training mode");
  return node.value(0);
}

const std::map<std::string, Handler>& handlers() {
  const auto of = [](OpKind kind) -> Handler {
    return [kind](const Node& node, Builder& builder) { return unary(kind, node, builder); };
  };
  const auto binary = [](OpKind kind) -> Handler {
    return [kind](const Node& node, Builder& builder) { return arithmetic(kind, node, builder); };
  };
  const auto pooling = [](OpKind kind) -> Handler {
    return [kind](const Node& node, Builder& builder) { return pool(kind, node, builder); };
  };
  static const std::map<std::string, Handler> table = {
      {"Abs", of(OpKind::Abs)},
      {"Add", binary(OpKind::Add)},
      {"AveragePool", pooling(OpKind::AveragePool2D)},
      {"BatchNormalization", batch_normalization},
      {"Cast", cast},
      {"Ceil", [](const Node& n, Builder& b) { return rounded(std::ceil, n, b); }},
      {"Clip", clip},
      {"Concat", concat},
      {"Constant", [](const Node& n, Builder&) { return Value(n.attributes.constant()); }},
      {"ConstantOfShape", constant_of_shape},
      {"Conv", conv},
      {"Div", divide},
      {"Dropout", dropout},
      {"Elu", elu},
      {"Flatten", flatten},
      {"Floor", [](const Node& n, Builder& b) { return rounded(std::floor, n, b); }},
      {"Gather", gather},
      {"Gemm", gemm},
      {"GlobalAveragePool", global_average_pool},
      {"GlobalMaxPool", global_max_pool},
      {"HardSigmoid",
       [](const Node& n, Builder& b) {
         return Value(b.hard_sigmoid(n.activation(0), n.attributes.real("alpha", 0.2),
                                     n.attributes.real("beta", 0.5)));
       }},
      {"HardSwish", of(OpKind::HardSwish)},
      {"Identity", identity},
      {"LeakyRelu",
       [](const Node& n, Builder& b) {
         return Value(b.leaky_relu(n.activation(0), n.attributes.real("alpha", 0.01)));
       }},
      {"MatMul", matmul},
      {"MaxPool", pooling(OpKind::MaxPool2D)},
      {"Mul", binary(OpKind::Mul)},
      {"Neg", negate},
      {"Pad", pad},
      {"ReduceMean", reduce_mean},
      {"Relu", of(OpKind::Relu)},
      {"Reshape", reshape},
      {"Resize", resize},
      {"Shape", shape},
      {"Sigmoid", of(OpKind::Logistic)},
      {"Slice", slice},
      {"Softmax", softmax},
      {"Squeeze", squeeze},
      {"Sub", binary(OpKind::Sub)},
      {"Sum", sum},
      {"Tanh", of(OpKind::Tanh)},
      {"Transpose", transpose},
      {"Unsqueeze", unsqueeze},
  };
  return table;
}

}  // namespace

const Value& Node::value(size_t i) const {
  if (!has(i)) unsound("input " + std::to_string(i) + " is missing");
  return inputs_[i];
}

const TensorView& Node::activation(size_t i) const {
  const auto* found = std::get_if<TensorView>(&value(i));
  if (found == nullptr) unsupported("input " + std::to_string(i) + " is constant");
  return *found;
}

const Constant& Node::constant(size_t i, const char* what) const {
  const auto* found = std::get_if<Constant>(&value(i));
  if (found == nullptr) unsupported(std::string(what) + " not constant");
  return *found;
}

std::vector<int64_t> Node::integers(size_t i, const char* what) const {
  return constant(i, what).as_integers();
}

bool Node::all_constant() const {
  return std::all_of(inputs_.begin(), inputs_.end(),
                     [](const Value& value) { return std::holds_alternative<Constant>(value); });
}

bool is_onnx_operator(const std::string& kind) {
  return kind == "Split" || handlers().count(kind) != 0;
}

std::string onnx_operators() {
  std::string all;
  for (const auto& [kind, handler] : handlers()) all += (all.empty() ? "" : ", ") + kind;
  return all + ", Split";
}

namespace {

// The only operator with several outputs.
std::vector<Value> split(const Node& node, size_t outputs, Builder& builder) {
  const TensorView& x = node.activation(0);
  const int64_t axis = node.attributes.integer("axis", 0);
  const int64_t extent = x.shape[static_cast<size_t>(normalized_axis(axis, x.shape.size()))];
  std::vector<int64_t> sizes = node.attributes.integers("split");
  if (node.has(1)) sizes = node.integers(1, "split");
  if (sizes.empty()) {
    const auto count = static_cast<int64_t>(outputs);
    const int64_t part = (extent + count - 1) / count;
    for (int64_t at = 0; at < extent; at += part) sizes.push_back(std::min(part, extent - at));
  }
  if (sizes.size() != outputs) unsound("another number of outputs than parts");
  std::vector<Value> parts;
  int64_t at = 0;
  for (const int64_t size : sizes) {
    if (size < 1 || size > extent - at) unsound("parts that do not fit the input");
    parts.emplace_back(builder.slice(x, axis, at, at + size, 1));
    at += size;
  }
  return parts;
}

}  // namespace

std::vector<Value> translate(const std::string& kind, const Node& node, size_t outputs,
                             Builder& builder) {
  if (kind == "Split") return split(node, outputs, builder);
  return {handlers().at(kind)(node, builder)};
}

}  // namespace mcunet::import
