// Reconstruction in LibTorch against the reference interpreter. MCUNET_PROPERTY_GRAPHS changes how
// many random graphs there are, MCUNET_PROPERTY_SEED runs one.
#include "quant/torch/reconstruct.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <set>

#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/strict.h"
#include "libmcunet/tflite/writer.h"
#include "quant/assemble.h"
#include "quant/import/torch_door.h"
#include "quant/prepare.h"
#include "quant/quantize.h"
#include "quant/torch/augment.h"
#include "quant/torch/targets.h"
#include "tests/support/builder.h"
#include "tests/support/float_graph.h"
#include "tests/support/random_graph.h"

using namespace mcunet;
using mcunet::testing::GraphBuilder;
using mcunet::testing::random_samples;
using mcunet::testing::to_float;
using mcunet::testing::Window;

namespace {

constexpr uint64_t kGraphs = 60;

std::vector<uint64_t> seeds() {
  if (const char* one = std::getenv("MCUNET_PROPERTY_SEED")) return {std::stoull(one)};
  const char* wanted = std::getenv("MCUNET_PROPERTY_GRAPHS");
  std::vector<uint64_t> all;
  for (uint64_t seed = 1; seed <= (wanted ? std::stoull(wanted) : kGraphs); ++seed)
    all.push_back(seed);
  return all;
}

// Two inverted residual blocks and a classifier: the shape of the networks that mcunet is for.
Graph small_network(uint64_t seed) {
  GraphBuilder builder("small", seed);
  TensorId x = builder.input({1, 16, 16, 3});
  x = builder.conv(x, 8, Window::square(3, 2, Activation::Relu6));
  for (int block = 0; block < 2; ++block) {
    TensorId y = builder.conv(x, 16, Window::square(1, 1, Activation::Relu6));
    y = builder.depthwise(y, 1, Window::square(3, 1, Activation::Relu6));
    y = builder.conv(y, 8, Window::square(1));
    x = builder.add(x, y);
  }
  x = builder.mean(x, {1, 2});
  return to_float(builder.build({builder.fully_connected(x, 10)}));
}

quant::QuantizeOptions with_reconstruction(int64_t iterations, uint64_t seed = 0) {
  quant::QuantizeOptions options;
  options.reconstruct = quant::reconstruct_with_torch;
  options.reconstruction.iterations = iterations;
  options.reconstruction.seed = seed;
  options.always_reconstruct = true;
  return options;
}

double output_decibels(const quant::Quantized& quantized, const quant::Calibration& samples) {
  return quant::output_sqnr_db(quantized.graph, samples,
                               quant::output_values(quantized.float_graph, samples, 1), 1);
}

}  // namespace

TEST_CASE("the simulation gives what the integer network gives", "[torch][quantize]") {
  int64_t values = 0, equal = 0;
  for (const uint64_t seed : seeds()) {
    const Graph network = to_float(mcunet::testing::random_graph(seed));
    CAPTURE(seed);
    const quant::Calibration samples = random_samples(network, 3, 1);
    const quant::Quantized quantized = quant::quantize(network, samples, {});
    const quant::OutputValues integer = quant::output_values(quantized.graph, samples, 1);
    for (size_t s = 0; s < samples.samples.size(); ++s) {
      const auto simulated =
          quant::simulate(quantized.float_graph, quantized.encodings, samples.samples[s]);
      REQUIRE(simulated.size() == integer[s].size());
      for (size_t o = 0; o < simulated.size(); ++o) {
        REQUIRE(simulated[o].size() == integer[s][o].size());
        const TensorId id = quantized.float_graph.outputs[o];
        const float level = quantized.encodings.activations[static_cast<size_t>(id)].scale();
        for (size_t i = 0; i < simulated[o].size(); ++i) {
          ++values;
          equal += std::abs(simulated[o][i] - integer[s][o][i]) < level / 2 ? 1 : 0;
        }
      }
    }
  }
  REQUIRE(values > 0);
  const double share = static_cast<double>(equal) / static_cast<double>(values);
  std::cout << "simulated levels equal to the interpreter's: " << 100 * share << " % of " << values
            << "\n";
  CHECK(share > 0.98);
}

TEST_CASE("the simulation of a convolutional network is exact to a level", "[torch][quantize]") {
  for (const uint64_t seed : {1, 2, 3}) {
    CAPTURE(seed);
    const Graph network = small_network(seed);
    const quant::Calibration samples = random_samples(network, 8, 1);
    const quant::Quantized quantized = quant::quantize(network, samples, with_reconstruction(5));
    const quant::OutputValues integer = quant::output_values(quantized.graph, samples, 1);
    const TensorId id = quantized.float_graph.outputs[0];
    const float level = quantized.encodings.activations[static_cast<size_t>(id)].scale();
    for (size_t s = 0; s < samples.samples.size(); ++s) {
      const auto simulated =
          quant::simulate(quantized.float_graph, quantized.encodings, samples.samples[s]);
      for (size_t i = 0; i < simulated[0].size(); ++i) {
        CAPTURE(s, i, simulated[0][i], integer[s][0][i], level);
        CHECK(std::abs(simulated[0][i] - integer[s][0][i]) < 1.01F * level);
      }
    }
  }
}

