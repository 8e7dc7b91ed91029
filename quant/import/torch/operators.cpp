#include "quant/import/torch/operators.h"

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

using Handler = std::function<Item(const Call&, Builder&)>;

Item computed(TensorView x) { return {std::move(x)}; }
Item known(c10::IValue value) { return {std::move(value)}; }

// ---- windows

std::array<int64_t, 4> both_sides(const std::array<int64_t, 2>& pad) {
  return {pad[0], pad[1], pad[0], pad[1]};
}

// The words of conv2d's padding: "same" puts the smaller half first.
std::array<int64_t, 4> padding_of(const Call& call, const TensorView& x, const Constant& weights,
                                  const ConvGeometry& geometry) {
  if (!call.item("padding").known()->isString()) return both_sides(call.pair("padding"));
  const std::string word = call.text("padding");
  if (word == "valid") return {0, 0, 0, 0};
  if (word != "same") unsound("padding '" + word + "'");
  if (x.shape.size() != 4 || weights.shape.size() != 4) unsupported("padding of other than images");
  std::array<int64_t, 4> padding{};
  for (size_t d = 0; d < 2; ++d) {  // strides are 1
    const int64_t total = (weights.shape[2 + d] - 1) * geometry.dilation[d];
    padding[d] = total / 2;
    padding[2 + d] = total - total / 2;
  }
  return padding;
}

Item conv(const Call& call, Builder& builder) {
  if (call.has("transposed") && call.flag("transposed")) unsupported("a transposed convolution");
  const TensorView& x = call.activation("input");
  const Constant weights = call.constant("weight");
  const std::optional<Constant> bias = call.optional_constant("bias");
  if (weights.shape.size() != 4) unsupported("a convolution of other than images");
  ConvGeometry geometry;
  geometry.stride = call.pair("stride");
  geometry.dilation = call.pair("dilation");
  geometry.groups = call.integer("groups");
  geometry.padding = padding_of(call, x, weights, geometry);
  return computed(builder.conv(x, weights, bias ? &*bias : nullptr, geometry));
}

Item pool(OpKind kind, const Call& call, Builder& builder) {
  PoolGeometry geometry;
  geometry.kernel = call.pair("kernel_size");
  geometry.stride = call.integers("stride").empty() ? geometry.kernel : call.pair("stride");
  geometry.padding = both_sides(call.pair("padding"));
  geometry.ceil_mode = call.flag("ceil_mode");
  if (kind == OpKind::MaxPool2D && call.pair("dilation") != std::array<int64_t, 2>{1, 1})
    unsupported("pooling with dilation");
  if (kind == OpKind::AveragePool2D) {
    geometry.count_padding = call.flag("count_include_pad");
    if (call.has("divisor_override")) unsupported("divisor_override");
  }
  return computed(builder.pool(kind, call.activation("self"), geometry));
}

Item adaptive_average_pool(const Call& call, Builder& builder) {
  const std::array<int64_t, 2> size = call.pair("output_size");
  return computed(builder.adaptive_average_pool(call.activation("self"), size[0], size[1]));
}

Item batch_norm(const Call& call, Builder& builder) {
  if (call.flag("training")) unsupported("batch norm in training mode");
  const TensorView& x = call.activation("input");
  const Constant mean = call.constant("running_mean");
  const Constant variance = call.constant("running_var");
  const std::vector<int64_t> shape = mean.shape;
  const auto all = [&](const char* name, double value) {
    return call.has(name) ? call.constant(name) : filled(shape, value, false);
  };
  return computed(
      builder.batch_norm(x, all("weight", 1), all("bias", 0), mean, variance, call.real("eps")));
}

Item resize(const Call& call, Builder& builder) {
  const TensorView& x = call.activation(call.has("self") ? "self" : "input");
  if (x.shape.size() != 4) unsupported("resizing of other than images");
  std::array<int64_t, 2> size{};
  std::array<double, 2> scale{};
  if (call.has("output_size")) {
    size = call.pair("output_size");
  } else {
    const c10::IValue& factors = *call.item("scale_factors").known();
    const std::vector<double> values = factors.toDoubleVector();
    if (values.size() != 2) unsound("scale factors of other than an image");
    for (size_t d = 0; d < 2; ++d) {
      scale[d] = values[d];
      size[d] = static_cast<int64_t>(std::floor(x.shape[2 + d] * scale[d]));
    }
  }
  if (call.has("scales_h")) scale[0] = call.real("scales_h");
  if (call.has("scales_w")) scale[1] = call.real("scales_w");
  return computed(builder.resize(x, torch_neighbours(x.shape[2], size[0], scale[0]),
                                 torch_neighbours(x.shape[3], size[1], scale[1])));
}

