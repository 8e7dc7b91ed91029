// Each stage of quantization by itself.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "libmcunet/data/network_output.h"
#include "libmcunet/graph/activation.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/reference/params.h"
#include "libmcunet/support/error.h"
#include "quant/accuracy.h"
#include "quant/assemble.h"
#include "quant/bias_correction.h"
#include "quant/channels.h"
#include "quant/dense_to_conv.h"
#include "quant/equalize.h"
#include "quant/inputs.h"
#include "quant/observe.h"
#include "quant/prepare.h"
#include "quant/ranges.h"
#include "quant/reconstruct.h"
#include "quant/weights.h"
#include "tests/support/builder.h"
#include "tests/support/float_graph.h"

using namespace mcunet;
using namespace mcunet::quant;
using mcunet::testing::GraphBuilder;
using mcunet::testing::random_samples;
using mcunet::testing::to_float;
using mcunet::testing::Window;

namespace {

std::vector<float> floats(const Tensor& tensor) {
  const auto* values = tensor.constant<float>();
  return {values, values + tensor.elements()};
}

void set_floats(Tensor& tensor, const std::vector<float>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  tensor.data = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
}

// conv → depthwise → pointwise, as in an inverted residual.
Graph chain(Activation activation) {
  GraphBuilder build("chain", 7);
  TensorId x = build.input({1, 9, 8, 3});
  x = build.conv(x, 12, Window::square(3, 1, activation));
  x = build.depthwise(x, 1, Window::square(3, 2, activation));
  x = build.conv(x, 5, Window::square(1));
  return prepare(to_float(build.build({x})));
}

double largest_difference(const Graph& a, const Graph& b, const Calibration& samples) {
  const auto first = reference::Interpreter(a), second = reference::Interpreter(b);
  double largest = 0;
  for (const Calibration::Sample& sample : samples.samples) {
    const auto x = first.run(sample), y = second.run(sample);
    for (size_t o = 0; o < x.size(); ++o) {
      const std::vector<float> u = real_values(a.tensor(a.outputs[o]), x[o].data());
      const std::vector<float> v = real_values(b.tensor(b.outputs[o]), y[o].data());
      for (size_t i = 0; i < u.size(); ++i)
        largest = std::max(largest, std::fabs(static_cast<double>(u[i] - v[i])));
    }
  }
  return largest;
}

// Largest over smallest range of the channels of a tensor that are alive.
double imbalance(const TensorStatistics& seen) {
  float least = std::numeric_limits<float>::infinity(), largest = 0;
  for (size_t c = 0; c < seen.channel_max.size(); ++c) {
    const float range = std::max(std::fabs(seen.channel_min[c]), std::fabs(seen.channel_max[c]));
    if (range == 0) continue;
    least = std::min(least, range);
    largest = std::max(largest, range);
  }
  return static_cast<double>(largest / least);
}

ErrorKind kind_of_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL_CHECK("nothing was thrown");
  return ErrorKind::Usage;
}

}  // namespace

TEST_CASE("histograms do not depend on the order of values", "[quantize]") {
  const std::vector<std::vector<float>> parts = {
      {0.0F, 0.25F, -3.0F}, {1e-3F, 2e-3F, 1e-3F}, {700.0F, -0.5F}, {0.0F}};
  const auto add = [&](Histogram& histogram, size_t i) {
    const auto [low, high] = std::minmax_element(parts[i].begin(), parts[i].end());
    histogram.add(parts[i].data(), parts[i].size(), *low, *high);
  };
  Histogram forward, backward, merged;
  for (size_t i = 0; i < parts.size(); ++i) {
    add(forward, i);
    add(backward, parts.size() - 1 - i);
    Histogram one;
    add(one, i);
    merged.add(one);
  }
  const auto count_near = [](const Histogram& histogram, double value) {
    int64_t count = 0;
    for (size_t b = 0; b < histogram.counts.size(); ++b) {
      if (std::fabs(histogram.center(b) - value) <= histogram.width() / 2)
        count += histogram.counts[b];
    }
    return count;
  };
  for (const Histogram* histogram : {&forward, &backward, &merged}) {
    CHECK(histogram->total() == 9);
    CHECK(histogram->exponent == forward.exponent);
    CHECK(static_cast<int64_t>(histogram->counts.size()) <= Histogram::kMostBins);
    CHECK(count_near(*histogram, 700) == 1);
    CHECK(count_near(*histogram, -3) == 1);
    CHECK(histogram->width() < 0.5);
  }
}

