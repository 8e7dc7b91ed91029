// The operator table, shape inference and validation.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "libmcunet/graph/operators.h"
#include "libmcunet/graph/validate.h"
#include "libmcunet/support/error.h"
#include "tests/support/builder.h"
#include "tests/support/demo_models.h"
#include "tests/support/random_graph.h"

using namespace mcunet;
using Catch::Matchers::Contains;
using mcunet::testing::GraphBuilder;
using mcunet::testing::PaddingMode;
using mcunet::testing::Window;

namespace {

std::vector<std::string> problems_of(const Graph& graph) {
  try {
    validate(graph);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Input);
    return error.problems();
  }
  return {};
}

std::string only_problem(const Graph& graph) {
  const std::vector<std::string> problems = problems_of(graph);
  CHECK(problems.size() == 1);
  return problems.empty() ? "" : problems.front();
}

// input → CONV_2D 3x3 → RELU → output
Graph two_ops() {
  GraphBuilder build("two", 7);
  const TensorId x = build.input({1, 8, 8, 4});
  return build.build({build.unary(OpKind::Relu, build.conv(x, 6, Window::square(3)))});
}

}  // namespace

TEST_CASE("operator table rows stand in the order of the enum", "[graph]") {
  const auto& table = operator_table();
  CHECK(table.size() == static_cast<size_t>(OpKind::Dequantize) + 1);
  for (size_t i = 0; i < table.size(); ++i) {
    CHECK(static_cast<size_t>(table[i].kind) == i);
    CHECK(&operator_info(table[i].kind) == &table[i]);
  }
  CHECK(std::string(operator_info(OpKind::Conv2D).name) == "CONV_2D");
  CHECK(std::string(operator_info(OpKind::HardSwish).name) == "HARD_SWISH");
}

TEST_CASE("SAME padding is TFLite's", "[graph]") {
  const auto pair = [](int32_t in, int32_t kernel, int32_t stride, int32_t dilation) {
    const PaddingPair p = same_padding(in, kernel, stride, dilation);
    return std::make_pair(p.before, p.after);
  };
  CHECK(pair(8, 3, 1, 1) == std::make_pair(1, 1));
  CHECK(pair(8, 3, 2, 1) == std::make_pair(0, 1));  // the larger half goes last
  CHECK(pair(7, 3, 2, 1) == std::make_pair(1, 1));
  CHECK(pair(8, 2, 1, 1) == std::make_pair(0, 1));
  CHECK(pair(8, 3, 1, 2) == std::make_pair(2, 2));
  CHECK(pair(8, 1, 3, 1) == std::make_pair(0, 0));
  CHECK(pair(224, 7, 2, 1) == std::make_pair(2, 3));
  for (int32_t in = 1; in < 20; ++in) {
    for (int32_t kernel = 1; kernel < 7; ++kernel) {
      for (int32_t stride = 1; stride < 4; ++stride) {
        const PaddingPair p = same_padding(in, kernel, stride, 1);
        CHECK(window_output(in, kernel, stride, 1, p.before, p.after) ==
              (in + stride - 1) / stride);
        CHECK((p.after == p.before || p.after == p.before + 1));
      }
    }
  }
  CHECK(window_output(4, 5, 1, 1, 0, 0) <= 0);  // does not fit
  CHECK(window_output(4, 3, 1, 2, 0, 0) <= 0);
}