TEST_CASE("reconstruction brings the outputs nearer than rounding to nearest",
          "[torch][quantize]") {
  for (const quant::WeightBits bits : {quant::WeightBits::Int8, quant::WeightBits::Int4}) {
    const Graph network = small_network(11);
    const quant::Calibration samples = random_samples(network, 24, 1);
    const quant::Calibration unseen = random_samples(network, 24, 1001);
    quant::QuantizeOptions options;
    options.weights = bits;
    const double nearest = output_decibels(quant::quantize(network, samples, options), unseen);
    options.reconstruct = quant::reconstruct_with_torch;
    options.reconstruction.iterations = 150;
    const double better = output_decibels(quant::quantize(network, samples, options), unseen);
    CAPTURE(static_cast<int>(bits), nearest, better);
    CHECK(better > nearest + (bits == quant::WeightBits::Int4 ? 0.2 : 1));
    std::cout << (bits == quant::WeightBits::Int4 ? "int4" : "int8") << ": nearest " << nearest
              << " dB, reconstructed " << better << " dB\n";
  }
}

TEST_CASE("reconstructed weights of 4 bits keep TensorFlow Lite's rules", "[torch][quantize]") {
  for (const quant::WeightBits bits : {quant::WeightBits::Int4, quant::WeightBits::Mixed}) {
    const Graph network = small_network(5);
    const quant::Calibration samples = random_samples(network, 8, 1);
    quant::QuantizeOptions options = with_reconstruction(20);
    options.weights = bits;
    // As if the weights were all of the flash: half of them must go to 4 bits.
    options.measure_flash = [](const Graph& graph) {
      int64_t bytes = 0;
      for (const Tensor& tensor : graph.tensors)
        bytes += tensor.is_constant() ? static_cast<int64_t>(tensor.byte_size()) : 0;
      return bytes;
    };
    if (bits == quant::WeightBits::Mixed) {
      quant::QuantizeOptions plain;
      const int64_t int8 = options.measure_flash(quant::quantize(network, samples, plain).graph);
      plain.weights = quant::WeightBits::Int4;
      const int64_t int4 = options.measure_flash(quant::quantize(network, samples, plain).graph);
      REQUIRE(int4 < int8);
      options.max_flash = (int8 + int4) / 2;
    }
    const quant::Quantized quantized = quant::quantize(network, samples, options);
    const Graph file = read_tflite(write_tflite(quant::compact(quantized.graph)), "net");
    int narrow = 0, wide = 0;
    for (const Op& op : file.ops) {
      if (op.inputs.size() < 2 || !file.input(op, 1).is_constant()) continue;
      (file.input(op, 1).dtype == DType::Int4 ? narrow : wide) += 1;
    }
    CAPTURE(static_cast<int>(bits), narrow, wide);
    CHECK(narrow > 0);
    CHECK(wide > 0);  // depthwise and 3×3 convolutions always
    CHECK(strict_problems(file) == std::vector<std::string>{});
    // The same network as before it was a file.
    CHECK(quant::output_values(file, samples, 1) ==
          quant::output_values(quantized.graph, samples, 1));
    if (bits == quant::WeightBits::Mixed)
      CHECK(options.measure_flash(quantized.graph) <= options.max_flash);
  }
}

TEST_CASE("reconstruction depends on the seed, not on threads", "[torch][quantize]") {
  const Graph network = small_network(5);
  const quant::Calibration samples = random_samples(network, 8, 1);
  const auto weights = [&](uint64_t seed, int threads) {
    quant::QuantizeOptions options = with_reconstruction(6, seed);
    options.reconstruction.threads = threads;
    const quant::Quantized quantized = quant::quantize(network, samples, options);
    std::vector<float> all;
    for (const auto& [index, layer] : quantized.encodings.layers) {
      all.insert(all.end(), layer.weights.begin(), layer.weights.end());
      all.insert(all.end(), layer.scales.begin(), layer.scales.end());
      all.insert(all.end(), layer.bias.begin(), layer.bias.end());
    }
    return all;
  };
  const std::vector<float> first = weights(1, 1);
  CHECK(weights(1, 1) == first);
  CHECK(weights(1, 3) == first);
  CHECK(weights(2, 1) != first);
}

