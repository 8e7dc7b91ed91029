// Every pass on small graphs: it does what it promises, and the meaning stays to the bit.
#include "compiler/passes/passes.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "libmcunet/graph/operators.h"
#include "libmcunet/graph/validate.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "tests/support/builder.h"
#include "tests/support/inputs.h"
#include "tests/support/random_graph.h"

using namespace mcunet;
using namespace mcunet::compiler;
using mcunet::testing::GraphBuilder;
using mcunet::testing::PaddingMode;
using mcunet::testing::Window;

namespace {

size_t count(const Graph& graph, OpKind kind) {
  return static_cast<size_t>(std::count_if(graph.ops.begin(), graph.ops.end(),
                                           [&](const Op& op) { return op.kind == kind; }));
}

std::vector<std::vector<uint8_t>> outputs(const Graph& graph, uint32_t seed) {
  return reference::Interpreter(graph).run(mcunet::testing::golden_inputs(graph, seed));
}

// The graph after the pass is valid and computes the same.
void check_same_meaning(const Graph& before, const Graph& after) {
  INFO("before: " << mcunet::testing::describe(before)
                  << "after: " << mcunet::testing::describe(after));
  REQUIRE_NOTHROW(validate(after));
  for (const uint32_t seed : {1U, 2U}) CHECK(outputs(before, seed) == outputs(after, seed));
}

constexpr auto kValid = PaddingMode::Valid;

}  // namespace

TEST_CASE("drop_noops turns operators that copy bytes into RESHAPE", "[passes]") {
  GraphBuilder build("noops", 1);
  TensorId x = build.input({1, 4, 1, 6}, 0.1f, 5);
  x = build.pad(x, {0, 0, 0, 0}, {0, 0, 0, 0});
  x = build.transpose(x, {0, 2, 1, 3});  // moves an extent of 1 only
  x = build.strided_slice(x, {0, 0, 0, 0}, {1, 1, 1, 1}, {1, 1, 4, 6});
  x = build.concat({x}, 2);
  x = build.split(x, 3, {6}).front();
  x = build.quantize(x, DType::Int8, 0.1f, 5);
  x = build.depth_to_space(x, 1);
  x = build.resize(x, 1, 4);
  x = build.pack({x}, 0);
  x = build.unpack(x, 0).front();
  const Graph before = build.build({x});
  const Graph after = drop_noops(before);
  CHECK(count(after, OpKind::Reshape) == before.ops.size());
  check_same_meaning(before, after);
}

TEST_CASE("drop_noops leaves operators that change something", "[passes]") {
  GraphBuilder build("changes", 1);
  const TensorId x = build.input({1, 4, 2, 4}, 0.1f, 5);
  const Graph before = build.build(
      {build.pad(x, {0, 1, 0, 0}, {0, 0, 0, 0}), build.transpose(x, {0, 2, 1, 3}),
       build.strided_slice(x, {0, 3, 0, 0}, {1, -1, 1, 1}, {1, 4, 2, 4}), build.concat({x, x}, 0),
       build.split(x, 1, {1, 3})[1], build.quantize(x, DType::Int8, 0.1f, 6),
       build.quantize(x, DType::UInt8, 0.1f, 5), build.depth_to_space(x, 2),
       build.resize(x, 2, 4)});
  const Graph after = drop_noops(before);
  CHECK(count(after, OpKind::Reshape) == 0);
  check_same_meaning(before, after);
}

TEST_CASE("drop_renames lets readers see through a RESHAPE to the same shape", "[passes]") {
  GraphBuilder build("renames", 6);
  const TensorId x = build.input({1, 4, 3, 6}, 0.1f, 5);
  const TensorId y = build.conv(x, 6, Window::square(3));
  SECTION("one, and several in a row") {
    TensorId z = y;
    for (int i = 0; i < 3; ++i) z = build.reshape(z, {1, 4, 3, 6});
    const Graph before = build.build({build.conv(z, 2, Window::square(1)), build.add(z, y)});
    const Graph after = drop_renames(before);
    CHECK(count(after, OpKind::Reshape) == 0);
    check_same_meaning(before, after);
  }
  SECTION("not where the shape changes, or the result is an output") {
    const TensorId flat = build.reshape(y, {1, 72});
    const TensorId again = build.reshape(y, {1, 4, 3, 6});
    const Graph before = build.build({build.fully_connected(flat, 3), again});
    const Graph after = drop_renames(before);
    CHECK(count(after, OpKind::Reshape) == 2);
    check_same_meaning(before, after);
  }
  SECTION("nor where it changes how the bytes are read") {
    // RESHAPE copies bytes: a reader of another scale must keep it.
    const TensorId z = build.reshape(y, {1, 4, 3, 6});
    Graph before = build.build({build.conv(z, 2, Window::square(1))});
    before.tensor(z).quantization.scales[0] *= 2;
    const Graph after = drop_renames(before);
    CHECK(count(after, OpKind::Reshape) == 1);
    check_same_meaning(before, after);
  }
  SECTION("after drop_noops operators that change nothing are gone") {
    const TensorId z = build.pad(y, {0, 0, 0, 0}, {0, 0, 0, 0});
    const Graph after = prepare(build.build({build.conv(z, 2, Window::square(1))}), {});
    CHECK(after.ops.size() == 2);
  }
}