Item pad(const Call& call, Builder& builder) {
  if (call.has("mode") && call.text("mode") != "constant")
    unsupported("padding mode " + call.text("mode") + "; only constant zeros are supported");
  if (call.real("value", 0) != 0) unsupported("padding with other values than 0");
  const TensorView& x = call.activation("self");
  // Pairs of before and after, the last dimension first.
  const std::vector<int64_t> pads = call.integers("pad");
  const size_t rank = x.shape.size();
  if (pads.size() % 2 != 0 || pads.size() / 2 > rank) unsound("pads for more dimensions");
  std::vector<int64_t> before(rank, 0), after(rank, 0);
  for (size_t i = 0; i < pads.size() / 2; ++i) {
    before[rank - 1 - i] = pads[2 * i];
    after[rank - 1 - i] = pads[2 * i + 1];
  }
  return computed(builder.pad(x, before, after));
}

// ---- value by value

Handler of(OpKind kind) {
  return [kind](const Call& call, Builder& builder) {
    return computed(builder.unary(kind, call.activation("self")));
  };
}

// add and sub multiply the second operand by alpha.
Item sum(OpKind kind, const Call& call, Builder& builder) {
  Value other = call.value("other");
  const double alpha = call.real("alpha", 1);
  if (alpha != 1) {
    if (auto* constant = std::get_if<Constant>(&other)) {
      for (double& value : constant->values) value *= alpha;
    } else {
      other = builder.binary(OpKind::Mul, other, Constant::scalar(alpha));
    }
  }
  return computed(builder.binary(kind, call.value("self"), other));
}

Item reversed_difference(const Call& call, Builder& builder) {
  if (call.real("alpha", 1) != 1) unsupported("alpha other than 1");
  return computed(builder.binary(OpKind::Sub, call.value("other"), call.value("self")));
}

Item multiply(const Call& call, Builder& builder) {
  return computed(builder.binary(OpKind::Mul, call.value("self"), call.value("other")));
}

Item divide(const Call& call, Builder& builder) {
  if (call.has("rounding_mode")) unsupported("division that rounds");
  return computed(builder.divide(call.value("self"), call.value("other")));
}

Item negate(const Call& call, Builder& builder) {
  return computed(builder.binary(OpKind::Mul, call.activation("self"), Constant::scalar(-1)));
}

Handler clip(const char* low, const char* high) {
  return [low, high](const Call& call, Builder& builder) {
    return computed(builder.clip(call.activation("self"),
                                 low != nullptr ? call.real(low, -kInfinity) : -kInfinity,
                                 high != nullptr ? call.real(high, kInfinity) : kInfinity));
  };
}

Item elu(const Call& call, Builder& builder) {
  for (const char* factor : {"alpha", "scale", "input_scale"}) {
    if (call.real(factor) != 1) unsupported(std::string(factor) + " other than 1");
  }
  return computed(builder.unary(OpKind::Elu, call.activation("self")));
}

// ---- products of matrices

Item linear(const Call& call, Builder& builder) {
  const std::optional<Constant> bias = call.optional_constant("bias");
  return computed(
      builder.linear(call.activation("input"), call.constant("weight"), bias ? &*bias : nullptr));
}

Constant transposed_matrix(const Constant& matrix) {
  if (matrix.shape.size() != 2) unsupported("a second factor that is no matrix");
  return permuted(matrix, {1, 0});
}

Item matmul(const Call& call, Builder& builder) {
  const Constant weights = transposed_matrix(call.constant(call.has("other") ? "other" : "mat2"));
  return computed(builder.linear(call.activation("self"), weights, nullptr));
}

// beta · self + alpha · mat1 · mat2
Item addmm(const Call& call, Builder& builder) {
  Constant weights = transposed_matrix(call.constant("mat2"));
  Constant bias = call.constant("self");
  for (double& value : weights.values) value *= call.real("alpha", 1);
  for (double& value : bias.values) value *= call.real("beta", 1);
  return computed(builder.linear(call.activation("mat1"), weights, &bias));
}

// ---- shapes

Item reshape(const Call& call, Builder& builder) {
  return computed(builder.reshape(call.activation("self"),
                                  call.integers(call.has("shape") ? "shape" : "size")));
}

