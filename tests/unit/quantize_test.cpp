// Float networks to int8 networks, the stages together.
#include "quant/quantize.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/strict.h"
#include "libmcunet/tflite/writer.h"
#include "quant/accuracy.h"
#include "quant/assemble.h"
#include "quant/dense_to_conv.h"
#include "quant/prepare.h"
#include "tests/support/builder.h"
#include "tests/support/demo_models.h"
#include "tests/support/float_graph.h"

using namespace mcunet;
using namespace mcunet::quant;
using mcunet::testing::demo_model;
using mcunet::testing::GraphBuilder;
using mcunet::testing::random_samples;
using mcunet::testing::to_float;
using mcunet::testing::Window;

namespace {

Graph small_network() {
  GraphBuilder build("small", 21);
  TensorId x = build.input({1, 10, 10, 3});
  x = build.conv(x, 8, Window::square(3, 2, Activation::Relu6));
  TensorId y = build.conv(x, 24, Window::square(1, 1, Activation::Relu6));
  y = build.depthwise(y, 1, Window::square(3, 1, Activation::Relu6));
  x = build.add(x, build.conv(y, 8, Window::square(1)));
  x = build.fully_connected(build.mean(x, {1, 2}), 10);
  return to_float(build.build({x}));
}

std::vector<uint8_t> file_of(const Quantized& quantized) {
  return write_tflite(compact(quantized.graph));
}

void check_sound(const Quantized& quantized, const Calibration& samples) {
  const Graph read = read_tflite(file_of(quantized), "quantized");
  CHECK(strict_problems(read) == std::vector<std::string>{});
  CHECK_NOTHROW(reference::Interpreter(read));
  CHECK_FALSE(std::isnan(quantized.report.output_sqnr_db));
  CHECK(samples.samples.size() > 0);
}

void set_weights(Graph& graph, size_t op, const std::function<float(size_t)>& value) {
  Tensor& tensor = graph.tensor(graph.ops[op].inputs[1]);
  std::vector<uint8_t> bytes(tensor.byte_size());
  for (size_t i = 0; i < bytes.size() / 4; ++i) {
    const float v = value(i);
    std::memcpy(bytes.data() + 4 * i, &v, 4);
  }
  tensor.data = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
}

}  // namespace

TEST_CASE("quantizing gives the same bytes for every number of threads", "[quantize]") {
  const Graph network = small_network();
  const Calibration samples = random_samples(network, 20, 1);
  QuantizeOptions options;
  options.threads = 1;
  const Quantized one = quantize(network, samples, options);
  options.threads = 3;
  const Quantized three = quantize(network, samples, options);
  CHECK(file_of(one) == file_of(three));
  CHECK(one.report.output_sqnr_db == three.report.output_sqnr_db);
  CHECK(one.report.output_sqnr_db > 20);
  check_sound(one, samples);
  // Each stage that can be switched off does something here.
  for (const int off : {0, 1, 2}) {
    QuantizeOptions less = options;
    if (off == 0) less.equalize = false;
    if (off == 1) less.correct_biases = false;
    if (off == 2) less.ranges = RangeMethod::MinMax;
    CAPTURE(off);
    CHECK(file_of(quantize(network, samples, less)) != file_of(one));
  }
}

TEST_CASE("the demo networks keep their outputs when quantized", "[quantize]") {
  for (const char* name : {"demo_keywords", "demo_resnet", "demo_autoencoder", "demo_se"}) {
    CAPTURE(name);
    const Graph network = to_float(demo_model(name));
    const Calibration samples = random_samples(network, 3, 1);
    const Quantized quantized = quantize(network, samples, {});
    check_sound(quantized, samples);
    CHECK(quantized.report.output_sqnr_db > 15);
    CHECK(quantized.report.layers.size() >= quantized.float_graph.ops.size());
  }
}

TEST_CASE("quantize reports every stage, and an exception from there ends the work", "[quantize]") {
  const Graph network = small_network();
  const Calibration samples = random_samples(network, 4, 1);
  std::vector<std::string> stages;
  bool in_order = true;
  int64_t last = 0;
  quantize(network, samples, {}, [&](const std::string& stage, int64_t done, int64_t total) {
    if (done == 0) stages.push_back(stage);
    in_order = in_order && stages.back() == stage && done <= total && (done == 0 || done >= last);
    last = done;
  });
  CHECK(in_order);
  CHECK(stages ==
        std::vector<std::string>{"observing", "observing", "correcting biases", "comparing"});
  struct Stop {};
  CHECK_THROWS_AS(quantize(network, samples, {},
                           [](const std::string& stage, int64_t, int64_t) {
                             if (stage == "comparing") throw Stop();
                           }),
                  Stop);
}