TEST_CASE("histograms of constants and of tiny and huge values", "[quantize]") {
  for (const float value : {0.0F, 5.0F, -1e-30F, 3e38F, 1e-45F}) {
    CAPTURE(value);
    Histogram histogram;
    histogram.add(&value, 1, value, value);
    histogram.add(&value, 1, value, value);
    CHECK(histogram.total() == 2);
    const float zero = 0;
    histogram.add(&zero, 1, std::min(zero, value), std::max(zero, value));
    CHECK(histogram.total() == 3);
  }
}

TEST_CASE("activation encodings hold zero exactly", "[quantize]") {
  const Quantization relu6 = activation_encoding(0, 6);
  CHECK(relu6.scale() == Approx(6.0 / 255));
  CHECK(relu6.zero_point() == -128);
  const Quantization shifted = activation_encoding(2, 5);  // widened to [0, 5]
  CHECK(shifted.zero_point() == -128);
  CHECK(shifted.scale() == Approx(5.0 / 255));
  CHECK(activation_encoding(-4, -1).zero_point() == 127);
  CHECK(activation_encoding(0, 0).scale() > 0);
  const RealRange range = real_range(activation_encoding(-1, 1));
  CHECK(range.low == Approx(-1).margin(0.005));
  CHECK(range.high == Approx(1).margin(0.005));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(kind_of_error([&] { activation_encoding(nan, 1); }) == ErrorKind::Input);
  CHECK(std::isfinite(activation_encoding(-3e38F, 3e38F).scale()));
}

TEST_CASE("prepare gives every layer its own weights and a bias, and fuses activations",
          "[quantize]") {
  GraphBuilder build("prepare", 3);
  build.weights.bias = false;
  TensorId x = build.input({1, 6, 6, 4});
  x = build.unary(OpKind::Relu6, build.conv(x, 4, Window::square(1)));
  x = build.conv(x, 4, Window::square(1));
  Graph graph = to_float(build.build({x}));
  graph.ops[2].inputs[1] = graph.ops[0].inputs[1];  // shared
  const Graph prepared = prepare(graph);
  REQUIRE(prepared.ops.size() == 2);
  CHECK(fused_activation(prepared.ops[0]) == Activation::Relu6);
  CHECK(prepared.ops[0].inputs.size() == 3);
  CHECK(prepared.ops[0].inputs[1] != prepared.ops[1].inputs[1]);
  CHECK(prepared.ops[0].inputs[2] != prepared.ops[1].inputs[2]);
  CHECK(largest_difference(graph, prepared, random_samples(graph, 3, 1)) == 0);

  const SplitGraph split = split_activations(prepared);
  CHECK(split.graph.ops.size() == 3);
  CHECK(split.linear[0] != prepared.ops[0].outputs[0]);
  CHECK(split.linear[1] == prepared.ops[1].outputs[0]);
  CHECK(largest_difference(graph, split.graph, random_samples(graph, 3, 1)) == 0);
}

TEST_CASE("prepare refuses what is no float network, and damaged weights", "[quantize]") {
  GraphBuilder build("refused", 3);
  const TensorId x = build.conv(build.input({1, 6, 6, 4}), 4, Window::square(3));
  const Graph int8 = build.build({x});
  CHECK(kind_of_error([&] { prepare(int8); }) == ErrorKind::Unsupported);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Graph graph = to_float(int8);
    Tensor& weights = graph.tensor(graph.ops[0].inputs[1]);
    std::vector<float> values = floats(weights);
    values[17] = bad;
    set_floats(weights, values);
    CHECK(kind_of_error([&] { prepare(graph); }) == ErrorKind::Input);
    CHECK_THROWS_WITH(prepare(graph),
                      Catch::Contains("element 17") && Catch::Contains("op 0 CONV_2D"));
  }
}