std::vector<int64_t> shape_of(const Call& call) {
  const Shape& shape = call.activation("self").shape;
  return {shape.begin(), shape.end()};
}

Item squeeze(const Call& call, Builder& builder) {
  const std::vector<int64_t> shape = shape_of(call);
  if (!call.has("dim"))
    return computed(builder.reshape(call.activation("self"), squeezed(shape, {})));
  // An extent other than 1 stays.
  const int64_t dim = normalized_axis(call.integer("dim"), shape.size());
  if (shape[static_cast<size_t>(dim)] != 1) return computed(call.activation("self"));
  return computed(builder.reshape(call.activation("self"), squeezed(shape, {dim})));
}

Item unsqueeze(const Call& call, Builder& builder) {
  return computed(
      builder.reshape(call.activation("self"), unsqueezed(shape_of(call), {call.integer("dim")})));
}

Item transpose(const Call& call, Builder& builder) {
  const size_t rank = call.activation("self").shape.size();
  std::vector<int64_t> permutation;
  for (size_t d = 0; d < rank; ++d) permutation.push_back(static_cast<int64_t>(d));
  if (call.has("dim0")) {
    std::swap(permutation[static_cast<size_t>(normalized_axis(call.integer("dim0"), rank))],
              permutation[static_cast<size_t>(normalized_axis(call.integer("dim1"), rank))]);
  } else {
    std::reverse(permutation.begin(), permutation.end());  // aten::t
  }
  return computed(builder.permute(call.activation("self"), permutation));
}

Item cat(const Call& call, Builder& builder) {
  const std::vector<Item>* items = call.item("tensors").items();
  if (items == nullptr) unsupported("a list that is not known");
  std::vector<TensorView> parts;
  for (const Item& item : *items) {
    if (item.computed() == nullptr) unsupported("a constant among the parts");
    parts.push_back(*item.computed());
  }
  return computed(builder.concat(parts, call.integer("dim")));
}

Item mean(const Call& call, Builder& builder) {
  if (!call.has("dim")) return computed(builder.mean(call.activation("self"), {}, false));
  return computed(
      builder.mean(call.activation("self"), call.integers("dim"), call.flag("keepdim")));
}

Item slice(const Call& call, Builder& builder) {
  const auto or_else = [&](const char* name, int64_t fallback) {
    return call.has(name) ? call.integer(name) : fallback;
  };
  return computed(builder.slice(call.activation("self"), call.integer("dim"), or_else("start", 0),
                                or_else("end", INT64_MAX), call.integer("step")));
}

Item select(const Call& call, Builder& builder) {
  const TensorView& x = call.activation("self");
  const int dim = normalized_axis(call.integer("dim"), x.shape.size());
  int64_t index = call.integer("index");
  if (index < 0) index += x.shape[static_cast<size_t>(dim)];
  const TensorView y = builder.slice(x, dim, index, index + 1, 1);
  return computed(builder.reshape(y, squeezed({y.shape.begin(), y.shape.end()}, {dim})));
}

Item parts(const Call& call, Builder& builder, const std::vector<int64_t>& sizes) {
  std::vector<Item> items;
  int64_t at = 0;
  for (const int64_t size : sizes) {
    items.push_back(
        computed(builder.slice(call.activation("self"), call.integer("dim"), at, at + size, 1)));
    at += size;
  }
  return {items};
}

// Parts of `size`, the last one smaller.
std::vector<int64_t> even_sizes(const Call& call, int64_t size) {
  const Shape& shape = call.activation("self").shape;
  const int64_t extent =
      shape[static_cast<size_t>(normalized_axis(call.integer("dim"), shape.size()))];
  if (size < 1) unsound("parts of " + std::to_string(size));
  std::vector<int64_t> sizes;
  for (int64_t at = 0; at < extent; at += size) sizes.push_back(std::min(size, extent - at));
  return sizes;
}

Item split(const Call& call, Builder& builder) {
  if (call.has("split_sizes")) return parts(call, builder, call.integers("split_sizes"));
  const c10::IValue& size = *call.item("split_size").known();
  if (size.isIntList()) return parts(call, builder, size.toIntVector());
  return parts(call, builder, even_sizes(call, size.toInt()));
}