TEST_CASE("the module that mcunet loads hands out reconstruction", "[torch][quantize]") {
  quant::Reconstruct method;
  reinterpret_cast<void (*)(quant::Reconstruct&)>(import::torch_function("mcunet_reconstruct"))(
      method);
  REQUIRE(method);
  const Graph network = small_network(5);
  const quant::Calibration samples = random_samples(network, 4, 1);
  quant::QuantizeOptions options = with_reconstruction(2);
  const quant::Quantized linked = quant::quantize(network, samples, options);
  options.reconstruct = method;
  const quant::Quantized loaded = quant::quantize(network, samples, options);
  for (const auto& [index, layer] : linked.encodings.layers)
    CHECK(loaded.encodings.layers.at(index).weights == layer.weights);
}

TEST_CASE("reconstruction works on every operator", "[torch][quantize]") {
  for (const uint64_t seed : seeds()) {
    const Graph network = to_float(mcunet::testing::random_graph(seed));
    CAPTURE(seed);
    const quant::Calibration samples = random_samples(network, 2, 1);
    quant::Quantized quantized;
    REQUIRE_NOTHROW(quantized = quant::quantize(network, samples, with_reconstruction(1)));
    CHECK_FALSE(std::isnan(quantized.report.output_sqnr_db));
  }
}

TEST_CASE("what the progress hook throws ends reconstruction", "[torch][quantize]") {
  const Graph network = small_network(5);
  const quant::Calibration samples = random_samples(network, 2, 1);
  int64_t steps = 0;
  const auto hook = [&](const std::string& stage, int64_t done, int64_t) {
    if (stage == "reconstructing" && done == 2) throw std::runtime_error("interrupted");
    if (stage == "reconstructing") steps = done;
  };
  CHECK_THROWS_WITH(quant::quantize(network, samples, with_reconstruction(50), hook),
                    "interrupted");
  CHECK(steps == 1);
}

TEST_CASE("degenerate networks survive reconstruction", "[torch][quantize]") {
  Graph network = small_network(7);
  for (const Op& op : network.ops) {
    if (!quant::is_weighted(op.kind)) continue;
    Tensor& weights = network.tensor(op.inputs[1]);
    auto bytes = *weights.data;
    // The first output channel is dead: the first elements, whatever the layout means by them.
    std::fill(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 4), 0);
    weights.data = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  }
  quant::Calibration samples = random_samples(network, 1, 1);
  std::fill(samples.samples[0][0].begin(), samples.samples[0][0].end(), 0);  // a constant image
  quant::Quantized quantized;
  REQUIRE_NOTHROW(quantized = quant::quantize(network, samples, with_reconstruction(3)));
  CHECK(quantized.encodings.layers.size() == 8);
}

TEST_CASE("targets are outputs, what goes into softmax, and ends of blocks", "[torch][quantize]") {
  GraphBuilder builder("targets", 1);
  const TensorId input = builder.input({1, 8, 8, 4});
  const TensorId first = builder.conv(input, 4, Window::square(3, 1, Activation::Relu));
  const TensorId branch = builder.conv(first, 4, Window::square(1));  // `first` still lives
  const TensorId sum = builder.add(first, branch);
  const TensorId mean = builder.mean(sum, {1, 2});
  const TensorId logits = builder.fully_connected(mean, 5);
  const TensorId shares = builder.softmax(logits);
  const Graph network = to_float(builder.build({shares}));
  const quant::Targets targets = quant::find_targets(network);
  CHECK(targets.outputs == std::vector<TensorId>{shares, logits});
  CHECK(targets.block_ends == std::vector<TensorId>{first, sum, mean});
}

TEST_CASE("images are varied within their range, other inputs are not", "[torch][quantize]") {
  GraphBuilder builder("inputs", 1);
  const TensorId image = builder.input({1, 20, 24, 3});
  const TensorId features = builder.input({1, 49, 10, 1});
  const Graph network = to_float(builder.build(
      {builder.conv(image, 2, Window::square(3)), builder.conv(features, 2, Window::square(3))}));
  const quant::Calibration samples = random_samples(network, 2, 1);
  const quant::Augmenter augment(network, samples);
  const auto floats = [](const std::vector<uint8_t>& bytes) {
    const auto* values = reinterpret_cast<const float*>(bytes.data());
    return std::vector<float>(values, values + bytes.size() / sizeof(float));
  };
  const std::vector<float> before = floats(samples.samples[0][0]);
  std::set<float> all;
  for (const auto& sample : samples.samples) {
    for (const float value : floats(sample[0])) all.insert(value);
  }
  SplitMix64 random(3), same(3), other(4);
  const auto varied = augment(samples.samples[0], random);
  CHECK(varied == augment(samples.samples[0], same));
  CHECK(varied != augment(samples.samples[0], other));
  CHECK(varied[0] != before);
  CHECK(varied[1] == floats(samples.samples[0][1]));
  CHECK(*std::min_element(varied[0].begin(), varied[0].end()) >= *all.begin());
  CHECK(*std::max_element(varied[0].begin(), varied[0].end()) <= *all.rbegin());
}