TEST_CASE("observed extremes, means and counts are those of the tensors", "[quantize]") {
  const Graph graph = chain(Activation::Relu);
  const Calibration samples = random_samples(graph, 5, 11);
  const Statistics one = observe(graph, samples, 1), three = observe(graph, samples, 3);
  const reference::Interpreter interpreter(graph);
  const TensorId id = graph.ops[0].outputs[0];
  float low = 0, high = 0;
  double sum = 0;
  for (const Calibration::Sample& sample : samples.samples) {
    interpreter.run(sample,
                    [&](const Op&, TensorId t, const Tensor& tensor, const uint8_t* data, size_t) {
                      if (t != id) return;
                      for (const float value : real_values(tensor, data)) {
                        low = std::min(low, value);
                        high = std::max(high, value);
                        sum += static_cast<double>(value);
                      }
                    });
  }
  const TensorStatistics& seen = one.tensors[static_cast<size_t>(id)];
  CHECK(seen.count == 5 * graph.tensor(id).elements());
  CHECK(seen.min == low);
  CHECK(seen.max == high);
  CHECK(seen.sum == Approx(sum));
  CHECK(seen.histogram.total() == seen.count);
  double mean = 0;
  for (const double m : seen.channel_mean)
    mean += m / static_cast<double>(seen.channel_mean.size());
  CHECK(mean == Approx(sum / static_cast<double>(seen.count)));
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    CHECK(one.tensors[t].histogram.counts == three.tensors[t].histogram.counts);
    CHECK(one.tensors[t].sum_of_squares == three.tensors[t].sum_of_squares);
    CHECK(one.tensors[t].channel_mean == three.tensors[t].channel_mean);
  }
}

TEST_CASE("observing names the operator whose output is not finite", "[quantize]") {
  Graph graph = chain(Activation::None);
  Tensor& weights = graph.tensor(graph.ops[1].inputs[1]);
  set_floats(weights, std::vector<float>(static_cast<size_t>(weights.elements()), 3e38F));
  Tensor& first = graph.tensor(graph.ops[0].inputs[1]);
  set_floats(first, std::vector<float>(static_cast<size_t>(first.elements()), 1e10F));
  const Calibration samples = random_samples(graph, 2, 1);
  CHECK(kind_of_error([&] { observe(graph, samples, 1); }) == ErrorKind::Input);
  CHECK_THROWS_WITH(observe(graph, samples, 2), Catch::Contains("op 1 DEPTHWISE_CONV_2D"));
}

TEST_CASE("equalization keeps the outputs and evens out the channels", "[quantize]") {
  const auto activation = GENERATE(Activation::None, Activation::Relu, Activation::Relu6);
  Graph graph = chain(activation);
  // Channels of very different size.
  Tensor& weights = graph.tensor(graph.ops[0].inputs[1]);
  std::vector<float> values = floats(weights);
  for_each_weight(graph, graph.ops[0], [&](size_t i, size_t out, size_t) {
    values[i] *= std::ldexp(1.0F, -static_cast<int>(out % 5));
  });
  set_floats(weights, values);
  const Calibration samples = random_samples(graph, 6, 5);
  const Statistics seen = observe(graph, samples, 1);
  const Equalized equalized = equalize(graph, seen, {});
  REQUIRE(equalized.pairs.size() == 2);
  const auto output = static_cast<size_t>(graph.outputs[0]);
  const double size =
      static_cast<double>(std::max(std::fabs(seen.tensors[output].min), seen.tensors[output].max));
  CHECK(largest_difference(graph, equalized.graph, samples) < 1e-4 * size);
  const Statistics after = observe(equalized.graph, samples, 1);
  const auto between = static_cast<size_t>(graph.ops[0].outputs[0]);
  CHECK(imbalance(after.tensors[between]) < imbalance(seen.tensors[between]) / 2);
  if (activation != Activation::Relu6) {
    // Exact for inputs that were never seen, too.
    CHECK(largest_difference(graph, equalized.graph, random_samples(graph, 6, 99)) < 1e-3 * size);
    CHECK(imbalance(after.tensors[between]) < 1.01);  // a depthwise layer takes everything back
  }
}