TEST_CASE("shapes follow from inputs and attributes", "[graph]") {
  GraphBuilder build("shapes", 1);
  const TensorId x = build.input({2, 9, 12, 8});
  const auto shape = [&](TensorId id) { return to_string(build.shape(id)); };
  CHECK(shape(build.conv(x, 5, Window::square(3, 2))) == "2x5x6x5");
  CHECK(shape(build.conv(x, 6, Window::square(3, 1, Activation::None, PaddingMode::Valid), 2)) ==
        "2x7x10x6");
  CHECK(shape(build.depthwise(x, 3, Window::square(5, 3))) == "2x3x4x24");
  CHECK(shape(build.fully_connected(x, 10)) == "2x10");
  CHECK(shape(build.fully_connected(x, 10, Activation::None, true)) == "2x9x12x10");
  CHECK(shape(build.add(x, build.constant({12, 1}))) == "2x9x12x8");
  CHECK(shape(build.mul(build.constant({3, 1, 1, 1, 8}), x)) == "3x2x9x12x8");
  CHECK(shape(build.max_pool(x, Window::square(2, 2))) == "2x5x6x8");
  CHECK(shape(build.mean(x, {1, 2})) == "2x8");
  CHECK(shape(build.mean(x, {1, 2}, true)) == "2x1x1x8");
  CHECK(shape(build.pad(x, {0, 1, 2, 0}, {0, 0, 1, 3})) == "2x10x15x11");
  CHECK(shape(build.transpose(x, {3, 0, 2, 1})) == "8x2x12x9");
  CHECK(shape(build.concat({x, x, x}, 2)) == "2x9x36x8");
  CHECK(shape(build.split(x, 3, {3, 5})[1]) == "2x9x12x5");
  CHECK(shape(build.strided_slice(x, {1, 8, 0, 0}, {1, -2, 3, 1}, {1, 5, 4, 8})) == "1x5x4x8");
  CHECK(shape(build.pack({x, x}, 1)) == "2x2x9x12x8");
  CHECK(shape(build.unpack(x, 0)[1]) == "9x12x8");
  CHECK(shape(build.depth_to_space(x, 2)) == "2x18x24x2");
  CHECK(shape(build.space_to_depth(x, 3)) == "2x3x4x72");
  CHECK(shape(build.resize(x, 18, 5)) == "2x18x5x8");
}

TEST_CASE("multiply-accumulates and parameters are counted", "[graph]") {
  GraphBuilder build("macs", 1);
  const TensorId x = build.input({1, 10, 10, 8});
  const TensorId conv = build.conv(x, 16, Window::square(3, 2));        // 5·5·16 outputs of 9·8
  const TensorId grouped = build.conv(conv, 16, Window::square(1), 4);  // 5·5·16 outputs of 4
  const TensorId depthwise = build.depthwise(grouped, 1, Window::square(5));  // 5·5·16 of 25
  const Graph graph = build.build({build.fully_connected(depthwise, 7)});     // 7 of 400
  const std::vector<int64_t> expected = {28'800, 1'600, 10'000, 2'800};
  for (size_t i = 0; i < expected.size(); ++i) CHECK(macs(graph, graph.ops[i]) == expected[i]);
  CHECK(total_macs(graph) == 43'200);
  CHECK(total_parameters(graph) == (16 * 72 + 16) + (16 * 4 + 16) + (16 * 25 + 16) + (7 * 400 + 7));
}

TEST_CASE("sound graphs are valid", "[graph]") {
  CHECK(problems_of(two_ops()).empty());
  for (const std::string& name : mcunet::testing::demo_model_names()) {
    CHECK(problems_of(mcunet::testing::demo_model(name)).empty());
  }
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    CHECK(problems_of(mcunet::testing::random_graph(seed)).empty());
  }
}

