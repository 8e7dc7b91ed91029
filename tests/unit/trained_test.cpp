// Descriptions with trained weights: batch norm is folded, and everything that does not fit is
// named.
#include "libmcunet/netspec/trained.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "libmcunet/graph/operators.h"
#include "libmcunet/netspec/build.h"
#include "libmcunet/netspec/unfolded.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/random.h"

using namespace mcunet;
using namespace mcunet::netspec;
using Catch::Matchers::Contains;

namespace {

Tensor float_tensor(const std::string& name, const Shape& shape, SplitMix64& random, float low,
                    float high) {
  Tensor tensor;
  tensor.name = name;
  tensor.dtype = DType::Float32;
  tensor.shape = shape;
  std::vector<float> values(static_cast<size_t>(element_count(shape)));
  for (float& value : values) value = random.uniform(low, high);
  auto bytes = std::make_shared<std::vector<uint8_t>>(values.size() * sizeof(float));
  std::memcpy(bytes->data(), values.data(), bytes->size());
  tensor.data = std::move(bytes);
  return tensor;
}

// 8×8×3 → 4×4×8 → 4×4×8 with squeeze-and-excite and shortcut → 5 classes.
NetworkDescription small_network() {
  NetworkDescription network;
  network.first_conv.in_channels = 3;
  network.first_conv.out_channels = 8;
  network.first_conv.stride = 2;
  network.first_conv.activation = ActivationFunction::Relu6;
  MobileInvertedResidualBlock block;
  block.mobile_inverted_conv = MBInvertedConvLayer{};
  block.mobile_inverted_conv->in_channels = 8;
  block.mobile_inverted_conv->out_channels = 8;
  block.mobile_inverted_conv->expand_ratio = 2;
  block.mobile_inverted_conv->use_se = true;
  block.mobile_inverted_conv->activation = ActivationFunction::HardSwish;
  block.shortcut = true;
  network.blocks = {block};
  network.classifier.in_features = 8;
  network.classifier.out_features = 5;
  network.resolution = 8;
  return network;
}

checkpoint::StateDict small_weights() {
  SplitMix64 random(3);
  checkpoint::StateDict weights;
  const auto add = [&](const std::string& name, const Shape& shape, float low = -1,
                       float high = 1) {
    weights.emplace(name, float_tensor(name, shape, random, low, high));
  };
  const auto conv = [&](const std::string& name, const Shape& shape) {
    add(name + ".conv.weight", shape);
    for (const char* part : {".bn.weight", ".bn.bias", ".bn.running_mean"})
      add(name + part, {shape[0]});
    add(name + ".bn.running_var", {shape[0]}, 0.5F, 2.0F);
    Tensor count;
    count.dtype = DType::Int64;
    count.data = std::make_shared<std::vector<uint8_t>>(8, uint8_t{0});
    weights.emplace(name + ".bn.num_batches_tracked", count);
  };
  conv("first_conv", {8, 3, 3, 3});
  const std::string block = "blocks.0.mobile_inverted_conv.";
  conv(block + "inverted_bottleneck", {16, 8, 1, 1});
  conv(block + "depth_conv", {16, 1, 3, 3});
  add(block + "depth_conv.se.fc.reduce.weight", {8, 16, 1, 1});
  add(block + "depth_conv.se.fc.reduce.bias", {8});
  add(block + "depth_conv.se.fc.expand.weight", {16, 8, 1, 1});
  add(block + "depth_conv.se.fc.expand.bias", {16});
  conv(block + "point_linear", {8, 16, 1, 1});
  add("classifier.linear.weight", {5, 8});
  add("classifier.linear.bias", {5});
  return weights;
}

float& element(checkpoint::StateDict& weights, const std::string& name, size_t index) {
  Tensor& tensor = weights.at(name);
  auto bytes = std::make_shared<std::vector<uint8_t>>(*tensor.data);
  tensor.data = bytes;
  return reinterpret_cast<float*>(bytes->data())[index];
}

Error build_error(const NetworkDescription& network, const checkpoint::StateDict& weights) {
  TrainedOptions options;
  options.checkpoint = "net.pth";
  options.description = "net.json";
  try {
    build_trained_graph(network, weights, options);
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return {ErrorKind::Internal, ""};
}

const Tensor& named(const Graph& graph, const std::string& name) {
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.name == name) return tensor;
  }
  FAIL(name);
  return graph.tensors.front();
}

}  // namespace

TEST_CASE("a float graph has the int8 graph's operators", "[netspec]") {
  const NetworkDescription network = small_network();
  const Graph floats = build_trained_graph(network, small_weights());
  const Graph ints = build_graph(network);
  REQUIRE(floats.ops.size() == ints.ops.size());
  for (size_t i = 0; i < ints.ops.size(); ++i) {
    CHECK(floats.ops[i].kind == ints.ops[i].kind);
    CHECK(floats.ops[i].inputs == ints.ops[i].inputs);
    CHECK(floats.ops[i].outputs == ints.ops[i].outputs);
  }
  for (const Tensor& tensor : floats.tensors) CHECK(tensor.dtype == DType::Float32);
  CHECK(total_parameters(floats) == total_parameters(ints));
  const reference::Interpreter interpreter(floats);
  const std::vector<uint8_t> image(8 * 8 * 3 * sizeof(float), 0);
  CHECK(interpreter.run({image}).front().size() == 5 * sizeof(float));
}

