// Random float networks over all operators are quantized to files that keep TensorFlow Lite's
// rules, and stay near the float network. MCUNET_PROPERTY_GRAPHS changes how many there are,
// MCUNET_PROPERTY_SEED runs one. A failure names the seed and prints the graph.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <iostream>

#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/random.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/strict.h"
#include "libmcunet/tflite/writer.h"
#include "quant/assemble.h"
#include "quant/prepare.h"
#include "quant/quantize.h"
#include "tests/support/float_graph.h"
#include "tests/support/inputs.h"
#include "tests/support/random_graph.h"

using namespace mcunet;
using mcunet::testing::random_samples;
using mcunet::testing::to_float;

namespace {

constexpr uint64_t kGraphs = 150;
constexpr size_t kSamples = 4;

std::vector<uint64_t> seeds() {
  if (const char* one = std::getenv("MCUNET_PROPERTY_SEED")) return {std::stoull(one)};
  const char* wanted = std::getenv("MCUNET_PROPERTY_GRAPHS");
  std::vector<uint64_t> all;
  for (uint64_t seed = 1; seed <= (wanted ? std::stoull(wanted) : kGraphs); ++seed)
    all.push_back(seed);
  return all;
}

// Weights off the grid of integers that the network was made from, so that rounding has something
// to do.
Graph off_grid(Graph network, uint64_t seed) {
  SplitMix64 random(seed);
  for (const Op& op : network.ops) {
    if (!quant::is_weighted(op.kind)) continue;
    Tensor& weights = network.tensor(op.inputs[1]);
    std::vector<uint8_t> bytes = *weights.data;
    auto* values = reinterpret_cast<float*>(bytes.data());
    for (int64_t i = 0; i < weights.elements(); ++i) values[i] *= random.uniform(0.9F, 1.1F);
    weights.data = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  }
  return network;
}

}  // namespace

TEST_CASE("random float networks are quantized to sound int8 networks", "[property][quantize]") {
  std::vector<double> decibels;
  for (const uint64_t seed : seeds()) {
    const Graph network = off_grid(to_float(mcunet::testing::random_graph(seed)), seed);
    CAPTURE(seed, mcunet::testing::describe(network));
    const quant::Calibration samples = random_samples(network, kSamples, 1);
    quant::QuantizeOptions options;
    options.weights = seed % 4 == 0 ? quant::WeightBits::Int4 : quant::WeightBits::Int8;
    options.ranges = static_cast<quant::RangeMethod>(seed / 4 % 4);
    options.threads = 1;
    quant::Quantized quantized;
    REQUIRE_NOTHROW(quantized = quant::quantize(network, samples, options));
    const Graph read = read_tflite(write_tflite(quant::compact(quantized.graph)), network.name);
    CHECK(strict_problems(read) == std::vector<std::string>{});
    // What is written is what was measured.
    const auto inputs = mcunet::testing::golden_inputs(read, 7);
    CHECK(reference::Interpreter(read).run(inputs) ==
          reference::Interpreter(quantized.graph).run(inputs));
    CHECK_FALSE(std::isnan(quantized.report.output_sqnr_db));
    if (options.weights == quant::WeightBits::Int8)
      decibels.push_back(quantized.report.output_sqnr_db);
  }
  std::sort(decibels.begin(), decibels.end());
  const auto at = [&](double share) {
    return decibels[static_cast<size_t>(share * static_cast<double>(decibels.size() - 1))];
  };
  if (decibels.size() < 50) return;
  std::cout << "signal to noise of random networks, dB: least " << at(0) << ", 5 % " << at(0.05)
            << ", median " << at(0.5) << "\n";
  CHECK(at(0.05) > 20);
  CHECK(at(0.5) > 35);
}