TEST_CASE("each defect of a graph is found and named", "[graph]") {
  const Graph good = two_ops();
  Graph graph = good;
  const TensorId x = good.inputs[0], middle = good.ops[0].outputs[0],
                 weights = good.ops[0].inputs[1], bias = good.ops[0].inputs[2];

  SECTION("no inputs") {
    graph.inputs.clear();
    CHECK_THAT(problems_of(graph).front(), Contains("no inputs"));
  }
  SECTION("no outputs") {
    graph.outputs.clear();
    CHECK_THAT(only_problem(graph), Contains("no outputs"));
  }
  SECTION("an output that nothing writes") {
    graph.outputs[0] = graph.add_tensor(good.tensor(middle));
    CHECK_THAT(only_problem(graph), Contains("nothing writes"));
  }
  SECTION("a tensor index out of range") {
    graph.ops[1].inputs[0] = 99;
    CHECK_THAT(problems_of(graph).front(), Contains("op 1 RELU") && Contains("99"));
  }
  SECTION("operators out of order") {
    std::swap(graph.ops[0], graph.ops[1]);
    CHECK_THAT(problems_of(graph).front(), Contains("before anything writes it"));
  }
  SECTION("a tensor written twice") {
    graph.ops.push_back(graph.ops[1]);
    CHECK_THAT(only_problem(graph), Contains("already written"));
  }
  SECTION("a wrong shape") {
    graph.tensor(middle).shape = {1, 8, 8, 7};
    CHECK_THAT(problems_of(graph).front(), Contains("1x8x8x7") && Contains("1x8x8x6"));
  }
  SECTION("a shape of nothing") {
    graph.tensor(x).shape = {1, 0, 8, 4};
    CHECK_THAT(problems_of(graph).front(), Contains("dynamic or empty"));
  }
  SECTION("a shape of too much") {
    graph.tensor(x).shape = {1, 1 << 20, 1 << 20, 4};
    CHECK_THAT(problems_of(graph).front(), Contains("2^30"));
  }
  SECTION("too many dimensions") {
    graph.tensor(x).shape = {1, 1, 1, 1, 8, 8, 4};
    CHECK_THAT(problems_of(graph).front(), Contains("rank 7"));
  }
  SECTION("constant data of the wrong size") {
    graph.tensor(weights).data = std::make_shared<const std::vector<uint8_t>>(3);
    CHECK_THAT(only_problem(graph), Contains("3 bytes of data"));
  }
  SECTION("scales that do not fit their axis") {
    graph.tensor(weights).quantization.scales.pop_back();
    graph.tensor(weights).quantization.zero_points.pop_back();
    CHECK_THAT(only_problem(graph), Contains("5 scales"));
  }
  SECTION("a zero point outside of its type") {
    graph.tensor(middle).quantization.zero_points = {128};
    CHECK_THAT(only_problem(graph), Contains("zero point 128"));
  }
  SECTION("a scale that is no number") {
    graph.tensor(middle).quantization.scales = {std::numeric_limits<float>::quiet_NaN()};
    CHECK_THAT(only_problem(graph), Contains("scale"));
  }
  SECTION("an activation with a scale of 0") {
    graph.tensor(middle).quantization.scales = {0.0f};
    CHECK_THAT(only_problem(graph), Contains("scale"));
  }
  SECTION("int8 without a scale") {
    graph.tensor(middle).quantization = {};
    CHECK_THAT(only_problem(graph), Contains("without scale"));
  }
  SECTION("weights with a zero point") {
    graph.tensor(weights).quantization.zero_points[2] = 1;
    CHECK_THAT(only_problem(graph), Contains("instead of 0"));
  }
  SECTION("a bias that is not int32") {
    graph.tensor(bias).dtype = DType::Float32;
    CHECK_THAT(only_problem(graph), Contains("bias is float32"));
  }
  SECTION("a bias of the wrong length") {
    graph.tensor(bias).shape = {5};
    graph.tensor(bias).data = std::make_shared<const std::vector<uint8_t>>(20);
    graph.tensor(bias).quantization = {};
    CHECK_THAT(only_problem(graph), Contains("5 elements for 6"));
  }
  SECTION("several at once") {
    graph.tensor(middle).quantization.zero_points = {128};
    graph.tensor(weights).data = std::make_shared<const std::vector<uint8_t>>(3);
    CHECK(problems_of(graph).size() == 2);
  }
}

TEST_CASE("consumers and producers", "[graph]") {
  GraphBuilder build("edges", 1);
  const TensorId x = build.input({1, 4});
  const TensorId y = build.add(x, x);
  const Graph graph = build.build({build.mul(x, y), y});
  CHECK(producers(graph)[static_cast<size_t>(x)] == -1);
  CHECK(producers(graph)[static_cast<size_t>(y)] == 0);
  CHECK(consumers(graph)[static_cast<size_t>(x)] == std::vector<int>{0, 1});
  CHECK(consumers(graph)[static_cast<size_t>(y)] == std::vector<int>{1});
  CHECK(is_graph_output(graph, y));
  CHECK_FALSE(is_graph_output(graph, x));
  CHECK(describe(graph.ops[1]) == "op 1 MUL");
}