TEST_CASE("fold_padding moves PAD into convolutions", "[passes]") {
  GraphBuilder build("pads", 2);
  const TensorId x = build.input({1, 7, 9, 4}, 0.05f, -20);
  SECTION("two in a row, one with the zero point as its value") {
    TensorId y = build.pad(x, {0, 1, 0, 0}, {0, 2, 1, 0});
    y = build.pad(y, {0, 0, 3, 0}, {0, 1, 0, 0}, int8_t{-20});
    const Graph before =
        build.build({build.conv(y, 5, Window::square(3, 2, Activation::Relu, kValid))});
    const Graph after = drop_dead_ops(fold_padding(before));
    REQUIRE(after.ops.size() == 1);
    const SpatialPadding& padding = after.ops[0].as<ConvAttrs>().padding;
    CHECK(padding.top == 1);
    CHECK(padding.bottom == 3);
    CHECK(padding.left == 3);
    CHECK(padding.right == 1);
    check_same_meaning(before, after);
  }
  SECTION("on top of the convolution's own padding") {
    const TensorId y = build.pad(x, {0, 1, 1, 0}, {0, 0, 0, 0});
    const Graph before = build.build({build.depthwise(y, 2, Window::square(3))});
    const Graph after = drop_dead_ops(fold_padding(before));
    CHECK(after.ops.size() == 1);
    check_same_meaning(before, after);
  }
  SECTION("read by another operator too, it stays for that one") {
    const TensorId y = build.pad(x, {0, 1, 1, 0}, {0, 1, 1, 0});
    const Graph before =
        build.build({build.conv(y, 3, Window::square(3, 1, Activation::None, kValid)),
                     build.unary(OpKind::Abs, y)});
    const Graph after = drop_dead_ops(fold_padding(before));
    CHECK(count(after, OpKind::Pad) == 1);
    check_same_meaning(before, after);
  }
  SECTION("another value, channels or batches are not folded") {
    const Window window = Window::square(3, 1, Activation::None, kValid);
    const TensorId value = build.pad(x, {0, 1, 1, 0}, {0, 1, 1, 0}, int8_t{0});
    const TensorId channels = build.pad(x, {0, 0, 0, 1}, {0, 0, 0, 0});
    const TensorId batches = build.pad(x, {0, 0, 0, 0}, {1, 0, 0, 0});
    const Graph before = build.build({build.conv(value, 3, window), build.conv(channels, 3, window),
                                      build.conv(batches, 3, window)});
    const Graph after = drop_dead_ops(fold_padding(before));
    CHECK(count(after, OpKind::Pad) == 3);
    check_same_meaning(before, after);
  }
}

TEST_CASE("fuse_activations", "[passes]") {
  GraphBuilder build("relu", 3);
  const TensorId x = build.input({1, 5, 5, 4});
  SECTION("a clamp of the same quantization is fused") {
    for (const OpKind kind : {OpKind::Relu, OpKind::Relu6, OpKind::ReluN1To1}) {
      const Graph before = build.build({build.unary(kind, build.conv(x, 3, Window::square(3)))});
      const Graph after = drop_dead_ops(fuse_activations(before));
      CHECK(count(after, kind) == 0);
      CHECK(after.ops.back().as<ConvAttrs>().activation != Activation::None);
      check_same_meaning(before, after);
    }
  }
  SECTION("behind every operator that has a fused activation") {
    const Window pool = Window::square(2, 2);
    const Graph before =
        build.build({build.unary(OpKind::Relu, build.add(x, build.constant({4}))),
                     build.unary(OpKind::Relu, build.mul(x, build.constant({4}))),
                     build.unary(OpKind::Relu, build.max_pool(x, pool)),
                     build.unary(OpKind::Relu, build.average_pool(x, pool)),
                     build.unary(OpKind::Relu, build.depthwise(x, 1, Window::square(3))),
                     build.unary(OpKind::Relu, build.fully_connected(x, 3))});
    const Graph after = fuse_activations(before);
    CHECK(count(after, OpKind::Relu) == 0);
    check_same_meaning(before, after);
  }
  SECTION("not when its input is read by others, or an output, or already has one") {
    const TensorId shared = build.conv(x, 4, Window::square(1));
    const TensorId output = build.conv(x, 4, Window::square(1));
    const TensorId fused = build.conv(x, 4, Window::square(1, 1, Activation::Relu6));
    const TensorId rescaled = build.conv(x, 4, Window::square(1));
    const TensorId moved = build.reshape(x, {1, 100});
    const Graph before = build.build(
        {build.add(build.unary(OpKind::Relu, shared), shared), build.unary(OpKind::Relu, output),
         output, build.unary(OpKind::ReluN1To1, fused), build.unary(OpKind::Relu, rescaled, false),
         build.unary(OpKind::Relu, moved)});
    const Graph after = fuse_activations(before);
    CHECK(after.ops.size() == before.ops.size());
    check_same_meaning(before, after);
  }
}