TEST_CASE("degenerate inputs give a sound model or a clear error", "[quantize]") {
  Graph network = small_network();
  Calibration samples = random_samples(network, 1, 1);  // one sample

  SECTION("one sample") { check_sound(quantize(network, samples, {}), samples); }
  SECTION("a constant image") {
    auto* values = reinterpret_cast<float*>(samples.samples[0][0].data());
    const float level = GENERATE(0.0F, 1.0F, -0.3F);
    std::fill(values, values + 300, level);
    check_sound(quantize(network, samples, {}), samples);
  }
  SECTION("weights of zero, of one value, tiny and huge") {
    const float value = GENERATE(0.0F, 0.5F, 1e-38F, 1e6F);
    const size_t op = GENERATE(0, 2, 6);
    CAPTURE(value, op);
    set_weights(network, op, [&](size_t) { return value; });
    check_sound(quantize(network, samples, {}), samples);
  }
  SECTION("a dead channel") {
    set_weights(network, 1,
                [](size_t i) { return i / 8 == 3 ? 0.0F : 0.01F * static_cast<float>(i % 7); });
    check_sound(quantize(network, samples, {}), samples);
  }
  SECTION("no sample") {
    CHECK_THROWS_WITH(quantize(network, {}, {}), Catch::Contains("there is no sample"));
  }
  SECTION("NaN in an image") {
    auto* values = reinterpret_cast<float*>(samples.samples[0][0].data());
    values[7] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_WITH(quantize(network, samples, {}), Catch::Contains("calibration sample 0"));
  }
  SECTION("an image of another size") {
    samples.samples[0][0].resize(12);
    CHECK_THROWS_WITH(quantize(network, samples, {}), Catch::Contains("12 bytes instead of 1200"));
  }
  SECTION("NaN in the weights") {
    set_weights(network, 1, [](size_t) { return std::numeric_limits<float>::quiet_NaN(); });
    CHECK_THROWS_WITH(quantize(network, samples, {}), Catch::Contains("NaN"));
  }
}

TEST_CASE("int4 weights halve the pointwise and dense layers", "[quantize]") {
  const Graph network = small_network();
  const Calibration samples = random_samples(network, 12, 1);
  QuantizeOptions options;
  options.weights = WeightBits::Int4;
  const Quantized quantized = quantize(network, samples, options);
  check_sound(quantized, samples);
  size_t narrow = 0;
  for (const Op& op : quantized.graph.ops) {
    if (!is_weighted(op.kind)) continue;
    const Tensor& weights = quantized.graph.input(op, 1);
    const bool pointwise = op.kind == OpKind::Conv2D && weights.shape[1] == 1;
    CHECK((weights.dtype == DType::Int4) == pointwise);
    if (pointwise) ++narrow;
  }
  CHECK(narrow == 3);  // two convolutions and the fully connected layer
  CHECK(quantized.report.output_sqnr_db > 8);
}

TEST_CASE("mixed weights meet a flash limit with the least sensitive layers", "[quantize]") {
  const Graph network = small_network();
  const Calibration samples = random_samples(network, 12, 1);
  QuantizeOptions options;
  options.weights = WeightBits::Mixed;
  options.measure_flash = [](const Graph& graph) {
    int64_t bytes = 0;
    for (const Op& op : graph.ops) {
      if (is_weighted(op.kind)) bytes += static_cast<int64_t>(graph.input(op, 1).byte_size());
    }
    return bytes;
  };
  const auto run = [&](int64_t limit) {
    options.max_flash = limit;
    return quantize(network, samples, options);
  };
  const int64_t int8 = options.measure_flash(run(1 << 20).graph);
  CHECK(int8 == 8 * 27 + 24 * 8 + 24 * 9 + 8 * 24 + 80);
  QuantizeOptions all = options;
  all.weights = WeightBits::Int4;
  const Quantized narrowest = quantize(network, samples, all);
  const int64_t int4 = options.measure_flash(narrowest.graph);
  CHECK(int4 == int8 - (24 * 8 + 8 * 24 + 80) / 2);
  double last = std::numeric_limits<double>::infinity();
  for (const int64_t limit : {int8 - 1, int8 - 100, int4}) {
    CAPTURE(limit);
    const Quantized mixed = run(limit);
    CHECK(options.measure_flash(mixed.graph) <= limit);
    CHECK(mixed.report.output_sqnr_db <= last + 0.5);
    last = mixed.report.output_sqnr_db;
    check_sound(mixed, samples);
  }
  try {
    run(int4 - 1);
    FAIL("a limit that nothing can meet was met");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::DoesNotFit);
    CHECK_THAT(error.what(), Catch::Contains("3 pointwise and dense layers"));
  }
}