Item chunk(const Call& call, Builder& builder) {
  const Shape& shape = call.activation("self").shape;
  const int64_t extent =
      shape[static_cast<size_t>(normalized_axis(call.integer("dim"), shape.size()))];
  const int64_t count = call.integer("chunks");
  if (count < 1) unsound("no parts");
  return parts(call, builder, even_sizes(call, (extent + count - 1) / count));
}

Item same(const Call& call, Builder&) {
  return computed(call.activation(call.has("self") ? "self" : "input"));
}

Item dropout(const Call& call, Builder&) {
  if (call.flag("train")) unsupported("dropout in training mode");
  return computed(call.activation("input"));
}

// A conversion of floats to floats changes nothing; the graph is float32 throughout.
Item convert(const Call& call, Builder&) {
  if (call.has("dtype") &&
      !c10::isFloatingType(static_cast<c10::ScalarType>(call.integer("dtype"))))
    unsupported("a conversion to whole numbers");
  return computed(call.activation("self"));
}

// ---- what is known of shapes

Item size(const Call& call, Builder&) {
  const std::vector<int64_t> shape = shape_of(call);
  if (!call.has("dim")) return known(c10::IValue(shape));
  return known(shape[static_cast<size_t>(normalized_axis(call.integer("dim"), shape.size()))]);
}

const std::map<std::string, Handler>& handlers() {
  static const std::map<std::string, Handler> table = {
      {"abs", of(OpKind::Abs)},
      {"adaptive_avg_pool2d", adaptive_average_pool},
      {"add", [](const Call& c, Builder& b) { return sum(OpKind::Add, c, b); }},
      {"addmm", addmm},
      {"avg_pool2d", [](const Call& c, Builder& b) { return pool(OpKind::AveragePool2D, c, b); }},
      {"batch_norm", batch_norm},
      {"cat", cat},
      {"chunk", chunk},
      {"clamp", clip("min", "max")},
      {"clamp_max", clip(nullptr, "max")},
      {"clamp_min", clip("min", nullptr)},
      {"clone", same},
      {"constant_pad_nd", pad},
      {"contiguous", same},
      {"conv2d", conv},
      {"_convolution", conv},
      {"convolution", conv},
      {"detach", same},
      {"dim",
       [](const Call& c, Builder&) {
         return known(static_cast<int64_t>(c.activation("self").shape.size()));
       }},
      {"div", divide},
      {"dropout", dropout},
      {"elu", elu},
      {"feature_dropout", dropout},
      {"flatten",
       [](const Call& c, Builder& b) {
         return computed(
             b.flatten(c.activation("self"), c.integer("start_dim"), c.integer("end_dim")));
       }},
      {"hardsigmoid",
       [](const Call& c, Builder& b) {
         return computed(b.hard_sigmoid(c.activation("self"), 1.0 / 6, 0.5));
       }},
      {"hardswish", of(OpKind::HardSwish)},
      {"hardtanh", clip("min_val", "max_val")},
      {"leaky_relu",
       [](const Call& c, Builder& b) {
         return computed(b.leaky_relu(c.activation("self"), c.real("negative_slope")));
       }},
      {"linear", linear},
      {"matmul", matmul},
      {"max_pool2d", [](const Call& c, Builder& b) { return pool(OpKind::MaxPool2D, c, b); }},
      {"mean", mean},
      {"mm", matmul},
      {"mul", multiply},
      {"neg", negate},
      {"pad", pad},
      {"permute",
       [](const Call& c, Builder& b) {
         return computed(b.permute(c.activation("self"), c.integers("dims")));
       }},
      {"relu", of(OpKind::Relu)},
      {"relu6", of(OpKind::Relu6)},
      {"reshape", reshape},
      {"rsub", reversed_difference},
      {"select", select},
      {"sigmoid", of(OpKind::Logistic)},
      {"silu", [](const Call& c, Builder& b) { return computed(b.silu(c.activation("self"))); }},
      {"size", size},
      {"slice", slice},
      {"softmax",
       [](const Call& c, Builder& b) {
         return computed(b.softmax(c.activation("self"), c.integer("dim")));
       }},
      {"split", split},
      {"split_with_sizes", split},
      {"squeeze", squeeze},
      {"sub", [](const Call& c, Builder& b) { return sum(OpKind::Sub, c, b); }},
      {"t", transpose},
      {"tanh", of(OpKind::Tanh)},
      {"to", convert},
      {"transpose", transpose},
      {"unsqueeze", unsqueeze},
      {"upsample_nearest2d", resize},
      {"view", reshape},
  };
  return table;
}