TEST_CASE("batch norm is folded into weights and bias", "[netspec]") {
  checkpoint::StateDict weights = small_weights();
  const Graph graph = build_trained_graph(small_network(), weights);
  const std::string place =
      GENERATE("first_conv", "blocks.0.mobile_inverted_conv.inverted_bottleneck",
               "blocks.0.mobile_inverted_conv.depth_conv");
  CAPTURE(place);
  const bool depthwise = place.find("depth_conv") != std::string::npos;
  const Shape& shape = weights.at(place + ".conv.weight").shape;  // [co, ci, kh, kw]
  const Tensor& folded = named(graph, place + ".conv.weight");
  const Tensor& bias = named(graph, place + ".conv.bias");
  const auto part = [&](const char* name, int32_t c) {
    return double{element(weights, place + ".bn." + name, static_cast<size_t>(c))};
  };
  for (int32_t o = 0; o < shape[0]; ++o) {
    const double factor = part("weight", o) / std::sqrt(part("running_var", o) + 1e-3);
    const double offset = part("bias", o) - part("running_mean", o) * factor;
    CHECK(double{bias.constant<float>()[o]} == Approx(offset).epsilon(1e-6));
    for (int32_t i = 0; i < shape[1]; ++i) {
      for (int32_t y = 0; y < shape[2]; ++y) {
        for (int32_t x = 0; x < shape[3]; ++x) {
          const int32_t from = ((o * shape[1] + i) * shape[2] + y) * shape[3] + x;
          const int32_t to = depthwise ? (y * shape[3] + x) * shape[0] + o
                                       : ((o * shape[2] + y) * shape[3] + x) * shape[1] + i;
          const double weight =
              double{element(weights, place + ".conv.weight", static_cast<size_t>(from))} * factor;
          REQUIRE(double{folded.constant<float>()[to]} == Approx(weight).epsilon(1e-6));
        }
      }
    }
  }
}

TEST_CASE("tensors that do not fit are named all at once", "[netspec]") {
  checkpoint::StateDict weights = small_weights();
  weights.erase("first_conv.bn.running_mean");
  weights.at("classifier.linear.weight").shape = {8, 5};
  weights.at("classifier.linear.bias").dtype = DType::Int32;
  weights.emplace("blocks.1.conv.weight", weights.at("first_conv.conv.weight"));
  element(weights, "first_conv.bn.bias", 2) = std::numeric_limits<float>::quiet_NaN();
  element(weights, "first_conv.conv.weight", 5) = std::numeric_limits<float>::infinity();
  element(weights, "blocks.0.mobile_inverted_conv.point_linear.bn.running_var", 1) = -1;
  const Error error = build_error(small_network(), weights);
  CHECK(error.kind() == ErrorKind::Input);
  CHECK(error.problems().size() == 7);
  for (const char* text :
       {"net.pth: tensor 'first_conv.bn.running_mean' 8 is missing",
        "net.pth: tensor 'classifier.linear.weight' has shape 8x5 instead of 5x8",
        "net.pth: tensor 'classifier.linear.bias' is int32 instead of float32",
        "net.pth: tensor 'blocks.1.conv.weight' 8x3x3x3 belongs to no layer of the description",
        "net.pth: tensor 'first_conv.bn.bias' holds a NaN at element 2",
        "net.pth: tensor 'first_conv.conv.weight' holds an infinity at element 5",
        "net.pth: tensor 'blocks.0.mobile_inverted_conv.point_linear.bn.running_var' holds -1"})
    CHECK_THAT(error.what(), Contains(text));
}

TEST_CASE("trained graphs need a sound description", "[netspec]") {
  NetworkDescription network = small_network();
  network.resolution.reset();
  CHECK_THAT(build_error(network, small_weights()).what(), Contains("net.json: resolution"));
  TrainedOptions options;
  options.resolution = 12;
  CHECK(build_trained_graph(network, small_weights(), options).tensor(0).shape ==
        Shape{1, 12, 12, 3});
  network = small_network();
  network.bn.ws_eps = 1e-5;
  const Error error = build_error(network, small_weights());
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK_THAT(error.what(), Contains("weight standardization"));
}

TEST_CASE("a graph unfolds to a state dict that folds to it again", "[netspec]") {
  const NetworkDescription network = small_network();
  const checkpoint::StateDict trained = small_weights();
  const Graph graph = build_trained_graph(network, trained);
  const checkpoint::StateDict unfolded = unfolded_state(network, graph);
  // The names and shapes of a checkpoint.
  REQUIRE(unfolded.size() == trained.size());
  for (const auto& [name, tensor] : trained) {
    CAPTURE(name);
    REQUIRE(unfolded.count(name) == 1);
    CHECK(unfolded.at(name).shape == tensor.shape);
    CHECK(unfolded.at(name).dtype == tensor.dtype);
  }
  const Graph again = build_trained_graph(network, unfolded);
  REQUIRE(again.tensors.size() == graph.tensors.size());
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Tensor& tensor = graph.tensors[i];
    if (!tensor.is_constant()) continue;
    CAPTURE(tensor.name);
    for (int64_t n = 0; n < tensor.elements(); ++n)
      REQUIRE(again.tensors[i].constant<float>()[n] ==
              Approx(tensor.constant<float>()[n]).epsilon(1e-6));
  }
}