TEST_CASE("equalization leaves channels alone that RELU6 cuts off", "[quantize]") {
  Graph graph = chain(Activation::Relu6);
  Tensor& bias = graph.tensor(graph.ops[0].inputs[2]);
  std::vector<float> values = floats(bias);
  values[2] = 100;  // always 6
  set_floats(bias, values);
  const Calibration samples = random_samples(graph, 4, 5);
  const Equalized equalized = equalize(graph, observe(graph, samples, 1), {});
  CHECK(equalized.pairs[0].factors[2] == 1.0F);
  CHECK(largest_difference(graph, equalized.graph, samples) < 1e-4);
}

TEST_CASE("ranges: RELU6 as it is, minmax spans all, mse has the least error", "[quantize]") {
  Graph graph = chain(Activation::Relu6);
  Tensor& bias = graph.tensor(graph.ops[0].inputs[2]);
  set_floats(bias, std::vector<float>(static_cast<size_t>(bias.elements()), 6.5F));
  // Most values are small, few are large.
  Calibration samples = random_samples(graph, 40, 5);
  for (Calibration::Sample& sample : samples.samples) {
    auto* values = reinterpret_cast<float*>(sample[0].data());
    for (size_t i = 0; i < 216; ++i) values[i] = 4 * values[i] * values[i] * values[i];
  }
  const Statistics seen = observe(graph, samples, 1);
  const auto input = static_cast<size_t>(graph.inputs[0]);
  const auto error_of = [&](const Quantization& q) {
    double error = 0;
    for (const Calibration::Sample& sample : samples.samples) {
      const auto* values = reinterpret_cast<const float*>(sample[0].data());
      for (size_t i = 0; i < 216; ++i) {
        const float level = std::round(values[i] / q.scale()) + static_cast<float>(q.zero_point());
        const float clamped = std::min(std::max(level, -128.0F), 127.0F);
        const float real = q.scale() * (clamped - static_cast<float>(q.zero_point()));
        error += std::pow(static_cast<double>(values[i] - real), 2);
      }
    }
    return error;
  };
  const double least = error_of(choose_ranges(graph, seen, RangeMethod::Mse)[input]);
  for (const RangeMethod method :
       {RangeMethod::Mse, RangeMethod::MinMax, RangeMethod::Percentile, RangeMethod::Kl}) {
    CAPTURE(range_method_name(method));
    CHECK(parse_range_method(range_method_name(method)) == method);
    const auto ranges = choose_ranges(graph, seen, method);
    const Quantization& relu6 = ranges[static_cast<size_t>(graph.ops[0].outputs[0])];
    CHECK(relu6.zero_point() == -128);
    CHECK(relu6.scale() == Approx(6.0 / 255));
    const RealRange image = real_range(ranges[input]);
    if (method == RangeMethod::MinMax) CHECK(image.high == Approx(4).epsilon(0.02));
    CHECK(image.high <= 4.1F);
    CHECK(image.high >= 0.5F);
    CHECK(least <= 1.01 * error_of(ranges[input]));
  }
  CHECK_THROWS_WITH(parse_range_method("minmx"), Catch::Contains("did you mean \"minmax\"?"));
}

TEST_CASE("tensors that operators copy share one scale; prescribed scales stay", "[quantize]") {
  GraphBuilder build("groups", 9);
  const TensorId x = build.input({1, 4, 4, 6});
  const TensorId a = build.conv(x, 6, Window::square(1));
  const TensorId gate = build.unary(OpKind::Logistic, a);
  const TensorId pooled = build.max_pool(a, Window::square(2, 1));
  const TensorId joined = build.concat({pooled, gate}, 3);
  const TensorId kept = build.reshape(build.unary(OpKind::Tanh, joined), {1, 16, 12});
  const Graph graph = prepare(to_float(build.build({kept})));
  const Calibration samples = random_samples(graph, 4, 2);
  Encodings encodings;
  encodings.activations = choose_ranges(graph, observe(graph, samples, 1), RangeMethod::Mse);
  encodings.layers = encode_all_weights(graph, encodings.activations, {}, WeightScale::Max);
  const Graph int8 = assemble(graph, encodings);
  // LOGISTIC keeps 1/256, -128, so a QUANTIZE stands before CONCATENATION.
  size_t conversions = 0;
  for (const Op& op : int8.ops) {
    if (op.kind == OpKind::Quantize) ++conversions;
    if (op.kind == OpKind::Logistic) CHECK(int8.output(op).quantization.scale() == 1.0F / 256);
    if (op.kind == OpKind::Reshape && &op == &int8.ops.back()) {
      CHECK(int8.output(op).quantization.scale() == 1.0F / 128);
      CHECK(int8.output(op).quantization.zero_point() == 0);
    }
  }
  CHECK(conversions == 1);
  CHECK_NOTHROW(reference::Interpreter(int8));
}