std::string short_name(const std::string& kind) {
  return kind.rfind("aten::", 0) == 0 ? kind.substr(6) : "";
}

}  // namespace

Constant constant_of(const at::Tensor& tensor) {
  if (tensor.is_quantized() || tensor.is_sparse() || tensor.is_complex())
    unsupported("quantized, sparse or complex weights");
  const at::Tensor values = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  Constant constant;
  constant.integral = !tensor.is_floating_point();
  constant.shape = values.sizes().vec();
  const double* data = values.data_ptr<double>();
  constant.values.assign(data, data + values.numel());
  return constant;
}

bool Call::has(const char* name) const {
  const auto index = node_.schema().argumentIndexWithName(name);
  if (!index || static_cast<size_t>(*index) >= arguments_.size()) return false;
  const c10::IValue* value = arguments_[static_cast<size_t>(*index)].known();
  return value == nullptr || !value->isNone();
}

const Item& Call::item(const char* name) const {
  const auto index = node_.schema().argumentIndexWithName(name);
  if (!index || static_cast<size_t>(*index) >= arguments_.size())
    unsupported(std::string("there is no argument ") + name);
  return arguments_[static_cast<size_t>(*index)];
}

const c10::IValue& Call::known(const char* name) const {
  const c10::IValue* value = item(name).known();
  if (value == nullptr) unsupported(std::string("argument ") + name + " is not constant");
  return *value;
}

const TensorView& Call::activation(const char* name) const {
  const TensorView* found = item(name).computed();
  if (found == nullptr) unsupported(std::string("argument ") + name + " is constant");
  return *found;
}

Value Call::value(const char* name) const {
  if (const TensorView* found = item(name).computed()) return *found;
  return constant(name);
}

Constant Call::constant(const char* name) const {
  const c10::IValue& value = known(name);
  if (value.isTensor()) return constant_of(value.toTensor());
  if (value.isDouble() || value.isInt()) return Constant::scalar(value.toScalar().toDouble());
  unsupported(std::string("argument ") + name + " is no tensor");
}

std::optional<Constant> Call::optional_constant(const char* name) const {
  if (!has(name)) return std::nullopt;
  return constant(name);
}

int64_t Call::integer(const char* name) const {
  const c10::IValue& value = known(name);
  if (value.isTensor() && value.toTensor().numel() == 1) return value.toTensor().item<int64_t>();
  if (!value.isInt()) unsupported(std::string("argument ") + name + " is no whole number");
  return value.toInt();
}

double Call::real(const char* name) const {
  const c10::IValue& value = known(name);
  if (value.isTensor() && value.toTensor().numel() == 1) return value.toTensor().item<double>();
  if (!value.isDouble() && !value.isInt())
    unsupported(std::string("argument ") + name + " is no number");
  return value.toScalar().toDouble();
}

double Call::real(const char* name, double fallback) const {
  return has(name) ? real(name) : fallback;
}

bool Call::flag(const char* name) const {
  const c10::IValue& value = known(name);
  if (!value.isBool()) unsupported(std::string("argument ") + name + " is not true or false");
  return value.toBool();
}

std::string Call::text(const char* name) const {
  const c10::IValue& value = known(name);
  if (!value.isString()) unsupported(std::string("argument ") + name + " is no text");
  return value.toStringRef();
}

std::vector<int64_t> Call::integers(const char* name) const {
  const c10::IValue& value = known(name);
  if (value.isInt()) return {value.toInt()};
  if (!value.isIntList()) unsupported(std::string("argument ") + name + " is no list of numbers");
  return value.toIntVector();
}

std::array<int64_t, 2> Call::pair(const char* name) const {
  const std::vector<int64_t> values = integers(name);
  if (values.size() == 1) return {values[0], values[0]};
  if (values.size() != 2)
    unsupported(std::string("argument ") + name + " has " + std::to_string(values.size()) +
                " numbers instead of 2; only images are supported");
  return {values[0], values[1]};
}

bool is_torch_operator(const std::string& kind) { return handlers().count(short_name(kind)) != 0; }

std::string torch_operators() {
  std::string all;
  for (const auto& [kind, handler] : handlers()) all += (all.empty() ? "" : ", ") + kind;
  return all;
}

Item translate(const std::string& kind, const Call& call, Builder& builder) {
  return handlers().at(short_name(kind))(call, builder);
}

}  // namespace mcunet::import
