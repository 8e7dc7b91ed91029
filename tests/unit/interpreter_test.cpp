// Small graphs built by hand; the expected values come from naive formulas written here, one output
// at a time.
#include "libmcunet/reference/interpreter.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <thread>

#include "libmcunet/graph/operators.h"
#include "libmcunet/graph/validate.h"
#include "libmcunet/reference/elementwise.h"
#include "libmcunet/reference/params.h"
#include "libmcunet/support/error.h"

using namespace mcunet;
using namespace mcunet::reference;

namespace {

template <typename T>
std::vector<uint8_t> bytes_of(const std::vector<T>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

template <typename T>
std::vector<T> values_of(const std::vector<uint8_t>& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

// One operator with its tensors, numbered in the order they are added: inputs, constants, outputs.
struct Builder {
  Graph graph;
  Op op;

  Builder(OpKind kind, OpAttrs attrs) {
    op.kind = kind;
    op.attrs = std::move(attrs);
    op.source_index = 0;
  }
  Builder& input(Shape shape, float scale = 0, int32_t zero_point = 0) {
    return activation(true, shape, scale, zero_point);
  }
  Builder& output(Shape shape, float scale = 0, int32_t zero_point = 0) {
    return activation(false, shape, scale, zero_point);
  }
  template <typename T>
  Builder& constant(DType dtype, Shape shape, const std::vector<T>& values,
                    std::vector<float> scales = {}, int axis = 0) {
    Tensor tensor = make(dtype, shape);
    tensor.quantization.zero_points.assign(scales.size(), 0);
    tensor.quantization.scales = std::move(scales);
    tensor.quantization.axis = axis;
    tensor.data = std::make_shared<const std::vector<uint8_t>>(bytes_of(values));
    op.inputs.push_back(graph.add_tensor(std::move(tensor)));
    return *this;
  }
  Graph build() {
    Graph built = graph;
    built.ops.push_back(op);
    validate(built);
    return built;
  }

 private:
  static Tensor make(DType dtype, const Shape& shape) {
    Tensor tensor;
    tensor.dtype = dtype;
    tensor.shape = shape;
    return tensor;
  }
  // A scale of 0 stands for float32.
  Builder& activation(bool is_input, const Shape& shape, float scale, int32_t zero_point) {
    Tensor tensor = make(scale == 0 ? DType::Float32 : DType::Int8, shape);
    if (scale != 0) tensor.quantization = {{scale}, {zero_point}, 0};
    const TensorId id = graph.add_tensor(std::move(tensor));
    (is_input ? op.inputs : op.outputs).push_back(id);
    (is_input ? graph.inputs : graph.outputs).push_back(id);
    return *this;
  }
};

std::vector<int8_t> random_int8(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int8_t> values(count);
  for (int8_t& value : values) value = static_cast<int8_t>(random() >> 24);
  return values;
}

std::vector<float> random_float(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> distribution(-1, 1);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(random);
  return values;
}

size_t size_of(const Shape& shape) { return static_cast<size_t>(element_count(shape)); }

// Requantization from its definition: high product with a nudge by sign, then division with halves
// away from zero.
int32_t naive_requantize(int64_t x, int64_t multiplier, int shift) {
  const int64_t product = x * (int64_t{1} << std::max(shift, 0)) * multiplier;
  const int64_t nudge = product >= 0 ? (int64_t{1} << 30) : 1 - (int64_t{1} << 30);
  const int64_t high = (product + nudge) / (int64_t{1} << 31);
  return static_cast<int32_t>(
      std::llround(std::ldexp(static_cast<double>(high), std::min(shift, 0))));
}

int32_t naive_requantize(int64_t x, double factor) {
  int shift = 0;
  const auto m = static_cast<int64_t>(std::round(std::frexp(factor, &shift) * 2147483648.0));
  return m == int64_t{1} << 31 ? naive_requantize(x, m / 2, shift + 1)
                               : naive_requantize(x, m, shift);
}

int8_t naive_clamp(int64_t value, int64_t low = -128, int64_t high = 127) {
  return static_cast<int8_t>(std::clamp(value, low, high));
}

struct ConvCase {
  Shape x, w;
  ConvAttrs attrs;
  bool depthwise = false;
  bool bias = true;
};

Shape conv_output(const ConvCase& c) {
  const SpatialPadding& p = c.attrs.padding;
  return {c.x[0],
          window_output(c.x[1], c.w[1], c.attrs.stride_h, c.attrs.dilation_h, p.top, p.bottom),
          window_output(c.x[2], c.w[2], c.attrs.stride_w, c.attrs.dilation_w, p.left, p.right),
          c.depthwise ? c.w[3] : c.w[0]};
}

// Calls add(x index, w index) for every product of one output.
void for_each_product(const ConvCase& c, const Shape& y, int32_t b, int32_t oy, int32_t ox,
                      int32_t oc, const std::function<void(size_t, size_t)>& add) {
  const int32_t channels = c.depthwise ? 1 : c.w[3];
  for (int32_t ky = 0; ky < c.w[1]; ++ky) {
    for (int32_t kx = 0; kx < c.w[2]; ++kx) {
      for (int32_t ic = 0; ic < channels; ++ic) {
        const int32_t iy = oy * c.attrs.stride_h + ky * c.attrs.dilation_h - c.attrs.padding.top;
        const int32_t ix = ox * c.attrs.stride_w + kx * c.attrs.dilation_w - c.attrs.padding.left;
        if (iy < 0 || ix < 0 || iy >= c.x[1] || ix >= c.x[2]) continue;
        const int32_t groups = c.x[3] / c.w[3];
        const int32_t channel =
            c.depthwise ? oc / (y[3] / c.x[3]) : oc / (y[3] / std::max(groups, 1)) * c.w[3] + ic;
        const int32_t w = c.depthwise ? (ky * c.w[2] + kx) * c.w[3] + oc
                                      : ((oc * c.w[1] + ky) * c.w[2] + kx) * c.w[3] + ic;
        add(static_cast<size_t>(((b * c.x[1] + iy) * c.x[2] + ix) * c.x[3] + channel),
            static_cast<size_t>(w));
      }
    }
  }
}

template <typename Output>
void for_each_output(const Shape& y, Output output) {
  for (int32_t b = 0; b < y[0]; ++b)
    for (int32_t oy = 0; oy < y[1]; ++oy)
      for (int32_t ox = 0; ox < y[2]; ++ox)
        for (int32_t oc = 0; oc < y[3]; ++oc) output(b, oy, ox, oc);
}

std::vector<ConvCase> conv_cases() {
  std::vector<ConvCase> cases;
  const auto attrs = [](int32_t sh, int32_t sw, int32_t dh, int32_t dw, SpatialPadding padding) {
    ConvAttrs a;
    a.stride_h = sh, a.stride_w = sw, a.dilation_h = dh, a.dilation_w = dw, a.padding = padding;
    return a;
  };
  cases.push_back({{1, 5, 6, 3}, {7, 1, 1, 3}, attrs(1, 1, 1, 1, {})});
  cases.push_back({{2, 6, 5, 4}, {5, 3, 2, 4}, attrs(2, 1, 1, 2, {1, 0, 2, 1})});
  cases.push_back(
      {{1, 7, 7, 6}, {9, 3, 3, 2}, attrs(1, 2, 2, 1, {2, 1, 2, 1}), false, false});  // three groups
  cases.push_back({{1, 2, 2, 40}, {33, 5, 5, 40}, attrs(1, 1, 1, 1, {2, 2, 2, 2})});
  cases.push_back({{2, 6, 5, 4}, {1, 3, 3, 4}, attrs(1, 1, 1, 1, {1, 1, 1, 1}), true});
  cases.push_back(
      {{1, 9, 8, 3}, {1, 5, 3, 6}, attrs(2, 3, 2, 1, {4, 0, 3, 2}), true, false});  // multiplier 2
  cases.push_back({{1, 9, 8, 17}, {1, 7, 7, 17}, attrs(1, 1, 1, 1, {3, 3, 3, 3}), true});
  return cases;
}

OpKind kind_of(const ConvCase& c) { return c.depthwise ? OpKind::DepthwiseConv2D : OpKind::Conv2D; }

Graph single_relu(float in_scale, int32_t in_zero, float out_scale, int32_t out_zero) {
  return Builder(OpKind::Relu, {})
      .input({1, 256}, in_scale, in_zero)
      .output({1, 256}, out_scale, out_zero)
      .build();
}

}  // namespace

TEST_CASE("int8 convolutions equal a naive sum for every output") {
  uint32_t seed = 1;
  for (const ConvCase& c : conv_cases()) {
    const Shape y = conv_output(c);
    CAPTURE(to_string(c.x), to_string(c.w), seed);
    const auto channels = static_cast<size_t>(y[3]);
    const std::vector<int8_t> x = random_int8(size_of(c.x), ++seed),
                              w = random_int8(size_of(c.w), ++seed);
    std::vector<float> scales;
    std::vector<int32_t> bias;
    for (size_t i = 0; i < channels; ++i) {
      scales.push_back((i % 3 == 2 ? -0.001f : 0.003f) * static_cast<float>(i + 1));
      bias.push_back(static_cast<int32_t>(i * 1000) - 1500);
    }
    const float sx = 0.02f, sy = 0.7f;
    const int32_t zx = 17, zy = -9;
    ConvAttrs attrs = c.attrs;
    attrs.activation = Activation::Relu6;
    Builder builder(kind_of(c), attrs);
    builder.input(c.x, sx, zx).constant(DType::Int8, c.w, w, scales, c.depthwise ? 3 : 0);
    if (c.bias) builder.constant(DType::Int32, {y[3]}, bias);
    const Interpreter interpreter(builder.output(y, sy, zy).build());
    const auto actual = values_of<int8_t>(interpreter.run({bytes_of(x)}).at(0));

    std::vector<int8_t> expected;
    for_each_output(y, [&](int32_t b, int32_t oy, int32_t ox, int32_t oc) {
      int64_t sum = c.bias ? bias[static_cast<size_t>(oc)] : 0;
      for_each_product(c, y, b, oy, ox, oc,
                       [&](size_t ix, size_t iw) { sum += (x[ix] - zx) * w[iw]; });
      const double factor = static_cast<double>(sx) *
                            static_cast<double>(scales[static_cast<size_t>(oc)]) /
                            static_cast<double>(sy);
      expected.push_back(
          naive_clamp(naive_requantize(sum, factor) + zy, zy, zy + std::lround(6.0f / sy)));
    });
    CHECK(actual == expected);
  }
}

TEST_CASE("float convolutions equal a naive sum for every output") {
  uint32_t seed = 100;
  for (const ConvCase& c : conv_cases()) {
    const Shape y = conv_output(c);
    CAPTURE(to_string(c.x), to_string(c.w), seed);
    const std::vector<float> x = random_float(size_of(c.x), ++seed),
                             w = random_float(size_of(c.w), ++seed);
    const std::vector<float> bias = random_float(static_cast<size_t>(y[3]), ++seed);
    ConvAttrs attrs = c.attrs;
    attrs.activation = Activation::Relu;
    Builder builder(kind_of(c), attrs);
    builder.input(c.x).constant(DType::Float32, c.w, w);
    if (c.bias) builder.constant(DType::Float32, {y[3]}, bias);
    const auto actual =
        values_of<float>(Interpreter(builder.output(y).build()).run({bytes_of(x)}).at(0));
    size_t i = 0;
    for_each_output(y, [&](int32_t b, int32_t oy, int32_t ox, int32_t oc) {
      double sum = c.bias ? static_cast<double>(bias[static_cast<size_t>(oc)]) : 0;
      for_each_product(c, y, b, oy, ox, oc, [&](size_t ix, size_t iw) {
        sum += static_cast<double>(x[ix]) * static_cast<double>(w[iw]);
      });
      REQUIRE(static_cast<double>(actual[i++]) == Approx(std::max(sum, 0.0)).margin(1e-4));
    });
    CHECK(i == actual.size());
  }
}

TEST_CASE("int4 weights are unpacked low nibble first over the whole tensor") {
  Tensor weights;
  weights.dtype = DType::Int4;
  weights.shape = {1, 5};
  weights.data =
      std::make_shared<const std::vector<uint8_t>>(std::vector<uint8_t>{0x81, 0x7f, 0x03});
  CHECK(weight_values(weights) == std::vector<int8_t>{1, -8, -1, 7, 3});
}

TEST_CASE("fully connected layers equal a naive sum, whole sums wrap modulo 2^32") {
  const std::vector<int8_t> x = random_int8(3 * 37, 5), w = random_int8(11 * 37, 6);
  std::vector<int32_t> bias(11, 77);
  const float sx = 0.031f, sw = 0.0123f, sy = 0.9f;
  const Interpreter interpreter(Builder(OpKind::FullyConnected, FullyConnectedAttrs{})
                                    .input({3, 37}, sx, -4)
                                    .constant(DType::Int8, {11, 37}, w, {sw})
                                    .constant(DType::Int32, {11}, bias)
                                    .output({3, 11}, sy, 2)
                                    .build());
  const auto actual = values_of<int8_t>(interpreter.run({bytes_of(x)}).at(0));
  for (size_t row = 0; row < 3; ++row) {
    for (size_t o = 0; o < 11; ++o) {
      int64_t sum = bias[o];
      for (size_t k = 0; k < 37; ++k) sum += (x[row * 37 + k] + 4) * w[o * 37 + k];
      const double factor =
          static_cast<double>(sx * sw) / static_cast<double>(sy);  // the product in float32
      CHECK(actual[row * 11 + o] == naive_clamp(naive_requantize(sum, factor) + 2));
    }
  }

  // 70,000 products of 255 * -128 are beyond -2^31: the sum wraps to a positive one.
  const Interpreter wide(
      Builder(OpKind::FullyConnected, FullyConnectedAttrs{})
          .input({1, 70000}, 1.0f, -128)
          .constant(DType::Int8, {1, 70000}, std::vector<int8_t>(70000, -128), {1.0f})
          .output({1, 1}, 16777216.0f, 0)
          .build());
  const int64_t wrapped = int64_t{70000} * 255 * -128 + (int64_t{1} << 32);
  const auto y = values_of<int8_t>(wide.run({bytes_of(std::vector<int8_t>(70000, 127))}).at(0));
  CHECK(y.at(0) == naive_clamp(naive_requantize(wrapped, 1.0 / 16777216.0)));
}

TEST_CASE("binary operators broadcast up to rank 6") {
  const Shape a_shape = {2, 1, 3, 1, 2, 4}, b_shape = {2, 1, 3, 1, 4}, y_shape = {2, 2, 3, 3, 2, 4};
  const std::vector<int8_t> a = random_int8(size_of(a_shape), 8),
                            b = random_int8(size_of(b_shape), 9);
  const float s1 = 0.05f, s2 = 0.02f, sy = 0.06f;
  const int32_t z1 = 3, z2 = -20, zy = 7;
  const double common = 2 * static_cast<double>(s1);
  for (const OpKind kind : {OpKind::Add, OpKind::Sub, OpKind::Mul}) {
    CAPTURE(operator_info(kind).name);
    const Interpreter interpreter(Builder(kind, BinaryAttrs{})
                                      .input(a_shape, s1, z1)
                                      .input(b_shape, s2, z2)
                                      .output(y_shape, sy, zy)
                                      .build());
    const auto actual = values_of<int8_t>(interpreter.run({bytes_of(a), bytes_of(b)}).at(0));
    for (size_t i = 0; i < actual.size(); ++i) {
      size_t index[6], rest = i;
      for (size_t d = 6; d-- > 0; rest /= static_cast<size_t>(y_shape[d]))
        index[d] = rest % static_cast<size_t>(y_shape[d]);
      const int32_t va = a[((index[0] * 3 + index[2]) * 2 + index[4]) * 4 + index[5]] - z1;
      const int32_t vb = b[(index[1] * 3 + index[3]) * 4 + index[5]] - z2;
      int64_t expected = 0;
      if (kind == OpKind::Mul) {
        expected =
            naive_requantize(int64_t{va} * vb, static_cast<double>(s1) * static_cast<double>(s2) /
                                                   static_cast<double>(sy));
      } else {
        const int64_t ta =
            naive_requantize(int64_t{va} * (1 << 20), static_cast<double>(s1) / common);
        const int64_t tb =
            naive_requantize(int64_t{vb} * (1 << 20), static_cast<double>(s2) / common);
        expected = naive_requantize(kind == OpKind::Add ? ta + tb : ta - tb,
                                    common / ((1 << 20) * static_cast<double>(sy)));
      }
      REQUIRE(actual[i] == naive_clamp(expected + zy));
    }
  }
}

TEST_CASE("pools count valid positions only") {
  PoolAttrs attrs;
  attrs.filter_h = attrs.filter_w = 3;
  attrs.stride_h = attrs.stride_w = 2;
  attrs.padding = {1, 1, 1, 1};
  const std::vector<int8_t> x = random_int8(5 * 5 * 3, 12);
  for (const OpKind kind : {OpKind::AveragePool2D, OpKind::MaxPool2D}) {
    const Interpreter interpreter(
        Builder(kind, attrs).input({1, 5, 5, 3}, 0.1f, 4).output({1, 3, 3, 3}, 0.1f, 4).build());
    const auto actual = values_of<int8_t>(interpreter.run({bytes_of(x)}).at(0));
    for (int oy = 0; oy < 3; ++oy) {
      for (int ox = 0; ox < 3; ++ox) {
        for (int c = 0; c < 3; ++c) {
          int sum = 0, count = 0, max = -128;
          for (int iy = std::max(0, oy * 2 - 1); iy < std::min(5, oy * 2 + 2); ++iy) {
            for (int ix = std::max(0, ox * 2 - 1); ix < std::min(5, ox * 2 + 2); ++ix) {
              const int value = x[static_cast<size_t>((iy * 5 + ix) * 3 + c)];
              sum += value, ++count, max = std::max(max, value);
            }
          }
          const auto average = static_cast<int>(std::lround(static_cast<double>(sum) / count));
          CHECK(actual[static_cast<size_t>((oy * 3 + ox) * 3 + c)] ==
                (kind == OpKind::MaxPool2D ? max : average));
        }
      }
    }
  }
}

TEST_CASE("means over any axes") {
  ReduceAttrs attrs;
  attrs.axes = {0, 2};
  const std::vector<int8_t> x = random_int8(3 * 4 * 5, 13);
  const float sx = 0.11f, sy = 0.07f;
  const Interpreter interpreter(
      Builder(OpKind::Mean, attrs).input({3, 4, 5}, sx, 6).output({4}, sy, -3).build());
  const auto actual = values_of<int8_t>(interpreter.run({bytes_of(x)}).at(0));
  // 15 elements: the multiplier is widened by 2^3, divided by 15 and truncated.
  int shift = 0;
  const auto whole = static_cast<int64_t>(std::round(
      std::frexp(static_cast<double>(sx) / static_cast<double>(sy), &shift) * 2147483648.0));
  for (size_t j = 0; j < 4; ++j) {
    int64_t sum = -6 * 15;
    for (size_t i = 0; i < 3; ++i) {
      for (size_t k = 0; k < 5; ++k) sum += x[(i * 4 + j) * 5 + k];
    }
    CHECK(actual[j] == naive_clamp(naive_requantize(sum, whole * 8 / 15, shift - 3) - 3));
  }
}

TEST_CASE("softmax sums to one and its table is cut off") {
  const Graph graph = Builder(OpKind::Softmax, SoftmaxAttrs{})
                          .input({2, 10}, 0.1f, 5)
                          .output({2, 10}, 1.0f / 256, -128)
                          .build();
  const std::vector<int8_t> x = random_int8(20, 14);
  const auto actual = values_of<int8_t>(Interpreter(graph).run({bytes_of(x)}).at(0));
  for (size_t row = 0; row < 2; ++row) {
    double sum = 0;
    for (size_t i = 0; i < 10; ++i) sum += std::exp(0.1 * x[row * 10 + i]);
    for (size_t i = 0; i < 10; ++i) {
      const double expected = std::min(255.0, std::exp(0.1 * x[row * 10 + i]) / sum * 256) - 128;
      CHECK(actual[row * 10 + i] == Approx(expected).margin(0.51));
    }
  }
  const auto table = softmax_exp_table(softmax_params(graph, graph.ops[0]));
  CHECK(table[0] == std::numeric_limits<int32_t>::max());
  CHECK(std::ldexp(table[10], -31) == Approx(std::exp(-1.0)).epsilon(1e-5));
  // More than 512 equal inputs: each output is below half a unit.
  const Graph wide = Builder(OpKind::Softmax, SoftmaxAttrs{})
                         .input({1, 1000}, 0.1f, 5)
                         .output({1, 1000}, 1.0f / 256, -128)
                         .build();
  CHECK(values_of<int8_t>(Interpreter(wide).run({bytes_of(std::vector<int8_t>(1000, 3))}).at(0)) ==
        std::vector<int8_t>(1000, -128));
}

TEST_CASE("unary tables are indexed by the raw byte") {
  const Graph graph = single_relu(0.1f, 10, 0.05f, -128);
  const auto table = unary_table(graph, graph.ops[0]);
  for (int value = -128; value < 128; ++value) {
    const int expected = std::clamp(2 * std::max(0, value - 10) - 128, -128, 127);
    CHECK(static_cast<int8_t>(table[static_cast<uint8_t>(value)]) == expected);
  }
}

TEST_CASE("movement operators put every element in its place") {
  const std::vector<int8_t> x = random_int8(2 * 3 * 4, 15);
  const auto run = [&](OpKind kind, const OpAttrs& attrs, const Shape& in, const Shape& out) {
    return values_of<int8_t>(
        Interpreter(Builder(kind, attrs).input(in, 0.1f, 9).output(out, 0.1f, 9).build())
            .run({bytes_of(x)})
            .at(0));
  };
  TransposeAttrs transpose;
  transpose.permutation = {2, 0, 1};
  const auto transposed = run(OpKind::Transpose, transpose, {2, 3, 4}, {4, 2, 3});
  StridedSliceAttrs slice;
  slice.begin = {1, 2, 3}, slice.stride = {1, -2, -1}, slice.size = {1, 2, 4};
  const auto sliced = run(OpKind::StridedSlice, slice, {2, 3, 4}, {1, 2, 4});
  PadAttrs pad;
  pad.before = {0, 1, 2}, pad.after = {0, 0, 1};
  const auto padded = run(OpKind::Pad, pad, {2, 3, 4}, {2, 4, 7});
  for (size_t i = 0; i < 2; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      for (size_t k = 0; k < 4; ++k) {
        const int8_t value = x[(i * 3 + j) * 4 + k];
        CHECK(transposed[(k * 2 + i) * 3 + j] == value);
        CHECK(padded[(i * 4 + j + 1) * 7 + k + 2] == value);
        if (i == 1 && j != 1) CHECK(sliced[(j == 2 ? 0 : 4) + 3 - k] == value);
      }
      CHECK(padded[(i * 4 + j + 1) * 7] == 9);
      CHECK(padded[(i * 4 + j + 1) * 7 + 6] == 9);
    }
    CHECK(padded[i * 4 * 7 + 3] == 9);
  }
  // Depth to space: channel (by * 2 + bx) of pixel (y, x) goes to (2y + by, 2x + bx).
  const auto spread = run(OpKind::DepthToSpace, BlockAttrs{2}, {1, 2, 3, 4}, {1, 4, 6, 1});
  for (size_t y = 0; y < 2; ++y) {
    for (size_t px = 0; px < 3; ++px) {
      for (size_t c = 0; c < 4; ++c)
        CHECK(spread[(2 * y + c / 2) * 6 + 2 * px + c % 2] == x[(y * 3 + px) * 4 + c]);
    }
  }
  CHECK(values_of<int8_t>(Interpreter(Builder(OpKind::SpaceToDepth, BlockAttrs{2})
                                          .input({1, 4, 6, 1}, 0.1f, 9)
                                          .output({1, 2, 3, 4}, 0.1f, 9)
                                          .build())
                              .run({bytes_of(spread)})
                              .at(0)) == x);
}

TEST_CASE("split undoes concatenation") {
  const std::vector<int8_t> a = random_int8(2 * 3, 16), b = random_int8(2 * 5, 17);
  const Interpreter concatenate(Builder(OpKind::Concatenation, AxisAttrs{1})
                                    .input({2, 3}, 0.1f, 1)
                                    .input({2, 5}, 0.1f, 1)
                                    .output({2, 8}, 0.1f, 1)
                                    .build());
  const Interpreter split(Builder(OpKind::Split, AxisAttrs{1})
                              .input({2, 8}, 0.1f, 1)
                              .output({2, 3}, 0.1f, 1)
                              .output({2, 5}, 0.1f, 1)
                              .build());
  const auto parts = split.run(concatenate.run({bytes_of(a), bytes_of(b)}));
  CHECK(values_of<int8_t>(parts.at(0)) == a);
  CHECK(values_of<int8_t>(parts.at(1)) == b);
}

TEST_CASE("every operator that cannot be run is named") {
  Builder hybrid(OpKind::FullyConnected, FullyConnectedAttrs{});
  Graph graph = hybrid.input({1, 4})
                    .constant(DType::Int8, {2, 4}, random_int8(8, 1), {0.1f})
                    .output({1, 2})
                    .build();
  Tensor rescaled;
  rescaled.shape = {1, 2};
  const TensorId in = graph.add_tensor(rescaled), out = graph.add_tensor(rescaled);
  graph.tensor(in).quantization = {{0.1f}, {0}, 0};
  graph.tensor(out).quantization = {{0.2f}, {0}, 0};
  Op concatenation;
  concatenation.kind = OpKind::Concatenation;
  concatenation.attrs = AxisAttrs{1};
  concatenation.inputs = {in};
  concatenation.outputs = {out};
  concatenation.source_index = 5;
  graph.inputs.push_back(in);
  graph.ops.push_back(concatenation);
  try {
    Interpreter interpreter(graph);
    FAIL("was accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Unsupported);
    REQUIRE(error.problems().size() == 2);
    CHECK_THAT(error.problems()[0],
               Catch::Contains("op 0 FULLY_CONNECTED: int8 weights with float32 activations"));
    CHECK_THAT(error.problems()[1], Catch::Contains("op 5 CONCATENATION"));
  }
}

TEST_CASE("wrong inputs are refused") {
  const Interpreter interpreter(single_relu(0.1f, 0, 0.1f, 0));
  const auto kind = [&](const Interpreter::Buffers& inputs) {
    try {
      interpreter.run(inputs);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::Internal;
  };
  CHECK(kind({}) == ErrorKind::Input);
  CHECK(kind({std::vector<uint8_t>(255)}) == ErrorKind::Input);
  CHECK(kind({std::vector<uint8_t>(256), std::vector<uint8_t>(256)}) == ErrorKind::Input);
}

TEST_CASE("observers see every output, several threads see the same") {
  const std::vector<int8_t> x = random_int8(5 * 5 * 3, 20);
  PoolAttrs attrs;
  attrs.filter_h = attrs.filter_w = 2;
  const Interpreter interpreter(Builder(OpKind::MaxPool2D, attrs)
                                    .input({1, 5, 5, 3}, 0.1f, 0)
                                    .output({1, 4, 4, 3}, 0.1f, 0)
                                    .build());
  size_t seen = 0;
  const auto expected = interpreter.run(
      {bytes_of(x)},
      [&](const Op& op, TensorId id, const Tensor& tensor, const uint8_t*, size_t bytes) {
        CHECK(op.kind == OpKind::MaxPool2D);
        CHECK(id == 1);
        CHECK(bytes == tensor.byte_size());
        ++seen;
      });
  CHECK(seen == 1);
  std::vector<Interpreter::Buffers> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results)
    threads.emplace_back([&] { result = interpreter.run({bytes_of(x)}); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) CHECK(result == expected);
}