TEST_CASE("planar inputs", "[passes]") {
  GraphBuilder build("planar", 4);
  const TensorId input = build.input({1, 3, 8, 10}, 0.03f, 7);
  const TensorId x = build.transpose(input, {0, 2, 3, 1});
  SECTION("fold_planar_input lets convolutions read planes") {
    const Graph before =
        build.build({build.conv(x, 4, Window::square(3)), build.conv(x, 2, Window::square(1))});
    const Graph after = fold_planar_input(before);
    CHECK(count(after, OpKind::Transpose) == 0);
    for (const Op& op : after.ops) CHECK(op.as<ConvAttrs>().planar_input);
    CHECK_NOTHROW(validate(after));
    CHECK(after.inputs == before.inputs);
    // The interpreter does not know planes; the property tests compare the compiled C.
  }
  SECTION("but not when another operator reads the transposed image") {
    const Graph before =
        build.build({build.conv(x, 4, Window::square(3)), build.unary(OpKind::Abs, x)});
    CHECK(count(fold_planar_input(before), OpKind::Transpose) == 1);
  }
  SECTION("take_nhwc_input leaves the transposition to the caller") {
    const Graph before = build.build({build.conv(x, 4, Window::square(3))});
    const Graph after = take_nhwc_input(before);
    REQUIRE(after.inputs.size() == 1);
    CHECK(after.tensor(after.inputs[0]).shape == Shape{1, 8, 10, 3});
    CHECK(count(after, OpKind::Transpose) == 0);
    const auto planes = mcunet::testing::golden_inputs(before, 1);
    std::vector<uint8_t> pixels(planes[0].size());
    for (size_t i = 0; i < 80; ++i) {
      for (size_t c = 0; c < 3; ++c) pixels[i * 3 + c] = planes[0][c * 80 + i];
    }
    CHECK(reference::Interpreter(after).run({pixels}) ==
          reference::Interpreter(before).run(planes));
  }
}

TEST_CASE("edges are stripped and added", "[passes]") {
  const auto convert_edges = [](const Graph& g, EdgeType io) {
    return add_edges(strip_edges(g, io), io);
  };
  GraphBuilder build("edges", 5);
  const TensorId real = build.float_input({1, 6});
  const TensorId byte = build.input({1, 6}, 0.02f, 130, DType::UInt8);
  const TensorId plain = build.input({1, 6}, 0.02f, -3);
  const TensorId a = build.quantize(real, DType::Int8, 0.01f, 4);
  const TensorId b = build.quantize(byte, DType::Int8, 0.02f, 2);
  const TensorId sum = build.add(build.add(a, b), plain);
  const Quantization q = build.tensor(sum).quantization;
  const Graph graph =
      build.build({build.dequantize(sum),
                   build.quantize(sum, DType::UInt8, q.scale(), q.zero_point() + 128), sum});
  const auto types = [](const Graph& g, const std::vector<TensorId>& ids) {
    std::string text;
    for (const TensorId id : ids) text += std::string(dtype_name(g.tensor(id).dtype)) + " ";
    return text;
  };
  SECTION("to int8: conversions go") {
    const Graph after = convert_edges(graph, EdgeType::Int8);
    CHECK_NOTHROW(validate(after));
    CHECK(types(after, after.inputs) == "int8 int8 int8 ");
    CHECK(types(after, after.outputs) == "int8 int8 int8 ");
    CHECK(count(after, OpKind::Quantize) + count(after, OpKind::Dequantize) == 0);
    CHECK(after.ops.size() == 2);
  }
  SECTION("to float32: conversions come") {
    const Graph after = convert_edges(graph, EdgeType::Float32);
    CHECK_NOTHROW(validate(after));
    CHECK(types(after, after.inputs) == "float32 float32 float32 ");
    CHECK(types(after, after.outputs) == "float32 float32 float32 ");
  }
  SECTION("to uint8") {
    const Graph after = convert_edges(graph, EdgeType::UInt8);
    CHECK_NOTHROW(validate(after));
    CHECK(types(after, after.inputs) == "uint8 uint8 uint8 ");
    CHECK(types(after, after.outputs) == "uint8 uint8 uint8 ");
    // uint8 is int8 moved by 128, at both ends.
    const Graph int8 = convert_edges(graph, EdgeType::Int8);
    auto inputs = mcunet::testing::golden_inputs(int8, 1);
    const auto expected = reference::Interpreter(int8).run(inputs);
    for (auto& input : inputs) {
      for (uint8_t& value : input) value ^= 0x80;
    }
    auto actual = reference::Interpreter(after).run(inputs);
    for (auto& output : actual) {
      for (uint8_t& value : output) value ^= 0x80;
    }
    CHECK(actual == expected);
  }
  SECTION("a float input that two operators read keeps its place") {
    GraphBuilder twice("twice", 1);
    const TensorId x = twice.float_input({1, 4});
    const Graph before = twice.build(
        {twice.quantize(x, DType::Int8, 0.01f, 0), twice.quantize(x, DType::Int8, 0.02f, 0)});
    const Graph after = convert_edges(before, EdgeType::Int8);
    CHECK_NOTHROW(validate(after));
    CHECK(types(after, after.inputs) == "float32 ");
    check_same_meaning(before, after);
  }
}