TEST_CASE("weights: the largest becomes 127, dead channels and huge biases stay sound",
          "[quantize]") {
  Graph graph = chain(Activation::None);
  const Op& op = graph.ops[1];  // depthwise, 12 channels
  std::vector<float> values = floats(graph.input(op, 1));
  for_each_weight(graph, op, [&](size_t i, size_t out, size_t) {
    if (out == 3) values[i] = 0;
    if (out == 4) values[i] = 1e-38F;
    if (out == 5) values[i] = 0.25F;  // of one value
  });
  set_floats(graph.tensor(op.inputs[1]), values);
  std::vector<float> bias = floats(graph.input(op, 2));
  bias[3] = 2;
  bias[4] = -3;
  bias[6] = 1e6F;
  set_floats(graph.tensor(op.inputs[2]), bias);
  const auto dtype = GENERATE(DType::Int8, DType::Int4);
  const auto method = GENERATE(WeightScale::Max, WeightScale::Mse);
  const float input_scale = 0.02F;
  const LayerEncoding layer = encode_weights(graph, op, dtype, method, input_scale);
  const WeightRange range = weight_range(dtype);
  std::vector<double> errors(12, 0), worst(12, 0);
  for_each_weight(graph, op, [&](size_t i, size_t out, size_t) {
    CHECK(layer.weights[i] >= range.min);
    CHECK(layer.weights[i] <= range.max);
    const double error = std::fabs(static_cast<double>(values[i]) -
                                   static_cast<double>(layer.scales[out]) * layer.weights[i]);
    worst[out] = std::max(worst[out], error);
  });
  for (size_t c = 0; c < 12; ++c) {
    CAPTURE(c);
    CHECK(layer.scales[c] > 0);
    const double units = std::fabs(static_cast<double>(bias[c])) /
                         (static_cast<double>(input_scale) * static_cast<double>(layer.scales[c]));
    CHECK(units < 1.1 * (1 << 29));
    if (method == WeightScale::Max)
      CHECK(worst[c] <= 0.5001 * static_cast<double>(layer.scales[c]));
  }
  CHECK(layer.weights[5] != 0);
  CHECK(worst[5] < 1e-7);  // one value is exact
}

// Found on MCUNet-320kB, whose dead channels got scales for the biases that they had at first.
TEST_CASE("a bias that grows after its scale was chosen enlarges the scale", "[quantize]") {
  const Graph graph = chain(Activation::None);
  const Op& op = graph.ops[1];
  const float input_scale = 0.02F;
  const LayerEncoding before =
      encode_weights(graph, op, DType::Int8, WeightScale::Max, input_scale);
  LayerEncoding layer = before;
  layer.scales[3] = 1e-20F;
  layer.bias[3] = 0.5F;
  layer.bias[4] = 1e9F;
  const LayerEncoding after = with_room_for_biases(graph, op, layer, input_scale);
  for (size_t c = 0; c < after.scales.size(); ++c) {
    CAPTURE(c);
    const double units = std::fabs(static_cast<double>(after.bias[c])) /
                         (static_cast<double>(input_scale) * static_cast<double>(after.scales[c]));
    CHECK(units < 1.1 * (1 << 29));
    if (c != 3 && c != 4) CHECK(after.scales[c] == before.scales[c]);
  }
  for_each_weight(graph, op, [&](size_t i, size_t out, size_t) {
    const double weight = static_cast<double>(layer.scales[out]) * layer.weights[i];
    CHECK(std::fabs(weight - static_cast<double>(after.scales[out]) * after.weights[i]) <=
          0.5001 * static_cast<double>(after.scales[out]));
  });
}

TEST_CASE("int4 weights are packed as the interpreter unpacks them", "[quantize]") {
  const std::vector<int8_t> values = {-7, 7, 0, -1, 3};
  Tensor tensor;
  tensor.dtype = DType::Int4;
  tensor.shape = {5};
  tensor.data = std::make_shared<const std::vector<uint8_t>>(pack_int4(values));
  CHECK(tensor.data->size() == tensor.byte_size());
  CHECK(reference::weight_values(tensor) == values);
}