TEST_CASE("accuracy counts classes, the lowest among equals", "[quantize]") {
  const Graph network = small_network();
  const Calibration samples = random_samples(network, 20, 40);
  const Quantized quantized = quantize(network, samples, {});
  const OutputValues wanted = output_values(quantized.float_graph, samples, 1);
  const auto label = [&](size_t i) {
    const std::vector<float>& scores = wanted[i][0];
    return static_cast<int>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  };
  const auto load = [&](size_t i) { return Labelled{samples.samples[i], label(i)}; };
  const Accuracy accuracy = measure_accuracy(quantized.float_graph, quantized.graph, 20, load, 2);
  CHECK(accuracy.images == 20);
  CHECK(accuracy.float_right == 20);
  CHECK(accuracy.int8_right == accuracy.agreed);
  CHECK(accuracy.agreed > 10);
  CHECK(accuracy.output_sqnr_db == Approx(quantized.report.output_sqnr_db));
  CHECK(accuracy.drop_pp() == Approx(5.0 * static_cast<double>(20 - accuracy.int8_right)));
}

TEST_CASE("a reconstruction is asked with a sound solution and its answer is assembled",
          "[quantize]") {
  const Graph network = small_network();
  const Calibration samples = random_samples(network, 4, 1);
  QuantizeOptions options;
  size_t asked = 0;
  options.always_reconstruct = true;
  options.reconstruct = [&](const ReconstructInput& input, const ReconstructOptions&,
                            const ProgressHook&) {
    ++asked;
    CHECK_NOTHROW(assemble(input.graph, input.encodings));
    Encodings changed = input.encodings;
    changed.layers.begin()->second.bias[0] += 1;
    return changed;
  };
  const Quantized changed = quantize(network, samples, options);
  CHECK(asked == 1);
  options.reconstruct = {};
  CHECK(file_of(quantize(network, samples, options)) != file_of(changed));
}

TEST_CASE("a reconstruction that goes astray is left out", "[quantize]") {
  const Graph network = small_network();
  const Calibration samples = random_samples(network, 8, 1);
  QuantizeOptions options;
  const std::vector<uint8_t> before = file_of(quantize(network, samples, options));
  options.reconstruct = [](const ReconstructInput& input, const ReconstructOptions&,
                           const ProgressHook&) {
    Encodings worse = input.encodings;
    for (auto& [index, layer] : worse.layers)
      std::fill(layer.weights.begin(), layer.weights.end(), int8_t{1});
    return worse;
  };
  const Quantized kept = quantize(network, samples, options);
  CHECK(kept.reconstruction_refused);
  CHECK(file_of(kept) == before);
  options.always_reconstruct = true;
  const Quantized taken = quantize(network, samples, options);
  CHECK_FALSE(taken.reconstruction_refused);
  CHECK(file_of(taken) != before);
}

TEST_CASE("tuned ranges are not worse on the samples they were tuned on", "[quantize]") {
  const Graph network = small_network();
  const Calibration samples = random_samples(network, 12, 1);
  QuantizeOptions options;
  options.ranges = RangeMethod::MinMax;
  options.correct_biases = false;
  const Quantized before = quantize(network, samples, options);
  options.tune_ranges = true;
  options.threads = 1;
  const Quantized tuned = quantize(network, samples, options);
  CHECK(tuned.report.output_sqnr_db >= before.report.output_sqnr_db);
  check_sound(tuned, samples);
  options.threads = 3;
  CHECK(file_of(quantize(network, samples, options)) == file_of(tuned));
}