TEST_CASE("conversions move to the edges", "[passes]") {
  GraphBuilder build("planar", 7);
  const TensorId planes = build.float_input({1, 3, 6, 5});
  const TensorId image =
      build.quantize(build.transpose(planes, {0, 2, 3, 1}), DType::Int8, 0.01f, 3);
  const TensorId y = build.conv(image, 4, mcunet::testing::Window::square(3));
  const Graph before =
      build.build({build.reshape(build.transpose(build.dequantize(y), {0, 3, 1, 2}), {1, 120})});
  const Graph after = move_conversions_out(before);
  CHECK_NOTHROW(validate(after));
  check_same_meaning(before, after);
  CHECK(after.ops.front().kind == OpKind::Quantize);
  CHECK(after.ops.back().kind == OpKind::Dequantize);
  const Graph stripped = strip_edges(after, EdgeType::Int8);
  CHECK(stripped.tensor(stripped.inputs[0]).dtype == DType::Int8);
  CHECK(stripped.tensor(stripped.outputs[0]).shape == Shape{1, 120});
  SECTION("and a planar input can be given pixel by pixel, whatever its type") {
    for (const EdgeType io : {EdgeType::Int8, EdgeType::UInt8, EdgeType::Float32}) {
      PassOptions options;
      options.io = io;
      options.nhwc_input = true;
      const Graph graph = prepare(after, options);
      CHECK(graph.tensor(graph.inputs[0]).shape == Shape{1, 6, 5, 3});
    }
  }
  SECTION("which a model without planes refuses") {
    PassOptions options;
    options.nhwc_input = true;
    GraphBuilder plain("plain", 8);
    const Graph graph = plain.build({plain.unary(OpKind::Abs, plain.input({1, 4}))});
    CHECK_THROWS_AS(prepare(graph, options), Error);
  }
}

TEST_CASE("drop_dead_ops", "[passes]") {
  GraphBuilder build("dead", 6);
  const TensorId x = build.input({1, 6});
  const TensorId live = build.unary(OpKind::Abs, x);
  build.unary(OpKind::Tanh, build.unary(OpKind::Elu, x));
  const auto parts = build.split(live, 1, {2, 4});  // of which only one is read
  const Graph before = build.build({parts[1]});
  const Graph after = drop_dead_ops(before);
  CHECK(after.ops.size() == 2);
  check_same_meaning(before, after);
}

TEST_CASE("passes keep the meaning of random graphs", "[passes]") {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    const Graph graph = mcunet::testing::random_graph(seed);
    check_same_meaning(graph, drop_noops(graph));
    check_same_meaning(graph, drop_dead_ops(fold_padding(graph)));
    check_same_meaning(graph, drop_dead_ops(fuse_activations(graph)));
    check_same_meaning(graph, drop_dead_ops(fuse_activations(fold_padding(drop_noops(graph)))));
    for (const EdgeType io : {EdgeType::Int8, EdgeType::UInt8, EdgeType::Float32}) {
      PassOptions options;
      options.io = io;
      CHECK_NOTHROW(prepare(graph, options));  // validates its result
    }
  }
}
