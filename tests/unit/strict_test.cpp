// TensorFlow Lite's rules for int8: what keeps them, and each way to break one.
#include "libmcunet/tflite/strict.h"

#include <catch2/catch.hpp>
#include <functional>
#include <iostream>

#include "libmcunet/support/files.h"
#include "libmcunet/tflite/reader.h"
#include "tests/support/builder.h"
#include "tests/support/demo_models.h"

using namespace mcunet;
using mcunet::testing::GraphBuilder;
using mcunet::testing::Window;

namespace {

// conv → logistic, conv → max pool → fully connected → softmax
Graph network() {
  GraphBuilder build("strict", 4);
  const TensorId x = build.input({1, 6, 6, 4});
  const TensorId a = build.conv(x, 8, Window::square(3, 1, Activation::Relu));
  const TensorId gate = build.unary(OpKind::Logistic, a);
  const TensorId pooled = build.max_pool(a, Window::square(2, 2));
  const TensorId y = build.softmax(build.fully_connected(build.mean(pooled, {1, 2}), 5));
  return build.build({gate, y});
}

Op& find(Graph& graph, OpKind kind) {
  for (Op& op : graph.ops) {
    if (op.kind == kind) return op;
  }
  throw std::logic_error("no such operator");
}

void check_breaks(const char* expected, const std::function<void(Graph&)>& change) {
  Graph graph = network();
  change(graph);
  const std::vector<std::string> problems = strict_problems(graph);
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems[0], Catch::Contains(expected));
}

}  // namespace

TEST_CASE("a network of our own keeps the strict rules", "[strict]") {
  CHECK(strict_problems(network()) == std::vector<std::string>{});
}

TEST_CASE("each broken rule is named", "[strict]") {
  check_breaks("bias scale", [](Graph& graph) {
    graph.tensor(find(graph, OpKind::Conv2D).inputs[2]).quantization.scales[1] *= 1.01F;
  });
  check_breaks("have the scale -", [](Graph& graph) {
    const Op& op = find(graph, OpKind::Conv2D);
    graph.tensor(op.inputs[1]).quantization.scales[2] *= -1;
    graph.tensor(op.inputs[2]).quantization.scales[2] *= -1;
  });
  check_breaks("below -127", [](Graph& graph) {
    Tensor& weights = graph.tensor(find(graph, OpKind::Conv2D).inputs[1]);
    std::vector<uint8_t> bytes = *weights.data;
    bytes[3] = 0x80;
    weights.data = std::make_shared<const std::vector<uint8_t>>(bytes);
  });
  check_breaks("can overflow", [](Graph& graph) {
    Tensor& bias = graph.tensor(find(graph, OpKind::FullyConnected).inputs[2]);
    std::vector<uint8_t> bytes = *bias.data;
    bytes[3] = 0x7F;
    bias.data = std::make_shared<const std::vector<uint8_t>>(bytes);
  });
  check_breaks("instead of 0.00390625, -128", [](Graph& graph) {
    graph.tensor(find(graph, OpKind::Softmax).outputs[0]).quantization.zero_points[0] = -127;
  });
  check_breaks("LOGISTIC", [](Graph& graph) {
    graph.tensor(find(graph, OpKind::Logistic).outputs[0]).quantization.scales[0] = 0.01F;
  });
  check_breaks("has another scale", [](Graph& graph) {
    graph.tensor(find(graph, OpKind::MaxPool2D).outputs[0]).quantization.scales[0] *= 1.5F;
  });
}

TEST_CASE("the official MCUNet file breaks the rules by its negative scales", "[strict][shared]") {
  const std::filesystem::path file = std::filesystem::path(MCUNET_SOURCE_DIR) / ".." / "shared" /
                                     "models" / "mcunet-320kb-1mb_imagenet.tflite";
  if (!std::filesystem::exists(file)) {
    std::cout << "skipped: no " << file.string() << "\n";
    return;
  }
  const std::vector<std::string> problems =
      strict_problems(read_tflite(read_file(file), "official"));
  REQUIRE_FALSE(problems.empty());
  CHECK_THAT(problems[0], Catch::Contains("scale -"));
}