TEST_CASE("bias correction takes back what rounding shifts", "[quantize]") {
  const Graph graph = chain(Activation::Relu);
  const Calibration samples = random_samples(graph, 8, 3);
  const SplitGraph split = split_activations(graph);
  const Statistics seen = observe(split.graph, samples, 1);
  const LinearMeans means = linear_means(split, seen, graph);
  Encodings rough;
  rough.activations = choose_ranges(graph, seen, RangeMethod::Mse);
  std::map<size_t, DType> int4;
  for (size_t i = 0; i < graph.ops.size(); ++i) int4[i] = DType::Int4;
  rough.layers = encode_all_weights(graph, rough.activations, int4, WeightScale::Mse);
  const Encodings corrected = correct_biases(graph, means, rough, samples, 1);
  CHECK(correct_biases(graph, means, rough, samples, 3).layers.at(2).bias ==
        corrected.layers.at(2).bias);

  // Mean of the last layer's channels, which has no activation.
  const auto mean_error = [&](const Encodings& encodings) {
    const Graph int8 = assemble(graph, encodings);
    const reference::Interpreter interpreter(int8);
    const Tensor& output = int8.tensor(int8.outputs[0]);
    std::vector<double> sums(5, 0);
    double count = 0;
    for (const Calibration::Sample& sample : samples.samples) {
      const auto result = interpreter.run(quantize_sample(int8, sample));
      const std::vector<float> values = real_values(output, result[0].data());
      for (size_t i = 0; i < values.size(); ++i) sums[i % 5] += static_cast<double>(values[i]);
      count += static_cast<double>(values.size()) / 5;
    }
    double largest = 0;
    for (size_t c = 0; c < 5; ++c)
      largest = std::max(largest, std::fabs(sums[c] / count - means.at(2)[c]));
    return largest;
  };
  const double step =
      static_cast<double>(corrected.activations[static_cast<size_t>(graph.outputs[0])].scale());
  CHECK(mean_error(rough) > 2 * step);
  CHECK(mean_error(corrected) < step);
}

TEST_CASE("fully connected layers become convolutions that give the same", "[quantize]") {
  GraphBuilder build("dense", 5);
  TensorId x = build.input({2, 3, 4});
  x = build.fully_connected(x, 6, Activation::Relu);
  x = build.fully_connected(x, 3);
  const Graph graph = prepare(to_float(build.build({x})));
  const Graph converted = dense_to_conv(graph);
  for (const Op& op : converted.ops) CHECK(op.kind != OpKind::FullyConnected);
  CHECK(converted.outputs == graph.outputs);
  CHECK(largest_difference(graph, converted, random_samples(graph, 3, 1)) < 1e-5);
}

TEST_CASE("a reconstruction that breaks its promise is found out", "[quantize]") {
  const Graph graph = chain(Activation::Relu6);
  const Calibration samples = random_samples(graph, 2, 3);
  const ScaleGroups groups = scale_groups(graph);
  Encodings encodings;
  encodings.activations = choose_ranges(graph, observe(graph, samples, 1), RangeMethod::Mse);
  encodings.layers = encode_all_weights(graph, encodings.activations, {}, WeightScale::Max);
  const ReconstructInput input{graph, encodings, groups, samples};
  CHECK_NOTHROW(check_reconstruction(input, encodings));
  const auto broken = [&](const std::function<void(Encodings&)>& change) {
    Encodings changed = encodings;
    change(changed);
    return kind_of_error([&] { check_reconstruction(input, changed); }) == ErrorKind::Internal;
  };
  CHECK_THROWS_AS(check_reconstruction(input, {}), Error);
  CHECK(broken([](Encodings& e) { e.layers.at(0).weights[0] = -128; }));
  CHECK(broken([](Encodings& e) { e.layers.at(1).scales[0] = 0; }));
  CHECK(broken([](Encodings& e) { e.layers.at(1).dtype = DType::Int4; }));
  CHECK(broken([&](Encodings& e) {
    e.activations[static_cast<size_t>(graph.outputs[0])].zero_points[0] = 200;
  }));
}
